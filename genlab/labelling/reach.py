"""What labels reach: "seen, but nobody named it" told from what is known."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from genlab.labelling.conformal import conformal_p
from genlab.labelling.graph import follow_back, walk
from genlab.labelling.ground import Ground, Queries
from genlab.labelling.label_store import NO_LABEL, as_labels, label_folds

BRIDGE = 0.5  # share of the walk's steps that go through a component
STAY = 0.97  # the walk goes on with this probability: labels far away say less
STEPS = 40
FOLDS = 5  # of the labels, to see how far the others reach
LEAST = 0.02  # smaller responsibilities are no way through a component
FAINT = 1e-4  # chance of meeting a new label in one exact number of steps that is given up
SEVERAL = 8  # new labels that are walked from, rather than towards from everywhere


class Reach(NamedTuple):
    """How well labels reach the N patterns of a ground."""

    labelled: np.ndarray  # (N,) bool
    share: np.ndarray  # (N,) in [0, 1]: chance that a walk from each meets a label
    calibration: np.ndarray  # (M,) reach of labelled patterns, each without its own label
    into: sparse.csr_matrix  # (K, N) steps from each pattern to a component
    out: sparse.csr_matrix  # (N, K) and from each component to a pattern; columns sum to 1


def fit_reach(ground: Ground, labels: np.ndarray) -> Reach:
    """The chance that a random walk from a pattern meets a labelled one.

    The walk steps to a near pattern, or through a component to another of its patterns, and ends
    with probability 1 - STAY at every step: h = STAY (A h), h = 1 where a label is (harmonic
    functions, Zhu et al. 2003, with killing), of walks of at most STEPS.  ``labels`` (N,) indices,
    -1 for none.  The calibration takes a fold of each label's patterns back at a time; labels given
    once cannot take part.
    """
    labels = as_labels(labels, len(ground.unit), int(np.max(labels, initial=NO_LABEL)) + 1)
    rows = sparse.csr_matrix(ground.responsibilities, dtype=np.float32, copy=True)
    rows.data[rows.data < LEAST] = 0.0
    rows.eliminate_zeros()
    labelled, fold = labels != NO_LABEL, label_folds(labels, FOLDS)
    folds = np.unique(fold[fold >= 0])
    model = Reach(
        labelled, np.zeros(len(labels)), np.zeros(0), walk(rows).T.tocsr(), walk(rows.T).T.tocsr()
    )
    # All labels first, then without each fold.
    given = labelled[:, None] & (fold[:, None] != np.append(NO_LABEL - 1, folds))
    share = _walked(ground, model, given)
    kept_back = [ground.steps[fold == f] @ share[:, i] for i, f in enumerate(folds, start=1)]
    return model._replace(share=share[:, 0], calibration=np.concatenate([np.zeros(0), *kept_back]))


def update_reach(ground: Ground, model: Reach, labels: np.ndarray) -> Reach:
    """What ``labels`` (N,) change at once; the calibration stays as it was fitted.

    New labels cost only what they reach, because a walk that comes to one now ends there:
    h'(x) = h(x) + sum_t g_t(x) (1 - h(t)), g_t the chance to meet the new label t before any other;
    labels taken back, or many at once, cost all walks.
    """
    labelled = labels != NO_LABEL
    added = np.flatnonzero(labelled & ~model.labelled)
    if (model.labelled & ~labelled).any() or len(added) > SEVERAL:
        share = _walked(ground, model, labelled[:, None])[:, 0]
        return model._replace(labelled=labelled, share=share)
    share = model.share + _met(ground, model, labelled, added, 1.0 - model.share[added])
    return model._replace(labelled=labelled, share=np.minimum(share, 1.0))


def reach(model: Reach, queries: Queries) -> np.ndarray:
    """(Q,) in [0, 1]: what labels reach of the queries, by their near patterns.

    Low for what was seen but nobody labelled, whatever its density.
    """
    return np.clip(np.asarray(queries.steps @ model.share, np.float64), 0.0, 1.0)


def reach_p(model: Reach, reached: np.ndarray) -> np.ndarray:
    """(Q,) how often a pattern of a labelled kind is reached as little, in [0, 1].

    The conformal p-value with the reach itself to break ties: (#{calibration < r} + r (1 +
    #{calibration = r})) / (M + 1).  So without calibration (no label given twice) the reach stands
    for its p-value, what no label reaches has 0, and the error against a conformal p-value is at
    most 1 / (M + 1).
    """
    return conformal_p(-model.calibration, -reached, uniforms=reached)


def _walked(ground: Ground, model: Reach, labelled: np.ndarray) -> np.ndarray:
    """(N, F) shares for F sets of labelled patterns, ``labelled`` (N, F) bool."""
    share = labelled.astype(np.float32)
    for _ in range(STEPS):
        through = model.into.T @ (model.out.T @ share)
        share = STAY * ((1 - BRIDGE) * (ground.steps @ share) + BRIDGE * through)
        share[labelled] = 1.0
    return share.astype(np.float64)


def _met(
    ground: Ground, model: Reach, closed: np.ndarray, targets: np.ndarray, worth: np.ndarray
) -> np.ndarray:
    """(N,) what a walk from each is worth, that ends with ``worth`` (T,) where it meets one of
    ``targets`` (T,), with nothing at any other of ``closed`` (N,) bool."""
    met = np.zeros(len(closed))
    met[targets] = worth

    def back(first: sparse.csr_matrix) -> sparse.csr_matrix:
        through = (first @ model.out) @ model.into
        return STAY * ((1 - BRIDGE) * (first @ ground.back) + BRIDGE * through)

    return follow_back(met, targets, back, closed, FAINT, STEPS)

"""What labels reach: "seen, but nobody named it" told from what is known."""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit

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
PRIOR = np.array([[0.0, 0.1, 0.2, 1.0, 1.0], [0.0, 0.0, 0.5, 1.0, 1.0]])
"""Five imagined labels, their reach and the chance that their kind has a name: reached by one walk
in five it is even, before the labels say otherwise.  Over 3 seeds of LogHub, fleet and digits it
made half to two thirds of what was wrongly known after 4 to 8 labels unnamed, and kept more of what
was rightly than an even chance at a half; from 30 labels on the labels decide."""
_CELLS = 1000  # that reach is counted in, for the curve
SEVERAL = 8  # new labels that are walked from, rather than towards from everywhere


class Reach(NamedTuple):
    """How well labels reach the N patterns of a ground."""

    labelled: np.ndarray  # (N,) bool
    share: np.ndarray  # (N,) in [0, 1]: chance that a walk from each meets a label
    calibration: np.ndarray  # (M,) reach of labelled patterns, each without its own act
    weight: np.ndarray  # (M,) of each in the calibration, 1 together for an act
    curve: np.ndarray  # (2,) log-odds that its kind has a name = curve[0] + curve[1] reach
    into: sparse.csr_matrix  # (K, N) steps from each pattern to a component
    out: sparse.csr_matrix  # (N, K) and from each component to a pattern; columns sum to 1


def fit_reach(ground: Ground, labels: np.ndarray, acts: np.ndarray | None = None) -> Reach:
    """The chance that a random walk from a pattern meets a labelled one.

    The walk steps to a near pattern, or through a component to another of its patterns, and ends
    with probability 1 - STAY at every step: h = STAY (A h), h = 1 where a label is (harmonic
    functions, Zhu et al. 2003, with killing), of walks of at most STEPS.  ``labels`` (N,) indices,
    -1 for none; ``acts`` (N,) alike where labels were given in one act (a lasso, a search): twins
    that were named together say little of how far the name carries.  A fold of each label's acts
    is taken back at a time: how far the others reach it calibrates.  Labels given once cannot take
    part in that, but show how far labels reach into a kind that has no name yet; the curve holds
    them against the rest, and against each pattern of an act without its own label alone.
    """
    labels = as_labels(labels, len(ground.unit), int(np.max(labels, initial=NO_LABEL)) + 1)
    rows = sparse.csr_matrix(ground.responsibilities, dtype=np.float32, copy=True)
    rows.data[rows.data < LEAST] = 0.0
    rows.eliminate_zeros()
    labelled, fold = labels != NO_LABEL, label_folds(labels, FOLDS, acts)
    named = labelled & (fold != NO_LABEL)
    once = labelled & ~named
    fold[once] = np.unique(labels[once], return_inverse=True)[1] % FOLDS
    model = Reach(
        labelled,
        np.zeros(len(labels)),
        np.zeros(0),
        np.zeros(0),
        np.zeros(2),
        walk(rows).T.tocsr(),
        walk(rows.T).T.tocsr(),
    )
    share = _walked(ground, model, labelled[:, None])[:, 0]
    alone, weight = _kept_back(ground, model, fold), np.ones(len(labels))
    if acts is not None:
        weight[labelled] = _weights(labels[labelled], acts[labelled])
    reached, has_name, counts = alone[labelled], named[labelled], weight[labelled]
    twins = weight < 1.0
    if twins.any():
        beside = _kept_back(ground, model, label_folds(labels, FOLDS))[twins]
        reached = np.append(reached, beside)
        has_name = np.append(has_name, np.ones(len(beside), bool))
        counts = np.append(counts, weight[twins])
    return model._replace(
        share=share,
        calibration=alone[named],
        weight=weight[named],
        curve=named_curve(reached, has_name, counts),
    )


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
    #{calibration = r})) / (M + 1), in acts.  So without calibration (no label given twice) the
    reach stands for its p-value, what no label reaches has 0, and the error against a conformal
    p-value is at most 1 / (M + 1).
    """
    return conformal_p(-model.calibration, -reached, model.weight, uniforms=reached)


def named_curve(reached: np.ndarray, named: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(2,) logistic regression of "its kind has a name" on the reach of patterns, never falling.

    ``reached`` (M,) of labelled patterns without their own act, ``named`` (M,) bool: another act
    gave the same label; ``weight`` (M,).  The share of labels given once estimates what has no
    name yet (Good 1953), here by reach; PRIOR stands in where labels are few.
    """
    at = np.round(np.append(PRIOR[0], reached) * _CELLS).astype(int)
    yes = np.append(PRIOR[1], weight * named)
    no = np.append(1.0 - PRIOR[1], weight * ~named)
    yes, no = (np.bincount(at, each, _CELLS + 1) for each in (yes, no))
    total = float(yes.sum() + no.sum())
    x = np.arange(_CELLS + 1) / _CELLS

    def loss(curve: np.ndarray) -> tuple[float, np.ndarray]:
        odds = curve[0] + curve[1] * x
        slope = no * expit(odds) - yes * expit(-odds)
        value = yes @ np.logaddexp(0.0, -odds) + no @ np.logaddexp(0.0, odds)
        return float(value) / total, np.array([slope.sum(), slope @ x]) / total

    # To be reached better never speaks against a name.
    found = minimize(loss, np.zeros(2), jac=True, bounds=[(None, None), (0.0, None)], tol=1e-12)
    return np.asarray(found.x)


def named_chance(model: Reach, reached: np.ndarray) -> np.ndarray:
    """(Q,) chance that a pattern reached so far is of a kind that has a name."""
    return np.asarray(expit(model.curve[0] + model.curve[1] * reached))


def _kept_back(ground: Ground, model: Reach, fold: np.ndarray) -> np.ndarray:
    """(N,) how far the labels of the other folds reach each pattern of a ``fold`` (N,); else 0."""
    folds = np.unique(fold[fold != NO_LABEL])
    share = _walked(ground, model, model.labelled[:, None] & (fold[:, None] != folds))
    alone = np.zeros(len(fold))
    for i, f in enumerate(folds):
        alone[fold == f] = ground.steps[fold == f] @ share[:, i]
    return alone


def _weights(labels: np.ndarray, acts: np.ndarray) -> np.ndarray:
    """(M,) such that the patterns which one act gave one label count 1 together."""
    pairs = np.column_stack([labels, acts])
    _, act, count = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / count[act])


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

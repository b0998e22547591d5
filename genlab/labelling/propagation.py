"""From a few labels to every pattern: the one path of the pipeline, the dashboard and Triage.

Labels walk over the graph of nearest patterns; what they reach counts in the label store of the
components and teaches a linear head; the three views are pooled (:mod:`genlab.labelling.stack`).
``fit_labels`` learns from the labels, ``apply_labels`` judges anything, ``propagate`` does both.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

from genlab.config import LabellingSettings
from genlab.errors import InputError
from genlab.labelling.calibration import CrossFitted
from genlab.labelling.graph import absorbed, absorbed_again, hits, mass_shares, shares
from genlab.labelling.ground import Ground, Queries, some, themselves
from genlab.labelling.head import SOFT_ROWS, Head, fit_head, self_train, thinned
from genlab.labelling.label_store import NO_LABEL, as_labels, label_counts, label_folds
from genlab.labelling.label_store import tau as tau_of
from genlab.labelling.novelty import verdicts
from genlab.labelling.reach import Reach, fit_reach, named_chance, reach, reach_p, update_reach
from genlab.labelling.responsibilities import (
    Responsibilities,
    as_rows,
    weighted_row_max,
)
from genlab.labelling.stack import Views, expected_exponents, fit_exponents, pooled

FOLDS = 3  # of each label's patterns, kept back in turn
_ONE_BY_ONE = 8  # new labels that are walked from one at a time
_FEWER = 2000  # unlabelled patterns that teach the head while a fold is kept back


class LabelModel(NamedTuple):
    """What the labels of N patterns say under one model version."""

    labels: np.ndarray  # (N,) as given, -1 for none
    counts: np.ndarray  # (K, Y) s[c, y] of the labelled patterns alone
    mass: np.ndarray  # (K, Y) counts of everything the walks reach
    tau: np.ndarray  # (K, Y) of ``mass``, rows sum to 1
    reached: np.ndarray  # (N, Y) float32: chance that a walk from each pattern meets each label
    factors: np.ndarray  # (Y,) class mass normalisation of ``reached``
    head: Head
    graph: np.ndarray  # (N, Y) float32 shares of what a step from each stored pattern reaches
    taught: np.ndarray  # (N, Y) float32 probabilities of the head for each stored pattern
    exponents: np.ndarray  # (3,) of the views, in the order of stack.Views
    cross_fitted: CrossFitted  # labelled patterns judged without their own labels
    reach: Reach  # how well labels reach each stored pattern


class Propagation(NamedTuple):
    """What is believed about each pattern."""

    label: np.ndarray  # (N,) index of the expert's label, else of the likeliest, -1 for neither
    probabilities: np.ndarray  # (N, Y) p(y|x), calibrated, rows sum to 1
    confidence: np.ndarray  # (N,) probability that `label` is right: 1 if given, 0 if -1
    s_ood: np.ndarray  # (N,) 1 - max_c (r_c(x) max_y tau[c, y])
    evidence: np.ndarray  # (N,) chance that a walk from it meets a label (reach)
    verdict: np.ndarray  # (N,) strings of records.VERDICTS
    model: LabelModel


class _Fitted(NamedTuple):
    mass: np.ndarray
    tau: np.ndarray
    reached: np.ndarray
    factors: np.ndarray
    head: Head
    alone: Head  # of the labels only


def label_probabilities(responsibilities: Responsibilities, tau: np.ndarray) -> np.ndarray:
    """p(y|x) = sum_c r_c(x) tau[c, y]: (N, Y), rows sum to 1.

    Where only the largest responsibilities of a row were kept, the rest says nothing: 1 / Y each.
    """
    rows = as_rows(responsibilities)
    even = 1.0 / max(tau.shape[1], 1)
    probabilities = np.asarray(rows @ (tau - even).astype(rows.dtype))
    probabilities += rows.dtype.type(even)
    return np.maximum(probabilities, 0.0, out=probabilities)


def s_ood(responsibilities: Responsibilities, tau: np.ndarray) -> np.ndarray:
    """1 - max_c (r_c(x) * max_y tau[c, y]): (N,) in [0, 1]; 1 everywhere when Y = 0."""
    best = tau.max(axis=1, initial=0.0)
    return np.clip(1.0 - weighted_row_max(as_rows(responsibilities), best), 0.0, 1.0)


def fit_labels(
    ground: Ground,
    labels: np.ndarray,
    n_labels: int,
    settings: LabellingSettings,
    acts: np.ndarray | None = None,
) -> LabelModel:
    """Everything the labels (N,) teach, -1 for none; ``settings.alpha0`` is spread over them.

    ``acts`` (N,) alike where labels were given in one act; None: each by itself.
    """
    labels = as_labels(labels, len(ground.unit), n_labels)
    cell = settings.alpha0 / max(n_labels, 1)
    fitted = _fit(ground, labels, n_labels, cell)
    rows, views = _kept_back(ground, labels, n_labels, cell)
    exponents = fit_exponents(views, labels[rows], _expected(ground, labels, fitted))
    return LabelModel(
        labels,
        label_counts(ground.responsibilities, labels, n_labels),
        *fitted[:-1],
        _near(ground.steps, fitted.reached, fitted.factors),
        np.exp(fitted.head.log_probabilities(ground.unit)),
        exponents,
        CrossFitted(rows, labels[rows], pooled(views, exponents)),
        fit_reach(ground, labels, acts),
    )


def apply_labels(
    queries: Queries,
    model: LabelModel,
    settings: LabellingSettings,
    novelty_p: np.ndarray,
    given: np.ndarray | None = None,
) -> Propagation:
    """What ``model`` says about Q patterns it need not have seen.

    ``novelty_p`` (Q,) conformal p-values; ``given`` (Q,) label indices, -1 for none: what an expert
    said of a pattern counts, whatever the scores say; its probabilities stay the model's.
    """
    rows = queries.responsibilities
    n_labels = model.tau.shape[1]
    if rows.shape[1] != model.tau.shape[0] or np.shape(novelty_p) != (rows.shape[0],):
        raise InputError(
            f"found responsibilities {rows.shape} and {np.shape(novelty_p)} p-values, expected "
            f"(N, {model.tau.shape[0]}) and (N,); score with the model version of the label store"
        )
    if queries.stored is None:
        views = _views(queries, model)
    else:
        stored = queries.stored
        from_tau = label_probabilities(rows, model.tau)
        views = Views(from_tau, model.graph[stored], model.taught[stored])
    probabilities = pooled(views, model.exponents)
    reached = reach(model.reach, queries)
    labelled = bool((model.labels != NO_LABEL).any())
    if n_labels and labelled:
        label = probabilities.argmax(axis=1)
        # One label alone has nothing to be compared with: only its reach says anything.
        likeliest = np.take_along_axis(probabilities, label[:, None], axis=1).ravel()
        confidence = likeliest if n_labels > 1 else reached
        label = np.where(confidence > 0, label, NO_LABEL)
    else:
        label = np.full(rows.shape[0], NO_LABEL)
        confidence = np.zeros(rows.shape[0])
    known = None
    if given is not None:
        given = as_labels(given, rows.shape[0], n_labels)
        known = given != NO_LABEL
        label = np.where(known, given, label)
        confidence = np.where(known, 1.0, confidence)
    far = reach_p(model.reach, reached)
    claimed = confidence if n_labels > 1 else np.ones_like(confidence)  # one is never in between
    named = named_chance(model.reach, reached)
    verdict = verdicts(np.asarray(novelty_p), far, named, claimed, settings, known)
    return Propagation(
        label, probabilities, confidence, s_ood(rows, model.tau), reached, verdict, model
    )


def update_labels(
    ground: Ground, model: LabelModel, labels: np.ndarray, n_labels: int, alpha0: float
) -> LabelModel:
    """What ``labels`` (N,) change at once, without learning: walks, counts and tau follow.

    The head and the exponents stay as they were fitted; a label the head does not know yet speaks
    through the directions of its patterns (weight imprinting, Qi et al. 2018).  ``alpha0`` as in
    the settings.  Labels cost only what their walks reach (exact up to graph.FAINT); a new name
    counts everything again.
    """
    labels = as_labels(labels, len(ground.unit), n_labels)
    known = model.reached.shape[1]
    reached = np.pad(model.reached, ((0, 0), (0, n_labels - known)))
    changed = np.flatnonzero(model.labels != labels)
    few = len(changed) <= _ONE_BY_ONE and bool((labels[changed] != NO_LABEL).all())
    touched = np.full(len(labels), known < n_labels)
    if few:
        standing = model.labels != NO_LABEL
        for row in changed:
            hit = hits(ground.back, standing, int(row))
            near = np.flatnonzero(hit)
            towards = -reached[row]
            towards[labels[row]] += 1.0
            reached[near] = np.maximum(reached[near] + hit[near, None] * towards, 0.0)
            standing[row] = touched[near] = True
    else:
        again = absorbed_again(ground.steps, ground.back, reached, model.labels, labels)
        touched[again] = True
    factors, head, taught = model.factors, model.head, model.taught
    if known < n_labels:
        factors = mass_shares(reached, labels)
        head = _imprinted(ground, head, labels, n_labels)
        taught = np.exp(head.log_probabilities(ground.unit))
    if touched.all():
        mass = _mass(ground.responsibilities, shares(reached, factors), reached)
        graph = _near(ground.steps, reached, factors)
    else:
        rows = np.flatnonzero(touched)
        r, before, after = ground.responsibilities[rows], model.reached[rows], reached[rows]
        mass = model.mass + _mass(r, shares(after, factors), after)
        mass = np.maximum(mass - _mass(r, shares(before, factors), before), 0.0)
        beside = np.unique(ground.back[rows].indices)
        graph = model.graph.copy()
        graph[beside] = _near(ground.steps[beside], reached, factors)
    return model._replace(
        labels=labels,
        counts=label_counts(ground.responsibilities, labels, n_labels),
        mass=mass,
        tau=tau_of(mass, alpha0 / max(n_labels, 1)),
        reached=reached,
        factors=factors,
        head=head,
        graph=graph,
        taught=taught,
        reach=update_reach(ground, model.reach, labels),
    )


def propagate(
    ground: Ground,
    labels: np.ndarray,
    label_names: Sequence[str],
    settings: LabellingSettings,
    novelty_p: np.ndarray,
    acts: np.ndarray | None = None,
) -> Propagation:
    """Spread the labels of the stored patterns over all of them.

    ``labels`` (N,) index into ``label_names``, -1 for none; ``novelty_p`` (N,); ``acts`` as in
    :func:`fit_labels`.
    """
    model = fit_labels(ground, labels, len(label_names), settings, acts)
    return apply_labels(themselves(ground), model, settings, novelty_p, model.labels)


def _fit(
    ground: Ground, labels: np.ndarray, n_labels: int, cell: float, rows: int = SOFT_ROWS
) -> _Fitted:
    """Walk, count, learn; ``rows``: unlabelled patterns that teach the head, at most."""
    own = np.flatnonzero(labels != NO_LABEL)
    reached = absorbed(ground.steps, labels, n_labels)
    if not len(own):
        none = np.zeros((ground.unit.shape[1], n_labels), np.float32)
        mass = np.zeros((ground.responsibilities.shape[1], n_labels))
        head = Head(none, none.sum(axis=0))
        return _Fitted(mass, tau_of(mass, cell), reached, np.ones(n_labels), head, head)
    factors = mass_shares(reached, labels)
    graph = shares(reached, factors)
    mass = _mass(ground.responsibilities, graph, reached)
    start = fit_head(ground.unit[own], reached[own], np.ones(len(own)))
    soft = np.sqrt(graph * np.exp(start.log_probabilities(ground.unit)))
    soft /= np.maximum(soft.sum(axis=1, keepdims=True), 1e-30)
    head = self_train(ground.unit, labels, soft, start, rows)
    return _Fitted(mass, tau_of(mass, cell), reached, factors, head, start)


def _expected(ground: Ground, labels: np.ndarray, fitted: _Fitted) -> np.ndarray:
    """(3,) exponents to go by where no label can be kept back."""
    free = np.flatnonzero(labels == NO_LABEL)
    if len(free) == len(labels):
        free = free[:0]
    free = thinned(free, _FEWER)
    views = _views(some(ground, free), fitted)
    alone = np.exp(fitted.alone.log_probabilities(ground.unit[free]))
    return expected_exponents(views, alone)


def _mass(responsibilities: Responsibilities, graph: np.ndarray, reached: np.ndarray) -> np.ndarray:
    """(K, Y) counts of all that the walks reach; ``graph`` (N, Y) the shares of ``reached``.

    A pattern counts for its labels by their shares, as much as it leans to one of them.
    """
    trusted = graph * graph.max(axis=1, keepdims=True, initial=0.0)
    trusted[~reached.any(axis=1)] = 0.0
    return np.asarray(responsibilities.T @ trusted, np.float64)


def _imprinted(ground: Ground, head: Head, labels: np.ndarray, n_labels: int) -> Head:
    """``head`` with the mean direction of their patterns for labels it does not know yet."""
    known = head.weight.shape[1]
    weight = np.pad(head.weight, ((0, 0), (0, n_labels - known)))
    usual = np.linalg.norm(head.weight, axis=0).mean() if known else 1.0
    for y in range(known, n_labels):
        towards = ground.unit[labels == y].sum(axis=0)
        weight[:, y] = usual * towards / max(float(np.linalg.norm(towards)), 1e-6)
    return Head(weight, np.pad(head.bias, (0, n_labels - known)))


def _near(steps: sparse.csr_matrix, reached: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """(Q, Y) shares of what the ``steps`` (Q, N) lead to."""
    return shares(np.asarray(steps @ reached), factors)


def _views(queries: Queries, fitted: _Fitted | LabelModel) -> Views:
    return Views(
        label_probabilities(queries.responsibilities, fitted.tau),
        _near(queries.steps, fitted.reached, fitted.factors),
        np.exp(fitted.head.log_probabilities(queries.unit)),
    )


def _kept_back(
    ground: Ground, labels: np.ndarray, n_labels: int, cell: float
) -> tuple[np.ndarray, Views]:
    """(M,) labelled patterns and their views (M, Y), each from a fit without its fold of labels.

    A label that a fold would hold all of is left out: its absence would be learnt (label_folds).
    """
    fold = label_folds(labels, FOLDS)
    rows, parts = [], []
    for each in range(FOLDS):
        out = np.flatnonzero(fold == each)
        if not len(out):
            continue
        kept = labels.copy()
        kept[out] = NO_LABEL
        rows.append(out)
        fitted = _fit(ground, kept, n_labels, cell, _FEWER)
        parts.append(_views(some(ground, out), fitted))
    if not rows:
        empty = np.zeros((0, n_labels), np.float32)
        return np.zeros(0, int), Views(empty, empty, empty)
    return np.concatenate(rows), Views(*(np.concatenate(view) for view in zip(*parts, strict=True)))

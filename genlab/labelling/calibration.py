"""Honest confidence: cross-fitted label probabilities, temperature, reliability, acceptance."""

from typing import NamedTuple

import numpy as np
from scipy import optimize, sparse, stats

from genlab.errors import InputError
from genlab.labelling.label_store import NO_LABEL, as_labels
from genlab.labelling.responsibilities import Responsibilities, as_rows, row_sums

DEFAULT_TEMPERATURE = 0.5  # sums over components are underconfident; CLINC150 at 1-3 labels
MIN_LABELS = 3  # labels a class needs before its patterns take part in the fit
_LOG_T_SD = 0.5  # width of the prior on log temperature: a handful of labels moves it little
_LOG_T_RANGE = (np.log(0.05), np.log(20.0))
_FIT_ROWS = 1000  # labelled patterns the fit looks at; more change the optimum by under 1 %
_TINY = 1e-12


class CrossFitted(NamedTuple):
    """Label probabilities of labelled patterns, each computed without its own label."""

    rows: np.ndarray  # (M,) row indices of the patterns used
    labels: np.ndarray  # (M,) their true label indices
    probabilities: np.ndarray  # (M, Y) p(y|x) from the counts without the pattern itself


class Bins(NamedTuple):
    """A reliability diagram (Guo et al. 2017); empty bins have counts 0 and NaN means."""

    lower: np.ndarray  # (B,) lower edges
    upper: np.ndarray  # (B,) upper edges
    counts: np.ndarray  # (B,) predictions inside
    confidence: np.ndarray  # (B,) mean confidence
    accuracy: np.ndarray  # (B,) share correct


class Acceptance(NamedTuple):
    """ "Accept everything with at least this confidence", and what was verified about it."""

    threshold: float  # infinity when no threshold keeps the promise
    checked: int  # labelled predictions at or above the threshold
    precision: float  # lower confidence bound of their precision; 0 when nothing is accepted


def cross_fit(
    responsibilities: Responsibilities,
    labels: np.ndarray,
    counts: np.ndarray,
    alpha0: float,
    weights: np.ndarray | None = None,
    min_labels: int = MIN_LABELS,
) -> CrossFitted:
    """Leave-one-out label probabilities, exactly, in one sparse product.

    ``counts`` (K, Y) as label_counts gives for the same labels; ``alpha0`` per cell.  Patterns of a
    label with fewer than ``min_labels`` labels are left out: without its own label such a class
    would be all but absent, and the fit would learn that absence.
    """
    rows = as_rows(responsibilities)
    n_labels = counts.shape[1]
    indices = as_labels(labels, rows.shape[0], n_labels)
    per_label = np.bincount(indices[indices != NO_LABEL], minlength=n_labels)
    usable = indices != NO_LABEL
    usable[usable] = per_label[indices[usable]] >= min_labels
    used = np.flatnonzero(usable)
    own = indices[used]
    part = sparse.csr_matrix(rows[used]).astype(np.float64)
    weight = np.ones(len(used)) if weights is None else np.asarray(weights, float)[used]
    share = part.data * np.repeat(weight, np.diff(part.indptr))  # what the pattern put in s[c, own]
    totals = np.maximum(counts.sum(axis=1)[part.indices] - share, 0.0) + n_labels * alpha0
    scaled = sparse.csr_matrix((part.data / totals, part.indices, part.indptr), shape=part.shape)
    withdrawn = sparse.csr_matrix((scaled.data * share, part.indices, part.indptr), part.shape)
    probabilities = scaled @ (counts + alpha0) + (1.0 - row_sums(part))[:, None] / max(n_labels, 1)
    probabilities[np.arange(len(used)), own] -= row_sums(withdrawn)
    return CrossFitted(used, own, np.clip(probabilities, 0.0, 1.0))


def temper(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """p^(1/T) normalised per row: (N, Y); T > 1 is less sure, the order of labels stays."""
    if not probabilities.shape[1]:
        return probabilities
    scaled = np.log(np.maximum(probabilities, _TINY)) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    np.exp(scaled, out=scaled)
    return scaled / scaled.sum(axis=1, keepdims=True)


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Temperature that maximises the likelihood of held-out labels (Guo et al. 2017).

    ``probabilities`` (M, Y), cross-fitted; ``labels`` (M,).  A normal prior on log T around
    DEFAULT_TEMPERATURE keeps few labels from saying much; with M = 0 the default is the answer.
    """
    if not len(labels) or probabilities.shape[1] < 2:
        return DEFAULT_TEMPERATURE
    chosen = np.unique(np.linspace(0, len(labels) - 1, min(len(labels), _FIT_ROWS)).astype(int))
    logs = np.log(np.maximum(probabilities[chosen], _TINY))
    truth = logs[np.arange(len(chosen)), labels[chosen]]
    logs = logs - logs.max(axis=1, keepdims=True)
    truth = truth - np.log(np.maximum(probabilities[chosen].max(axis=1), _TINY))
    scale = len(labels) / len(chosen)

    def loss(log_t: float) -> float:
        beta = np.exp(-log_t)
        normaliser = np.log(np.exp(beta * logs).sum(axis=1))
        prior = (log_t - np.log(DEFAULT_TEMPERATURE)) ** 2 / (2 * _LOG_T_SD**2)
        return scale * float((normaliser - beta * truth).sum()) + prior

    best = optimize.minimize_scalar(
        loss, bounds=_LOG_T_RANGE, method="bounded", options={"xatol": 1e-3}
    )
    return float(np.exp(best.x))


def reliability(confidence: np.ndarray, correct: np.ndarray, bins: int = 15) -> Bins:
    """Equal-width bins over [0, 1] of ``confidence`` (M,) against ``correct`` (M,) bool."""
    confidence, correct = _pair(confidence, correct)
    edges = np.linspace(0.0, 1.0, bins + 1)
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)  # (lower, upper]
    count = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(place, weights=confidence, minlength=bins) / count
        accuracy = np.bincount(place, weights=correct, minlength=bins) / count
    return Bins(edges[:-1], edges[1:], count, mean, accuracy)


def ece(bins: Bins) -> float:
    """Expected calibration error: sum_b counts_b / M * |accuracy_b - confidence_b|; 0 if M = 0."""
    filled = bins.counts > 0
    gap = np.abs(bins.accuracy[filled] - bins.confidence[filled])
    return float((gap * bins.counts[filled]).sum() / max(bins.counts.sum(), 1))


def accept_threshold(
    confidence: np.ndarray, correct: np.ndarray, precision: float, level: float = 0.95
) -> Acceptance:
    """The lowest confidence from which on predictions are right at least ``precision`` of the time.

    ``confidence`` (M,) and ``correct`` (M,) of cross-fitted predictions.  The promise holds with
    probability ``level``: a Clopper-Pearson lower bound at each of a few thresholds fixed by rank,
    Bonferroni-corrected for having looked at all of them.
    """
    if not 0 < precision < 1 or not 0 < level < 1:
        raise InputError(f"precision {precision}, level {level}: expected both between 0 and 1")
    confidence, correct = _pair(confidence, correct)
    order = np.argsort(-confidence, kind="stable")
    ranked, right = confidence[order], np.cumsum(correct[order])
    smallest = int(np.ceil(np.log(1 - level) / np.log(precision)))  # fewer could never prove it
    sizes = [len(ranked)]
    while sizes[-1] / 1.5 >= smallest:
        sizes.append(int(sizes[-1] / 1.5))
    for size in sizes:
        if size < smallest:
            break
        accepted = int(np.searchsorted(-ranked, -ranked[size - 1], side="right"))  # with its ties
        hits = int(right[accepted - 1])
        miss = (1 - level) / len(sizes)
        bound = float(stats.beta.ppf(miss, hits, accepted - hits + 1)) if hits else 0.0
        if bound >= precision:
            return Acceptance(float(ranked[size - 1]), accepted, bound)
    return Acceptance(float("inf"), 0, 0.0)


def _pair(confidence: np.ndarray, correct: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    confidence, correct = np.asarray(confidence, float), np.asarray(correct).astype(bool)
    inside = bool(((confidence >= 0) & (confidence <= 1)).all())
    if confidence.ndim != 1 or confidence.shape != correct.shape or not inside:
        raise InputError(
            f"found {confidence.shape} confidences, {correct.shape} outcomes, expected two equal "
            "lengths and confidences in [0, 1]"
        )
    return confidence, correct

"""Honest confidence: reliability, its error, and what may be accepted unseen."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from genlab.errors import InputError


class CrossFitted(NamedTuple):
    """Label probabilities of labelled patterns, each computed without its own label."""

    rows: np.ndarray  # (M,) row indices of the patterns used
    labels: np.ndarray  # (M,) their true label indices
    probabilities: np.ndarray  # (M, Y) p(y|x) of a fit that did not know it


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

"""How far predictions can be trusted: pure functions of a view."""

from typing import NamedTuple

import numpy as np

from dashboard.state import View
from genlab.labelling import NO_LABEL, Acceptance, accept_threshold, cross_fit, temper

_BINS = 20


class Offer(NamedTuple):
    """What "accept everything above" would do."""

    acceptance: Acceptance
    rows: np.ndarray  # rows of the view it would label
    messages: int
    checked: int  # labelled patterns that could be checked against


def predictions(view: View, order: str, label: str) -> np.ndarray:
    """Rows that labels reach and nobody labelled, in the order asked for.

    What no label reaches (unnamed, novel) is for the Unknowns page: its prediction says nothing.
    """
    spread = view.spread
    mask = np.isin(spread.verdict, ("known", "between"))
    mask &= (spread.label != NO_LABEL) & (view.labels.given == NO_LABEL)
    if label:
        names = view.labels.names
        mask &= spread.label == (names.index(label) if label in names else NO_LABEL - 1)
    rows = np.flatnonzero(mask)
    keys = {
        "doubt": spread.confidence[rows],
        "sure": -spread.confidence[rows],
        "messages": -view.assigned.message_counts[rows],
    }
    return rows[np.argsort(keys[order], kind="stable")]


def checked(view: View, alpha0: float) -> tuple[np.ndarray, np.ndarray]:
    """Confidence and correctness (M,) of labelled patterns, each without its own label."""
    names = view.labels.names
    fitted = cross_fit(
        view.assigned.responsibilities,
        view.labels.given,
        view.spread.model.counts,
        alpha0 / max(len(names), 1),
    )
    if not len(fitted.rows):
        return np.zeros(0), np.zeros(0, bool)
    tempered = temper(fitted.probabilities, view.spread.model.temperature)
    return tempered.max(axis=1).clip(0, 1), tempered.argmax(axis=1) == fitted.labels


def offer(view: View, confidence: np.ndarray, correct: np.ndarray, precision: float) -> Offer:
    """Predictions that may be accepted together.

    Only known patterns: the promise was checked on labelled ones, and says nothing about patterns
    unlike them.
    """
    acceptance = accept_threshold(confidence, correct, precision)
    spread = view.spread
    rows = np.flatnonzero(
        (spread.verdict == "known")
        & (spread.label != NO_LABEL)
        & (view.labels.given == NO_LABEL)
        & (spread.confidence >= acceptance.threshold)
    )
    messages = int(view.assigned.message_counts[rows].sum())
    return Offer(acceptance, rows, messages, len(confidence))


def histogram(view: View) -> dict[str, np.ndarray]:
    """Messages and patterns by confidence, of every pattern with a predicted label."""
    rows = view.spread.label != NO_LABEL
    edges = np.linspace(0, 1, _BINS + 1)
    place = np.clip((view.spread.confidence[rows] * _BINS).astype(int), 0, _BINS - 1)
    counts = view.assigned.message_counts[rows].astype(float)
    return {
        "lower": edges[:-1],
        "upper": edges[1:],
        "messages": np.bincount(place, weights=counts, minlength=_BINS),
        "patterns": np.bincount(place, minlength=_BINS),
    }

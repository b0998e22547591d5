"""How far predictions can be trusted: pure functions of a view."""

import hashlib
from typing import NamedTuple

import numpy as np

from dashboard.state import View
from genlab.config import LabellingSettings
from genlab.labelling import (
    NO_LABEL,
    Acceptance,
    Propagation,
    accept_threshold,
    apply_labels,
    themselves,
    update_labels,
)

_BINS = 20


class Checked(NamedTuple):
    """Predictions held against what people said: M labelled patterns, each without its own label.

    Only labels that somebody looked at take part, in what is learnt as well: a prediction accepted
    unseen agrees with the model that made it.  The M are those of the last lesson.
    """

    spread: Propagation  # of those labels alone, (N,) patterns
    confidence: np.ndarray  # (M,)
    correct: np.ndarray  # (M,) bool
    labels: int  # different labels among the M; below two M is 0: a lone label is always right


class Offer(NamedTuple):
    """What "accept everything above" would do."""

    acceptance: Acceptance
    rows: np.ndarray  # (R,) rows of the view it would label
    labels: list[str]  # (R,) and how
    messages: int
    checked: Checked

    @property
    def key(self) -> str:
        """The same exactly for the same patterns, labels and threshold."""
        said = repr((self.rows.tolist(), self.labels, self.acceptance.threshold))
        return hashlib.sha256(said.encode()).hexdigest()[:16]


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


def check(view: View, settings: LabellingSettings) -> Checked | None:
    """Predict the labelled patterns without their labels; None before they are learnt from."""
    labels, proof = view.labels, view.taught.proof
    if view.taught.seq < 0:
        return None
    given = np.where(labels.checked, labels.given, NO_LABEL)
    ground = view.assigned.ground
    model = update_labels(ground, proof, given, len(labels.names), settings.alpha0)
    alone = apply_labels(themselves(ground), model, settings, view.assigned.novelty_p, given)
    fitted = proof.cross_fitted
    kinds = len(np.unique(fitted.labels))
    if kinds < 2:
        return Checked(alone, np.zeros(0), np.zeros(0, bool), kinds)
    correct = fitted.probabilities.argmax(axis=1) == fitted.labels
    return Checked(alone, fitted.probabilities.max(axis=1).clip(0, 1), correct, kinds)


def offer(view: View, checked: Checked, precision: float) -> Offer:
    """Predictions that may be accepted together.

    Only known patterns: the promise was checked on labelled ones, and says nothing about patterns
    unlike them.
    """
    acceptance = accept_threshold(checked.confidence, checked.correct, precision)
    spread = checked.spread
    rows = np.flatnonzero(
        (spread.verdict == "known")
        & (spread.label != NO_LABEL)
        & (view.labels.given == NO_LABEL)
        & (spread.confidence >= acceptance.threshold)
    )
    names = [view.labels.names[y] for y in spread.label[rows]]
    messages = int(view.assigned.message_counts[rows].sum())
    return Offer(acceptance, rows, names, messages, checked)


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

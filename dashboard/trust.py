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
from genlab.labelling.audit import doubts

_BINS = 20

ORDERS = {
    "doubt": "least sure first",
    "sure": "most sure first",
    "messages": "most messages first",
}
"""How a list may be ordered."""


class Checked(NamedTuple):
    """Predictions held against what people said: M labelled patterns, each without its own label.

    Only labels that somebody looked at take part, in what is learnt as well: a prediction accepted
    unseen agrees with the model that made it.  The M are those of the last lesson.
    """

    spread: Propagation  # of those labels alone, (N,) patterns
    confidence: np.ndarray  # (M,)
    correct: np.ndarray  # (M,) bool
    labels: int  # different labels among the M; below two M is 0: a lone label is always right


class Listed(NamedTuple):
    """Patterns to be looked at, and the label in question."""

    rows: np.ndarray  # (R,) rows of the view
    said: np.ndarray  # (R,) index of the label predicted, or given
    sure: np.ndarray  # (R,) its probability
    rival: np.ndarray  # (R,) the label the model finds likelier, -1 where none is named


LISTS = {
    "predictions": "predictions",
    "accepted": "accepted in bulk",
    "doubted": "doubted labels",
}
"""What can be gone through: predictions nobody looked at, those accepted together, and labels that
the model doubts (:mod:`genlab.labelling.audit`)."""


class Offer(NamedTuple):
    """What "accept everything above" would do."""

    acceptance: Acceptance
    observed: float  # share right of the checked ones above the threshold; NaN where none is
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
    return listed(view, "predictions", None, set(), order, label).rows


def listed(
    view: View, name: str, checked: Checked | None, audited: set[str], order: str, label: str
) -> Listed:
    """One of LISTS, in the order asked for; ``label``: only what it says, "" for all.

    ``checked``: what the model says without what was accepted unseen; ``audited``: patterns whose
    label was looked at once more.
    """
    spread, given = view.spread, view.labels.given
    rival: np.ndarray | None = None
    if name == "accepted":
        rows = np.flatnonzero((given != NO_LABEL) & ~view.labels.checked)
        alone = (checked.spread if checked else spread).probabilities
        said, sure = given[rows], alone[rows, given[rows]]
    elif name == "doubted":
        found = doubts(view.taught.proof.cross_fitted)
        ids = view.assigned.pattern_ids[found.rows]
        stands = given[found.rows] == found.given  # not answered since the lesson
        stands &= np.array([str(p) not in audited for p in ids], bool)
        rows, said, sure = (
            each[stands] for each in (found.rows, found.given, found.given_probability)
        )
        rival = found.likelier[stands]
    else:
        reached = np.isin(spread.verdict, ("known", "between"))
        rows = np.flatnonzero(reached & (spread.label != NO_LABEL) & (given == NO_LABEL))
        said, sure = spread.label[rows], spread.confidence[rows]
    if rival is None:
        rival = np.full(len(rows), NO_LABEL)
    keys = {"doubt": sure, "sure": -sure, "messages": -view.assigned.message_counts[rows]}
    ranked = np.argsort(keys[order], kind="stable")
    if label:
        names = view.labels.names
        wanted = names.index(label) if label in names else NO_LABEL - 1
        ranked = ranked[said[ranked] == wanted]
    return Listed(*(each[ranked] for each in (rows, said, sure, rival)))


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
    above = checked.correct[checked.confidence >= acceptance.threshold]
    observed = float(above.mean()) if len(above) else float("nan")
    return Offer(acceptance, observed, rows, names, messages, checked)


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

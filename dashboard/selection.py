"""What is selected, as numbers: pure functions of a view."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dashboard.state import View
from genlab.labelling import NO_LABEL
from genlab.records import VERDICTS

KEYS = "123456789" + "abcdefghilmopqrstvwxyz"
"""Keys of the labels, in the order labels were made; j, k, n and u do other things."""


class Selected(NamedTuple):
    """A selection of S patterns, the one with most messages first."""

    rows: np.ndarray  # (S,) rows of the view
    messages: int
    shares: np.ndarray  # (Y,) expected share of its messages under each label; sums to 1
    suggested: str | None  # the label with the largest share
    confidence: float  # that share
    verdicts: dict[str, int]  # patterns per verdict, only those there are
    given: dict[str, int]  # patterns per label that a person gave
    unsettled: int  # messages that are not known yet


def summarise(view: View, pattern_ids: Sequence[str]) -> Selected:
    """Describe a selection; ids that the version has not scored are passed over."""
    assigned, spread = view.assigned, view.spread
    rows = view.assigned.known_rows(pattern_ids)
    counts = assigned.message_counts[rows]
    order = np.argsort(-counts, kind="stable")
    rows, counts = rows[order], counts[order]
    names = view.labels.names
    shares = np.zeros(len(names))
    reached = spread.label[rows] != NO_LABEL
    if len(names) and reached.any():
        believed = spread.probabilities[rows[reached]]
        shares = np.average(believed, axis=0, weights=np.maximum(counts[reached], 1))
    best = int(shares.argmax()) if shares.any() else NO_LABEL
    verdict = spread.verdict[rows]
    given = view.labels.given[rows]
    return Selected(
        rows,
        int(counts.sum()),
        shares,
        names[best] if best != NO_LABEL else None,
        float(shares[best]) if best != NO_LABEL else 0.0,
        {v: int((verdict == v).sum()) for v in VERDICTS if (verdict == v).any()},
        {names[y]: int((given == y).sum()) for y in np.unique(given[given != NO_LABEL])},
        int(counts[verdict != "known"].sum()),
    )


def stepped(known: Sequence[str], chosen: str | None, step: int) -> str:
    """The one ``step`` further than the chosen, the first where none is; not past the ends.

    ``known`` holds one at least.
    """
    at = known.index(chosen) + step if chosen in known else 0
    return known[min(max(at, 0), len(known) - 1)]


def label_of_key(key: str, names: Sequence[str]) -> str | None:
    """The label that a key stands for."""
    at = KEYS.find(key) if len(key) == 1 else -1
    return names[at] if 0 <= at < len(names) else None


def keys_of(names: Sequence[str]) -> dict[str, str]:
    """The label of each key that stands for one."""
    return dict(zip(KEYS, names, strict=False))


def key_of_label(position: int) -> str:
    """The key of the label at a position; "" when keys ran out."""
    return KEYS[position] if position < len(KEYS) else ""


def component_of(view: View, rows: np.ndarray) -> np.ndarray:
    """Rows of every pattern whose likeliest component is that of the first selected one.

    Of the component with most messages when none is selected.
    """
    winner = winners(view)
    if not len(winner):
        return np.zeros(0, int)
    return np.flatnonzero(winner == (winner[rows[0]] if len(rows) else by_messages(view)[0]))


def by_messages(view: View) -> np.ndarray:
    """Components that are the likeliest of some pattern, the one with most messages first."""
    winner, counts = winners(view), view.assigned.message_counts
    messages = np.bincount(winner, weights=counts)
    order = np.argsort(-messages, kind="stable")
    return order[np.bincount(winner)[order] > 0]


def walked(
    view: View, rows: np.ndarray, kind: str, step: int, shown: np.ndarray | None
) -> np.ndarray:
    """Rows one ``step`` on from a selection: the next component after a whole one, else the next
    pattern of those ``shown`` (N,) bool, by messages; at an end, that end.

    From a pattern that is shown no more, as after labelling it, it goes on from its place.
    """
    if kind == "component":
        order = by_messages(view)
        here = winners(view)[rows[:1]]
        places = np.arange(len(order))
    else:
        order = np.argsort(-view.assigned.message_counts, kind="stable")
        here = rows[:1]
        places = np.arange(len(order)) if shown is None else np.flatnonzero(shown[order])
    if not len(places):
        return np.zeros(0, int)
    found = np.flatnonzero(np.isin(order, here))
    at = 0
    if len(found):
        at = int(np.searchsorted(places, found[0], "right" if step > 0 else "left")) + step
        at -= step > 0
    chosen = order[places[np.clip(at, 0, len(places) - 1)]]
    return np.flatnonzero(winners(view) == chosen) if kind == "component" else np.array([chosen])


def winners(view: View) -> np.ndarray:
    """(N,) each pattern's likeliest component."""
    matrix = view.assigned.responsibilities
    best = np.zeros(matrix.shape[0], int)
    filled = np.flatnonzero(np.diff(matrix.indptr))
    if len(filled):
        top = np.maximum.reduceat(matrix.data, matrix.indptr[filled])
        is_top = matrix.data == np.repeat(top, np.diff(matrix.indptr)[filled])
        row_of = np.repeat(filled, np.diff(matrix.indptr)[filled])
        # reversed, so that the first of equals stays
        best[row_of[is_top][::-1]] = matrix.indices[is_top][::-1]
    return best

"""The queue as the page lists it: what the filters leave of it, as far as it is unfolded."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from dashboard.state import Desk, View
from genlab.config import LabellingSettings
from genlab.pipeline.explain import Vocabulary, vocabulary
from genlab.pipeline.review import VERDICTS, Group, Queue, Strangers, flag_queue, strangers

MEANING = {
    "novel": "unlike anything the model was trained on",
    "unnamed": "a kind that nobody has named yet",
    "between": "several labels claim it",
}
LOOK: dict[str, Any] = {"opened": [], "below": False, "most": 40}
MORE = 40  # groups of a verdict, each time somebody asks for more
OPENED = 50  # patterns of an unfolded group


class Item(NamedTuple):
    """One line of the list, which j and k stop at."""

    key: str  # what a click posts
    rows: np.ndarray  # (M,) of the view, the first shown
    group: Group
    member: bool  # one pattern of an unfolded group


class Section(NamedTuple):
    """The groups of one verdict."""

    verdict: str
    items: list[Item]  # as far as they are listed
    below: list[Item]  # under the budget's line, where they are unfolded
    groups: int  # all there are
    patterns: int
    messages: int
    hidden: list[Group]  # below the line


class Held:
    """What the last view's patterns and labels were found to mean, for the next callback."""

    def __init__(self) -> None:
        self._queue: tuple[View, Queue] | None = None
        self._strangers: tuple[np.ndarray, Strangers] | None = None
        self._words: tuple[np.ndarray, Vocabulary] | None = None

    def queue(self, view: View, settings: LabellingSettings) -> Queue:
        """The view's queue."""
        held = self._queue
        if held is None or held[0] is not view:
            queue = flag_queue(
                view.assigned,
                self._strange(view, settings.novel_p),
                view.labels.given,
                view.spread.verdict,
                view.spread.confidence,
                settings.flags_per_day,
            )
            held = self._queue = view, queue
        return held[1]

    def vocabulary(self, view: View) -> Vocabulary:
        """The words of what the version was trained with."""
        held, texts = self._words, view.assigned.canonical_texts
        if held is None or held[0] is not texts:
            held = self._words = texts, vocabulary(texts[view.assigned.messages > 0])
        return held[1]

    def _strange(self, view: View, novel_p: float) -> Strangers:
        held, scores = self._strangers, view.assigned.novelty_p
        if held is None or held[0] is not scores:
            held = self._strangers = scores, strangers(view.assigned, novel_p)
        return held[1]


class Decided(NamedTuple):
    """How patterns stand that somebody decided about; all others are new."""

    state: np.ndarray  # (N,) str
    rows: dict[str, dict[str, Any]]  # by pattern_id, those of review_at

    def of(self, pattern_id: str) -> dict[str, Any] | None:
        """What was decided about a pattern."""
        return self.rows.get(pattern_id)


def read_decided(desk: Desk, view: View) -> Decided:
    """As of now."""
    rows = {row["pattern_id"]: row for row in desk.store.rows("review.decided")}
    state = np.full(len(view.assigned.pattern_ids), "new", dtype="<U9")
    for i in view.assigned.known_rows(rows):
        state[i] = rows[view.assigned.pattern_ids[i]]["state"]
    return Decided(state, rows)


def sections(
    view: View,
    queue: Queue,
    decided: Decided,
    states: Sequence[str],
    verdict: str | None,
    look: dict[str, Any],
) -> list[Section]:
    """What the filters leave of the queue (``verdict`` None: every one), as far as it is unfolded.

    In a group only patterns in one of ``states`` stay.
    """
    wanted = np.isin(decided.state, list(states))
    left = [group._replace(rows=group.rows[wanted[group.rows]]) for group in queue.groups]
    left = [group for group in left if len(group.rows)]
    found = []
    for each in VERDICTS:
        groups = [group for group in left if group.verdict == each]
        if not groups or verdict not in (None, each):
            continue
        above = [group for group in groups if group.above]
        hidden = [group for group in groups if not group.above]
        rows = np.concatenate([group.rows for group in groups])
        below = hidden[: look["most"]] if look["below"] else []
        found.append(
            Section(
                each,
                _items(view, above[: look["most"]], look["opened"]),
                _items(view, below, look["opened"]),
                len(groups),
                len(rows),
                int(view.assigned.message_counts[rows].sum()),
                hidden,
            )
        )
    return found


def listed(found: Sequence[Section]) -> list[Item]:
    """Every line, in order."""
    return [item for section in found for item in (*section.items, *section.below)]


def current(items: Sequence[Item], chosen: dict[str, Any]) -> int | None:
    """The chosen line: by its key, else what now stands in its place; None for an empty list."""
    keys = [item.key for item in items]
    if chosen.get("key") in keys:
        return keys.index(chosen["key"])
    return min(int(chosen.get("at", 0)), len(items) - 1) if items else None


def unfolded(look: dict[str, Any], act: str, group: str | None = None) -> dict[str, Any]:
    """What is unfolded after "below", "more" or "open" of a group's key."""
    if act == "below":
        return {**look, "below": not look["below"]}
    if act == "more":
        return {**look, "most": look["most"] + MORE}
    opened = [key for key in look["opened"] if key != group]
    if group is not None and len(opened) == len(look["opened"]):
        opened.append(group)
    return {**look, "opened": opened}


def _items(view: View, groups: Sequence[Group], opened: Sequence[str]) -> list[Item]:
    ids = view.assigned.pattern_ids
    items: list[Item] = []
    for group in groups:
        key = f"{group.verdict}:{ids[group.rows[0]]}"
        items.append(Item(key, group.rows, group, False))
        if key in opened:
            items += [
                Item(f"one:{ids[row]}", np.array([row]), group, True) for row in group.rows[:OPENED]
            ]
    return items

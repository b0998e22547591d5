"""The queue of flagged patterns: what stands together, in which order, and what people decide."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genlab.errors import InputError
from genlab.labelling import NO_LABEL
from genlab.labelling.likeness import gather
from genlab.pipeline.assigned import Assigned
from genlab.pipeline.budget import within_budget
from genlab.store import Store

OPEN = ("new", "ongoing", "regressed")
STATES = ("new", "ongoing", "muted", "resolved", "regressed")
VERDICTS = ("novel", "unnamed", "between")  # in the order of the queue
_GATHERED = 4_000  # novel patterns, the strangest; grouping more takes seconds

_UNITS = {"min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN = re.compile(r"(\d+(?:\.\d+)?) ?(min|h|d|w)")
_RATE = re.compile(r"(\d+(?:\.\d+)?) ?/ ?h")


class Decision(NamedTuple):
    """What somebody decides about flagged patterns."""

    state: str  # new, ongoing, muted or resolved
    muted_until: datetime | None = None  # UTC, naive
    muted_rate: float | None = None  # messages per hour


class Group(NamedTuple):
    """Flagged patterns that are alike: one thing to decide."""

    verdict: str
    rows: np.ndarray  # (M,) of the Assigned; the one with most messages first
    day: np.datetime64  # the first of them was first seen
    above: bool  # within the day's budget


class Queue(NamedTuple):
    """Everything flagged, most pressing first, and the newest day's budget."""

    groups: list[Group]
    day: np.datetime64 | None  # the newest with messages
    used: int  # novel groups of that day within the budget, settled ones too
    raised: int  # all novel groups of that day
    left_out: int  # novel patterns beyond the first that are grouped


class Strangers(NamedTuple):
    """Patterns that look novel, labelled or not, strangest first."""

    rows: np.ndarray  # (S,) of the Assigned
    groups: list[np.ndarray]  # of the first of them, those that are alike


def strangers(assigned: Assigned, novel_p: float) -> Strangers:
    """The same until patterns are scored: labels play no part."""
    rows = np.flatnonzero(assigned.novelty_p < novel_p)
    rows = rows[np.lexsort([assigned.log_px[rows], assigned.novelty_p[rows]])]
    place = {int(row): i for i, row in enumerate(rows)}
    loudest = rows[:_GATHERED]
    loudest = loudest[np.argsort(-assigned.message_counts[loudest], kind="stable")]
    groups = _split(loudest, gather(assigned.ground.unit[loudest]))
    groups.sort(key=lambda group: min(place[int(row)] for row in group))
    return Strangers(rows, groups)


def flag_queue(
    assigned: Assigned,
    strange: Strangers,
    given: np.ndarray,
    verdict: np.ndarray,
    confidence: np.ndarray,
    flags_per_day: float,
) -> Queue:
    """Novel ones by nearness, strangest first; the others by component, those with most messages
    first.  ``given`` (N,) label indices, -1 for none; ``verdict`` and ``confidence`` (N,).

    Only novel flags are alarms, so only they use the budget: of each day, the strangest groups.
    """
    counts = assigned.message_counts
    days = _days(assigned)
    flagged = (verdict != "known") & (given == NO_LABEL)
    found = [Group("novel", rows, days[rows].min(), True) for rows in strange.groups]
    above = within_budget(np.array([group.day for group in found]), flags_per_day)
    newest = days.max() if len(days) else None
    today = np.array([group.day == newest for group in found], bool)
    groups = [
        group._replace(rows=group.rows[flagged[group.rows]], above=bool(within))
        for group, within in zip(found, above, strict=True)
        if flagged[group.rows].any()
    ]
    for claimed in VERDICTS[1:]:
        rows = np.flatnonzero(flagged & (verdict == claimed))
        doubt = counts * (1.0 - confidence) if claimed == "between" else counts
        groups += [
            Group(claimed, each, days[each].min(), True)
            for each in _by_component(assigned, rows, doubt)
        ]
    return Queue(
        groups,
        newest,
        int((today & above).sum()),
        int(today.sum()),
        int(flagged[strange.rows[_GATHERED:]].sum()),
    )


def parse_mute(text: str, now: datetime) -> Decision:
    """ "3h", "1d", "2w" from ``now``; "50/h": until an hour brings more; "1d 50/h": either.

    A date or time (ISO 8601, UTC) will do for the time.  Raises InputError for anything else.
    """
    rest = text.strip()
    rate = until = None
    if found := _RATE.search(rest):
        rate = float(found.group(1))
        rest = (rest[: found.start()] + rest[found.end() :]).strip()
    if found := _SPAN.fullmatch(rest):
        span = {_UNITS[found.group(2)]: float(found.group(1))}
        until = now + _span(span, text)
    elif rest:
        until = _moment(rest, text)
    if (rate is None and until is None) or (until is not None and until <= now):
        raise InputError(f"muted until {text!r}: expected a time to come, {_EXAMPLES}")
    return Decision("muted", until, rate)


def decide(
    store: Store, pattern_ids: Sequence[str], decision: Decision, note: str, annotator: str
) -> pa.Table:
    """Write a decision about patterns; what was written of them before, for ``take_back``."""
    before = store.read("review.stored", pattern_ids=list(pattern_ids))
    store.write(
        "review.set_state",
        pattern_ids=list(pattern_ids),
        note=note[:MAX_NOTE],
        annotator=annotator,
        **decision._asdict(),
    )
    return before


def annotate(store: Store, pattern_ids: Sequence[str], note: str, annotator: str) -> pa.Table:
    """Write a note on patterns, each of which keeps its state; what ``decide`` answers."""
    before = store.read("review.stored", pattern_ids=list(pattern_ids))
    store.write(
        "review.set_note",
        pattern_ids=list(pattern_ids),
        note=note[:MAX_NOTE],
        annotator=annotator,
    )
    return before


def stored_reviews(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """What ``decide`` answered, of rows that went through JSON."""
    return pa.table(
        {
            "pattern_id": pa.array([r["pattern_id"] for r in rows], pa.string()),
            "state": pa.array([r["state"] for r in rows], pa.string()),
            "muted_until": pa.array([_time(r["muted_until"]) for r in rows], pa.timestamp("us")),
            "note": pa.array([r["note"] for r in rows], pa.string()),
            "annotator": pa.array([r["annotator"] for r in rows], pa.string()),
            "changed_at": pa.array([_time(r["changed_at"]) for r in rows], pa.timestamp("us")),
            "muted_rate": pa.array([r["muted_rate"] for r in rows], pa.float64()),
        }
    )


def take_back(store: Store, pattern_ids: Sequence[str], before: pa.Table) -> None:
    """Put back what ``decide`` answered."""
    store.write("review.put_back", inputs={"in_reviews": before}, pattern_ids=list(pattern_ids))


MAX_NOTE = 500
_EXAMPLES = "as in 3h, 1d, 2w, 2026-12-31, or a rate such as 50/h"


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _span(span: dict[str, float], text: str) -> timedelta:
    try:
        return timedelta(**span)
    except OverflowError:
        raise InputError(f"muted until {text!r}: expected a time to come, {_EXAMPLES}") from None


def _moment(rest: str, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(rest)
    except ValueError:
        raise InputError(f"muted until {text!r}: expected {_EXAMPLES}") from None
    return found.replace(tzinfo=None) - (found.utcoffset() or timedelta())


def _days(assigned: Assigned) -> np.ndarray:
    """(N,) UTC day each pattern was first seen."""
    first = assigned.table["first_seen"].to_numpy()
    return np.asarray(first, dtype="datetime64[us]").astype("datetime64[D]")


def _by_component(assigned: Assigned, rows: np.ndarray, worth: np.ndarray) -> list[np.ndarray]:
    """Rows by likeliest component, the most worth first; within each, most messages first."""
    first = np.asarray(pc.list_element(assigned.table["components"], 0))
    loudest = rows[np.argsort(-assigned.message_counts[rows], kind="stable")]
    groups = _split(loudest, first[loudest])
    return sorted(groups, key=lambda each: -float(worth[each].sum()))


def _split(rows: np.ndarray, key: np.ndarray) -> list[np.ndarray]:
    order = np.argsort(key, kind="stable")
    cuts = np.flatnonzero(np.diff(key[order])) + 1
    return [part for part in np.split(rows[order], cuts) if len(part)]

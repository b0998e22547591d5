"""Labels: give, clear, undo, remark, import, export; and what they change, in the same second."""

import csv
import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from genlab.config import LabellingSettings
from genlab.errors import GenlabError, InputError
from genlab.labelling import Propagation
from genlab.pipeline.assigned import (
    Assigned,
    AssignedCache,
    Labels,
    active_version,
    load_labels,
    spread,
)
from genlab.pipeline.spreading import Spreader
from genlab.store import Store

MAX_LABEL_LENGTH, MAX_NOTE_LENGTH = 120, 2_000
_EXACT, _SHOWN = 1e-6, 5e-3  # a change of a number that is written: any, or one that shows
_FORMULA = re.compile(r"'*[=+\-@\t\r]")  # apostrophes counted in, so that plain undoes neutral


class Settled(NamedTuple):
    """What a change of labels did."""

    changed: int  # patterns whose label, verdict or confidence changed
    settled_messages: int  # messages of patterns that are known now and were not before
    unsettled_messages: int  # messages of patterns that were known before and are not now
    known_messages: int  # messages of all known patterns now


class Imported(NamedTuple):
    """What an import of labels did."""

    rows: int
    labelled_patterns: int
    unmatched: list[str]  # ids or texts that belong to no stored message


class Overtaken(GenlabError):
    """Somebody else labelled some of the patterns since they were shown; nothing was stored."""

    def __init__(self, rows: list[dict[str, Any]]):
        self.rows = rows  # of labels.of_patterns, the newest first
        who = ", ".join(sorted({row["annotator"] for row in rows}))
        super().__init__(f"{who} labelled {len(rows)} of these patterns since: look again")


def give_label(
    store: Store,
    pattern_ids: Sequence[str],
    label: str | None,
    how: str,
    annotator: str,
    seen: int | None = None,
) -> str:
    """Label patterns (None clears) as one gesture; the gesture's id, for an undo.

    Durable when it returns.  ``seen``: the last label event the annotator saw; raises Overtaken,
    with nothing stored, where somebody else gave another label since.  Raises InputError for an
    empty, overlong or multi-line label.
    """
    return give_labels(store, pattern_ids, [label] * len(pattern_ids), how, annotator, seen)


def give_labels(
    store: Store,
    pattern_ids: Sequence[str],
    labels: Sequence[str | None],
    how: str,
    annotator: str,
    seen: int | None = None,
    group: str | None = None,
) -> str:
    """The same with a label of its own for each pattern: one gesture, taken back by one undo.

    ``group``: the gesture's id, where it may come twice; what is stored already stays as it is.
    """
    checked = [None if label is None else checked_name(label) for label in labels]
    none = [None] * len(checked)
    return _append(store, list(pattern_ids), checked, none, how, annotator, seen, group)


def remark(
    store: Store, pattern_ids: Sequence[str], kind: str, text: str, how: str, annotator: str
) -> str:
    """Store a "note", or that somebody is "unsure", as one gesture; its id, for an undo."""
    said = text.strip()
    if kind == "note" and not 0 < len(said) <= MAX_NOTE_LENGTH:
        raise InputError(
            f"found a note of {len(said):,} characters, expected 1 to {MAX_NOTE_LENGTH:,}"
        )
    group = uuid.uuid4().hex
    store.write(
        "remarks.add",
        group_id=group,
        kind=kind,
        pattern_ids=list(pattern_ids),
        text=said,
        how=how,
        annotator=annotator,
    )
    return group


def take_back(
    store: Store, annotator: str, action: str = "undo", group_id: str | None = None
) -> dict[str, Any] | None:
    """Undo (or redo) a gesture, by default this person's last: its row of labels.gestures.

    None when there is none, or when it was taken back (put back) already.
    """
    if group_id is None:
        found = store.rows("labels.last_group", annotator=annotator, action=action)
        if not found:
            return None
        group_id = found[0]["group_id"]
    gestures = store.rows("labels.gestures", before=None, group_id=group_id, limit=1)
    if not gestures or gestures[0]["stands"] != (action == "undo"):
        return None
    store.write("labels.take_back", action=action, group_id=group_id, annotator=annotator)
    return gestures[0]


def propagate_labels(
    store: Store,
    settings: LabellingSettings,
    cache: AssignedCache | None = None,
    version: int | None = None,
    spreader: Spreader | None = None,
) -> tuple[Assigned, Labels, Propagation, Settled]:
    """Bring the assignments of a version (default: the active one) in line with the labels.

    Writes only the rows that changed, none when a propagation that saw more labels was there first.
    The labels are learnt from in full, which takes seconds; ``spreader``: follow them at once with
    what it holds, and write a number that hardly moved when they are learnt from.
    """
    if version is None:
        row = active_version(store)
    else:
        row = next(r for r in store.rows("model_versions.list") if r["version"] == version)
    assigned = (cache or AssignedCache(store)).get(row["version"], row["components"])
    labels = load_labels(store, assigned)
    if spreader is None:
        after, least = spread(assigned, labels, settings), _EXACT
    else:
        after = spreader.spread(assigned, labels)
        least = _EXACT if spreader.taught.learnt else _SHOWN
    settled = _write(store, assigned, labels, after, least)
    return assigned, labels, after, settled


def import_labels(store: Store, path: Path, annotator: str) -> Imported:
    """Read a CSV with columns message_id (or text), label, annotator, at; the last two optional.

    A row matches by message id, by message text or by canonical text.  Labels of one annotator and
    file are one gesture.  Raises InputError, before anything is stored, for a missing column and,
    with its line, for a label or time that is none.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            key = next((c for c in ("message_id", "text", "pattern_id") if c in columns), None)
            if key is None or "label" not in columns:
                raise InputError(
                    f"{path}: found columns {columns}, expected message_id (or text) and label"
                )
            rows = list(reader)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV file in UTF-8: {error}") from None
    texts = [plain(row[key] or "") for row in rows]
    found = store.rows("patterns.resolve_texts", texts=sorted(set(texts)))
    pattern_of = {row["text"]: row["pattern_id"] for row in found}
    if key == "pattern_id":
        pattern_of = {text: text for text in texts}
    unmatched = sorted({text for text in texts if pattern_of.get(text) is None})
    by_annotator: dict[str, dict[str, tuple[str | None, datetime | None]]] = {}  # a later row wins
    for number, (row, text) in enumerate(zip(rows, texts, strict=True), start=2):
        if not (row["label"] or "").strip():
            raise InputError(f"{path}, line {number}: the label is empty")
        try:
            label = checked_name(plain(row["label"]))
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error}") from None
        at = _parse_time(row.get("at"), path, number)
        pattern = pattern_of.get(text)
        if pattern is not None:
            who = plain(row.get("annotator") or annotator)
            by_annotator.setdefault(who, {})[pattern] = (label, at)
    for who, answers in by_annotator.items():
        labels, times = map(list, zip(*answers.values(), strict=True))
        _append(store, list(answers), labels, times, "import", who, None)
    labelled = set().union(*by_annotator.values())
    return Imported(len(rows), len(labelled), unmatched)


def export_labels(store: Store, path: Path) -> int:
    """Write every labelled pattern, one of its messages each, as CSV; the number of rows.

    A cell a spreadsheet would run as a formula gets a leading apostrophe; import takes it off.
    """
    rows = store.rows("labels.export")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["message_id", "label", "annotator", "at", "text", "pattern_id"])
        for row in rows:
            cells = [row["message_id"], row["label"], row["annotator"]]
            at = row["labelled_at"].isoformat(timespec="seconds")
            writer.writerow(
                [*map(neutral, cells), at, neutral(row["canonical_text"]), row["pattern_id"]]
            )
    return len(rows)


def neutral(cell: str) -> str:
    """Text that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return "'" + cell if _FORMULA.match(cell) else cell


def plain(cell: str) -> str:
    """What ``neutral`` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _append(
    store: Store,
    pattern_ids: list[str],
    labels: list[str | None],
    times: Sequence[datetime | None],
    how: str,
    annotator: str,
    seen: int | None,
    group: str | None = None,
) -> str:
    group = group or uuid.uuid4().hex
    events = pa.table(
        {
            "event_id": [f"{group}-{i}" for i in range(len(pattern_ids))],
            "pattern_id": pa.array(pattern_ids, pa.string()),
            "label": pa.array(labels, pa.string()),
            "created_at": pa.array(times, pa.timestamp("us")),
        }
    )
    done = store.write(
        "labels.append",
        inputs={"in_events": events},
        group_id=group,
        how=how,
        annotator=annotator,
        seen=seen,
    )
    if seen is not None and done["overtaken"]:
        wanted = dict(zip(pattern_ids, labels, strict=True))
        rows = store.rows("labels.of_patterns", pattern_ids=pattern_ids)
        raise Overtaken(
            [
                row
                for row in rows
                if row["since"] > seen
                and row["annotator"] != annotator
                and row["label"] != wanted[row["pattern_id"]]
            ]
        )
    return group


def checked_name(label: str) -> str:
    """A label's name without space around it; InputError where it can be none."""
    name = label.strip()
    if not name or len(name) > MAX_LABEL_LENGTH or any(ord(c) < 32 for c in name):
        raise InputError(
            f"found the label {label[:60]!r}, expected 1 to {MAX_LABEL_LENGTH} characters "
            "on one line"
        )
    return name


def _parse_time(text: str | None, path: Path, number: int) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{path}, line {number}: found the time {text!r}, expected ISO 8601"
        ) from None
    return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at


def _write(
    store: Store, assigned: Assigned, labels: Labels, after: Propagation, least: float
) -> Settled:
    """Send every row: the store compares, in the transaction that also moves labels_seq on."""
    names = np.array([*labels.names, None], dtype=object)  # index -1 is None
    rows = pa.table(
        {
            "pattern_id": assigned.pattern_ids,
            "label": pa.array(names[after.label], pa.string()),
            "confidence": after.confidence.astype(float),
            "s_ood": after.s_ood.astype(float),
            "evidence": after.evidence.astype(float),
            "verdict": pa.array(after.verdict, pa.string()),
        }
    )
    done = store.write(
        "assignments.relabel",
        inputs={"in_relabelled": rows},
        version=assigned.version,
        seq=labels.seq,
        least=least,
    )
    return Settled(done["relabelled"], done["settled"], done["unsettled"], done["known"])

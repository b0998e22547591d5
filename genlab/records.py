"""The records that travel from stage to stage, one per noun of the data model."""

from datetime import datetime
from typing import Any, NamedTuple

SEVERITIES = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
VERDICTS = ("known", "unnamed", "between", "novel")


class Message(NamedTuple):
    """One received event."""

    message_id: str  # given by the source, else a hash of (file identity, position, text)
    source: str
    device: str | None
    severity: str | None  # one of SEVERITIES
    occurred_at: datetime | None  # UTC, naive; None where the message carries no time
    text: str
    pattern_id: str
    attributes: dict[str, Any]  # every field that has no column of its own


class Pattern(NamedTuple):
    """The canonical text that messages share."""

    pattern_id: str  # hash of canonical_text
    canonical_text: str
    sample_text: str


class Rejected(NamedTuple):
    """Input that could not become a message, and why: one row of `quarantine`."""

    source: str
    path: str
    position: int  # 1-based line (or record) number
    reason: str  # a short code, e.g. "not_json", "line_too_long", "binary"
    detail: str  # a sentence: found, expected, what to do
    raw: str  # the input, escaped and cut to at most 2,000 characters


class FilePosition(NamedTuple):
    """How far a file has been read: one row of `ingest_file`."""

    file_id: str  # stable identity of the file's content stream, survives renames
    source: str
    path: str
    head_hash: str  # hash of the first head_length bytes
    head_length: int
    offset: int  # bytes consumed
    lines: int  # lines consumed


class Batch(NamedTuple):
    """What one step of reading yields; written to the store in one transaction."""

    messages: list[Message]
    patterns: list[Pattern]  # of the messages of this batch, each once
    rejected: list[Rejected]
    position: FilePosition | None  # state after the batch; None for standard input
    lines: int  # lines (or records) of input this batch stands for, blank ones not counted


class Condition(NamedTuple):
    """What an alert rule can watch."""

    said: str  # with {} for the threshold
    unit: str  # of the threshold, "" for none


CONDITIONS = {
    "novel-group": Condition("a new group of novel messages", ""),
    "flagged-rate": Condition("more than {} flagged messages an hour", "messages per hour"),
    "back": Condition("something muted or resolved is back", ""),
    "known-share": Condition("less than {} % of a day's messages known", "percent"),
}

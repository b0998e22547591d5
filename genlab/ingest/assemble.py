"""Records of a format -> messages, patterns and rejected input, in batches."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from genlab.config import IngestSettings
from genlab.ingest.fields import Fault, Fields, IngestOptions, map_record
from genlab.ingest.masking import Masker, pattern_id
from genlab.ingest.structured import flaw, not_an_object
from genlab.records import Batch, FilePosition, Message, Pattern, Rejected

_MEMORY = 1 << 18
_RAW = 2000  # characters of rejected input that are kept
_EMPTY = Fault("empty_text", "found no text but blanks, expected at least one visible character")


def latest_time(settings: IngestSettings) -> datetime:
    """The latest time (naive UTC) that a message may carry now."""
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    return now + timedelta(hours=settings.max_future_hours)


class Assembler:
    """Collects the batch of one stream (a file, standard input, a request).

    A message's id is the given one, else 32 hex digits of BLAKE2b over (file_id, position, index
    within the line, text).  The last given ids are remembered (one to two times ``_MEMORY``, a hash
    each), so that a repeated one becomes visible.  ``latest`` answers the latest time allowed; it
    is asked again with every batch and by ``refresh``: a stream may last for months.
    """

    def __init__(
        self,
        source: str,
        path: str,
        file_id: str,
        masker: Masker,
        limit: int,
        latest: Callable[[], datetime],
    ) -> None:
        self.source, self.path = source, path
        self._limit = limit
        self._masker, self._latest_now = masker, latest
        self._hash = hashlib.blake2b(file_id.encode(), digest_size=16)
        self._given: set[int] = set()
        self._given_before: set[int] = set()
        self._start()

    def _start(self) -> None:
        self._messages: list[Message] = []
        self._patterns: dict[str, Pattern] = {}  # by canonical text
        self._rejected: list[Rejected] = []
        self.refresh()
        self.lines = 0

    def refresh(self) -> None:
        """Ask for the latest allowed time."""
        self.latest = self._latest_now()

    def add(self, results: Sequence[Fields | Fault], position: int, raw: str | bytes) -> None:
        """Take the records found at ``position`` (1-based line or record); ``raw``: the input."""
        for index, fields in enumerate(results):
            self.lines += 1
            fault = fields if isinstance(fields, Fault) else self._take(fields, position, index)
            if fault is not None:
                self._rejected.append(
                    Rejected(self.source, self.path, position, *fault, shown(raw))
                )

    def take(self, position: FilePosition | None) -> Batch:
        """The batch so far; a new one begins."""
        batch = Batch(
            self._messages, list(self._patterns.values()), self._rejected, position, self.lines
        )
        self._start()
        return batch

    def _take(self, fields: Fields, position: int, index: int) -> Fault | None:
        text, given, device, severity, when, attributes, canonical = fields
        if when is not None and when > self.latest:
            return Fault(
                "future_date",
                f"found the time {when.isoformat()}Z, expected one up to "
                f"{self.latest.isoformat()}Z; set the clock or zone of the sender, or raise "
                "ingest.max_future_hours",
            )
        if len(text) > self._limit:
            return too_long(len(text), self._limit)
        canonical = self._masker.mask(text) if canonical is None else " ".join(canonical.split())
        if not canonical or not text.strip():
            return _EMPTY
        if given is None:
            digest = self._hash.copy()
            digest.update(f"{position}.{index}\0{text}".encode())
            given = digest.hexdigest()
        elif self._repeated(given):
            return Fault(
                "duplicate_id",
                f"found the id {given[:200]!r} a second time in one file, expected each once; "
                "correct the sender or name another field with --id-field",
            )
        pattern = self._patterns.get(canonical)
        if pattern is None:
            pattern = Pattern(pattern_id(canonical), canonical, text)
            self._patterns[canonical] = pattern
        self._messages.append(
            Message(
                given,
                self.source,
                device,
                severity,
                when,
                text,
                pattern.pattern_id,
                attributes or {},
            )
        )
        return None

    def _repeated(self, given: str) -> bool:
        key = hash(given)
        if key in self._given or key in self._given_before:
            return True
        if len(self._given) >= _MEMORY:
            self._given, self._given_before = set(), self._given
        self._given.add(key)
        return False


def parse_records(
    records: Iterable[Any],
    source: str,
    options: IngestOptions,
    settings: IngestSettings,
    masker: Masker,
    stream: str = "",
) -> Batch:
    """Records that are already decoded (an HTTP request, rows of a frame) as one batch.

    Each is a mapping, by the same field mapping as a JSON line, or a str that is the text.
    ``stream`` is the identity of records without an id: the same stream, positions and texts give
    the same messages again.  Nothing raises: what is no message is in ``rejected``.
    """
    file_id = f"records\0{source}\0{stream}"
    limit, latest = settings.max_line_bytes, partial(latest_time, settings)
    assembler = Assembler(source, "-", file_id, masker, limit, latest)
    for position, record in enumerate(records, start=1):
        result: Fields | Fault
        if fault := flaw(record):
            result = fault
        elif isinstance(record, str):
            result = Fields(record)
        elif isinstance(record, Mapping):
            result = map_record(record, options)
        else:
            result = not_an_object(record)
        assembler.add((result,), position, str(record)[:_RAW])
    return assembler.take(None)


def too_long(length: int, limit: int) -> Fault:
    """The Fault of a line over the limit."""
    return Fault(
        "line_too_long",
        f"found {length:,} bytes in one text, expected at most {limit:,}; split it, or raise "
        "ingest.max_line_bytes",
    )


def shown(raw: str | bytes) -> str:
    """Input as it can be stored and shown: unprintable characters escaped, cut to 2,000."""
    if isinstance(raw, bytes):
        raw = raw[:_RAW].decode("utf-8", "backslashreplace")
    text = "".join(
        char if char.isprintable() or char == "\t" else char.encode("unicode_escape").decode()
        for char in raw[:_RAW]
    )
    return text[:_RAW]

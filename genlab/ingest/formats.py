"""Which format a file has, and the parser for it."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import PurePath
from typing import Any, Protocol

from genlab.ingest.fields import Fault, Fields, Format, IngestOptions
from genlab.ingest.plain import PlainParser
from genlab.ingest.structured import journal_record, json_record, otlp_request, parse_json_line
from genlab.ingest.syslog import is_syslog, parse_syslog
from genlab.ingest.table import TableParser, is_table

HEAD_LINES = 20  # lines that detection looks at


class Parser(Protocol):
    """Turns the lines of one file into records."""

    @property
    def pending(self) -> int:
        """Lines held back until their record is complete."""

    def __call__(self, line: str) -> Sequence[Fields | Fault]:
        """The records that this line completes."""

    def finish(self) -> Sequence[Fields | Fault]:
        """The records left at the end of the input."""


def detect(head: Sequence[str], path: str, options: IngestOptions) -> Format:
    """The format of a file by its first lines (blank ones left out) and its name's extension."""
    if options.format != "auto":
        return options.format
    lines = [line for line in head if line.strip()][:HEAD_LINES]
    suffix = PurePath(path.removesuffix(".gz")).suffix.lower()
    if suffix in (".csv", ".tsv"):
        return "csv"
    if not lines:
        return "text"
    objects = [record for line in lines if (record := _object(line)) is not None]
    if len(objects) * 2 > len(lines) or suffix in (".jsonl", ".ndjson"):
        keys = {key for record in objects for key in record}
        if keys & {"resourceLogs", "resource_logs"}:
            return "otlp"
        journal = {"__CURSOR", "__REALTIME_TIMESTAMP", "_HOSTNAME", "_BOOT_ID"}
        return "journal" if "MESSAGE" in keys and keys & journal else "jsonl"
    if sum(map(is_syslog, lines)) * 2 > len(lines):
        return "syslog"
    return "csv" if is_table(lines, options) else "text"


def make_parser(
    kind: Format,
    head: Sequence[str],
    options: IngestOptions,
    *,
    resumed: bool,
    latest: Callable[[], datetime],
    limit: int,
) -> Parser:
    """A parser for one file.

    ``head``: the file's first lines (a table's header is among them, also when reading is
    ``resumed`` behind it); ``latest``: answers the naive UTC that bounds times without a year;
    ``limit``: characters that a record over several lines may have.
    """
    if kind == "csv":
        header = next((line for line in head if line.strip()), "")
        return TableParser(header, options, skip_header=not resumed, limit=limit)
    if kind == "jsonl":
        convert = partial(json_record, options=options)
        return _Lines(partial(parse_json_line, convert=convert))
    if kind == "journal":
        entry = partial(journal_record, options=options)
        return _Lines(partial(parse_json_line, convert=entry))
    if kind == "otlp":
        return _Lines(partial(parse_json_line, convert=otlp_request))
    if kind == "syslog":
        return _Single(lambda line: parse_syslog(line, latest()))
    return _Single(PlainParser(latest))


class _Lines:
    """A parser whose records are lines."""

    pending = 0

    def __init__(self, parse: Callable[[str], Any]) -> None:
        self._parse = parse

    def __call__(self, line: str) -> Sequence[Fields | Fault]:
        return self._parse(line)

    def finish(self) -> Sequence[Fields | Fault]:
        return ()


class _Single(_Lines):
    """The same where every line is exactly one record."""

    def __call__(self, line: str) -> Sequence[Fields | Fault]:
        return (self._parse(line),)


def _object(line: str) -> dict[str, object] | None:
    if not line.lstrip().startswith("{"):
        return None
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None

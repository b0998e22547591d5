"""CSV with a header: comma, semicolon, tab or bar; quoted fields may hold line breaks."""

import csv
from collections.abc import Sequence

from genlab.ingest.fields import TEXT_FIELDS, Fault, Fields, IngestOptions, map_record

_DELIMITERS = ",;\t|"
_MOST_LINES = 1000  # that one record may span


def split_header(line: str) -> tuple[str, list[str]]:
    """(delimiter, column names) of a header line: the delimiter that gives most columns."""
    columns = {mark: _row(line, mark) or [line] for mark in _DELIMITERS}
    delimiter = max(_DELIMITERS, key=lambda mark: len(columns[mark]))
    return delimiter, [name.strip() for name in columns[delimiter]]


def is_table(lines: Sequence[str], options: IngestOptions) -> bool:
    """Whether the first line is a header with a text column and the others have its columns."""
    delimiter, names = split_header(lines[0])
    wanted = {options.text_field} if options.text_field else {name.lower() for name in TEXT_FIELDS}
    lowered = {name if options.text_field else name.lower() for name in names}
    if len(names) < 2 or not wanted & lowered:
        return False
    rows = [row for line in lines[1:] if (row := _row(line, delimiter))]
    return sum(len(row) == len(names) for row in rows) * 2 >= len(rows)


class TableParser:
    """Parses the lines of one table; a record whose quote is still open waits for more lines."""

    def __init__(self, header: str, options: IngestOptions, skip_header: bool, limit: int) -> None:
        self._delimiter, self._names = split_header(header)
        self._options = self._aliased(options)
        self._skip = skip_header  # the header line itself is still to come
        self._limit = limit  # characters one record may span
        self._open: list[str] = []
        self._length = 0

    @property
    def pending(self) -> int:
        """Lines that wait for the rest of their record."""
        return len(self._open)

    def __call__(self, line: str) -> Sequence[Fields | Fault]:
        """The record that ``line`` completes, or nothing yet."""
        if self._skip:
            self._skip = False
            return ()
        if not self._open and not line.strip():
            return ()
        self._open.append(line)
        self._length = self._length + len(line) + 1 if len(self._open) > 1 else len(line)
        fits = self._length <= self._limit and len(self._open) <= _MOST_LINES
        if len(self._open) > 1 and '"' not in line and fits:
            return ()  # only a quote can close a quote
        row = _row("\n".join(self._open), self._delimiter)
        if row is None:
            return () if fits else self._give_up()
        self._open.clear()
        return (self._convert(row),)

    def finish(self) -> Sequence[Fields | Fault]:
        """What is left when the input ends: a quote that never closed spoils its line only."""
        results: list[Fields | Fault] = []
        while self._open:
            results.extend(self._give_up())
        return results

    def _give_up(self) -> Sequence[Fields | Fault]:
        first, *others = self._open
        self._open.clear()
        results: list[Fields | Fault] = [
            Fault(
                "open_quote",
                f"found a quote that does not close within {self._limit} characters "
                f"({first[:60]!r}); double a quote inside a field",
            )
        ]
        for line in others:
            results.extend(self(line))
        return results

    def _convert(self, row: list[str]) -> Fields | Fault:
        if len(row) != len(self._names):
            return Fault(
                "wrong_columns",
                f"found {len(row)} columns, expected {len(self._names)} "
                f"({', '.join(self._names)[:300]}); quote fields that hold {self._delimiter!r}",
            )
        return map_record(dict(zip(self._names, row, strict=True)), self._options)

    def _aliased(self, options: IngestOptions) -> IngestOptions:
        """The usual text column is found in any case: Content, Message."""
        if options.text_field or set(TEXT_FIELDS) & set(self._names):
            return options
        lowered = {name.lower(): name for name in self._names}
        found = next((lowered[name] for name in TEXT_FIELDS if name in lowered), None)
        return IngestOptions(**{**vars(options), "text_field": found})


def _row(text: str, delimiter: str) -> list[str] | None:
    """The columns of one record, None while a quote is open."""
    if '"' not in text:
        return text.split(delimiter)
    *parts, last = text.split("\n")
    lines = [*(part + "\n" for part in parts), last]
    for strict in (True, False):  # a stray quote (5" pump) is no error outside of quotes
        try:
            rows = list(csv.reader(lines, delimiter=delimiter, strict=strict))
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                return None
        else:
            return rows[0] if len(rows) == 1 else None
    return text.split(delimiter)  # a carriage return on its own, which csv refuses

"""Reading: paths in, batches out; once, or on and on as files grow."""

import os
import select
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from genlab.config import IngestSettings
from genlab.ingest.assemble import Assembler, latest_time, too_long
from genlab.ingest.fields import Fault, IngestOptions
from genlab.ingest.files import (
    Ledger,
    Positions,
    Source,
    expand,
    new_file_id,
    printable,
    source_name,
)
from genlab.ingest.formats import HEAD_LINES, Parser, detect, make_parser
from genlab.ingest.lines import CHUNK, Line, split_lines
from genlab.ingest.masking import Masker
from genlab.records import Batch, FilePosition

FLUSH_SECONDS = 1.0  # partial batches appear this soon while following
POLL_SECONDS = 0.25
_DETECT_BYTES = 1 << 16
_REQUEST_LINES = 256  # an OTLP line holds many messages: it may be this many times longer
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_MAGIC = (b"\x1f\x8b", b"PK\x03\x04", b"\x7fELF", b"\x89PNG", b"LPKSHHRH", b"BZh", b"\xfd7zXZ")

_NUL = Fault("binary", "found NUL bytes, expected text; the line was torn or the file is binary")


def read(
    paths: Sequence[str],
    options: IngestOptions,
    settings: IngestSettings,
    masker: Masker,
    positions: Positions = lambda source: (),
    *,
    stdin: BinaryIO | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Batch]:
    """Read files, folders, globs and "-" (standard input) as batches of messages.

    ``positions(source)``: the FilePositions remembered of a source, asked for once per source.
    Each batch comes with the position after it: write both in one transaction.  A batch's
    ``lines`` always equals its messages plus its rejected ones.  With ``options.follow`` it
    goes on until ``stop()`` or an interrupt, and batches come about every second.

    An unterminated last line: read as it stands, or left until it is complete with ``follow``.
    When a line that was read so grows later, the whole line is read again as a further message.

    Raises InputError, before anything is read, for a path that does not exist.
    """
    files = expand(paths, options.follow)
    reader = _Reader(options, settings, masker, Ledger(positions), stop)
    if not options.follow:
        return reader.once(files, stdin or sys.stdin.buffer)
    if "-" in files:
        return reader.standard_input(stdin or sys.stdin.buffer)
    return reader.follow(paths)


class _Reader:
    def __init__(
        self,
        options: IngestOptions,
        settings: IngestSettings,
        masker: Masker,
        ledger: Ledger,
        stop: Callable[[], bool],
    ) -> None:
        self._options, self._settings, self._masker = options, settings, masker
        self._ledger, self._stop = ledger, stop
        self._latest = partial(latest_time, settings)

    def once(self, files: Iterable[str], stdin: BinaryIO) -> Iterator[Batch]:
        for path in files:
            if path == "-":
                yield from self.standard_input(stdin)
            else:
                yield from self._file_and_displaced(path)

    def follow(self, paths: Sequence[str]) -> Iterator[Batch]:
        seen: dict[str, tuple[int, int, int]] = {}
        while not self._stop():
            for path in expand(paths, follow=True):
                try:
                    stat = Path(path).stat()
                except OSError:
                    continue
                state = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
                if seen.get(path) != state:
                    yield from self._file_and_displaced(path)
                    seen[path] = state
            time.sleep(POLL_SECONDS)

    def standard_input(self, stream: BinaryIO) -> Iterator[Batch]:
        source = self._options.source or "stdin"
        chunks = _arriving(stream, self._stop)
        head = b""
        waiting = []
        for chunk in chunks:  # enough to recognise the format
            waiting.append(chunk)
            head += chunk
            if len(head) >= _DETECT_BYTES or (b"\n" in head and not chunk):
                break
        file_id = new_file_id(source, "-", head)
        assembler = Assembler(
            source, "-", file_id, self._masker, self._settings.max_line_bytes, self._latest
        )
        yield from self._batches(assembler, chain(waiting, chunks), head, None, None)

    def _file_and_displaced(self, path: str) -> Iterator[Batch]:
        source = self._options.source or source_name(printable(path))
        for moved in self._ledger.displaced(source, path):
            yield from self._file(source, moved)
        yield from self._file(source, path)

    def _file(self, source: str, path: str) -> Iterator[Batch]:
        try:
            with Source(path) as file:
                head = file.head(_DETECT_BYTES)
                if not head or (self._options.follow and b"\n" not in head):
                    return
                yield from self._open_file(file, self._ledger.locate(source, file), head)
        except FileNotFoundError:
            return  # gone since it was listed
        except (OSError, EOFError, zlib.error) as error:
            assembler = Assembler(
                source,
                printable(path),
                "",
                self._masker,
                self._settings.max_line_bytes,
                self._latest,
            )
            detail = f"cannot be read to its end: {error}; check the file and its permissions"
            assembler.add((Fault("unreadable", detail),), 0, b"")
            yield assembler.take(None)

    def _open_file(self, file: Source, at: FilePosition, head: bytes) -> Iterator[Batch]:
        assembler = Assembler(
            at.source,
            file.path,
            at.file_id,
            self._masker,
            self._settings.max_line_bytes,
            self._latest,
        )
        if fault := _not_text(head):
            yield from self._skip_file(assembler, fault, file, at)
            return
        going_on = self._unfinished_line(file, at)
        if going_on is not None:
            chunks = file.chunks(going_on.offset)
            yield from self._batches(assembler, chunks, head, going_on, file)

    def _skip_file(
        self, assembler: Assembler, fault: Fault, file: Source, at: FilePosition
    ) -> Iterator[Batch]:
        """One rejection stands for a file that is no text; it is not looked at again."""
        if at.offset:
            return
        size = sum(map(len, file.chunks(0)))
        assembler.add((fault,), 0, file.head(200))
        yield self._take(assembler, at, (size, 0), file)[1]

    def _unfinished_line(self, file: Source, at: FilePosition) -> FilePosition | None:
        """Step back to the start of a line that was read before it was complete and has grown."""
        if not at.offset:
            return at
        limit = self._settings.max_line_bytes
        before, following = file.around(at.offset)
        if not following:
            return None
        if before == b"\n":
            return at
        if following == b"\n":  # only the line end was missing
            return at._replace(offset=at.offset + 1)
        start = file.line_start(at.offset, limit)
        return at._replace(offset=start, lines=at.lines - 1) if start < at.offset else at

    def _batches(
        self,
        assembler: Assembler,
        chunks: Iterable[bytes],
        head: bytes,
        at: FilePosition | None,
        file: Source | None,
    ) -> Iterator[Batch]:
        settings, follow = self._settings, self._options.follow
        lines = _text_lines(head)
        kind = detect(lines, assembler.path, self._options)
        limit = settings.max_line_bytes * (_REQUEST_LINES if kind == "otlp" else 1)
        offset, number = (at.offset, at.lines) if at else (0, 0)
        parser = make_parser(
            kind,
            lines,
            self._options,
            resumed=number > 0,
            latest=lambda: assembler.latest,
            limit=limit,
        )
        read = done = (offset, number)  # all that was read; behind the last whole record
        flushed = time.monotonic()
        for line in split_lines(chunks, offset, limit):
            if line is not None and (line.complete or not (follow and file)):
                number += 1
                _add_line(assembler, parser, line, number, limit)
                read = (line.end, number)
                if not parser.pending:
                    done = read
                if assembler.lines < settings.batch_lines:
                    continue
            elif line is not None or time.monotonic() - flushed < FLUSH_SECONDS:
                continue
            if assembler.lines:
                at, batch = self._take(assembler, at, done, file)
                yield batch
            assembler.refresh()
            flushed = time.monotonic()
        if not (follow and file):
            assembler.add(parser.finish(), number, b"")
            done = read
        if assembler.lines or (at and done[0] > at.offset):
            yield self._take(assembler, at, done, file)[1]

    def _take(
        self,
        assembler: Assembler,
        at: FilePosition | None,
        done: tuple[int, int],
        file: Source | None,
    ) -> tuple[FilePosition | None, Batch]:
        if at is None or file is None:
            return None, assembler.take(None)
        at = file.mark(at, *done)
        self._ledger.update(at)
        return at, assembler.take(at)


def _add_line(assembler: Assembler, parser: Parser, line: Line, number: int, limit: int) -> None:
    data = line.data
    if line.length > limit:
        assembler.add((too_long(line.length, limit),), number, data)
        return
    if number == 1:
        data = data.removeprefix(_BOM)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        detail = f"found bytes that are not UTF-8 ({error.reason} at byte {error.start})"
        fault = Fault("broken_encoding", f"{detail}; convert the file with iconv -t UTF-8")
        assembler.add((fault,), number, data)
        return
    if "\0" in text:
        assembler.add((_NUL,), number, data)
    elif parser.pending or (text and not text.isspace()):
        assembler.add(parser(text), number, data)


def _not_text(head: bytes) -> Fault | None:
    """Whether a file as a whole is nothing that lines can be read from."""
    if head.startswith(_UTF16):
        return Fault(
            "utf16", "found a UTF-16 file, expected UTF-8; convert it with iconv -f UTF-16 -t UTF-8"
        )
    if head.startswith(_MAGIC):
        return Fault(
            "binary_file",
            f"found a binary file (first bytes {head[:4]!r}), expected text; unpack or export it",
        )
    return None


def _text_lines(head: bytes) -> list[str]:
    lines = head.removeprefix(_BOM).split(b"\n", 10 * HEAD_LINES)
    return [line.rstrip(b"\r").decode("utf-8", "replace") for line in lines]


def _arriving(stream: BinaryIO, stop: Callable[[], bool]) -> Iterator[bytes]:
    """What comes in, as it comes; an empty chunk whenever nothing came for a while."""
    try:
        descriptor = stream.fileno()
    except (OSError, AttributeError):  # not a real file: a buffer
        yield from iter(partial(stream.read, CHUNK), b"")
        return
    while not stop():
        if not select.select([descriptor], [], [], POLL_SECONDS)[0]:
            yield b""
        elif chunk := os.read(descriptor, CHUNK):
            yield chunk
        else:
            return

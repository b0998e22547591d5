"""Files on disk: which ones are meant, their bytes, and where reading goes on.

Identity.  A file is (source, real path, first line, generation).  The path keeps two files with the
same lines apart, the first line tells a new content under an old name, and the generation counts
contents under one name that begin alike.  It needs nothing remembered, so two runs without memory
give the same ids.  What is remembered (FilePosition) adds the rest: a file goes on at its offset
when its first bytes, and the last ones that were read, are still the same; a remembered content
that is gone from its old path and turns up under a new one (app.log -> app.log.1) keeps its
identity.  Where the evidence for that is thin (short head, unrelated name) the file counts as new:
better a message twice than one lost.
"""

import gzip
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import IO, cast

from genlab.errors import InputError
from genlab.ingest.lines import CHUNK
from genlab.records import FilePosition

HEAD_BYTES = 4096  # compared to recognise a content
_FIRST_LINE = 1024  # bytes of the first line that identify a file
_TAIL_BYTES = 256
_HASH = 16  # hex digits
_SURE_HEAD = 1024  # a head of this length alone proves a renamed file

_ROTATED = re.compile(r"(?:\.\d{1,14}|-\d{6,14}|[.-]\d{4}-\d\d-\d\d|\.old|\.bak)+$")
_DATED = re.compile(r"(?:\.\d{1,4}|[._-]\d{6,14}|[._-]\d{4}-\d\d-\d\d)$")

Positions = Callable[[str], Iterable[FilePosition]]


def expand(paths: Sequence[str], follow: bool) -> list[str]:
    """Real paths of the files meant, each once: files, folders (recursive), globs; "-" stays.

    Names that begin with a dot are skipped inside folders.  Raises InputError for a path that does
    not exist and, without ``follow``, for a glob that matches nothing.
    """
    found: dict[str, None] = {}
    for path in paths:
        if path == "-":
            found["-"] = None
        elif Path(path).is_dir():
            found.update(dict.fromkeys(_walk(Path(path))))
        elif Path(path).exists():
            found[os.path.realpath(path)] = None
        elif has_magic(path):
            matches = sorted(glob(path, recursive=True))  # noqa: PTH207 (absolute patterns)
            if not matches and not follow:
                raise InputError(f"{path}: no file matches; check the pattern and the folder")
            for match in matches:
                inside = _walk(Path(match)) if Path(match).is_dir() else [os.path.realpath(match)]
                found.update(dict.fromkeys(inside))
        else:
            raise InputError(f"{path}: no such file or folder; check the path")
    return list(found)


def _walk(folder: Path) -> list[str]:
    files = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files += [os.path.realpath(Path(parent, n)) for n in sorted(names) if n[0] != "."]
    return files


class Source:
    """An open file: its head, its size where known, its bytes from an offset on."""

    def __init__(self, path: str) -> None:
        self.path = printable(path)
        self._packed = path.endswith(".gz")
        opened = gzip.open(path) if self._packed else Path(path).open("rb")  # noqa: SIM115
        self._file = cast(IO[bytes], opened)
        self._head = b""
        self._hashes: dict[int, str] = {}

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()

    def head(self, length: int = HEAD_BYTES) -> bytes:
        """The first bytes (of the unpacked content)."""
        if length > len(self._head):
            self._file.seek(0)
            self._head = self._file.read(length)
        return self._head[:length]

    def reaches(self, offset: int) -> bool:
        """Whether the content is at least ``offset`` bytes long."""
        if self._packed:
            return self._file.seek(offset) >= offset
        return os.fstat(self._file.fileno()).st_size >= offset

    def holds(self, position: FilePosition) -> bool:
        """Whether this is the content that ``position`` remembers (perhaps grown)."""
        length, head = position.head_length, position.head_hash[:_HASH]
        if length not in self._hashes:
            self._hashes[length] = hash_bytes(self.head(length))
        if self._hashes[length] != head or not self.reaches(position.offset):
            return False
        tail = position.head_hash[_HASH:]
        return not tail or hash_bytes(self._tail(position.offset)) == tail

    def mark(self, at: FilePosition, offset: int, lines: int) -> FilePosition:
        """The position ``at`` moved on to ``offset`` and ``lines``, with what recognises it.

        ``head_hash`` is the hash of the first ``head_length`` bytes, all of them read already,
        and, but for .gz, that of the last bytes before ``offset``: heads may be alike.
        """
        length = min(HEAD_BYTES, offset)
        head = at.head_hash[:_HASH]
        if at.head_length < length:
            head = hash_bytes(self.head(length))
        tail = "" if self._packed else hash_bytes(self._tail(offset))  # .gz seeks back slowly
        return at._replace(
            offset=offset,
            lines=lines,
            head_hash=head + tail,
            head_length=max(length, at.head_length),
        )

    def _tail(self, offset: int) -> bytes:
        start = max(0, offset - _TAIL_BYTES)
        self._file.seek(start)
        return self._file.read(offset - start)

    def around(self, offset: int) -> tuple[bytes, bytes]:
        """The bytes before and behind ``offset`` (1 or more); the second is empty at the end."""
        self._file.seek(offset - 1)
        pair = self._file.read(2)
        return pair[:1], pair[1:]

    def line_start(self, offset: int, limit: int) -> int:
        """The offset where the line begins that ends at ``offset``; ``offset`` if it is too far."""
        start = max(0, offset - limit)
        self._file.seek(start)
        at = self._file.read(offset - start).rfind(b"\n")
        return start + at + 1 if at >= 0 else (0 if start == 0 else offset)

    def chunks(self, offset: int) -> Iterator[bytes]:
        """The bytes from ``offset`` on; the other methods may be called between two chunks."""
        while True:
            if self._file.tell() != offset:
                self._file.seek(offset)
            if not (chunk := self._file.read(CHUNK)):
                return
            offset += len(chunk)
            yield chunk


def printable(path: str) -> str:
    """The path as it is stored and shown: bytes of a name that are not UTF-8 are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def hash_bytes(content: bytes) -> str:
    """16 hex digits of BLAKE2b."""
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def new_file_id(source: str, path: str, head: bytes, generation: int = 0) -> str:
    """32 hex digits: the identity of a content stream, see the head of this module."""
    first = head[:_FIRST_LINE].split(b"\n", 1)[0].rstrip(b"\r")
    parts = [os.fsencode(source), os.fsencode(path), b"%d" % generation, first]
    return hashlib.blake2b(b"\0".join(parts), digest_size=16).hexdigest()


class Ledger:
    """What is remembered of every file of every source, kept current while reading goes on."""

    def __init__(self, positions: Positions) -> None:
        self._load = positions
        self._known: dict[str, dict[str, FilePosition]] = {}

    def of(self, source: str) -> dict[str, FilePosition]:
        """file_id -> position of one source."""
        if source not in self._known:
            self._known[source] = {p.file_id: p for p in self._load(source)}
        return self._known[source]

    def update(self, position: FilePosition) -> None:
        """Remember a position."""
        self.of(position.source)[position.file_id] = position

    def locate(self, source: str, file: Source) -> FilePosition:
        """Where to go on in an open file: a remembered position, or the start of a new one."""
        known = self.of(source)
        here = [p for p in known.values() if p.path == file.path and file.holds(p)]
        if here:
            return max(here, key=lambda p: p.offset)
        elsewhere = [p for p in known.values() if p.path != file.path and p.head_length > 0]
        for position in sorted(elsewhere, key=lambda p: -p.offset):
            sure = position.head_length >= _SURE_HEAD or _related(position.path, file.path)
            if sure and file.holds(position) and not _still_there(position):
                return position._replace(path=file.path)
        head = file.head()
        generation = 0
        while (file_id := new_file_id(source, file.path, head, generation)) in known:
            generation += 1
        return FilePosition(file_id, source, file.path, hash_bytes(b""), 0, 0, 0)

    def displaced(self, source: str, path: str) -> list[str]:
        """Files beside ``path`` that hold a content remembered under ``path``, which moved there.

        So the last lines before a rotation are read though only ``path`` was asked for.
        """
        moved = [
            p for p in self.of(source).values() if p.path == printable(path) and not _still_there(p)
        ]
        if not moved:
            return []
        beside = sorted(str(p) for p in Path(path).parent.iterdir() if _related(path, str(p)))
        return [p for p in beside if any(_holds(p, position) for position in moved)]


def _related(old: str, new: str) -> bool:
    """Whether rotation makes the one name of the other: app.log, app.log.1, app-20260131.log.gz."""
    old_path, new_path = Path(old), Path(new)
    return (
        old != new
        and old_path.parent == new_path.parent
        and source_name(old_path.name) == source_name(new_path.name)
    )


def source_name(path: str) -> str:
    """The file's name without extension and without what rotation adds: app for app.log.2.gz."""
    name = Path(path).name
    kept = _ROTATED.sub("", name.removesuffix(".gz")) or name
    return _DATED.sub("", Path(kept).stem) or Path(kept).stem


def _still_there(position: FilePosition) -> bool:
    return _holds(position.path, position)


def _holds(path: str, position: FilePosition) -> bool:
    try:
        with Source(path) as file:
            return file.holds(position)
    except (OSError, EOFError):
        return False

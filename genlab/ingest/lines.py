"""Bytes -> lines, in bounded memory however long a line is."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

CHUNK = 1 << 18
KEPT = 2000  # bytes of an overlong line that stay, to show what it was


class Line(NamedTuple):
    """One line of input."""

    data: bytes  # without its line end; of an overlong line the first bytes only
    end: int  # offset behind the line end
    length: int  # bytes of the whole line
    complete: bool  # whether a line end was there


def split_lines(chunks: Iterable[bytes], start: int, limit: int) -> Iterator[Line | None]:
    """Split at LF and drop CR before it.  ``start``: offset of the first chunk.

    At most ``limit`` bytes of a line are held; of a longer one ``data`` has the first KEPT bytes
    while ``length`` counts all.  An empty chunk means "nothing at present" and yields None.
    """
    held = b""  # the unfinished line, or its first KEPT bytes when `dropped`
    dropped = 0
    end = start
    for chunk in chunks:
        if not chunk:
            yield None
            continue
        first, *rest = chunk.split(b"\n")
        if not rest:
            held, dropped = _hold(held, first, dropped, limit)
            continue
        last = rest.pop()
        held, dropped = _hold(held, first, dropped, limit)
        end += len(held) + dropped + 1
        yield Line(held.rstrip(b"\r"), end, len(held) + dropped, True)
        for data in rest:
            length = len(data)
            end += length + 1
            if length > limit:
                data = data[:KEPT]
            yield Line(data.rstrip(b"\r"), end, length, True)
        held, dropped = _hold(b"", last, 0, limit)
    if held or dropped:
        end += len(held) + dropped
        yield Line(held.rstrip(b"\r"), end, len(held) + dropped, False)


def _hold(held: bytes, more: bytes, dropped: int, limit: int) -> tuple[bytes, int]:
    if dropped:
        return held, dropped + len(more)
    if len(held) + len(more) <= limit:
        return held + more if held else more, 0
    joined = held + more
    return joined[:KEPT], len(joined) - len(joined[:KEPT])

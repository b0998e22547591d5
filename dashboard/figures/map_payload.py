"""The map's binary body: what the map routes send and dashboard/assets/map_data.js reads.

Layout, little-endian: ``uint32`` header length H | H bytes of JSON, padded with spaces | blocks.
4 + H and every block start are multiples of 8.  The header holds ``format`` ("genlab-map/1"),
``kind`` ("points", "category", "continuous"), ``count`` and ``blocks``: a list of {name, type,
offset (bytes after the header), length (elements; bytes for json)}; type is one of f4, u1, u2,
json.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from genlab.errors import InputError

FORMAT = "genlab-map/1"
NO_CATEGORY = 65535
"""The index of a pattern without a category: drawn grey."""


class CategoryColours(NamedTuple):
    """One colour per pattern out of a palette."""

    category: np.ndarray  # (N,) integers: position in names, or NO_CATEGORY (also any negative)
    names: Sequence[str]
    palette: Sequence[str]  # "#rrggbb", one per name
    name: str = ""  # what the colours mean, over the legend
    shown: np.ndarray | None = None  # (N,) bool: what a filter leaves; None: everything


class ValueColours(NamedTuple):
    """One value per pattern on a colour scale."""

    value: np.ndarray  # (N,) floats; NaN is unknown: drawn grey
    scale: Sequence[str]  # at least two "#rrggbb", from low to high
    low: float
    high: float
    name: str = ""
    unit: str = ""
    shown: np.ndarray | None = None


def encode_points(
    x: np.ndarray,
    y: np.ndarray,
    size: np.ndarray,
    ids: Sequence[str],
    texts: Sequence[str] | None = None,
) -> bytes:
    """Positions (N,), message counts (N,), pattern ids and, for the tooltip, texts.

    Raises InputError for lengths that differ or positions that are not finite.
    """
    arrays = {"x": _floats(x), "y": _floats(y), "size": _floats(size)}
    blocks: dict[str, Any] = {**arrays, "ids": list(ids)}
    if texts is not None:
        blocks["texts"] = list(texts)
    count = len(blocks["ids"])
    for name, block in blocks.items():
        if len(block) != count:
            raise InputError(
                f"map points: found {len(block)} of {name} for {count} ids; send one for each"
            )
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise InputError(
                f"map points: found {int((~np.isfinite(array)).sum())} values of {name} that are "
                "not finite; leave patterns without a map position out"
            )
    return _pack({"kind": "points", "count": count}, blocks)


def encode_colours(colours: CategoryColours | ValueColours) -> bytes:
    """The colours alone, in the order of the points: a recolouring sends nothing else."""
    blocks: dict[str, Any] = {}
    if isinstance(colours, CategoryColours):
        names, palette = list(colours.names), list(colours.palette)
        if len(names) != len(palette):
            raise InputError(
                f"map colours: found {len(palette)} colours for {len(names)} names; "
                "expected one each"
            )
        if len(names) >= NO_CATEGORY:
            raise InputError(f"map colours: {len(names)} names, at most {NO_CATEGORY - 1} fit")
        index = np.asarray(colours.category, dtype=np.int64)
        known = (index >= 0) & (index < len(names))
        blocks["index"] = np.where(known, index, NO_CATEGORY).astype("<u2")
        header: dict[str, Any] = {"kind": "category", "names": names, "palette": palette}
    else:
        if len(colours.scale) < 2:
            raise InputError(f"map colours: a scale of {len(colours.scale)} colours, expected 2")
        if not np.isfinite([colours.low, colours.high]).all():
            raise InputError(
                f"map colours: a range of {colours.low} to {colours.high}, expected finite numbers"
            )
        blocks["value"] = _floats(colours.value)
        header = {
            "kind": "continuous",
            "scale": list(colours.scale),
            "min": float(colours.low),
            "max": float(colours.high),
            "unit": colours.unit,
        }
    count = len(next(iter(blocks.values())))
    if colours.shown is not None:
        if len(colours.shown) != count:
            raise InputError(
                f"map colours: a filter of {len(colours.shown)} for {count} patterns; "
                "expected one each"
            )
        blocks["shown"] = np.asarray(colours.shown, dtype=bool).astype("<u1")
    return _pack({**header, "name": colours.name, "count": count}, blocks)


def _floats(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, dtype="<f4")


def _pack(header: Mapping[str, Any], blocks: Mapping[str, Any]) -> bytes:
    described: list[dict[str, Any]] = []
    bodies: list[bytes] = []
    offset = 0
    for name, block in blocks.items():
        if isinstance(block, np.ndarray):
            kind, body, length = block.dtype.str[1:], block.tobytes(), len(block)
        else:
            body = json.dumps(block, ensure_ascii=False).encode("utf-8", "replace")
            kind, length = "json", len(body)
        body += b"\0" * (-len(body) % 8)
        described.append({"name": name, "type": kind, "offset": offset, "length": length})
        bodies.append(body)
        offset += len(body)
    head = json.dumps({"format": FORMAT, **header, "blocks": described}).encode()
    head += b" " * (-(4 + len(head)) % 8)
    return b"".join([len(head).to_bytes(4, "little"), head, *bodies])

"""Between arrays and Arrow columns."""

import json
from typing import Any

import numpy as np
import pyarrow as pa

from genlab.records import Batch, FilePosition, Rejected


def list_column(matrix: np.ndarray) -> pa.ListArray:
    """(N, M) -> a column of N lists of M numbers, without a copy of the values."""
    n, m = matrix.shape
    offsets = pa.array(np.arange(0, (n + 1) * m, m) if m else np.zeros(n + 1), pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.array(np.ascontiguousarray(matrix).reshape(-1)))


def text_lists(matrix: np.ndarray) -> pa.ListArray:
    """(N, M) of strings -> a column of N lists of M strings."""
    n, m = matrix.shape
    offsets = pa.array(np.arange(0, (n + 1) * m, m) if m else np.zeros(n + 1), pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.array(matrix.reshape(-1), pa.string()))


def matrix(column: pa.ChunkedArray) -> np.ndarray:
    """A column of N lists of one length M -> (N, M); (0, 0) for an empty column."""
    lists = column.combine_chunks()
    if len(lists) == 0:
        return np.zeros((0, 0), np.float32)
    return lists.flatten().to_numpy(zero_copy_only=False).reshape(len(lists), -1)


def ragged(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """A column of N lists -> (values flat, row starts (N + 1,))."""
    lists = column.combine_chunks()
    values = lists.flatten().to_numpy(zero_copy_only=False)
    lengths = lists.value_lengths().to_numpy(zero_copy_only=False)
    return values, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def strings(column: pa.ChunkedArray) -> np.ndarray:
    """A string column -> (N,) objects, None where NULL."""
    return column.to_numpy(zero_copy_only=False)


_MESSAGE = pa.schema(
    [
        ("message_id", pa.string()),
        ("source", pa.string()),
        ("device", pa.string()),
        ("severity", pa.string()),
        ("occurred_at", pa.timestamp("us")),
        ("text", pa.string()),
        ("pattern_id", pa.string()),
        ("attributes", pa.string()),
    ]
)
_PATTERN = pa.schema(
    [(name, pa.string()) for name in ("pattern_id", "canonical_text", "sample_text")]
)
_REJECTED = pa.schema(
    [
        ("file_id", pa.string()),
        ("source", pa.string()),
        ("path", pa.string()),
        ("position", pa.int64()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("raw", pa.string()),
    ]
)
_POSITION = pa.schema(
    [
        ("file_id", pa.string()),
        ("source", pa.string()),
        ("path", pa.string()),
        ("head_hash", pa.string()),
        ("head_length", pa.int64()),
        ("offset", pa.int64()),
        ("lines", pa.int64()),
    ]
)


def batch_tables(batch: Batch) -> dict[str, pa.Table]:
    """The inputs of ``messages.ingest_batch``."""
    columns: list[Any] = list(zip(*batch.messages, strict=True)) or [[]] * 8
    ids, source, device, severity, occurred, text, pattern, attributes = columns
    return {
        "in_messages": pa.table(
            [
                ids,
                source,
                device,
                severity,
                pa.array(occurred, pa.timestamp("us")),
                text,
                pattern,
                [json.dumps(a, default=str) if a else None for a in attributes],
            ],
            schema=_MESSAGE,
        ),
        "in_patterns": pa.table(
            [list(column) for column in zip(*batch.patterns, strict=True)] or [[]] * 3,
            schema=_PATTERN,
        ),
        "in_rejected": pa.Table.from_pylist(
            [{**r._asdict(), "file_id": _stream(r, batch.position)} for r in batch.rejected],
            schema=_REJECTED,
        ),
        "in_position": pa.Table.from_pylist(
            [batch.position._asdict()] if batch.position else [], schema=_POSITION
        ),
    }


def _stream(rejected: Rejected, position: FilePosition | None) -> str:
    """What a position counts in: a file's content, else all that comes by this source and path."""
    return position.file_id if position else f"{rejected.source}:{rejected.path}"

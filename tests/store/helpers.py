"""Batches for store tests, made by hand so that the store is tested without ingest."""

import json
from collections.abc import Mapping, Sequence

import pyarrow as pa

MESSAGE = pa.schema(
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
PATTERN = pa.schema(
    [("pattern_id", pa.string()), ("canonical_text", pa.string()), ("sample_text", pa.string())]
)
REJECTED = pa.schema(
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
POSITION = pa.schema(
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


def batch(texts: Sequence[str], start: int = 0) -> dict[str, pa.Table]:
    """Inputs of messages.ingest_batch: one message per text, the text being its own pattern."""
    messages = [
        {
            "message_id": f"m{start + i}",
            "source": "test",
            "text": text,
            "pattern_id": f"p-{text}",
            "attributes": json.dumps({"i": i}),
        }
        for i, text in enumerate(texts)
    ]
    patterns = [
        {"pattern_id": f"p-{text}", "canonical_text": text, "sample_text": text}
        for text in dict.fromkeys(texts)
    ]
    return {
        "in_messages": pa.Table.from_pylist(messages, schema=MESSAGE),
        "in_patterns": pa.Table.from_pylist(patterns, schema=PATTERN),
        "in_rejected": REJECTED.empty_table(),
        "in_position": POSITION.empty_table(),
    }


def events(labels: Mapping[str, str | None], prefix: str = "e") -> dict[str, pa.Table]:
    """Inputs of labels.append: pattern id -> label (None clears)."""
    return {
        "in_events": pa.table(
            {
                "event_id": pa.array([f"{prefix}-{p}" for p in labels], pa.string()),
                "pattern_id": pa.array(list(labels), pa.string()),
                "label": pa.array(list(labels.values()), pa.string()),
                "created_at": pa.array([None] * len(labels), pa.timestamp("us")),
            }
        )
    }

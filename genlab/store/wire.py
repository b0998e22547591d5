"""How requests travel: a JSON header and, for writes, Arrow tables behind it."""

import json
import struct
from collections.abc import Mapping
from typing import Any

import pyarrow as pa


def encode_request(
    name: str,
    params: Mapping[str, Any],
    inputs: Mapping[str, pa.Table] | None = None,
    key: str | None = None,
) -> bytes:
    """Little-endian header length (4 bytes), JSON header, then one IPC stream per input."""
    streams = []
    for alias, table in (inputs or {}).items():
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        streams.append((alias, sink.getvalue()))
    header = json.dumps(
        {
            "name": name,
            "params": dict(params),
            "key": key,
            "inputs": [[alias, stream.size] for alias, stream in streams],
        },
        default=_plain,
    ).encode()
    return b"".join([struct.pack("<I", len(header)), header, *(bytes(s) for _, s in streams)])


def decode_request(
    body: pa.Buffer | bytes,
) -> tuple[str, dict[str, Any], dict[str, pa.Table], str | None]:
    """The name, parameters, inputs and key of a request."""
    view = memoryview(body)
    (length,) = struct.unpack("<I", view[:4])
    header = json.loads(bytes(view[4 : 4 + length]))
    at = 4 + length
    inputs = {}
    for alias, size in header["inputs"]:
        with pa.ipc.open_stream(pa.py_buffer(view[at : at + size])) as reader:
            inputs[alias] = reader.read_all()
        at += size
    return header["name"], header["params"], inputs, header["key"]


def _plain(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a parameter of type {type(value).__name__} cannot be sent")

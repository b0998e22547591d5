"""Messages that came in one request, rather than from a file: the same stage of ingest."""

from collections import Counter
from functools import partial
from typing import Any, NamedTuple

from genlab.config import IngestSettings
from genlab.ingest import Fault, IngestOptions, load_masker, parse_records
from genlab.ingest.assemble import Assembler, latest_time
from genlab.ingest.masking import Masker
from genlab.ingest.structured import json_record, parse_json_line
from genlab.pipeline.tables import batch_tables
from genlab.records import Batch, Rejected
from genlab.store import Store


class Received(NamedTuple):
    """What one request brought."""

    lines: int  # messages read, blank lines not counted
    messages: int  # stored, not known before
    patterns: int  # new
    quarantined: int  # refused
    reasons: dict[str, int]  # refused ones by reason
    refused: list[Rejected]  # all of them but those whose id the store had for another message


def receive(
    store: Store,
    content: list[Any] | bytes,
    options: IngestOptions,
    settings: IngestSettings,
    request_id: str,
) -> Received:
    """Store the messages of a decoded JSON list, or of JSON lines, in one transaction.

    ``request_id`` is the identity of messages without an id: the same request again adds nothing,
    another one that says the same is another event.
    """
    masker = load_masker(settings, store.workspace.folder)
    source = options.source or "api"
    if isinstance(content, bytes):
        batch = _lines(content, source, options, settings, masker, request_id)
    else:
        batch = parse_records(content, source, options, settings, masker, request_id)
    place = f"request {request_id}"
    batch = batch._replace(rejected=[each._replace(path=place) for each in batch.rejected])
    done = store.write("messages.ingest_batch", inputs=batch_tables(batch), key=request_id)
    reasons = Counter(each.reason for each in batch.rejected)
    clashes = done["rejected"] - len(batch.rejected)
    if clashes > 0:
        reasons["duplicate_id"] += clashes
    return Received(
        batch.lines,
        done["messages"],
        done["patterns"],
        done["rejected"],
        dict(reasons),
        batch.rejected,
    )


def _lines(
    content: bytes,
    source: str,
    options: IngestOptions,
    settings: IngestSettings,
    masker: Masker,
    request_id: str,
) -> Batch:
    stream = f"records\0{source}\0{request_id}"
    assembler = Assembler(
        source, "-", stream, masker, settings.max_line_bytes, partial(latest_time, settings)
    )
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            found = parse_json_line(line.decode(), lambda record: json_record(record, options))
        except UnicodeDecodeError as error:
            detail = f"found bytes that are not UTF-8 ({error.reason} at byte {error.start})"
            found = (Fault("broken_encoding", f"{detail}; send UTF-8"),)
        assembler.add(found, number, line)
    return assembler.take(None)

"""Files and streams -> messages, patterns, quarantine."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from genlab.config import IngestSettings
from genlab.ingest import IngestOptions, load_masker, read
from genlab.pipeline.tables import batch_tables
from genlab.records import FilePosition
from genlab.store import Store


class Ingested(NamedTuple):
    """What one run of ingest did."""

    lines: int  # lines (or records) read, blank ones not counted
    messages: int  # stored, not known before
    patterns: int  # new
    quarantined: int  # refused, not known before


def ingest(
    store: Store,
    paths: Sequence[str],
    options: IngestOptions,
    settings: IngestSettings,
    progress: Callable[[Ingested], None] = lambda total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Ingested:
    """Read ``paths`` (files, folders, globs, "-") into the store, one transaction a batch.

    Reading again what was read adds nothing.  ``progress`` is called after every batch; when
    ``should_stop`` says yes the run ends after the batch at hand.
    """
    masker = load_masker(settings, store.workspace.folder)

    def positions(source: str) -> list[FilePosition]:
        return [FilePosition(**row) for row in store.rows("messages.file_positions", source=source)]

    total = Ingested(0, 0, 0, 0)
    for batch in read(paths, options, settings, masker, positions, stop=should_stop):
        done = store.write("messages.ingest_batch", inputs=batch_tables(batch))
        total = Ingested(
            total.lines + batch.lines,
            total.messages + done["messages"],
            total.patterns + done["patterns"],
            total.quarantined + done["rejected"],
        )
        progress(total)
        if should_stop():
            break
    return total

"""Patterns -> embeddings, each pattern once per encoder version."""

from collections.abc import Callable

import pyarrow as pa

from genlab.encoders import Encoder
from genlab.pipeline.tables import list_column
from genlab.store import Store


def embed(
    store: Store,
    encoder: Encoder,
    chunk: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> int:
    """Embed the patterns this encoder version has not embedded; how many.

    Written every ``chunk`` patterns, so that a run that was stopped goes on where it was.
    """
    missing = store.read("embeddings.missing", encoder_version=encoder.version)
    total = missing.num_rows
    done = 0
    for start in range(0, total, chunk):
        if should_stop():
            break
        part = missing.slice(start, chunk)
        vectors = encoder.encode(
            part["canonical_text"].to_pylist(),
            progress=_from(start, total, progress),
        )
        store.write(
            "embeddings.add",
            inputs={
                "in_vectors": pa.table(
                    {"pattern_id": part["pattern_id"], "vector": list_column(vectors)}
                )
            },
            encoder_version=encoder.version,
            name=encoder.name,
            dimension=encoder.dimension,
        )
        done += part.num_rows
        progress(done, total)
    return done


def _from(start: int, total: int, progress: Callable[[int, int], None]) -> Callable[[int], None]:
    return lambda done: progress(start + done, total)

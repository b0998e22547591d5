"""What the processes of test_store_processes do; each runs in an interpreter of its own."""

import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from genlab.config import load_settings
from genlab.ingest import IngestOptions
from genlab.pipeline.assigned import AssignedCache
from genlab.pipeline.ingest import ingest
from genlab.pipeline.jobs import Job
from genlab.pipeline.labels import give_label, propagate_labels
from genlab.pipeline.tables import list_column
from genlab.pipeline.train import train_version
from genlab.store import Store, connect

ENCODER = "random"
_OVERRIDES = ["model.hidden=64", "model.components=32", "model.latent_dim=8"]


def embed_at_random(store: Store) -> int:
    """Unit vectors for every pattern without one: the store does not care what they mean."""
    missing = store.read("embeddings.missing", encoder_version=ENCODER)["pattern_id"]
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(20, 32))
    vectors = centres[rng.integers(20, size=len(missing))]
    vectors = vectors + 0.3 * rng.normal(size=vectors.shape)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    table = pa.table({"pattern_id": missing, "vector": list_column(vectors)})
    store.write(
        "embeddings.add",
        {"in_vectors": table},
        encoder_version=ENCODER,
        name=ENCODER,
        dimension=32,
    )
    return len(missing)


def train_role(folder: str, epochs: int) -> int:
    """One training job, as `genlab train` runs it; the version it made."""
    settings = load_settings(overrides=[*_OVERRIDES, f"training.epochs={epochs}"])
    with connect(folder, may_own=False) as store, Job(store, "train") as job:
        return train_version(store, settings, ENCODER, job).version


def ingest_role(folder: str, path: str) -> tuple[int, int]:
    """`genlab ingest`; lines read and messages stored."""
    settings = load_settings()
    with connect(folder, may_own=False) as store:
        done = ingest(store, [path], IngestOptions(format="text", source="big"), settings.ingest)
    return done.lines, done.messages


def label_role(
    folder: str, pattern_ids: list[str], per_second: float
) -> tuple[list[float], list[float], list[str]]:
    """A label a pattern, paced; milliseconds of each label and of each propagation, gestures."""
    settings = load_settings()
    labels, spreads, groups = [], [], []
    with connect(folder, may_own=False) as store:
        cache = AssignedCache(store)
        propagate_labels(store, settings.labelling, cache)
        due = time.perf_counter()
        for number, pattern in enumerate(pattern_ids):
            time.sleep(max(0.0, due - time.perf_counter()))
            started = time.perf_counter()
            groups.append(give_label(store, [pattern], f"label {number % 12}", "key", "ann"))
            labels.append(1000 * (time.perf_counter() - started))
            if number % 25 == 24:
                started = time.perf_counter()
                propagate_labels(store, settings.labelling, cache)
                spreads.append(1000 * (time.perf_counter() - started))
            due = max(due + 1 / per_second, time.perf_counter())
    return labels, spreads, groups


def ask_role(address: str, stop_file: str) -> dict[str, Any]:
    """Asks the dashboard's routes, twice a second, until the stop file is there."""
    routes = ("/", "/_dash-layout", "/_genlab/points", "/_genlab/colours?by=predicted")
    answered, failed = 0, []
    while not Path(stop_file).exists():
        for route in routes:
            try:
                with urllib.request.urlopen(address + route, timeout=30) as response:
                    assert response.status == 200
                    assert response.read(), route
                answered += 1
            except Exception as error:
                failed.append(f"{route}: {error}")
        time.sleep(0.5)
    return {"answered": answered, "failed": failed}

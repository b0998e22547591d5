"""A version in force over synthetic patterns, written straight into the tables: no training."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
from helpers import MESSAGE, PATTERN, POSITION, REJECTED

from genlab.labelling.graph import NEIGHBOURS
from genlab.labelling.neighbours import directions, nearest
from genlab.pipeline.tables import list_column, text_lists
from genlab.store import Store

ENCODER, DIMENSION = "synthetic", 16
TOP = 4


def fill(
    store: Store,
    patterns: int,
    kinds: int,
    components: int,
    seed: int = 0,
    wordings: Sequence[str] = (),
) -> np.ndarray:
    """Write patterns of ``kinds`` clusters and an active version; the kind of each (N,), in the
    order of pattern_id.  Component c holds one kind, c % kinds.  ``wordings``: the texts of the
    first patterns, instead."""
    rng = np.random.default_rng(seed)
    texts = [f"kind {i % kinds} wording {i // kinds}" for i in range(patterns)]
    texts[: len(wordings)] = wordings
    ids = [hashlib.sha256(text.encode()).hexdigest()[:16] for text in texts]
    order = np.argsort(np.array(ids))
    kind = (np.arange(patterns) % kinds)[order]
    ids = [ids[i] for i in order]
    texts = [texts[i] for i in order]
    start = datetime(2026, 1, 1)
    messages = {
        "message_id": [f"m{i}" for i in range(patterns)],
        "source": [f"source {k % 3}" for k in kind],
        "device": [f"device {i % 50}" for i in range(patterns)],
        "severity": ["info"] * patterns,
        "occurred_at": [start + timedelta(minutes=i % 10_000) for i in range(patterns)],
        "text": texts,
        "pattern_id": ids,
        "attributes": [json.dumps({"kind": int(k)}) for k in kind],
    }
    store.write(
        "messages.ingest_batch",
        inputs={
            "in_messages": pa.table(messages, schema=MESSAGE),
            "in_patterns": pa.table(
                {"pattern_id": ids, "canonical_text": texts, "sample_text": texts}, schema=PATTERN
            ),
            "in_rejected": REJECTED.empty_table(),
            "in_position": POSITION.empty_table(),
        },
    )
    centres = rng.normal(size=(kinds, DIMENSION))
    vectors = centres[kind] + 0.2 * rng.normal(size=(patterns, DIMENSION))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    store.write(
        "embeddings.add",
        inputs={"in_vectors": pa.table({"pattern_id": ids, "vector": list_column(vectors)})},
        encoder_version=ENCODER,
        name=ENCODER,
        dimension=DIMENSION,
    )
    add_version(store, ids, kind, vectors, components, seed)
    store.write("model_versions.promote", version=1)
    return kind


def add_version(
    store: Store, ids: list[str], kind: np.ndarray, vectors: np.ndarray, components: int, seed: int
) -> int:
    """A candidate whose map differs with ``seed``; its number."""
    rng = np.random.default_rng(seed + 1)
    n, kinds = len(ids), int(kind.max()) + 1
    unit = directions(vectors, vectors.mean(axis=0))
    near = nearest(unit, unit, NEIGHBOURS, own=np.arange(n))
    own = kind + kinds * rng.integers(0, components // kinds, n)
    others = rng.integers(0, components, (n, TOP - 1))
    index = np.concatenate([own[:, None], others], axis=1).astype(np.int32)
    share = np.tile([0.85, 0.08, 0.05, 0.02], (n, 1)).astype(np.float32)
    middle = rng.uniform(-10, 10, (kinds, 2))
    xy = (middle[kind] + rng.normal(size=(n, 2))).astype(np.float32)
    version = store.write(
        "model_versions.add",
        parent=None, job_id=None, encoder_version=ENCODER, prior="mixture", components=components,
        latent_dim=2, epochs=1, folder="none", configuration="{}", metrics="{}",
    )["version"]  # fmt: skip
    store.write(
        "assignments.put",
        inputs={
            "in_assignments": pa.table(
                {
                    "pattern_id": ids,
                    "components": list_column(index),
                    "responsibilities": list_column(share),
                    "latent_mean": list_column(xy),
                    "latent_logvar": list_column(np.zeros((n, 2), np.float32)),
                    "log_px": rng.normal(size=n),
                    "held_out": np.zeros(n, bool),
                    "novelty_p": rng.uniform(0.06, 1, n),
                    "label": pa.nulls(n, pa.string()),
                    "confidence": np.zeros(n),
                    "s_ood": np.ones(n),
                    "evidence": np.zeros(n),
                    "verdict": ["unnamed"] * n,
                    "map_x": xy[:, 0],
                    "map_y": xy[:, 1],
                    "neighbours": text_lists(np.array(ids)[near.rows]),
                    "cosines": list_column(near.cosine),
                }
            )
        },
        version=version,
    )
    return version

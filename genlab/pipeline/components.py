"""What the components of a version are called, which patterns stand for them, and who they were."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from genlab.labelling import from_stored
from genlab.pipeline.assigned import Assigned
from genlab.pipeline.identities import (
    Before,
    continued,
    event_table,
    first_identities,
    matched,
)
from genlab.pipeline.scored import Scored
from genlab.pipeline.tables import strings
from genlab.store import Store
from genlab.training.growth import Grown

_WORD = re.compile(r"(?<!<)\b[A-Za-z][A-Za-z_]{2,}")  # not the masks: <NUM>, <PATH:down>
_EXEMPLARS = 3
_NAME_WORDS = 3


def put_components(
    store: Store,
    version: int,
    patterns: pa.Table,
    scored: Scored,
    before: Assigned | None,
    grown: Grown | None,
) -> None:
    """Store the components of a version and what became of those of the one in force before.

    ``patterns``: pattern_id, canonical_text and message_count of the N scored ones; ``grown``: what
    was opened when the parameters went on from that version, None when they are new.
    """
    responsibilities = scored.scores.responsibilities
    active = np.bincount(scored.components[:, 0], minlength=responsibilities.shape[1]) > 0
    names: dict[str, str] = {}
    if before is None:
        identities = first_identities(active)
    else:
        rows = store.rows("model_versions.components", version=before.version)
        rows.sort(key=lambda row: row["component"])
        mine, theirs = shared_rows(patterns["pattern_id"], before)
        old = Before(
            [row["component_id"] for row in rows],
            np.array([row["status"] == "active" for row in rows]),
            before.responsibilities[theirs],
        )
        new = from_stored(scored.components, scored.responsibilities, len(active))[mine]
        if grown is None:
            identities = matched(old, new, active)
        else:
            identities = continued(old, new, active, grown.opened, grown.split)
        kept = {event.component_id for event in identities.events if event.event == "kept"}
        names = {row["component_id"]: row["name"] for row in rows if row["component_id"] in kept}
    store.write(
        "model_versions.put_components",
        inputs={
            "in_components": component_rows(
                responsibilities,
                patterns["pattern_id"].to_pylist(),
                patterns["canonical_text"].to_pylist(),
                patterns["message_count"].to_numpy(),
                identities.ids,
                names,
            ),
            "in_events": event_table(identities.events),
        },
        version=version,
    )


def shared_rows(pattern_ids: pa.ChunkedArray, before: Assigned) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the S patterns that both have: (S,) into ``pattern_ids``, (S,) into ``before``."""
    here = strings(pattern_ids).astype(str)
    _, mine, theirs = np.intersect1d(
        here, before.pattern_ids.astype(str), assume_unique=True, return_indices=True
    )
    return mine, theirs


def component_rows(
    responsibilities: np.ndarray,
    pattern_ids: Sequence[str],
    texts: Sequence[str],
    message_counts: np.ndarray,
    ids: Sequence[str],
    known_names: Mapping[str, str],
) -> pa.Table:
    """The input ``in_components`` of ``model_versions.put_components``.

    ``responsibilities`` (N, K) dense; a component that is no pattern's most likely one is spare.
    ``ids`` (K,) identities; ``known_names``: those of identities that live on under their name.
    """
    k = responsibilities.shape[1]
    winner = responsibilities.argmax(axis=1)
    names = component_names(texts, winner, k)
    rows = []
    for c in range(k):
        own = np.flatnonzero(winner == c)
        surest = own[np.argsort(-responsibilities[own, c], kind="stable")][:_EXEMPLARS]
        rows.append(
            {
                "component": c,
                "component_id": ids[c],
                "name": known_names.get(ids[c], names[c]),
                "status": "active" if len(own) else "spare",
                "weight": float(responsibilities[:, c].mean()) if len(texts) else 0.0,
                "patterns": len(own),
                "messages": int(message_counts[own].sum()),
                "exemplars": [pattern_ids[i] for i in surest],
            }
        )
    schema = pa.schema(
        [
            ("component", pa.int32()),
            ("component_id", pa.string()),
            ("name", pa.string()),
            ("status", pa.string()),
            ("weight", pa.float64()),
            ("patterns", pa.int64()),
            ("messages", pa.int64()),
            ("exemplars", pa.list_(pa.string())),
        ]
    )
    return pa.Table.from_pylist(rows, schema=schema)


def component_names(texts: Sequence[str], winner: np.ndarray, k: int) -> list[str]:
    """For each component the words its patterns use and others do not: tf-idf over components.

    ``winner`` (N,): each pattern's component.  "spare" for one without patterns.
    """
    words: list[Counter[str]] = [Counter() for _ in range(k)]
    for text, c in zip(texts, winner, strict=True):
        words[c].update(set(_WORD.findall(text)))
    spread = Counter(word for counter in words for word in counter)
    filled = sum(1 for counter in words if counter)
    claimed = set(winner.tolist())
    names = []
    for c, counter in enumerate(words):
        ranked = sorted(
            counter,
            key=lambda w: (-counter[w] * math.log(1 + filled / spread[w]), w),
        )
        names.append(" ".join(ranked[:_NAME_WORDS]) or ("unnamed" if c in claimed else "spare"))
    return names

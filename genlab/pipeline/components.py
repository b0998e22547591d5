"""What the components of a version are called and which patterns stand for them."""

import math
import re
import uuid
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

_WORD = re.compile(r"(?<!<)\b[A-Za-z][A-Za-z_]{2,}")  # not the masks: <NUM>, <PATH:down>
_EXEMPLARS = 3
_NAME_WORDS = 3


def component_rows(
    responsibilities: np.ndarray,
    pattern_ids: Sequence[str],
    texts: Sequence[str],
    message_counts: np.ndarray,
    parent_ids: Sequence[str] | None,
) -> pa.Table:
    """The input of ``model_versions.put_components``.

    ``responsibilities`` (N, K) dense; a component that is no pattern's most likely one is spare.
    ``parent_ids``: identities of the parent's components when the parameters were continued, so
    that index and identity stay together.
    """
    k = responsibilities.shape[1]
    winner = responsibilities.argmax(axis=1)
    names = component_names([texts[i] for i in range(len(texts))], winner, k)
    rows = []
    for c in range(k):
        own = np.flatnonzero(winner == c)
        surest = own[np.argsort(-responsibilities[own, c], kind="stable")][:_EXEMPLARS]
        rows.append(
            {
                "component": c,
                "component_id": parent_ids[c] if parent_ids else uuid.uuid4().hex[:12],
                "name": names[c],
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

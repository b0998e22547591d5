"""What to label next, read from the store."""

from typing import Any, NamedTuple

import numpy as np

from genlab.config import LabellingSettings
from genlab.labelling import NO_LABEL, suggest
from genlab.labelling.neighbours import Neighbours, directions, nearest
from genlab.labelling.responsibilities import Responsibilities
from genlab.labelling.suggest import Outlook, outlook
from genlab.pipeline.assigned import Assigned, active_version, load_assigned, load_labels, spread
from genlab.pipeline.tables import matrix, strings
from genlab.store import Store

NEIGHBOURS = 10  # of a pattern that an answer reaches
SEARCHED = 20_000  # patterns whose neighbours are found within seconds
LOOKED_AT = 10  # questions the outlook is drawn from, at least


class Asked(NamedTuple):
    """Questions, and whether more of them pay."""

    questions: list[dict[str, Any]]
    outlook: Outlook


def suggestions(store: Store, settings: LabellingSettings, count: int) -> Asked:
    """The ``count`` questions that together settle the most messages, best first.

    Keys of each: pattern_id, text, would_settle (messages), reason, label (the guess so far or
    None), confidence.  Raises NotReady before the first model version.
    """
    active = active_version(store)
    assigned = load_assigned(store, active["version"], active["components"])
    labels = load_labels(store, assigned)
    now = spread(assigned, labels, settings)
    found = suggest(
        _likeness(store, active["encoder_version"], assigned),
        assigned.message_counts,
        labels.given != NO_LABEL,
        now,
        max(count, LOOKED_AT),
    )
    return Asked(
        [
            {
                "pattern_id": str(assigned.pattern_ids[each.index]),
                "text": str(assigned.canonical_texts[each.index]),
                "would_settle": round(each.would_settle),
                "reason": each.reason,
                "label": (
                    labels.names[now.label[each.index]]
                    if now.label[each.index] != NO_LABEL
                    else None
                ),
                "confidence": float(now.confidence[each.index]),
            }
            for each in found[:count]
        ],
        outlook(found, assigned.message_counts, now),
    )


def _likeness(
    store: Store, encoder_version: str, assigned: Assigned
) -> Responsibilities | Neighbours:
    """The nearest patterns of each, by embedding; its components where they are too many."""
    size = len(assigned.pattern_ids)
    if size > SEARCHED:
        return assigned.responsibilities
    table = store.read("embeddings.all", encoder_version=encoder_version)
    ids = strings(table["pattern_id"]).astype(str)
    scored = np.isin(ids, assigned.pattern_ids.astype(str))  # in the order of pattern_id, as there
    vectors = matrix(table["vector"])[scored]
    unit = directions(vectors, vectors.mean(axis=0))
    return nearest(unit, unit, NEIGHBOURS, own=np.arange(size))

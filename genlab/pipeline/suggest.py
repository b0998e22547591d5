"""What to label next, read from the store."""

from typing import Any, NamedTuple

from genlab.config import LabellingSettings
from genlab.labelling import NO_LABEL, suggest
from genlab.labelling.suggest import Outlook, outlook
from genlab.pipeline.assigned import active_version, load_assigned, load_labels, spread
from genlab.store import Store

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
        assigned.ground.near,
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

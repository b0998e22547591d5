"""What to label next, read from the store."""

from typing import Any

from genlab.config import LabellingSettings
from genlab.labelling import NO_LABEL, suggest
from genlab.pipeline.assigned import active_version, load_assigned, load_labels, spread
from genlab.store import Store


def suggestions(store: Store, settings: LabellingSettings, count: int) -> list[dict[str, Any]]:
    """The ``count`` questions that together settle the most messages, best first.

    Keys: pattern_id, text, would_settle (messages), reason, label (the guess so far or None),
    confidence.  Raises NotReady before the first model version.
    """
    active = active_version(store)
    assigned = load_assigned(store, active["version"], active["components"])
    labels = load_labels(store, assigned)
    now = spread(assigned, labels, settings)
    found = suggest(
        assigned.responsibilities,
        assigned.message_counts,
        labels.given != NO_LABEL,
        now,
        count,
    )
    return [
        {
            "pattern_id": str(assigned.pattern_ids[each.index]),
            "text": str(assigned.canonical_texts[each.index]),
            "would_settle": round(each.would_settle),
            "reason": each.reason,
            "label": (
                labels.names[now.label[each.index]] if now.label[each.index] != NO_LABEL else None
            ),
            "confidence": float(now.confidence[each.index]),
        }
        for each in found
    ]

"""What to label next, read from the store."""

from typing import Any, NamedTuple

import numpy as np

from genlab.config import LabellingSettings
from genlab.labelling import NO_LABEL, Propagation, Suggestion, suggest
from genlab.labelling.suggest import Outlook, outlook
from genlab.pipeline.assigned import (
    Assigned,
    Labels,
    active_version,
    load_assigned,
    load_labels,
    spread,
)
from genlab.store import Store

LOOKED_AT = 10  # questions the outlook is drawn from, at least


class Asked(NamedTuple):
    """Questions, and whether more of them pay."""

    questions: list[dict[str, Any]]
    outlook: Outlook


def ask(
    assigned: Assigned, labels: Labels, now: Propagation, aside: np.ndarray, count: int
) -> list[Suggestion]:
    """Up to ``count`` questions, best first; those ``aside`` (N,) bool only when no other is left.

    Aside is what was looked at without deciding, or asked a moment ago.
    """
    near, given = assigned.ground.near, labels.given != NO_LABEL
    found = suggest(near, assigned.message_counts, given, now, count, aside)
    if len(found) < count and (aside & ~given).any():
        rest = suggest(near, assigned.message_counts, given, now, count)
        found += [each for each in rest if aside[each.index]][: count - len(found)]
    return found


def unsure(store: Store, assigned: Assigned) -> np.ndarray:
    """(N,) bool: patterns that somebody looked at without deciding."""
    return assigned.holds(store.read("remarks.unsure")["pattern_id"].to_pylist())


def suggestions(store: Store, settings: LabellingSettings, count: int) -> Asked:
    """The ``count`` questions that together settle the most messages, best first.

    Keys of each: pattern_id, text, would_settle (messages), reason, label (the guess so far or
    None), confidence.  Raises NotReady before the first model version.
    """
    active = active_version(store)
    assigned = load_assigned(store, active["version"], active["components"])
    labels = load_labels(store, assigned)
    now = spread(assigned, labels, settings)
    found = ask(assigned, labels, now, unsure(store, assigned), max(count, LOOKED_AT))
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

"""What a gesture would do, before it is done: the labels spread on a copy."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from genlab.labelling import NO_LABEL, Propagation
from genlab.pipeline.assigned import Assigned, Labels
from genlab.pipeline.spreading import Spreader
from genlab.store import Store


class Preview(NamedTuple):
    """What giving one label to a selection would change."""

    patterns: int
    messages: int
    same: int  # patterns that have the label already
    replaced: dict[str, int]  # patterns that would lose another label, by who gave it
    settled_own: int  # messages of the selection that would become known, less those that cease to
    settled_others: int  # the same of all other patterns


def preview(
    store: Store,
    spreader: Spreader,
    assigned: Assigned,
    labels: Labels,
    now: Propagation,
    pattern_ids: Sequence[str],
    label: str | None,
) -> Preview:
    """What ``label`` (None clears) on these patterns would do to what is believed ``now``."""
    rows = assigned.rows_of(pattern_ids)
    then = spreader.imagine(assigned, relabelled(labels, rows, label))
    standing = store.rows("labels.of_patterns", pattern_ids=list(pattern_ids))
    replaced = Counter(row["annotator"] for row in standing if row["label"] != label)
    own = np.zeros(len(assigned.pattern_ids), bool)
    own[rows] = True
    change = (then.verdict == "known").astype(int) - (now.verdict == "known")
    gained = change * assigned.message_counts
    return Preview(
        patterns=len(rows),
        messages=int(assigned.message_counts[rows].sum()),
        same=sum(row["label"] == label for row in standing),
        replaced=dict(replaced.most_common()),
        settled_own=int(gained[own].sum()),
        settled_others=int(gained[~own].sum()),
    )


def relabelled(labels: Labels, rows: np.ndarray, label: str | None) -> Labels:
    """``labels`` with one of them, new or not, on ``rows``; None clears."""
    given = labels.given.copy()
    if label is None:
        given[rows] = NO_LABEL
        return labels._replace(given=given)
    if label not in labels.names:
        labels = labels._replace(names=[*labels.names, label], ids=[*labels.ids, ""])
    given[rows] = labels.names.index(label)
    return labels._replace(given=given)

"""The simulated fleet's truth, kept in each message's attributes: to label from and to check by."""

from typing import Any

from genlab.pipeline.labels import give_label
from genlab.store import Store


def label_from_truth(store: Store, per_kind: int) -> int:
    """Label the ``per_kind`` most frequent patterns of each kind with the kind's true label.

    Done as annotator "demo", one gesture per label; the number of patterns labelled.
    """
    if any(row["annotator"] == "demo" for row in store.rows("labels.current")):
        return 0  # a second run finds its labels there
    rows = store.rows("devices.truth")
    by_label: dict[str, list[str]] = {}
    seen: dict[str, int] = {}
    for row in rows:  # most frequent first
        seen[row["truth_kind"]] = seen.get(row["truth_kind"], 0) + 1
        if seen[row["truth_kind"]] <= per_kind:
            by_label.setdefault(row["truth_label"], []).append(row["pattern_id"])
    for label, patterns in sorted(by_label.items()):
        give_label(store, patterns, label, "import", "demo")
    return sum(map(len, by_label.values()))


def check_against_truth(store: Store) -> dict[str, Any]:
    """How many messages called known carry the label that is true, by the fleet's own account.

    Keys: known_messages, right_messages.
    """
    active = store.rows("model_versions.active")
    if not active:
        return {"known_messages": 0, "right_messages": 0}
    said = store.rows("assignments.labelled", version=active[0]["version"])
    said_of = {row["pattern_id"]: row for row in said}
    known = right = 0
    for row in store.rows("devices.truth"):
        answer = said_of.get(row["pattern_id"])
        if answer and answer["verdict"] == "known":
            known += row["messages"]
            right += row["messages"] * (answer["label"] == row["truth_label"])
    return {"known_messages": known, "right_messages": right}

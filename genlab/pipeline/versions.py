"""Which model version is in force, how versions descend from each other, and where two differ."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from genlab.config import LabellingSettings
from genlab.errors import InputError, NotReady
from genlab.pipeline.labels import propagate_labels
from genlab.store import Store


class Difference(NamedTuple):
    """Two versions over the patterns that both have scored."""

    patterns: int
    messages: int
    changed_patterns: int  # with another label or another verdict
    changed_messages: int
    known_a: int  # messages
    known_b: int
    transitions: list[dict[str, Any]]  # changed rows of assignments.transitions, largest first


class Node(NamedTuple):
    """A version in a drawing of the tree, one row each, newest first; lanes count from 0."""

    version: int
    lane: int
    above: list[int]  # lanes with a line from the row above
    below: list[int]  # lanes with a line to the row below


def promote(store: Store, version: int, settings: LabellingSettings) -> dict[str, Any]:
    """Put a version in force, with the labels as they stand; the version before retires.

    Raises InputError for a version that does not exist, NotReady for one without assignments.
    """
    row = find_version(store, version)
    bring_in_line(store, version, settings)
    store.write("model_versions.promote", version=version)
    return row


def roll_back(store: Store, settings: LabellingSettings) -> int:
    """Put the version that was in force before back; its number.

    Raises NotReady when there is none, or when its assignments were pruned.
    """
    bring_in_line(store, previous_version(store), settings)
    return store.write("model_versions.roll_back")["version"]


def previous_version(store: Store) -> int:
    """Where a rollback goes; NotReady when there is no such version."""
    previous = store.rows("model_versions.previous")
    if not previous:
        raise NotReady("no version was in force before this one: nothing to roll back to")
    return previous[0]["version"]


def find_version(store: Store, version: int) -> dict[str, Any]:
    """The row of a version; InputError listing the known ones."""
    versions = {row["version"]: row for row in store.rows("model_versions.list")}
    if version not in versions:
        known = ", ".join(map(str, sorted(versions))) or "none"
        raise InputError(f"no version {version}; known: {known}")
    return versions[version]


def bring_in_line(store: Store, version: int, settings: LabellingSettings) -> None:
    """Have a version hear the labels as they stand; NotReady for one without assignments."""
    require_scored(store, version)
    propagate_labels(store, settings, version=version)


def require_scored(store: Store, version: int) -> None:
    """NotReady for a version without assignments."""
    counts = {row["version"]: row["patterns"] for row in store.rows("assignments.counts")}
    if not counts.get(version):
        raise NotReady(
            f"version {version} has scored no pattern (its training was cut short, or it was "
            "pruned): train again and take the new version"
        )


def compare(store: Store, a: int, b: int, new_only: bool = False) -> Difference:
    """Where versions ``a`` and ``b`` differ, as stored; ``new_only``: counting only messages
    received since ``b`` went into shadow."""
    rows = store.rows("assignments.transitions", version_a=a, version_b=b, new_only=new_only)
    changed = [r for r in rows if (r["label_a"], r["verdict_a"]) != (r["label_b"], r["verdict_b"])]
    return Difference(
        sum(r["patterns"] for r in rows),
        sum(r["messages"] for r in rows),
        sum(r["patterns"] for r in changed),
        sum(r["messages"] for r in changed),
        sum(r["messages"] for r in rows if r["verdict_a"] == "known"),
        sum(r["messages"] for r in rows if r["verdict_b"] == "known"),
        changed,
    )


def event_counts(store: Store) -> dict[int, dict[str, int]]:
    """Of each version how many components were born, opened, kept, merged, split or retired."""
    found: dict[int, dict[str, int]] = {}
    for row in store.rows("model_versions.event_counts"):
        found.setdefault(row["version"], {})[row["event"]] = row["components"]
    return found


def tree(versions: Sequence[dict[str, Any]]) -> list[Node]:
    """The family of versions (newest first, each with its ``parent`` or None) as lanes.

    A lane is held by the parent it leads to; several children of one parent meet in its row.
    """
    known = {row["version"] for row in versions}
    waiting: list[int | None] = []  # of each lane: the parent that ends it
    nodes = []
    for row in versions:
        version = row["version"]
        above = [k for k, parent in enumerate(waiting) if parent is not None]
        own = [k for k in above if waiting[k] == version]
        free = (k for k, parent in enumerate(waiting) if parent is None)
        lane = own[0] if own else next(free, len(waiting))
        if lane == len(waiting):
            waiting.append(None)
        for k in own:
            waiting[k] = None
        waiting[lane] = row["parent"] if row["parent"] in known else None
        below = [k for k, parent in enumerate(waiting) if parent is not None]
        nodes.append(Node(version, lane, above, below))
    return nodes

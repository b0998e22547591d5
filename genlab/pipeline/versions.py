"""Which model version is in force."""

from typing import Any

from genlab.config import LabellingSettings
from genlab.errors import InputError, NotReady
from genlab.pipeline.labels import propagate_labels
from genlab.store import Store


def promote(store: Store, version: int, settings: LabellingSettings) -> dict[str, Any]:
    """Put a version in force, with the labels as they stand; the version before retires.

    Raises InputError for a version that does not exist, NotReady for one without assignments.
    """
    versions = {row["version"]: row for row in store.rows("model_versions.list")}
    if version not in versions:
        known = ", ".join(map(str, sorted(versions))) or "none"
        raise InputError(f"no version {version}; known: {known}")
    _bring_up(store, version, settings)
    store.write("model_versions.promote", version=version)
    return versions[version]


def roll_back(store: Store, settings: LabellingSettings) -> int:
    """Put the version that was in force before back; its number.

    Raises NotReady when there is none, or when its assignments were pruned.
    """
    previous = store.rows("model_versions.previous")
    if not previous:
        raise NotReady("no version was in force before this one: nothing to roll back to")
    _bring_up(store, previous[0]["version"], settings)
    return store.write("model_versions.roll_back")["version"]


def _bring_up(store: Store, version: int, settings: LabellingSettings) -> None:
    counts = {row["version"]: row["patterns"] for row in store.rows("assignments.counts")}
    if not counts.get(version):
        raise NotReady(
            f"version {version} has scored no pattern (its training was cut short, or it was "
            "pruned): train again and promote the new version"
        )
    propagate_labels(store, settings, version=version)

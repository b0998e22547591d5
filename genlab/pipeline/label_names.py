"""Labels as names: rename, recolour, describe, merge and split them; their history; agreement.

A change is an event like a labelling: it never touches what was said before, and can be taken back.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from genlab.errors import InputError
from genlab.labelling.agreement import Agreement, agreements
from genlab.pipeline.labels import checked_name, give_label
from genlab.store import Store

MAX_DESCRIPTION = 500  # characters
SPLIT = "component"  # how the patterns of a split were chosen


class Disagreement(NamedTuple):
    """A pattern that people labelled differently."""

    pattern_id: str
    text: str
    messages: int
    said: dict[str, str]  # annotator -> label
    current: str | None  # the label it has now


def change(
    store: Store,
    label_id: str,
    annotator: str,
    *,
    name: str | None = None,
    colour: int | None = None,
    description: str | None = None,
) -> str:
    """Rename, recolour or describe a label; None keeps what it has.  Its name from here on.

    Raises InputError for a name that is none or another label's, or an overlong description.
    """
    row = found(store, label_id)
    wanted = row["name"] if name is None else checked_name(name)
    others = {r["name"] for r in store.rows("label_names.list") if r["label_id"] != label_id}
    if wanted in others:
        raise InputError(
            f"the label “{wanted}” exists already: choose another name, or merge the two"
        )
    if description is not None and len(description) > MAX_DESCRIPTION:
        raise InputError(
            f"found a description of {len(description):,} characters, expected at most "
            f"{MAX_DESCRIPTION}"
        )
    store.write(
        "labels.define",
        label_id=label_id,
        name=wanted,
        colour=colour,
        description=description,
        merged_into=None,
        annotator=annotator,
    )
    return str(wanted)


def merge(store: Store, label_id: str, into: str, annotator: str) -> None:
    """Make every pattern of a label one of another's; both are label ids, both in use."""
    row, target = found(store, label_id), found(store, into)
    if row["label_id"] == target["label_id"]:
        raise InputError(f"“{row['name']}” cannot be merged into itself: choose another label")
    store.write(
        "labels.define",
        label_id=label_id,
        name=row["name"],
        colour=None,
        description=None,
        merged_into=into,
        annotator=annotator,
    )


def split(
    store: Store, label_id: str, pattern_ids: Sequence[str], name: str, annotator: str
) -> str:
    """Give some patterns of a label another name: one gesture; its id.

    Raises InputError when the name is the label's own or some patterns are not its own any more.
    """
    row, wanted = found(store, label_id), checked_name(name)
    if wanted == row["name"]:
        raise InputError(f"“{wanted}” is the label they have: choose another name")
    current = {r["pattern_id"] for r in store.rows("labels.current") if r["label"] == row["name"]}
    if strange := set(pattern_ids) - current:
        raise InputError(
            f"{len(strange):,} of {len(pattern_ids):,} patterns are not “{row['name']}” any more: "
            "look again"
        )
    return give_label(store, pattern_ids, wanted, SPLIT, annotator)


def revert(store: Store, seq: int, annotator: str) -> None:
    """Take back one change of a label, by its number in ``label_names.changes``."""
    if not store.write("label_names.revert", seq=seq, annotator=annotator)["changed"]:
        raise InputError("this change cannot be taken back: a label begins with it")


def found(store: Store, label_id: str) -> dict[str, Any]:
    """The row of a label in use; InputError for one that is not."""
    for row in store.rows("label_names.list"):
        if row["label_id"] == label_id:
            return row
    raise InputError("this label is not in use any more: it was merged since it was shown")


def agreement(store: Store) -> tuple[list[Agreement], list[Disagreement]]:
    """How far annotators agree where two or more labelled a pattern, and where they do not."""
    rows = store.rows("label_names.opinions")
    pairs = agreements(
        [row["pattern_id"] for row in rows],
        [row["annotator"] for row in rows],
        [row["label"] for row in rows],
    )
    by_pattern: dict[str, Disagreement] = {}
    for row in rows:
        each = by_pattern.setdefault(
            row["pattern_id"],
            Disagreement(
                row["pattern_id"],
                row["canonical_text"],
                row["message_count"],
                {},
                row["current_label"],
            ),
        )
        each.said[row["annotator"]] = row["label"]
    return pairs, [each for each in by_pattern.values() if len(set(each.said.values())) > 1]

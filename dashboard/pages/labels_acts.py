"""What the buttons of the Labels page do."""

from typing import Any, NamedTuple

import numpy as np
from dash import html, no_update
from dash.exceptions import PreventUpdate

from dashboard import parts
from dashboard.figures.palette import LABEL_COLOURS
from dashboard.selection import winners
from dashboard.state import Desk, View
from genlab.errors import NotReady
from genlab.pipeline import label_names
from genlab.pipeline.labels import take_back


class Typed(NamedTuple):
    """What stands in the fields of the panel."""

    name: str
    description: str
    into: str | None  # label id
    components: list[int]
    split_name: str


def change(
    desk: Desk, label_id: str, act: str, value: str, typed: Typed, who: str
) -> tuple[str, str]:
    """Do what a button says; the label to show next, and what was done.

    Raises InputError or StoreError where it is refused.
    """
    store = desk.store
    if act == "rename":
        before = label_names.found(store, label_id)["name"]
        now = label_names.change(store, label_id, who, name=typed.name)
        return label_id, f"“{before}” is called “{now}” from now on."
    if act == "describe":
        label_names.change(store, label_id, who, description=typed.description.strip())
        return label_id, "What it means is kept."
    if act == "colour":
        label_names.change(store, label_id, who, colour=int(value) % len(LABEL_COLOURS))
        return label_id, "Its colour is changed."
    if act == "merge" and typed.into:
        row, target = (label_names.found(store, each) for each in (label_id, typed.into))
        label_names.merge(store, label_id, typed.into, who)
        moved = parts.plural(row["patterns"], "pattern")
        return typed.into, f"{moved} of “{row['name']}” became “{target['name']}”."
    if act == "split" and typed.components:
        row = label_names.found(store, label_id)
        patterns = patterns_of(desk.view(), row, typed.components)
        label_names.split(store, label_id, patterns, typed.split_name, who)
        moved = parts.plural(len(patterns), "pattern")
        return label_id, f"{moved} of “{row['name']}” became “{typed.split_name.strip()}”."
    if act == "revert":
        label_names.revert(store, int(value), who)
        return label_id, "Taken back."
    if act in ("take-back", "put-back"):
        action = "undo" if act == "take-back" else "redo"
        take_back(store, who, action, value)
        return label_id, "Taken back." if action == "undo" else "Put back."
    raise PreventUpdate


def patterns_of(view: View, row: dict[str, Any], components: list[int]) -> list[str]:
    """The patterns of a label whose likeliest component is one of those."""
    if row["name"] not in view.labels.names:
        return []
    own = view.labels.given == view.labels.names.index(row["name"])
    rows = np.flatnonzero(own & np.isin(winners(view), components))
    return [str(p) for p in view.assigned.pattern_ids[rows]]


def brought_in_line(desk: Desk) -> Any:
    """The tables follow what was changed; the key of what is believed now."""
    try:
        return desk.propagate()[0].key
    except NotReady:
        return no_update  # labels wait for the first model


def refused(error: Exception) -> Any:
    """Why a change was not made."""
    said = str(error).rpartition("Error: ")[2]
    return html.Div(said, className="gl-note gl-note-doubt", role="alert")

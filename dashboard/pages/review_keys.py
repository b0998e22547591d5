"""What keys and clicks on Review mean, and whether they still answer what was shown."""

from typing import Any

import numpy as np
from dash import ctx
from dash.exceptions import PreventUpdate

from dashboard import ids
from dashboard.selection import label_of_key
from dashboard.state import View
from genlab.labelling import NO_LABEL


def place(view: View, rows: np.ndarray, state: dict, before: dict, name: str) -> int:
    """Position in ``rows`` of what is to be shown.

    The pattern asked for, also while new data come in; then the one shown before; else the row.
    """
    if before.get("list", name) != name:
        return 0
    refreshed = ctx.triggered_id == ids.DATA_KEY
    wanted = state.get("pattern") or (before.get("pattern") if refreshed else None)
    found = np.flatnonzero(view.assigned.pattern_ids[rows] == wanted)
    return int(found[0]) if len(found) else min(state["at"], len(rows) - 1)


def shown_of(
    view: View, row: int, at: int, said: int | None = None, name: str = "predictions"
) -> dict[str, Any]:
    """What the panel shows of a row, for the keys and clicks that answer it."""
    return {
        "list": name,
        "at": at,
        "pattern": str(view.assigned.pattern_ids[row]),
        "label": view.labels.names[view.spread.label[row] if said is None else said],
        "names": view.labels.names,
    }


def changed_since(view: View, shown: dict[str, Any], act: str) -> str:
    """Why an answer to what was shown no longer fits; "" when it does."""
    rows = view.assigned.known_rows([shown["pattern"]])
    if not len(rows):
        return "The version in force has not scored this pattern: look again."
    has = view.labels.given[rows[0]]
    given = view.labels.names[has] if has != NO_LABEL else None
    if shown["list"] != "predictions":
        if given == shown["label"]:
            return ""
        return f"It was “{shown['label']}” and is “{given or 'without a label'}” now: look again."
    if given is not None:
        return f"This pattern was labelled “{given}” since it was shown."
    said = view.spread.label[rows[0]]
    now = view.labels.names[said] if said != NO_LABEL else "no label"
    if act == "accept" and now != shown["label"]:
        return f"The prediction was “{shown['label']}” and is “{now}” now: look again."
    return ""


def read_event(event: dict | None, names: list[str], name: str) -> tuple[str, Any, bool]:
    """(act, value, whether by key)."""
    if not event:
        raise PreventUpdate
    if "act" in event:
        return event["act"], event["value"], False
    key = event["key"]
    fixed: dict[str, tuple[str, Any]] = {
        "j": ("move", 1),
        "k": ("move", -1),
        "u": ("undo", None),
        "U": ("redo", None),
        "Enter": ("accept" if name == "predictions" else "keep", None),
    }
    if name != "predictions":
        fixed["n"] = ("clear", None)
    if key in fixed:
        return *fixed[key], True
    label = label_of_key(key, names)
    if label is None:
        raise PreventUpdate
    return "label", label, True

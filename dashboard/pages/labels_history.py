"""What happened to a label, and by which gestures it was given; each can be taken back."""

from typing import Any

from dash import html

from dashboard import parts
from dashboard.state import Desk

_EVENTS = 30


def history(desk: Desk, row: dict[str, Any]) -> Any:
    """What happened to a label and by which gestures it was given, newest first."""
    label_id = row["label_id"]
    changes = desk.store.rows("label_names.changes", label_id=label_id, limit=_EVENTS)
    gestures = desk.store.rows("label_names.gestures", label_id=label_id, limit=_EVENTS)
    told = [(c["seq"], _line(change_text(c, label_id), c, _undo_change(c))) for c in changes]
    told += [(g["seq"], _line(gesture_text(g), g, _undo_gesture(g))) for g in gestures]
    told.sort(key=lambda pair: -pair[0])
    return html.Div([line for _, line in told[:_EVENTS]])


def _line(said: str, row: dict[str, Any], act: Any) -> Any:
    struck = html.Del(said) if row.get("taken_back") else said
    who = html.Span([row["annotator"], " · ", parts.ago(row["created_at"])], className="gl-hint")
    return html.Div(
        [html.Div(struck), html.Div([who, act], className="gl-between")], className="gl-line"
    )


def _undo_change(row: dict[str, Any]) -> Any:
    if row["before_seq"] is None:
        return ""
    return parts.button("take back", "revert", row["seq"], "gl-button-quiet gl-labels-small")


def _undo_gesture(row: dict[str, Any]) -> Any:
    act = "put-back" if row["taken_back"] else "take-back"
    return parts.button(
        act.replace("-", " "), act, row["group_id"], "gl-button-quiet gl-labels-small"
    )


def change_text(row: dict[str, Any], label_id: str) -> str:
    """One change of a label in words; ``label_id``: whose history it is."""
    if row["before_seq"] is None:
        return "created"
    said = []
    if row["merged_into"] != row["old_merged_into"]:
        whose = "" if row["label_id"] == label_id else f"“{row['name']}” "
        into = "this" if row["merged_into"] == label_id else f"“{row['into_name']}”"
        out_of = "this" if row["old_merged_into"] == label_id else f"“{row['out_of_name']}”"
        said.append(
            f"{whose}merged into {into}" if row["merged_into"] else f"{whose}taken out of {out_of}"
        )
    if row["name"] != row["old_name"]:
        said.append(f"renamed “{row['old_name']}” to “{row['name']}”")
    if row["colour"] != row["old_colour"]:
        said.append("another colour")
    if row["description"] != row["old_description"]:
        said.append("described" if row["description"] else "description taken off")
    return ", ".join(said) or "nothing changed"


def gesture_text(row: dict[str, Any]) -> str:
    """One gesture that gave the label, in words."""
    said = f"given to {parts.plural(row['patterns'], 'pattern')} by {row['how']}"
    if not row["taken_back"] and row["standing"] < row["patterns"]:
        said += f", {row['standing']:,} of them still"
    return said

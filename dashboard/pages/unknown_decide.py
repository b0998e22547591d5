"""Deciding about what is chosen: a label, a state, a mute, a note; and taking it back."""

from datetime import UTC, datetime
from typing import Any

import dash_bootstrap_components as dbc
import pyarrow as pa
from dash import Dash, Input, Output, State, html, no_update
from dash.exceptions import PreventUpdate

from dashboard import ids, parts
from dashboard.notes import note, settled_note, undone_note
from dashboard.state import Desk
from genlab.errors import InputError
from genlab.labelling import NO_LABEL
from genlab.pipeline.labels import Overtaken
from genlab.pipeline.review import (
    MAX_NOTE,
    Decision,
    annotate,
    decide,
    parse_mute,
    stored_reviews,
    take_back,
)

_ACTS = ("label", "mute", "note", "state")
_KEYS = {"o": "ongoing", "r": "resolved", "b": "new"}
_FOCUS = {"Enter": ids.UNKNOWNS_NEW_LABEL, "m": ids.UNKNOWNS_MUTE, "n": ids.UNKNOWNS_NOTE}


def fields() -> list[Any]:
    """What stands under the panel; it is never drawn anew, so that nothing typed is lost."""

    def field(act: str, store: str, caption: str, key: str, **more: Any) -> Any:
        return html.Div(
            [
                html.Label([html.Kbd(key), caption], htmlFor=store),
                dbc.Input(id=store, type="text", autoComplete="off", class_name="gl-field", **more),
            ],
            className="gl-decide",
            **parts.attributes({"data-enter": act}),
        )

    return [
        html.Datalist(id=ids.UNKNOWNS_LABELS),
        field("label", ids.UNKNOWNS_NEW_LABEL, "make it", "↵", maxLength=120,
              placeholder="a label, Enter", list=ids.UNKNOWNS_LABELS),
        field("mute", ids.UNKNOWNS_MUTE, "mute for", "m", maxLength=40, value="1d",
              placeholder="3h, 1d, 2w, 50/h"),
        field("note", ids.UNKNOWNS_NOTE, "note", "n", maxLength=MAX_NOTE,
              placeholder="why (optional)"),
        html.Div(
            [
                parts.button("ongoing", "state", "ongoing", key="o"),
                parts.button("resolved", "state", "resolved", key="r"),
                parts.button("as new", "state", "new", "gl-button-quiet", key="b"),
            ],
            className="gl-row gl-actions",
        ),
        html.Div(id=ids.UNKNOWNS_STATUS, className="gl-status"),
    ]  # fmt: skip


def register(app: Dash, desk: Desk) -> None:
    """Keys, buttons and fields that decide."""

    @app.callback(
        Output(ids.UNKNOWNS_CHOSEN, "data", allow_duplicate=True),
        Output(ids.UNKNOWNS_STATUS, "children"),
        Output(ids.DATA_KEY, "data", allow_duplicate=True),
        Output(ids.UNKNOWNS_NEW_LABEL, "value"),
        Output(ids.UNKNOWNS_NOTE, "value"),
        Output(ids.UNKNOWNS_DECIDED, "data"),
        Input(ids.UNKNOWNS_EVENT, "data"),
        State(ids.UNKNOWNS_NOTE, "value"),
        State(ids.UNKNOWNS_SHOWN, "data"),
        State(ids.UNKNOWNS_CHOSEN, "data"),
        State(ids.UNKNOWNS_DECIDED, "data"),
        State(ids.ANNOTATOR, "data"),
        prevent_initial_call=True,
    )
    def act(
        event: dict | None,
        said: str | None,
        shown: list[str],
        chosen: dict[str, Any],
        decided: dict | None,
        who: str,
    ) -> tuple[Any, ...]:
        if not event or not decides(event):
            raise PreventUpdate
        here = {**chosen, "n": event["n"]}
        try:
            return done(event, here, said, shown, decided, who)
        except (InputError, Overtaken) as error:
            told = html.Div(str(error), className="gl-note gl-note-doubt", role="alert")
            return here, told, no_update, no_update, no_update, no_update

    def done(
        event: dict[str, Any],
        here: dict[str, Any],
        said: str | None,
        shown: list[str],
        decided: dict | None,
        who: str,
    ) -> tuple[Any, ...]:
        gesture, value = gesture_of(event)
        stay = (no_update,) * 3
        if gesture in ("undo", "redo"):
            if decided and decided["undone"] == (gesture == "redo"):
                told, last = _swap(desk, decided)
                return {**here, "key": None}, told, no_update, no_update, no_update, last
            taken = desk.take_back(who, gesture)
            if taken is None:
                return here, note(f"Nothing of yours to {gesture}, {who}."), no_update, *stay
            told = undone_note(gesture, taken[0], taken[2])
            return here, told, taken[1].key, *stay
        if not shown or not value:
            return here, note("Nothing chosen, or nothing said."), no_update, *stay
        view = desk.view()
        if (view.labels.given[view.assigned.known_rows(shown)] != NO_LABEL).any():
            told = note("Somebody labelled some of these since they were shown: look again.")
            return here, told, view.key, *stay
        following = {**here, "key": None}  # what stands in its place then
        if gesture == "label":
            view, settled = desk.label(shown, value, "click", who, view.labels.seq)
            told = settled_note(value, len(shown), settled)
            return following, told, view.key, "", no_update, None
        remark = (said or "").strip()
        patterns = parts.plural(len(shown), "pattern")
        if gesture == "note":
            before = annotate(desk.store, shown, value, who)
            told = _told(f"{patterns}: noted.")
        else:
            now = datetime.now(UTC).replace(tzinfo=None)
            decision = parse_mute(value, now) if gesture == "mute" else Decision(value)
            before = decide(desk.store, shown, decision, remark, who)
            until = f" for {value}" if gesture == "mute" else ""
            told = _told(f"{patterns}: {decision.state}{until}.")
        last = {"ids": shown, "rows": _jsonable(before), "undone": False}
        return following, told, no_update, no_update, "", last

    app.clientside_callback(
        f"""event => {{
            const field = document.getElementById({_FOCUS!r}[event?.key]);
            if (field) setTimeout(() => {{ field.focus(); field.select(); }});
        }}""",
        Input(ids.UNKNOWNS_EVENT, "data"),
        prevent_initial_call=True,
    )


def decides(event: dict[str, Any]) -> bool:
    """Whether a key, click or Enter in a field is a decision; the others look around."""
    return event.get("act") in _ACTS or event.get("key") in (*_KEYS, "u", "U")


def gesture_of(event: dict[str, Any]) -> tuple[str, str]:
    """What it means: (label, mute, note, state, undo or redo) and its value."""
    if event.get("act") in _ACTS:
        return event["act"], (event["value"] or "").strip()
    key = event["key"]
    return ("state", _KEYS[key]) if key in _KEYS else ("undo" if key == "u" else "redo", "")


def _swap(desk: Desk, decided: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Undo a decision, or redo it: what stands now is kept for the way back."""
    there = desk.store.read("review.stored", pattern_ids=decided["ids"])
    take_back(desk.store, decided["ids"], stored_reviews(decided["rows"]))
    did = "Put back" if decided["undone"] else "Took back"
    told = note(f"{did} what was decided about {parts.plural(len(decided['ids']), 'pattern')}.")
    return told, {**decided, "rows": _jsonable(there), "undone": not decided["undone"]}


def _told(said: str) -> Any:
    undo = html.Span([" ", html.Kbd("u"), " undo"], className="gl-hint")
    return html.Div([said, undo], className="gl-note", role="status")


def _jsonable(rows: pa.Table) -> list[dict[str, Any]]:
    return [
        {k: v.isoformat() if isinstance(v, datetime) else v for k, v in row.items()}
        for row in rows.to_pylist()
    ]

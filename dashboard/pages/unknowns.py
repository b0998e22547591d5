"""Unknowns: the queue of flagged patterns, and what people decide about them."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.exceptions import PreventUpdate

from dashboard import ids, parts
from dashboard.pages import unknown_decide
from dashboard.pages.fields import named
from dashboard.pages.map import ALL
from dashboard.pages.unknown_alerts import alerts_section
from dashboard.pages.unknown_list import budget_note, queue_list
from dashboard.pages.unknown_panel import panel
from dashboard.pages.unknown_queue import (
    LOOK,
    MEANING,
    Held,
    Item,
    current,
    listed,
    read_decided,
    sections,
    unfolded,
)
from dashboard.routes import component_names
from dashboard.state import Desk
from genlab.errors import NotReady
from genlab.pipeline.review import OPEN, STATES

PATH, NAME = "/unknowns", "Unknowns"


def layout(desk: Desk, search: str) -> Any:
    """Filters and groups in the middle, one flagged pattern on the right.

    ``search``: ?verdict= and ?state= as in the filters.
    """
    asked = {key: values[0] for key, values in parse_qs(search.lstrip("?")).items()}
    verdict = asked.get("verdict") if asked.get("verdict") in MEANING else ALL
    state = asked["state"] if asked.get("state") in STATES else "open"
    return html.Div(
        [
            dcc.Store(id=ids.UNKNOWNS_EVENT),
            dcc.Store(id=ids.UNKNOWNS_CHOSEN, data={"key": None, "at": 0, "n": 0}),
            dcc.Store(id=ids.UNKNOWNS_SHOWN, data=[]),
            dcc.Store(id=ids.UNKNOWNS_LOOK, data=LOOK),
            dcc.Store(id=ids.UNKNOWNS_DECIDED),
            html.Main(
                [
                    html.Div(
                        [
                            html.H1("Unknowns"),
                            html.Div(id=ids.UNKNOWNS_BUDGET),
                            named("verdict", dbc.Select(
                                id=ids.UNKNOWNS_VERDICT, value=verdict, size="sm",
                                class_name="w-auto",
                                options=parts.options(
                                    [(ALL, "every verdict"), *((v, v) for v in MEANING)]))),
                            named("state", dbc.Select(
                                id=ids.UNKNOWNS_STATE, value=state, size="sm",
                                class_name="w-auto",
                                options=parts.options(
                                    [("open", "new, ongoing, regressed"), (ALL, "every state"),
                                     *((s, s) for s in STATES)]))),
                        ],
                        className="gl-head gl-unknowns-head",
                    ),
                    html.Section(id=ids.UNKNOWNS_ALERTS, className="gl-alerts-place"),
                    html.Div(id=ids.UNKNOWNS_LIST),
                ],
                className="gl-main",
            ),
            html.Aside(
                [
                    html.Section(id=ids.UNKNOWNS_PANEL),
                    html.Section(unknown_decide.fields(), className="gl-panel-end"),
                ],
                className="gl-panel gl-unknowns-panel",
            ),
        ],
        id=ids.UNKNOWNS_DESK,
        style={"display": "contents"},
        **parts.listens(ids.UNKNOWNS_EVENT),
        **parts.attributes({"data-genlab-done": "0"}),
    )  # fmt: skip


def register(app: Dash, desk: Desk) -> None:
    """The list, the panel, decisions and labels."""
    held = Held()
    filters = (
        Input(ids.UNKNOWNS_VERDICT, "value"),
        Input(ids.UNKNOWNS_STATE, "value"),
        Input(ids.UNKNOWNS_LOOK, "data"),
        Input(ids.UNKNOWNS_CHOSEN, "data"),
    )

    @app.callback(
        Output(ids.UNKNOWNS_LIST, "children"),
        Output(ids.UNKNOWNS_PANEL, "children"),
        Output(ids.UNKNOWNS_SHOWN, "data"),
        Output(ids.UNKNOWNS_BUDGET, "children"),
        Output(ids.UNKNOWNS_LABELS, "children"),
        Output(ids.UNKNOWNS_DESK, "data-genlab-done"),
        *filters,
        Input(ids.DATA_KEY, "data"),
    )
    def show(
        verdict: str, state: str, look: dict[str, Any], chosen: dict[str, Any], _: dict
    ) -> tuple[Any, ...]:
        done = str(chosen["n"])  # keys wait until what they did is drawn
        try:
            view = desk.view()
        except NotReady:
            said = parts.empty("No model in force yet, so nothing is flagged.", "genlab train")
            return said, "", [], "", [], done
        queue = held.queue(view, desk.settings.labelling)
        decided = read_decided(desk, view)
        found = sections(view, queue, decided, *wanted_of(verdict, state), look)
        items = listed(found)
        at = current(items, chosen)
        used = budget_note(queue, desk.settings.labelling.flags_per_day)
        labels = [html.Option(value=name) for name in view.labels.names]
        if at is None:
            none = "No flagged pattern passes the filters." if queue.groups else (
                "Nothing is flagged: every pattern is known."
            )  # fmt: skip
            return (
                parts.empty(none),
                html.P("Nothing chosen.", className="gl-hint"),
                [],
                used,
                labels,
                done,
            )
        names = component_names(desk, view)
        item = items[at]
        shown = [str(view.assigned.pattern_ids[row]) for row in item.rows]
        lines = queue_list(view, found, decided, names, item.key, look)
        told = panel(desk, view, item, decided, held, names)
        return lines, told, shown, used, labels, done

    @app.callback(
        Output(ids.UNKNOWNS_ALERTS, "children"),
        Input(ids.DATA_KEY, "data"),
        Input(ids.TICK, "n_intervals"),
    )
    def alerts(_key: dict | None, _tick: int | None) -> Any:
        return alerts_section(desk.store)

    @app.callback(
        Output(ids.UNKNOWNS_CHOSEN, "data"),
        Output(ids.UNKNOWNS_LOOK, "data"),
        Output(ids.UNKNOWNS_DESK, "data-genlab-done", allow_duplicate=True),
        Input(ids.UNKNOWNS_EVENT, "data"),
        State(ids.UNKNOWNS_VERDICT, "value"),
        State(ids.UNKNOWNS_STATE, "value"),
        State(ids.UNKNOWNS_LOOK, "data"),
        State(ids.UNKNOWNS_CHOSEN, "data"),
        prevent_initial_call=True,
    )
    def look_around(
        event: dict | None, verdict: str, state: str, look: dict[str, Any], chosen: dict[str, Any]
    ) -> tuple[Any, Any, Any]:
        if not event or unknown_decide.decides(event):
            raise PreventUpdate
        key, act, n = event.get("key"), event.get("act"), event["n"]
        if act in ("below", "more") or key == "s":
            return {**chosen, "n": n}, unfolded(look, act or "below"), no_update
        nothing = no_update, no_update, str(n)
        if act != "choose" and key not in ("j", "k", "x"):
            return nothing
        try:
            view = desk.view()
        except NotReady:
            return nothing
        queue = held.queue(view, desk.settings.labelling)
        found = sections(view, queue, read_decided(desk, view), *wanted_of(verdict, state), look)
        items = listed(found)
        at = current(items, chosen)
        if at is None:
            return nothing
        if key == "x":
            at = group_line(items, at)
            look = unfolded(look, "open", items[at].key)
        elif act == "choose":
            keys = [item.key for item in items]
            at = keys.index(event["value"]) if event["value"] in keys else at
        else:
            at = min(max(at + (1 if key == "j" else -1), 0), len(items) - 1)
        return (
            {"key": items[at].key, "at": at, "n": n},
            look if key == "x" else no_update,
            no_update,
        )

    app.clientside_callback(
        """() => requestAnimationFrame(() => document
            .querySelector('.gl-flag[aria-current="true"]')
            ?.scrollIntoView({block: "nearest"}))""",
        Input(ids.UNKNOWNS_SHOWN, "data"),
        prevent_initial_call=True,
    )
    unknown_decide.register(app, desk)


def wanted_of(verdict: str, state: str) -> tuple[list[str], str | None]:
    """States and verdict that the filters ask for; None for every verdict."""
    states = {"open": list(OPEN), ALL: list(STATES)}.get(state, [state])
    return states, None if verdict == ALL else verdict


def group_line(items: Sequence[Item], at: int) -> int:
    """Where the line of the group stands that a line belongs to."""
    while items[at].member:
        at -= 1
    return at

"""Review: predictions, what was accepted in bulk, and doubted labels, gone through by keyboard."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs

import dash_bootstrap_components as dbc
import numpy as np
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.exceptions import PreventUpdate

from dashboard import ids, parts
from dashboard.notes import note, settled_note, undone_note
from dashboard.pages import review_list, review_trust
from dashboard.pages.fields import named
from dashboard.pages.map_acts import ALL, chosen_of
from dashboard.pages.review_keys import changed_since, place, read_event, shown_of
from dashboard.state import Desk, View
from dashboard.trust import LISTS, ORDERS, Listed, check, listed, offer
from genlab.errors import NotReady

PATH, NAME = "/review", "Review"

AUDIT = "audit"  # how a label was given by somebody who looked at the one it had


def layout(desk: Desk, search: str) -> Any:
    """The lists and the panel; below, how far to trust.

    The address chooses: ``list`` (of trust.LISTS), ``label``, ``order``.
    """
    asked = parse_qs(search.lstrip("?"))
    label, order = (asked.get(name, [""])[0] for name in ("label", "order"))
    known = [ALL, *([label] if label else [])]
    head = html.Div(
        [
            html.H1("Review"),
            html.Div(id=ids.REVIEW_TABS, className="gl-tabs"),
            html.Div(
                [
                    named("label", dbc.Select(
                        id=ids.REVIEW_LABEL, value=label or ALL, size="sm",
                        options=parts.options((each, each) for each in known))),
                    named("order", dbc.Select(
                        id=ids.REVIEW_ORDER, value=order if order in ORDERS else "doubt",
                        size="sm", options=parts.options(ORDERS.items()))),
                ],
                className="gl-push gl-review-filters",
            ),
        ],
        className="gl-head gl-review-head",
    )  # fmt: skip
    return html.Div(
        [
            dcc.Store(id=ids.REVIEW_EVENT),
            dcc.Store(id=ids.REVIEW_STATE, data={"at": 0}),
            dcc.Store(id=ids.REVIEW_SHOWN, data={}),
            html.Main(
                [
                    head,
                    html.Div(id=ids.REVIEW_ABOUT, className="gl-review-about"),
                    html.Section(id=ids.REVIEW_TABLE, className="gl-card"),
                    html.Div(review_trust.layout(), id=ids.REVIEW_TRUST),
                ],
                className="gl-main gl-stack",
            ),
            html.Aside(
                [
                    html.Section(id=ids.REVIEW_PANEL),
                    html.Section(
                        [
                            dbc.Input(
                                id=ids.REVIEW_NEW_LABEL, type="text", maxLength=120,
                                placeholder="new or other label, Enter", autoComplete="off",
                                class_name="gl-field",
                            ),
                            html.Div(id=ids.REVIEW_ACTIONS, className="gl-row gl-actions"),
                            html.Div(id=ids.REVIEW_STATUS, className="gl-status"),
                        ]
                    ),
                ],
                className="gl-panel",
            ),
        ],
        style={"display": "contents"},
        **parts.listens(ids.REVIEW_EVENT),
    )  # fmt: skip


def register(app: Dash, desk: Desk) -> None:
    """Lists and panel, what keys and buttons do; the offer."""
    review_trust.register(app, desk)

    @app.callback(
        Output(ids.REVIEW_TABLE, "children"),
        Output(ids.REVIEW_TABS, "children"),
        Output(ids.REVIEW_PANEL, "children"),
        Output(ids.REVIEW_ACTIONS, "children"),
        Output(ids.REVIEW_ABOUT, "children"),
        Output(ids.REVIEW_TRUST, "hidden"),
        Output(ids.REVIEW_LABEL, "options"),
        Output(ids.REVIEW_SHOWN, "data"),
        Input(ids.REVIEW_STATE, "data"),
        Input(ids.REVIEW_ORDER, "value"),
        Input(ids.REVIEW_LABEL, "value"),
        Input(ids.DATA_KEY, "data"),
        Input(ids.LOCATION, "search"),
        State(ids.REVIEW_SHOWN, "data"),
    )
    def show(
        state: dict, order: str, label: str, _: dict, search: str | None, before: dict
    ) -> tuple[Any, ...]:
        every = [(ALL, "every label")]
        name = list_of(search)
        acts = review_list.actions(name)
        try:
            view = desk.view()
        except NotReady as error:
            none = parts.empty(str(error), "genlab train")
            return none, [], [], acts, [], True, parts.options(every), {}
        options = parts.options([*every, *((each, each) for each in view.labels.names)])
        lists = lists_in(desk, view, LISTS, name, order, chosen_of(label))
        tabs = review_list.tabs(name, {key: len(each.rows) for key, each in lists.items()})
        found = lists[name]
        about = about_list(desk, view, name, found)
        hidden = name != "predictions"
        if not len(found.rows):
            none = review_list.nothing(view, name, chosen_of(label))
            shown: dict[str, Any] = {"list": name}
            return none, tabs, [], acts, about, hidden, options, shown
        at = place(view, found.rows, state, before, name)
        return (
            review_list.table(view, found, at, name),
            tabs,
            review_list.panel(desk, view, found, at, name),
            acts,
            about,
            hidden,
            options,
            shown_of(view, found.rows[at], at, int(found.said[at]), name),
        )

    @app.callback(
        Output(ids.REVIEW_STATE, "data"),
        Output(ids.REVIEW_STATUS, "children"),
        Output(ids.DATA_KEY, "data", allow_duplicate=True),
        Output(ids.REVIEW_NEW_LABEL, "value"),
        Input(ids.REVIEW_EVENT, "data"),
        Input(ids.REVIEW_NEW_LABEL, "n_submit"),
        State(ids.REVIEW_NEW_LABEL, "value"),
        State(ids.REVIEW_SHOWN, "data"),
        State(ids.REVIEW_ORDER, "value"),
        State(ids.REVIEW_LABEL, "value"),
        State(ids.REVIEW_PRECISION, "value"),
        State(ids.ANNOTATOR, "data"),
        prevent_initial_call=True,
    )
    def event(
        event: dict | None, _: int | None, typed: str | None, shown: dict, order: str, label: str,
        precision: str, who: str,
    ) -> tuple[Any, Any, Any, Any]:  # fmt: skip
        if not event and not typed:
            raise PreventUpdate
        view = desk.view()
        name = shown.get("list", "predictions")
        if ctx.triggered_id == ids.REVIEW_NEW_LABEL:
            event = {"act": "label", "value": (typed or "").strip()}
        act, value, by_key = read_event(event, shown.get("names", []), name)
        if act == "row":
            return {"at": 0, "pattern": value}, no_update, no_update, no_update
        if act == "page":
            return {"at": int(value)}, no_update, no_update, no_update
        if act == "move":
            rows = lists_in(desk, view, [name], name, order, chosen_of(label))[name].rows
            moved = int(np.clip(shown.get("at", 0) + int(value), 0, max(len(rows) - 1, 0)))
            return {"at": moved}, no_update, no_update, no_update
        if act in ("undo", "redo", "take-gesture"):
            group = value if act == "take-gesture" else None
            action = "redo" if act == "redo" else "undo"
            taken = desk.take_back(who, action, group)
            if taken is None:
                return no_update, note(f"Nothing of yours to {act}, {who}."), no_update, no_update
            return no_update, undone_note(action, taken[0], taken[2]), taken[1].key, no_update
        if act == "accept-all":
            return accept_all(desk, view, float(precision), value, who)
        given = {"accept": shown.get("label"), "keep": shown.get("label"), "label": value}.get(act)
        if not shown.get("pattern") or (act != "clear" and not given):
            raise PreventUpdate
        if problem := changed_since(view, shown, act):
            return no_update, note(problem), view.key, no_update
        # One by one is looked at; ACCEPTED is for many.
        how = AUDIT if name != "predictions" else "key" if by_key else "click"
        view, settled = desk.label([shown["pattern"]], given, how, who)
        said = (
            note(f"“{given}” stays: you looked at it.")
            if act == "keep"
            else settled_note(given, 1, settled)
        )
        return {"at": shown["at"]}, said, view.key, ""


def accept_all(
    desk: Desk, view: View, precision: float, key: str, who: str
) -> tuple[Any, Any, Any, Any]:
    """Accept the offer that was shown; the answer of the event callback."""
    checked = check(view, desk.settings.labelling)
    made = offer(view, checked, precision) if checked else None
    if made is None or not len(made.rows) or made.key != key:
        said = "The offer has changed since it was shown: look at it again."
        return no_update, note(said), view.key, no_update
    chosen = view.assigned.pattern_ids[made.rows].tolist()
    view, settled = desk.accept(chosen, made.labels, who)
    accepted = f"Accepted {parts.plural(len(chosen), 'prediction')}"
    return {"at": 0}, settled_note(accepted, len(chosen), settled), view.key, no_update


def list_of(search: str | None) -> str:
    """The list an address asks for."""
    name = parse_qs((search or "").lstrip("?")).get("list", [""])[0]
    return name if name in LISTS else "predictions"


def lists_in(
    desk: Desk, view: View, names: Iterable[str], shown: str, order: str, label: str
) -> dict[str, Listed]:
    """Some of the lists; what was accepted is judged only where it is ``shown``, which costs."""
    audited = {row["pattern_id"] for row in desk.store.rows("label_names.audited")}
    checked = check(view, desk.settings.labelling) if shown == "accepted" else None
    return {name: listed(view, name, checked, audited, order, label) for name in names}


def about_list(desk: Desk, view: View, name: str, found: Listed) -> Any:
    """What stands over a list that is not the predictions."""
    if name == "accepted":
        return review_trust.gestures(desk)
    if name == "doubted":
        return review_trust.audit_note(len(view.taught.proof.cross_fitted.labels), len(found.rows))
    return []

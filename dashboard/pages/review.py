"""Review: predictions by confidence, accepted or corrected by keyboard; how far to trust them."""

from typing import Any

import dash_bootstrap_components as dbc
import numpy as np
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.exceptions import PreventUpdate

from dashboard import ids, parts
from dashboard.figures import confidence_histogram, reliability
from dashboard.notes import note, settled_note, undone_note
from dashboard.pages import map_panel
from dashboard.pages.map import ALL, chosen_of
from dashboard.selection import known_rows, label_of_key, summarise
from dashboard.state import Desk, View
from dashboard.trust import Offer, check, histogram, offer, predictions
from genlab.errors import NotReady
from genlab.labelling import NO_LABEL
from genlab.labelling import reliability as reliability_bins

PATH, NAME = "/review", "Review"

ORDERS = {
    "doubt": "least sure first",
    "sure": "most sure first",
    "messages": "most messages first",
}
PRECISIONS = ("0.9", "0.95", "0.98", "0.99")
ROWS = 15  # of one page of the table
_GRAPH: Any = {"displayModeBar": False, "responsive": True}


def layout(desk: Desk, search: str) -> Any:
    """The table and the panel; below, how far to trust."""
    order = _select(ids.REVIEW_ORDER, ORDERS.items(), "doubt")
    head = html.Div(
        [
            html.H1("Review"),
            html.Span([html.Kbd("j"), " ", html.Kbd("k"), " move, ", html.Kbd("↵"), " accept, ",
                       html.Kbd("1"), "… correct, ", html.Kbd("u"), " undo"],
                      className="gl-hint gl-push"),
            dbc.Select(id=ids.REVIEW_LABEL, value=ALL, size="sm", class_name="w-auto",
                       options=parts.options([(ALL, "every label")])),
            order,
        ],
        className="gl-head",
    )  # fmt: skip
    trust = html.Div(
        [
            parts.card(
                "Accept everything above",
                html.Div(
                    [
                        html.Span("right at least"),
                        _select(ids.REVIEW_PRECISION,
                                ((p, f"{100 * float(p):g} %") for p in PRECISIONS), "0.95"),
                        html.Span("of the time"),
                    ],
                    className="gl-row",
                ),
                html.Div(id=ids.REVIEW_OFFER, className="gl-stack-small"),
                dcc.Graph(id=ids.REVIEW_HISTOGRAM, className="gl-figure", config=_GRAPH),
            ),
            parts.card(
                "Is it as sure as it should be?",
                html.P(
                    "Labels predicted without themselves; on the diagonal the promise is kept.",
                    className="gl-hint",
                ),
                dcc.Graph(id=ids.REVIEW_FIGURE, className="gl-figure", config=_GRAPH),
            ),
        ],
        className="gl-columns",
    )  # fmt: skip
    return html.Div(
        [
            dcc.Store(id=ids.REVIEW_EVENT),
            dcc.Store(id=ids.REVIEW_STATE, data={"at": 0}),
            dcc.Store(id=ids.REVIEW_SHOWN, data={}),
            html.Main(
                [head, html.Section(id=ids.REVIEW_TABLE, className="gl-card"), trust],
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
                            html.Div(
                                [parts.button("accept", "accept", key="↵"),
                                 parts.button("undo", "undo", key="u"),
                                 parts.button("next", "move", 1, key="j")],
                                className="gl-row gl-actions",
                            ),
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
    """Table and panel, the offer and its figures, what keys and buttons do."""

    @app.callback(
        Output(ids.REVIEW_TABLE, "children"),
        Output(ids.REVIEW_PANEL, "children"),
        Output(ids.REVIEW_LABEL, "options"),
        Output(ids.REVIEW_SHOWN, "data"),
        Input(ids.REVIEW_STATE, "data"),
        Input(ids.REVIEW_ORDER, "value"),
        Input(ids.REVIEW_LABEL, "value"),
        Input(ids.DATA_KEY, "data"),
        State(ids.REVIEW_SHOWN, "data"),
    )
    def show(state: dict, order: str, label: str, _: dict, before: dict) -> tuple[Any, ...]:
        names = [(ALL, "every label")]
        try:
            view = desk.view()
        except NotReady as error:
            return parts.empty(str(error), "genlab train"), [], parts.options(names), {}
        names += [(name, name) for name in view.labels.names]
        rows = predictions(view, order, chosen_of(label))
        if not len(rows):
            said = "No prediction to review: " + (
                "label some patterns on the map first."
                if not (view.labels.given != NO_LABEL).any()
                else "every predicted pattern is labelled, or none has this label."
            )
            return parts.empty(said), [], parts.options(names), {}
        at = place(view, rows, state, before)
        chosen = summarise(view, [str(view.assigned.pattern_ids[rows[at]])])
        panel = [
            *map_panel.head(view, chosen),
            html.Div(map_panel.labels(view, chosen), className="gl-label-list"),
            dcc.Link("show on the map", href=f"/map?pattern={view.assigned.pattern_ids[rows[at]]}"),
        ]
        return table(view, rows, at), panel, parts.options(names), shown_of(view, rows[at], at)

    @app.callback(
        Output(ids.REVIEW_OFFER, "children"),
        Output(ids.REVIEW_HISTOGRAM, "figure"),
        Output(ids.REVIEW_FIGURE, "figure"),
        Input(ids.REVIEW_PRECISION, "value"),
        Input(ids.DATA_KEY, "data"),
    )
    def trust(precision: str, _: dict) -> tuple[Any, Any, Any]:
        try:
            view = desk.view()
        except NotReady:
            return [], confidence_histogram(None), reliability(None)
        checked = check(view, desk.settings.labelling)
        if checked is None:
            said = html.P("Learning from the labels; the offer follows.", className="gl-note")
            return [said], confidence_histogram(histogram(view)), reliability(None)
        made = offer(view, checked, float(precision))
        threshold = made.acceptance.threshold if len(made.rows) else None
        return (
            offer_text(made, precision),
            confidence_histogram(histogram(view), threshold),
            reliability(reliability_bins(checked.confidence, checked.correct)),
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
        if ctx.triggered_id == ids.REVIEW_NEW_LABEL:
            event = {"act": "label", "value": (typed or "").strip()}
        act, value, by_key = read_event(event, shown.get("names", []))
        if act == "row":
            return {"at": 0, "pattern": value}, no_update, no_update, no_update
        if act == "page":
            return {"at": int(value)}, no_update, no_update, no_update
        if act == "move":
            rows = predictions(view, order, chosen_of(label))
            moved = int(np.clip(shown.get("at", 0) + int(value), 0, max(len(rows) - 1, 0)))
            return {"at": moved}, no_update, no_update, no_update
        if act in ("undo", "redo"):
            taken = desk.take_back(who, act)
            if taken is None:
                return no_update, note(f"Nothing of yours to {act}, {who}."), no_update, no_update
            return no_update, undone_note(act, taken[0], taken[2]), taken[1].key, no_update
        if act == "accept-all":
            checked = check(view, desk.settings.labelling)
            made = offer(view, checked, float(precision)) if checked else None
            if made is None or not len(made.rows) or made.key != value:
                said = "The offer has changed since it was shown: look at it again."
                return no_update, note(said), view.key, no_update
            chosen = view.assigned.pattern_ids[made.rows].tolist()
            view, settled = desk.accept(chosen, made.labels, who)
            said = f"Accepted {parts.plural(len(chosen), 'prediction')}"
            return {"at": 0}, settled_note(said, len(chosen), settled), view.key, no_update
        name = shown.get("label") if act == "accept" else value
        if act not in ("accept", "label") or not name or not shown:
            raise PreventUpdate
        if problem := changed_since(view, shown, act):
            return no_update, note(problem), view.key, no_update
        how = "key" if by_key else "click"  # one by one is looked at; ACCEPTED is for many
        view, settled = desk.label([shown["pattern"]], name, how, who)
        return {"at": shown["at"]}, settled_note(name, 1, settled), view.key, ""


def place(view: View, rows: np.ndarray, state: dict, before: dict) -> int:
    """Position in ``rows`` of what is to be shown.

    The pattern asked for; while new data come in, the one shown before; else the row asked for.
    """
    refreshed = ctx.triggered_id == ids.DATA_KEY
    wanted = before.get("pattern") if refreshed else state.get("pattern")
    found = np.flatnonzero(view.assigned.pattern_ids[rows] == wanted)
    return int(found[0]) if len(found) else min(state["at"], len(rows) - 1)


def shown_of(view: View, row: int, at: int) -> dict[str, Any]:
    """What the panel shows of a row, for the keys and clicks that answer it."""
    return {
        "at": at,
        "pattern": str(view.assigned.pattern_ids[row]),
        "label": view.labels.names[view.spread.label[row]],
        "names": view.labels.names,
    }


def changed_since(view: View, shown: dict[str, Any], act: str) -> str:
    """Why an answer to what was shown no longer fits; "" when it does."""
    rows = known_rows(view, [shown["pattern"]])
    if not len(rows):
        return "The version in force has not scored this pattern: look again."
    if view.labels.given[rows[0]] != NO_LABEL:
        given = view.labels.names[view.labels.given[rows[0]]]
        return f"This pattern was labelled “{given}” since it was shown."
    said = view.spread.label[rows[0]]
    now = view.labels.names[said] if said != NO_LABEL else "no label"
    if act == "accept" and now != shown["label"]:
        return f"The prediction was “{shown['label']}” and is “{now}” now: look again."
    return ""


def read_event(event: dict | None, names: list[str]) -> tuple[str, Any, bool]:
    """(act, value, whether by key)."""
    if not event:
        raise PreventUpdate
    if "act" in event:
        return event["act"], event["value"], False
    key = event["key"]
    fixed = {
        "j": ("move", 1),
        "k": ("move", -1),
        "u": ("undo", None),
        "U": ("redo", None),
        "Enter": ("accept", None),
    }
    if key in fixed:
        return *fixed[key], True
    name = label_of_key(key, names)
    if name is None:
        raise PreventUpdate
    return "label", name, True


def offer_text(made: Offer, precision: str) -> list[Any]:
    """The offer in words, and its button."""
    wish = f"{100 * float(precision):g} %"
    threshold = made.acceptance.threshold
    if made.checked.labels < 2:
        said = (
            "No promise yet: a prediction can only be wrong where there is another label. It needs "
            "two labels, each given one by one or by selection to three patterns or more."
        )
        return [html.P(said, className="gl-note")]
    if not np.isfinite(threshold):
        needed = int(np.ceil(np.log(0.05) / np.log(float(precision))))
        said = (
            f"{parts.plural(len(made.checked.correct), 'label')} could be checked; "
            f"a promise of {wish} needs at least {needed}, nearly all of them predicted right."
        )
        return [html.P(said, className="gl-note")]
    if not len(made.rows):
        return [html.P(f"Nothing left above {threshold:.3f}.", className="gl-note")]
    return [
        html.P(
            [
                "Above ", html.B(f"{threshold:.3f}"), ": ",
                html.B(parts.plural(made.messages, "message")),
                f" ({parts.plural(len(made.rows), 'pattern')}), precision at least ",
                html.B(parts.percent(made.acceptance.precision)),
                f", checked on {parts.plural(made.acceptance.checked, 'label')}.",
            ]
        ),
        parts.button(f"accept {len(made.rows):,} predictions", "accept-all", made.key,
                     style="gl-button-primary"),
    ]  # fmt: skip


def table(view: View, rows: np.ndarray, at: int) -> Any:
    """The page of predictions that holds row number ``at``."""
    first = at // ROWS * ROWS
    shown = rows[first : first + ROWS]
    spread, assigned = view.spread, view.assigned
    body = [
        html.Tr(
            [
                html.Td(html.Div(parts.shorten(str(assigned.canonical_texts[row]), 160),
                                 className="gl-text"), className="gl-wide"),
                html.Td(parts.number(assigned.message_counts[row]), className="gl-num"),
                html.Td(parts.label(view.labels.names[spread.label[row]],
                                    view.labels.colours[spread.label[row]])),
                html.Td(f"{spread.confidence[row]:.3f}", className="gl-num"),
                html.Td(parts.pill(str(spread.verdict[row]))),
            ],
            className="gl-review-row",
            **parts.attributes({"data-act": "row", "data-value": str(assigned.pattern_ids[row]),
               "aria-selected": "true" if first + k == at else "false"}),
        )
        for k, row in enumerate(shown)
    ]  # fmt: skip
    heads = [("pattern", ""), ("messages", "gl-num"), ("prediction", ""),
             ("confidence", "gl-num"), ("verdict", "")]  # fmt: skip
    return [
        html.Table(
            [
                html.Thead(html.Tr([html.Th(name, className=style) for name, style in heads])),
                html.Tbody(body),
            ],
            className="gl-table",
        ),
        html.Div(
            [
                html.Span(f"{first + 1:,}–{first + len(shown):,} of {len(rows):,}",
                          className="gl-hint"),
                parts.button("‹ back", "page", max(first - ROWS, 0), disabled=first == 0),
                parts.button("on ›", "page", first + ROWS, disabled=first + ROWS >= len(rows)),
            ],
            className="gl-pages",
        ),
    ]  # fmt: skip


def _select(component: str, pairs: Any, value: str) -> Any:
    return dbc.Select(
        id=component, options=parts.options(pairs), value=value, size="sm", class_name="w-auto"
    )

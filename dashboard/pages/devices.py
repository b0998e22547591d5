"""Devices: who sends, how much of it is known, when last."""

from typing import Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, dcc, html
from dash.exceptions import PreventUpdate

from dashboard import ids, parts
from dashboard.pages.fields import named
from dashboard.pages.fields import search as search_field
from dashboard.pages.overview_span import pattern_link
from dashboard.selection import stepped
from dashboard.state import Desk

PATH, NAME = "/devices", "Devices"

_ORDERS = {
    "flagged": "most not known first",
    "messages": "most messages first",
    "last": "last seen first",
}
_LIMIT, _PATTERNS = 200, 20


def layout(desk: Desk, search: str) -> Any:
    """The devices, and what one of them sends."""
    return html.Div(
        [
            dcc.Store(id=ids.DEVICES_EVENT),
            dcc.Store(id=ids.DEVICES_CHOSEN),
            html.Main(
                [
                    html.Div(
                        [
                            html.H1("Devices"),
                            html.Div(search_field(ids.DEVICES_SEARCH, "search devices"),
                                     className="gl-push"),
                            named("order", dbc.Select(
                                id=ids.DEVICES_ORDER, value="flagged", size="sm",
                                options=parts.options(_ORDERS.items()), class_name="w-auto")),
                        ],
                        className="gl-head",
                    ),
                    html.Section(devices_table(desk, "", "flagged", None), id=ids.DEVICES_TABLE,
                                 className="gl-card"),
                ],
                className="gl-main gl-stack",
            ),
            html.Aside(html.Section(id=ids.DEVICES_PANEL), className="gl-panel"),
        ],
        style={"display": "contents"},
        **parts.listens(ids.DEVICES_EVENT),
    )  # fmt: skip


def register(app: Dash, desk: Desk) -> None:
    """Search and order; the patterns of the chosen device."""

    @app.callback(
        Output(ids.DEVICES_TABLE, "children"),
        Input(ids.DEVICES_SEARCH, "value"),
        Input(ids.DEVICES_ORDER, "value"),
        Input(ids.DEVICES_CHOSEN, "data"),
        Input(ids.DATA_KEY, "data"),
    )
    def show(query: str | None, order: str, chosen: str | None, _: dict) -> Any:
        return devices_table(desk, query or "", order, chosen)

    @app.callback(
        Output(ids.DEVICES_CHOSEN, "data"),
        Input(ids.DEVICES_EVENT, "data"),
        State(ids.DEVICES_SEARCH, "value"),
        State(ids.DEVICES_ORDER, "value"),
        State(ids.DEVICES_CHOSEN, "data"),
        prevent_initial_call=True,
    )
    def event(event: dict | None, query: str | None, order: str, chosen: str | None) -> str:
        if event and event.get("act") == "choose":
            return event["value"]
        if not event or event.get("key") not in ("j", "k"):
            raise PreventUpdate
        known = [row["device"] for row in _rows(desk, query or "", order)]
        if not known:
            raise PreventUpdate
        return stepped(known, chosen, 1 if event["key"] == "j" else -1)

    @app.callback(
        Output(ids.DEVICES_PANEL, "children"),
        Input(ids.DEVICES_CHOSEN, "data"),
        Input(ids.DATA_KEY, "data"),
    )
    def panel(chosen: str | None, _: dict) -> Any:
        if chosen is None:
            return html.P("Choose a device to see what it sends.", className="gl-hint")
        rows = desk.store.rows("messages.of_device", device=chosen, limit=_PATTERNS + 1)
        colours = {row["name"]: row["colour"] for row in desk.store.rows("labels.names")}
        more = [html.P("and more patterns, with fewer messages", className="gl-hint")]
        return [
            html.H2(chosen),
            *(_sent(row, colours) for row in rows[:_PATTERNS]),
            *(more if len(rows) > _PATTERNS else []),
        ]


def devices_table(desk: Desk, query: str, order: str, chosen: str | None) -> Any:
    """A row per device."""
    rows = _rows(desk, query, order)
    if not rows:
        return parts.empty(
            f"No device holds “{query}”." if query
            else "No message named its device yet.", "" if query
            else "genlab ingest PATH… --device-field F"
        )  # fmt: skip
    heads = [("device", ""), ("source", ""), ("messages", "gl-num"), ("patterns", "gl-num"),
             ("known", "gl-num"), ("not known", "gl-num"), ("last seen", "")]  # fmt: skip
    more = [html.P(f"the first {_LIMIT}; search for the others", className="gl-hint")]
    return [
        html.Table(
            [
                html.Thead(html.Tr([html.Th(name, className=style) for name, style in heads])),
                html.Tbody([_row(row, row["device"] == chosen) for row in rows]),
            ],
            className="gl-table gl-choose",
        ),
        *(more if len(rows) == _LIMIT else []),
    ]


def _rows(desk: Desk, query: str, order: str) -> list[dict[str, Any]]:
    return desk.store.rows("messages.by_device", query=query, order=order, limit=_LIMIT)


def _row(row: dict[str, Any], chosen: bool) -> Any:
    choose = parts.attributes({"data-act": "choose", "data-value": row["device"]})
    judged = row["known"] + row["flagged"]
    return html.Tr(
        [
            html.Td(html.Button(row["device"], className="gl-plain", type="button", **choose)),
            html.Td(row["sources"], className="gl-hint"),
            html.Td(parts.number(row["messages"]), className="gl-num"),
            html.Td(parts.number(row["patterns"]), className="gl-num"),
            html.Td(parts.percent(row["known"] / judged if judged else None), className="gl-num"),
            html.Td(parts.number(row["flagged"]), className="gl-num"),
            html.Td(parts.ago(row["last_seen"])),
        ],
        **choose,
        **parts.attributes({"aria-selected": "true" if chosen else "false"}),
    )


def _sent(row: dict[str, Any], colours: dict[str, int]) -> Any:
    """A pattern that the device sends."""
    return html.Div(
        [
            pattern_link(row["pattern_id"], row["canonical_text"], 200),
            html.Div(
                [
                    html.Span([parts.pill(row["verdict"]), " ",
                               parts.label(row["label"], colours.get(row["label"]))]),
                    html.Span([html.B(parts.number(row["messages"])), " · ",
                               parts.ago(row["last_seen"])], className="gl-hint"),
                ],
                className="gl-between",
            ),
        ],
        className="gl-line",
    )  # fmt: skip

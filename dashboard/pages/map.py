"""Map: every pattern, labelled by click, key, lasso, query and component."""

import json
from typing import Any
from urllib.parse import parse_qs

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, dcc, html

from dashboard import ids, parts
from dashboard.notes import preview_text
from dashboard.pages import around, map_acts, map_panel
from dashboard.pages.fields import named
from dashboard.pages.map_acts import ALL
from dashboard.routes import COLOURINGS
from dashboard.selection import keys_of, summarise
from dashboard.state import Desk
from genlab.errors import NotReady
from genlab.records import VERDICTS

PATH, NAME = "/map", "Map"

_ADDRESS = {
    "by": (ids.MAP_COLOUR, "predicted"),
    "verdict": (ids.MAP_VERDICT, ALL),
    "labelled": (ids.MAP_LABELLED, ALL),
    "source": (ids.MAP_SOURCE, ALL),
    "q": (ids.MAP_SEARCH, ""),
}  # what the page's address keeps: parameter, control, the value that means none


def layout(desk: Desk, search: str) -> Any:
    """The toolbar, the canvas, the panel of what is selected."""
    key = desk.key()
    sources = [row["source"] for row in desk.store.rows("messages.sources")]
    asked = parse_qs(search.lstrip("?")).get("pattern", [])
    select = json.dumps({"ids": asked, "focus": asked[0], "kind": "link"}) if asked else ""
    patterns = desk.store.rows("patterns.count")[0]["patterns"]
    command = "genlab train" if patterns else "genlab ingest PATH…"
    toolbar = html.Div(
        [
            html.Label(
                [
                    html.Span("search text; Enter selects what it finds",
                              className="visually-hidden"),
                    dbc.Input(
                        id=ids.MAP_SEARCH, type="search", placeholder="search text  ( / )",
                        debounce=300, class_name="gl-field",
                    ),
                ],
                className="gl-search", **parts.attributes({"data-enter": "select-shown"}),
            ),
            html.Label(
                [
                    html.Span("colour", className="gl-hint"),
                    dbc.Select(id=ids.MAP_COLOUR, options=parts.options(COLOURINGS.items()),
                               value="predicted", size="sm"),
                ],
                className="gl-select",
            ),
            _filter(ids.MAP_VERDICT, "verdict", "every verdict", [(v, v) for v in VERDICTS]),
            _filter(ids.MAP_LABELLED, "labelled", "all patterns",
                    [("no", "not labelled"), ("yes", "labelled")]),
            _filter(ids.MAP_SOURCE, "source", "every source", [(s, s) for s in sources]),
            parts.button("select shown", "select-shown", style="gl-button-quiet gl-push", key="A",
                         title="select everything the search and the filters leave (shift a)"),
        ],
        className="gl-toolbar",
    )  # fmt: skip
    canvas = html.Div(
        id=ids.MAP_CANVAS,
        **parts.attributes(
            {
                "data-genlab-map": "1",
                "data-points-url": points_url(key),
                "data-colours-url": colours_url(key, "predicted"),
                "data-selection-store": ids.MAP_SELECTION,
                "data-select": select,
                "data-address": json.dumps(_ADDRESS),
                "data-empty": f"Nothing to draw yet: run  {command}",
            }
        ),
    )
    return html.Div(
        [
            dcc.Store(id=ids.MAP_SELECTION, data={"ids": [], "kind": "clear"}),
            dcc.Store(id=ids.MAP_SHOWN, data={}),
            dcc.Store(id=ids.MAP_EVENT),
            dcc.Store(id=ids.MAP_QUEUE),
            dcc.Store(id=ids.MAP_PENDING),
            dcc.Store(id=ids.MAP_AIM),
            dcc.Store(id=ids.MAP_PAGE, data={"before": None}),
            html.Main(
                [html.H1(NAME, className="visually-hidden"), toolbar, canvas],
                className="gl-main gl-main-fill",
            ),
            map_panel.layout(),
        ],
        id=ids.MAP_DESK,
        style={"display": "contents"},
        **parts.listens(ids.MAP_EVENT),
        **parts.attributes({"data-genlab-done": "0"}),
    )


def points_url(key: dict[str, int]) -> str:
    """Where the points of a data key are; the same string as the client side makes."""
    return f"/_genlab/points?{_at(key)}"


def colours_url(key: dict[str, int], by: str) -> str:
    """Where the colours are, without a filter."""
    at = f"{_at(key)}&seq={key['seq']}&learnt={key['learnt']}"
    return f"/_genlab/colours?{at}&by={by}&verdict=&labelled=&source=&q="


def _at(key: dict[str, int]) -> str:
    return "&".join(f"{part}={key[part]}" for part in ("version", "made", "patterns", "messages"))


_URLS = """
(key, by, verdict, labelled, source, query) => {
  if (!key) return [window.dash_clientside.no_update, window.dash_clientside.no_update];
  const at = ["version", "made", "patterns", "messages"].map((p) => `${p}=${key[p]}`).join("&");
  const part = (value) => encodeURIComponent(value === ":all" ? "" : value ?? "");
  return [`/_genlab/points?${at}`,
    `/_genlab/colours?${at}&seq=${key.seq}&learnt=${key.learnt}&by=${part(by)}` +
    `&verdict=${part(verdict)}&labelled=${part(labelled)}&source=${part(source)}&q=${part(query)}`];
}
"""


def register(app: Dash, desk: Desk) -> None:
    """Addresses of points and colours; the panel; what keys and buttons do."""
    app.clientside_callback(
        _URLS,
        Output(ids.MAP_CANVAS, "data-points-url"),
        Output(ids.MAP_CANVAS, "data-colours-url"),
        Input(ids.DATA_KEY, "data"),
        Input(ids.MAP_COLOUR, "value"),
        Input(ids.MAP_VERDICT, "value"),
        Input(ids.MAP_LABELLED, "value"),
        Input(ids.MAP_SOURCE, "value"),
        Input(ids.MAP_SEARCH, "value"),
    )

    for know, store in {
        "selection": ids.MAP_SELECTION,
        "shown": ids.MAP_SHOWN,
        "queue": ids.MAP_QUEUE,
        "pending": ids.MAP_PENDING,
    }.items():
        app.clientside_callback(
            f"(now) => window.genlabDesk.know.{know}(now)",
            Output(ids.MAP_DESK, f"data-knows-{know}"),
            Input(store, "data"),
        )

    @app.callback(
        Output(ids.MAP_HEAD, "children"),
        Output(ids.MAP_LABELS, "children"),
        Output(ids.MAP_NAMES, "children"),
        Output(ids.MAP_SHOWN, "data"),
        Input(ids.MAP_SELECTION, "data"),
        Input(ids.DATA_KEY, "data"),
        State(ids.MAP_QUEUE, "data"),
    )
    def panel(selection: dict, _: dict, queue: dict | None) -> tuple[Any, ...]:
        try:
            view = desk.view()
        except NotReady as error:
            return parts.empty(str(error)), [], [], {}
        chosen = summarise(view, selection["ids"])
        names = [html.Option(value=name) for name in view.labels.names]
        shown = {
            "selection": selection.get("n"),
            "suggested": chosen.suggested,
            "keys": keys_of(view.labels.names),
            "seq": view.labels.seq,
        }
        if not len(chosen.rows):
            return map_panel.nothing(view, *map_acts.asked_next(view)), [], names, shown
        head = map_panel.head(view, chosen)
        if len(chosen.rows) == 1:
            pattern_id = str(view.assigned.pattern_ids[chosen.rows[0]])
            notes = desk.store.rows("remarks.notes", pattern_id=pattern_id, limit=1)
            head += map_panel.about_one(view, chosen, (queue or {}).get("worth", {}), notes)
        return head, map_panel.labels(view, chosen), names, shown

    @app.callback(
        Output(ids.MAP_PREVIEW, "children"),
        Input(ids.MAP_SHOWN, "data"),
        Input(ids.MAP_AIM, "data"),
        State(ids.MAP_SELECTION, "data"),
    )
    def before(shown: dict, aim: dict | None, selection: dict) -> Any:
        label = aim.get("value") if aim else shown.get("suggested")
        clears = aim is not None and aim.get("act") == "clear"
        if len(selection["ids"]) < 2 or not (label or clears):
            return []
        view = desk.view()
        told = desk.preview(view, selection["ids"], label)
        return preview_text(label, told) if told.same < told.patterns else []

    @app.callback(
        Output(ids.MAP_DETAIL, "children"),
        Input(ids.MAP_SELECTION, "data"),
        Input(ids.MAP_TABS, "value"),
        Input(ids.DATA_KEY, "data"),
        Input(ids.MAP_PAGE, "data"),
    )
    def detail(selection: dict, tab: str, _: dict, page: dict) -> Any:
        try:
            view = desk.view()
        except NotReady:
            return []
        chosen = summarise(view, selection["ids"])
        if tab == around.HISTORY:
            return around.history(desk, view, chosen, page["before"])
        if not len(chosen.rows):
            return html.P("Select something to see it here.", className="gl-hint")
        return around.detail(desk, view, chosen, tab)

    map_acts.register(app, desk)


def _filter(component: str, caption: str, every: str, pairs: list[tuple[str, str]]) -> Any:
    """A select whose options say themselves what they narrow."""
    choices = parts.options([(ALL, every), *pairs])
    return named(caption, dbc.Select(id=component, options=choices, value=ALL, size="sm"))

"""Map: every pattern, labelled by click, key, lasso, query and component."""

import json
from typing import Any
from urllib.parse import parse_qs

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.exceptions import PreventUpdate

from dashboard import ids, parts
from dashboard.notes import note, settled_note, undone_note
from dashboard.pages import around, map_panel
from dashboard.routes import COLOURINGS
from dashboard.selection import component_of, label_of_key, summarise
from dashboard.state import Desk, View
from genlab.errors import NotReady
from genlab.labelling import NO_LABEL, Suggestion, suggest
from genlab.labelling.suggest import Outlook, outlook
from genlab.records import VERDICTS

PATH, NAME = "/map", "Map"

ALL = ":all"  # a select takes an empty value for none chosen
_QUESTIONS = 12  # suggestions looked at before they start over
_COMMANDS = {"u": "undo", "U": "redo", "n": "next"}
_HOW = {"lasso": "lasso", "box": "lasso", "component": "component", "query": "query"}


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
            dbc.Input(
                id=ids.MAP_SEARCH, type="search", placeholder="search text  ( / )",
                debounce=300, class_name="gl-field gl-search",
            ),
            _select(ids.MAP_COLOUR, "colour", COLOURINGS.items(), "predicted"),
            _select(ids.MAP_VERDICT, "verdict", [(ALL, "all"), *((v, v) for v in VERDICTS)], ALL),
            _select(ids.MAP_SOURCE, "source", [(ALL, "all"), *((s, s) for s in sources)], ALL),
            parts.button("select shown", "select-shown", style="gl-button-quiet gl-push",
                         title="select everything the search and the filters leave"),
        ],
        className="gl-toolbar",
    )  # fmt: skip
    canvas = html.Div(
        id=ids.MAP_CANVAS,
        **parts.attributes(
            {
                "data-genlab-map": "1",
                "data-points-url": points_url(key),
                "data-colours-url": colours_url(key, "predicted", "", "", ""),
                "data-selection-store": ids.MAP_SELECTION,
                "data-select": select,
                "data-empty": f"Nothing to draw yet: run  {command}",
            }
        ),
    )
    return html.Div(
        [
            dcc.Store(id=ids.MAP_SELECTION, data={"ids": [], "kind": "clear"}),
            dcc.Store(id=ids.MAP_SHOWN, data={}),
            dcc.Store(id=ids.MAP_EVENT),
            dcc.Store(id=ids.MAP_ASKED, data=[]),
            html.Main([toolbar, canvas], className="gl-main gl-main-fill"),
            map_panel.layout(),
        ],
        style={"display": "contents"},
        **parts.listens(ids.MAP_EVENT),
    )


def points_url(key: dict[str, int]) -> str:
    """Where the points of a data key are; the same string as the client side makes."""
    return f"/_genlab/points?{_at(key)}"


def colours_url(key: dict[str, int], by: str, verdict: str, source: str, query: str) -> str:
    """Where the colours are, when nothing needs escaping."""
    at = f"{_at(key)}&seq={key['seq']}&learnt={key['learnt']}"
    return f"/_genlab/colours?{at}&by={by}&verdict={verdict}&source={source}&q={query}"


def _at(key: dict[str, int]) -> str:
    return "&".join(f"{part}={key[part]}" for part in ("version", "made", "patterns", "messages"))


_URLS = """
(key, by, verdict, source, query) => {
  if (!key) return [window.dash_clientside.no_update, window.dash_clientside.no_update];
  const at = ["version", "made", "patterns", "messages"].map((p) => `${p}=${key[p]}`).join("&");
  const part = (value) => encodeURIComponent(value === ":all" ? "" : value ?? "");
  return [`/_genlab/points?${at}`,
    `/_genlab/colours?${at}&seq=${key.seq}&learnt=${key.learnt}&by=${part(by)}` +
    `&verdict=${part(verdict)}&source=${part(source)}&q=${part(query)}`];
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
        Input(ids.MAP_SOURCE, "value"),
        Input(ids.MAP_SEARCH, "value"),
    )

    @app.callback(
        Output(ids.MAP_HEAD, "children"),
        Output(ids.MAP_LABELS, "children"),
        Output(ids.MAP_NAMES, "children"),
        Output(ids.MAP_SHOWN, "data"),
        Input(ids.MAP_SELECTION, "data"),
        Input(ids.DATA_KEY, "data"),
    )
    def panel(selection: dict, _: dict) -> tuple[Any, ...]:
        try:
            view = desk.view()
        except NotReady as error:
            return parts.empty(str(error)), [], [], {}
        chosen = summarise(view, selection["ids"])
        names = [html.Option(value=name) for name in view.labels.names]
        shown = {
            "selection": selection.get("n"),
            "suggested": chosen.suggested,
            "names": view.labels.names,
        }
        if not len(chosen.rows):
            return map_panel.nothing(view, *asked_next(view)), [], names, shown
        return map_panel.head(view, chosen), map_panel.labels(view, chosen), names, shown

    @app.callback(
        Output(ids.MAP_DETAIL, "children"),
        Input(ids.MAP_SELECTION, "data"),
        Input(ids.MAP_TABS, "active_tab"),
        Input(ids.DATA_KEY, "data"),
    )
    def detail(selection: dict, tab: str, _: dict) -> Any:
        try:
            view = desk.view()
        except NotReady:
            return []
        chosen = summarise(view, selection["ids"])
        if not len(chosen.rows):
            return html.P("Select something to see it here.", className="gl-hint")
        return around.detail(desk, view, chosen, tab)

    @app.callback(
        Output(ids.MAP_STATUS, "children"),
        Output(ids.DATA_KEY, "data", allow_duplicate=True),
        Output(ids.MAP_CANVAS, "data-select"),
        Output(ids.MAP_ASKED, "data"),
        Output(ids.MAP_NEW_LABEL, "value"),
        Input(ids.MAP_EVENT, "data"),
        Input(ids.MAP_NEW_LABEL, "n_submit"),
        State(ids.MAP_NEW_LABEL, "value"),
        State(ids.MAP_SELECTION, "data"),
        State(ids.MAP_SHOWN, "data"),
        State(ids.MAP_ASKED, "data"),
        State(ids.ANNOTATOR, "data"),
        State(ids.MAP_VERDICT, "value"),
        State(ids.MAP_SOURCE, "value"),
        State(ids.MAP_SEARCH, "value"),
        prevent_initial_call=True,
    )
    def event(
        event: dict | None, _enter: int | None, typed: str | None, selection: dict,
        shown: dict, asked: list[str], who: str, verdict: str, source: str, query: str | None,
    ) -> tuple[Any, Any, Any, Any, Any]:  # fmt: skip
        if not event and not typed:
            raise PreventUpdate
        view = desk.view()
        act, value, by_key = read_event(ctx.triggered_id == ids.MAP_NEW_LABEL, event, typed, shown)
        if act in ("label", "clear", "accept"):
            if not selection["ids"]:
                return note("Select something first."), *[no_update] * 4
            if act == "accept" and (problem := changed_since(view, selection, shown)):
                return note(problem), *[no_update] * 4
            how = _HOW.get(selection["kind"], "key" if by_key else "click")
            view, settled = desk.label(selection["ids"], value, how, who)
            said = settled_note(value, len(selection["ids"]), settled)
            return said, view.key, no_update, no_update, ""
        if act == "undo" or act == "redo":
            undone = desk.take_back(who, act)
            if undone is None:
                return note(f"Nothing of yours to {act}, {who}."), *[no_update] * 4
            gesture, view, settled = undone
            return undone_note(act, gesture, settled), view.key, no_update, no_update, no_update
        if act == "next":
            chosen = next_question(view, asked)
            if chosen is None:
                return note("No question left: every pattern is known."), *[no_update] * 4
            row, would, reason, asked = chosen
            pattern = view.assigned.pattern_ids[row]
            said = note(f"Would settle about {would:,.0f} messages: {reason}.")
            return (
                said,
                no_update,
                pick([pattern], "suggestion", len(asked), pattern),
                asked,
                no_update,
            )
        rows, kind = rows_for(desk, view, act, value, selection, verdict, source, query or "")
        chosen_ids = [str(view.assigned.pattern_ids[row]) for row in rows]
        serial = (event or {}).get("n", 0)
        focus = chosen_ids[0] if act == "select" and chosen_ids else ""
        return no_update, no_update, pick(chosen_ids, kind, serial, focus), no_update, no_update


def rows_for(
    desk: Desk, view: View, act: str, value: str | None, selection: dict,
    verdict: str, source: str, query: str,
) -> tuple[list[int], str]:  # fmt: skip
    """Rows a selecting act asks for, and the kind of that selection."""
    if act == "select" and value:
        return list(summarise(view, [value]).rows), "click"
    if act == "component":
        return list(component_of(view, summarise(view, selection["ids"]).rows)), "component"
    if act == "select-shown":
        shown = desk.shown(view, chosen_of(verdict), chosen_of(source), query)
        size = len(view.assigned.pattern_ids)
        return (list(range(size)) if shown is None else list(shown.nonzero()[0])), "query"
    raise PreventUpdate


def chosen_of(value: str | None) -> str:
    """The filter a select stands for, "" for all."""
    return "" if value in (None, ALL) else str(value)


def read_event(
    typed_enter: bool, event: dict | None, typed: str | None, shown: dict
) -> tuple[str, str | None, bool]:
    """(act, value, whether by key) of a click, a key or a typed label."""
    if typed_enter:
        if not (typed or "").strip():
            raise PreventUpdate
        return "label", typed, False
    if not event:
        raise PreventUpdate
    if "act" in event:
        act, value = event["act"], event["value"]
        if act == "accept":
            value = shown.get("suggested")
        return act, value, False
    key = event["key"]
    if key == "Enter":
        return "accept", shown.get("suggested"), True
    if key in _COMMANDS:
        return _COMMANDS[key], None, True
    name = label_of_key(key, shown.get("names", []))
    if name is None:
        raise PreventUpdate
    return "label", name, True


def changed_since(view: View, selection: dict, shown: dict) -> str:
    """Why the suggestion shown cannot be accepted; "" when it can."""
    if shown.get("selection") != selection.get("n"):
        return "The suggestion for this selection is not shown yet: look again."
    now = summarise(view, selection["ids"]).suggested
    if now is None:
        return "There is no suggestion to accept yet."
    if now != shown["suggested"]:
        return f"“{shown['suggested']}” was suggested, “{now}” is now: look again."
    return ""


def asked_next(view: View) -> tuple[list[Suggestion], Outlook]:
    """What to ask next, best first, and whether it still pays."""
    found = questions(view)
    return found, outlook(found, view.assigned.message_counts, view.spread)


def questions(view: View) -> list[Suggestion]:
    """What to ask next, best first."""
    return suggest(
        view.assigned.ground.near,
        view.assigned.message_counts,
        view.labels.given != NO_LABEL,
        view.spread,
        _QUESTIONS,
    )


def next_question(view: View, asked: list[str]) -> tuple[int, float, str, list[str]] | None:
    """The best question not asked yet: (row, messages, reason, asked); then from the start."""
    found = questions(view)
    if not found:
        return None
    ids_of = view.assigned.pattern_ids
    fresh = [q for q in found if str(ids_of[q.index]) not in asked]
    if not fresh:
        asked, fresh = [], found
    best = fresh[0]
    return best.index, best.would_settle, best.reason, [*asked, str(ids_of[best.index])]


def pick(pattern_ids: list[str], kind: str, serial: int, focus: str = "") -> str:
    """The data-select attribute: what the canvas is to select; ``serial`` makes it new."""
    return json.dumps({"ids": pattern_ids, "kind": kind, "focus": focus, "serial": serial})


def _select(component: str, caption: str, pairs: Any, value: str) -> Any:
    return html.Label(
        [
            html.Span(caption, className="gl-hint"),
            dbc.Select(id=component, options=parts.options(pairs), value=value, size="sm"),
        ],
        className="gl-select",
    )

"""Overview: what came in, what is known, what is not, what changed and what waits."""

from datetime import datetime, timedelta
from typing import Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, ctx, dcc, html, no_update
from dash.exceptions import PreventUpdate

from dashboard import ids, parts
from dashboard.figures import known_over_time, verdict_over_time, volume_over_time
from dashboard.figures.overview import OTHERS
from dashboard.pages import overview_drift, overview_work
from dashboard.pages.fields import named
from dashboard.pages.overview_span import span_card
from dashboard.state import Desk
from genlab.errors import NotReady
from genlab.pipeline.drift import WINDOWS, drift

PATH, NAME = "/", "Overview"

_BUCKETS = (60, 300, 900, 3_600, 10_800, 21_600, 43_200, 86_400, 604_800)  # seconds
_BARS = 60  # at most about as many per figure
_GRAPH: Any = {"displayModeBar": False, "responsive": True}


def layout(desk: Desk, search: str) -> Any:
    """Everything at once; redrawn when data change and every ten seconds."""
    first = body(desk)
    windows = parts.options((name, f"last {name} against the {name} before") for name in WINDOWS)
    return html.Main(
        [
            dcc.Interval(id=ids.OVERVIEW_TICK, interval=10_000),
            html.Div([html.H1("Overview")], className="gl-head"),
            html.Div(first, id=ids.OVERVIEW_BODY, className="gl-stack"),
            html.Div(
                [
                    html.Div(id=ids.OVERVIEW_SPAN),
                    html.Section(
                        [
                            html.Div(
                                [
                                    html.H2("What changed"),
                                    named("windows compared", dbc.Select(
                                        id=ids.OVERVIEW_WINDOW, options=windows, value="day",
                                        size="sm", class_name="w-auto")),
                                ],
                                className="gl-between",
                            ),
                            html.Div(id=ids.OVERVIEW_DRIFT, className="gl-stack-small"),
                        ],
                        className="gl-card",
                    ),
                    html.Div(rest(desk), id=ids.OVERVIEW_REST, className="gl-stack"),
                ],
                id=ids.OVERVIEW_MORE, className="gl-stack gl-overview-more", hidden=empty(desk),
            ),
        ],
        className="gl-main",
    )  # fmt: skip


def register(app: Dash, desk: Desk) -> None:
    """Redraw when there is something new; drift; what a bar holds."""

    @app.callback(
        Output(ids.OVERVIEW_BODY, "children"),
        Output(ids.OVERVIEW_REST, "children"),
        Output(ids.OVERVIEW_MORE, "hidden"),
        Input(ids.OVERVIEW_TICK, "n_intervals"),
        Input(ids.DATA_KEY, "data"),
        prevent_initial_call=True,
    )
    def refresh(_: int, __: dict) -> Any:
        return body(desk), rest(desk), empty(desk)

    @app.callback(
        Output(ids.OVERVIEW_DRIFT, "children"),
        Input(ids.OVERVIEW_WINDOW, "value"),
        Input(ids.DATA_KEY, "data"),
    )
    def changes(window: str, _: dict) -> Any:
        if window not in WINDOWS:
            raise PreventUpdate
        return overview_drift.told(drift(desk.store, window), window)

    @app.callback(
        Output(ids.OVERVIEW_SPAN, "children"),
        Input(ids.OVERVIEW_KNOWN, "clickData"),
        Input(ids.OVERVIEW_VERDICTS, "clickData"),
        Input(ids.OVERVIEW_SOURCES, "clickData"),
        prevent_initial_call=True,
    )
    def look(known: dict | None, verdicts: dict | None, sources: dict | None) -> Any:
        clicked = {ids.OVERVIEW_KNOWN: known, ids.OVERVIEW_VERDICTS: verdicts,
                   ids.OVERVIEW_SOURCES: sources}.get(ctx.triggered_id)  # fmt: skip
        if not clicked:
            return no_update
        point = clicked["points"][0]
        seconds, _ = buckets(*desk.store.rows("messages.span")[0].values())
        since = datetime.fromisoformat(str(point["x"]).replace("Z", ""))
        chosen = {"verdict": "", "source": ""}
        if ctx.triggered_id == ids.OVERVIEW_VERDICTS:
            chosen["verdict"] = str(point["customdata"])
        if ctx.triggered_id == ids.OVERVIEW_SOURCES and point["customdata"] != OTHERS:
            chosen["source"] = str(point["customdata"])
        return span_card(desk, since, since + timedelta(seconds=seconds), **chosen)


def empty(desk: Desk) -> bool:
    """Whether nothing came in yet."""
    totals = desk.store.rows("messages.totals")[0]
    return not totals["messages"] and not totals["quarantined"]


def body(desk: Desk) -> list[Any]:
    """The figures of the page, and the large numbers over them."""
    totals = desk.store.rows("messages.totals")[0]
    if not totals["messages"] and not totals["quarantined"]:
        return [parts.empty("No messages yet.", "genlab ingest PATH…   or   genlab demo")]
    bucket, hours = buckets(*desk.store.rows("messages.span")[0].values())
    by_time = {"bucket_seconds": bucket, "hours": hours}
    verdicts = desk.store.read("messages.verdicts_over_time", **by_time)
    volume = desk.store.read("messages.volume", **by_time)
    return [
        html.Div(_stats(desk, totals), className="gl-grid"),
        html.Div(
            [
                _figure("Known share", ids.OVERVIEW_KNOWN, known_over_time(verdicts),
                        "as judged now"),
                _figure("Messages by verdict", ids.OVERVIEW_VERDICTS, verdict_over_time(verdicts)),
                _figure("Messages by source", ids.OVERVIEW_SOURCES, volume_over_time(volume)),
            ],
            className="gl-columns gl-overview-figures",
        ),
    ]  # fmt: skip


def rest(desk: Desk) -> list[Any]:
    """What waits, what is new, where it comes from, what ran."""
    return overview_work.cards(desk)


def buckets(earliest: datetime | None, latest: datetime | None) -> tuple[int, float]:
    """(seconds of a bar, hours shown) so that the whole span makes at most some 60 bars."""
    if earliest is None or latest is None:
        return _BUCKETS[0], 1.0
    span = max((latest - earliest).total_seconds(), 60.0)
    bucket = next((b for b in _BUCKETS if span / b <= _BARS), _BUCKETS[-1])
    return bucket, span / 3_600 + bucket / 3_600


def _figure(title: str, component: str, figure: Any, hint: str = "click one to look inside") -> Any:
    head = html.Div([html.H2(title), html.Span(hint, className="gl-hint")], className="gl-between")
    graph = dcc.Graph(id=component, figure=figure, className="gl-figure", config=_GRAPH)
    return html.Section([head, graph], className="gl-card")


def _stats(desk: Desk, totals: dict[str, Any]) -> list[Any]:
    received = totals["last_received"]
    stats = [
        parts.stat(
            "messages",
            parts.number(totals["messages"]),
            ["from ", parts.plural(totals["devices"], "device"), ", last ", parts.ago(received)],
            "/devices",
        ),
        parts.stat(
            "patterns",
            parts.number(totals["patterns"]),
            f"one stands for {totals['messages'] / max(totals['patterns'], 1):,.1f} messages",
            "/map",
        ),
    ]
    try:
        view = desk.view()
    except NotReady:
        return [*stats, parts.stat("known", "–", "no model in force yet", "/train")]
    verdict, counts = view.spread.verdict, view.assigned.message_counts
    known = verdict == "known"
    share = float(counts[known].sum() / max(counts.sum(), 1))
    unscored = totals["patterns"] - len(verdict)
    note = f"{int(known.sum()):,} of {len(verdict):,} patterns"
    if unscored:
        note += f", {unscored:,} not scored yet"
    by_kind = ", ".join(
        f"{int((verdict == v).sum()):,} {v}" for v in ("unnamed", "between", "novel")
    )
    labelled = int((view.labels.given >= 0).sum())
    return [
        *stats,
        parts.stat("messages known", parts.percent(share), note, "/review"),
        parts.stat("unknown patterns", parts.number(int((~known).sum())), by_kind, "/unknowns"),
        parts.stat("labelled patterns", parts.number(labelled),
                   f"by people, under {parts.plural(len(view.labels.names), 'label')}", "/labels"),
    ]  # fmt: skip

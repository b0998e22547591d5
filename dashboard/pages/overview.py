"""Overview: what came in, what is known, what is not."""

from datetime import datetime
from typing import Any

from dash import Dash, Input, Output, dcc, html

from dashboard import ids, parts
from dashboard.figures import verdict_over_time, volume_over_time
from dashboard.pages.jobs import jobs_table, latest
from dashboard.state import Desk
from genlab.errors import NotReady

PATH, NAME = "/", "Overview"

_BUCKETS = (60, 300, 900, 3_600, 10_800, 21_600, 43_200, 86_400, 604_800)  # seconds
_BARS = 60  # at most about as many per figure
_REFUSED, _JOBS = 20, 6
_GRAPH: Any = {"displayModeBar": False, "responsive": True}


def layout(desk: Desk, search: str) -> Any:
    """Everything at once; redrawn when data change and every ten seconds."""
    return html.Main(
        [
            dcc.Interval(id=ids.OVERVIEW_TICK, interval=10_000),
            html.Div([html.H1("Overview")], className="gl-head"),
            html.Div(body(desk), id=ids.OVERVIEW_BODY, className="gl-stack"),
        ],
        className="gl-main",
    )


def register(app: Dash, desk: Desk) -> None:
    """Redraw when there is something new."""

    @app.callback(
        Output(ids.OVERVIEW_BODY, "children"),
        Input(ids.OVERVIEW_TICK, "n_intervals"),
        Input(ids.DATA_KEY, "data"),
        prevent_initial_call=True,
    )
    def refresh(_: int, __: dict) -> Any:
        return body(desk)


def body(desk: Desk) -> list[Any]:
    """The cards of the page."""
    totals = desk.store.rows("messages.totals")[0]
    if not totals["messages"] and not totals["quarantined"]:
        return [parts.empty("No messages yet.", "genlab ingest PATH…   or   genlab demo")]
    bucket, hours = buckets(*desk.store.rows("messages.span")[0].values())
    by_time = {"bucket_seconds": bucket, "hours": hours}
    return [
        html.Div(_stats(desk, totals), className="gl-grid"),
        html.Div(
            [
                parts.card(
                    "Messages by verdict",
                    dcc.Graph(
                        figure=verdict_over_time(
                            desk.store.read("messages.verdicts_over_time", **by_time)
                        ),
                        className="gl-figure",
                        config=_GRAPH,
                    ),
                ),
                parts.card(
                    "Messages by source",
                    dcc.Graph(
                        figure=volume_over_time(desk.store.read("messages.volume", **by_time)),
                        className="gl-figure",
                        config=_GRAPH,
                    ),
                ),
            ],
            className="gl-columns",
        ),
        html.Div([_labels(desk), _sources(desk)], className="gl-columns"),
        parts.card("Latest jobs", jobs_table(latest(desk, _JOBS))),
        _quarantine(desk, totals["quarantined"]),
    ]


def buckets(earliest: datetime | None, latest: datetime | None) -> tuple[int, float]:
    """(seconds of a bar, hours shown) so that the whole span makes at most some 60 bars."""
    if earliest is None or latest is None:
        return _BUCKETS[0], 1.0
    span = max((latest - earliest).total_seconds(), 60.0)
    bucket = next((b for b in _BUCKETS if span / b <= _BARS), _BUCKETS[-1])
    return bucket, span / 3_600 + bucket / 3_600


def _stats(desk: Desk, totals: dict[str, Any]) -> list[Any]:
    received = totals["last_received"]
    stats = [
        parts.stat(
            "messages",
            parts.number(totals["messages"]),
            ["from ", parts.plural(totals["devices"], "device"), ", last ", parts.ago(received)],
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
                   f"by people, under {parts.plural(len(view.labels.names), 'label')}", "/map"),
    ]  # fmt: skip


def _labels(desk: Desk) -> Any:
    rows = [row for row in desk.store.rows("labels.list") if row["patterns"]]
    if not rows:
        hint = dcc.Link("Open the map, lasso some patterns and press a key.", href="/map")
        return parts.card("Labels", html.Div(hint, className="gl-empty"))
    reached: dict[str, int] = {}
    try:
        view = desk.view()
        known = view.spread.verdict == "known"
        for y, name in enumerate(view.labels.names):
            reached[name] = int(
                view.assigned.message_counts[known & (view.spread.label == y)].sum()
            )
    except NotReady:
        pass
    rows.sort(key=lambda row: -reached.get(row["name"], 0))
    return parts.card(
        "Labels",
        html.Div(
            parts.table(
                ["label", "given to", "messages of those", "messages known by it"],
                [
                    [
                        parts.label(row["name"], row["colour"]),
                        parts.plural(row["patterns"], "pattern"),
                        parts.number(row["messages"]),
                        parts.number(reached.get(row["name"])),
                    ]
                    for row in rows
                ],
                numeric=(1, 2, 3),
            ),
            className="gl-scroll",
        ),
    )


def _sources(desk: Desk) -> Any:
    return parts.card(
        "Sources",
        html.Div(
            parts.table(
                ["source", "messages", "patterns", "refused", "last received"],
                [
                    [
                        row["source"],
                        parts.number(row["messages"]),
                        parts.number(row["patterns"]),
                        parts.number(row["quarantined"]),
                        parts.ago(row["last_received"]),
                    ]
                    for row in desk.store.rows("messages.by_source")
                ],
                numeric=(1, 2, 3),
            ),
            className="gl-scroll",
        ),
    )


def _quarantine(desk: Desk, count: int) -> Any:
    title = f"Quarantine: {parts.plural(count, 'line')} refused"
    if not count:
        return parts.card(
            title, html.P("Everything that came in became a message.", className="gl-hint")
        )
    rows = desk.store.rows("messages.quarantine_list", limit=_REFUSED)
    return parts.card(
        title,
        html.Div(
            parts.table(
                ["reason", "where", "why", "input", "when"],
                [
                    [
                        row["reason"],
                        f"{row['path']}:{row['position']}",
                        row["detail"],
                        parts.text(row["raw"], 120),
                        parts.ago(row["received_at"]),
                    ]
                    for row in rows
                ],
            ),
            className="gl-scroll",
        ),
    )

"""What waits for people, whether more labels pay, which kinds are new; sources, labels, jobs."""

from typing import Any
from urllib.parse import quote

from dash import dcc, html

from dashboard import parts
from dashboard.pages.jobs_table import jobs_table, latest
from dashboard.pages.map_acts import asked_next
from dashboard.pages.overview_span import pattern_link
from dashboard.state import Desk, View
from dashboard.trust import LISTS, listed
from genlab.errors import NotReady

_REFUSED, _JOBS, _KINDS = 20, 6, 6


def cards(desk: Desk) -> list[Any]:
    """The lower half of the page."""
    quarantined = desk.store.rows("messages.totals")[0]["quarantined"]
    rest = [
        html.Div([_labels(desk), _sources(desk)], className="gl-columns"),
        html.Section(
            [
                html.Div([html.H2("Latest jobs"), dcc.Link("all jobs", href="/jobs")],
                         className="gl-between"),
                jobs_table(latest(desk, _JOBS)),
            ],
            className="gl-card",
        ),
        _quarantine(desk, quarantined),
    ]  # fmt: skip
    try:
        view = desk.view()
    except NotReady:
        return rest
    first = html.Div([_backlog(desk), _progress(desk, view), _new_kinds(desk)],
                     className="gl-columns gl-overview-figures")  # fmt: skip
    return [first, *rest]


def _backlog(desk: Desk) -> Any:
    rows = desk.store.rows("overview.backlog")
    if not rows:
        return parts.card(
            "Waiting for a decision",
            html.P("Nothing: every flagged pattern was decided about.", className="gl-hint"),
        )
    return parts.card(
        "Waiting for a decision",
        parts.table(
            ["verdict", "patterns", "messages", "oldest"],
            [
                [
                    dcc.Link(parts.pill(row["verdict"]),
                             href=f"/unknowns?verdict={row['verdict']}&state=new"),
                    parts.number(row["patterns"]),
                    parts.number(row["messages"]),
                    html.Span(parts.ago(row["oldest"]),
                              title=f"half of them since {row['median_seen']:%Y-%m-%d %H:%M}"),
                ]
                for row in rows
            ],
            numeric=(1, 2),
        ),
    )  # fmt: skip


def _progress(desk: Desk, view: View) -> Any:
    found, ahead = asked_next(view)
    total = int(view.assigned.message_counts.sum())
    if not found or ahead.per_question < 0.5:
        said: list[Any] = ["No question is left that would settle another message."]
    else:
        said = [
            "The next questions settle about ", html.B(f"{ahead.per_question:,.0f}"),
            f" messages each (90 %: {ahead.lower:,.0f} to {ahead.upper:,.0f}). ",
            "Go on labelling." if ahead.pays
            else f"More labels hardly pay: that is under {ahead.threshold:,.0f} of {total:,}.",
        ]  # fmt: skip
    audited = {row["pattern_id"] for row in desk.store.rows("label_names.audited")}
    waiting = [
        html.Li(
            dcc.Link([html.B(f"{len(rows):,}"), f" {LISTS[name]}"], href=f"/review?list={name}")
        )
        for name in LISTS
        if len(rows := listed(view, name, None, audited, "doubt", "").rows)
    ]
    return parts.card(
        "Labels: do more of them pay?",
        html.P(said, className="gl-note" if ahead.pays else "gl-note gl-note-doubt"),
        dcc.Link("Take the next question on the map", href="/map"),
        html.Ul(waiting, className="gl-overview-list") if waiting else "",
    )


def _new_kinds(desk: Desk) -> Any:
    kinds = desk.store.rows("overview.new_kinds", limit=_KINDS)
    novel = desk.store.rows("overview.novel", limit=_KINDS)
    body: list[Any] = []
    if kinds:
        rows = [
            [
                dcc.Link(row["name"], href="/map?" + "&".join(
                    f"pattern={each}" for each in row["exemplars"])),
                parts.number(row["messages"]),
                html.Span([f"v{row['version']}, ", parts.ago(row["created_at"])]),
            ]
            for row in kinds
        ]  # fmt: skip
        body += [html.H3("settled in a component"),
                 parts.table(["kind", "messages", "since"], rows, (1,))]  # fmt: skip
    if novel:
        rows = [
            [
                pattern_link(row["pattern_id"], row["canonical_text"], 80),
                parts.number(row["message_count"]),
                parts.ago(row["first_seen"]),
            ]
            for row in novel
        ]
        body += [html.H3("novel, first seen last"),
                 parts.table(["pattern", "messages", "first seen"], rows, (1,))]  # fmt: skip
    if not body:
        said = "None: no component opened since the first training, and nothing novel is open."
        body = [html.P(said, className="gl-hint")]
    return parts.card("New kinds", *body)


def _labels(desk: Desk) -> Any:
    rows = [row for row in desk.store.rows("labels.list") if row["patterns"]]
    if not rows:
        hint = dcc.Link("Open the map, lasso some patterns and press a key.", href="/map")
        return parts.card("Labels", html.Div(hint, className="gl-empty"))
    reached: dict[str, int] = {}
    try:
        view = desk.view()
        counts, known = view.assigned.message_counts, view.spread.verdict == "known"
        for y, name in enumerate(view.labels.names):
            reached[name] = int(counts[known & (view.spread.label == y)].sum())
    except NotReady:
        pass
    rows.sort(key=lambda row: -reached.get(row["name"], 0))
    table = parts.table(
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
    )
    return _scrolled("Labels", table)


def _sources(desk: Desk) -> Any:
    table = parts.table(
        ["source", "messages", "patterns", "refused", "last received"],
        [
            [
                dcc.Link(row["source"], href=f"/map?source={quote(row['source'])}"),
                parts.number(row["messages"]),
                parts.number(row["patterns"]),
                parts.number(row["quarantined"]),
                parts.ago(row["last_received"]),
            ]
            for row in desk.store.rows("messages.by_source")
        ],
        numeric=(1, 2, 3),
    )
    return _scrolled("Sources", table)


def _quarantine(desk: Desk, count: int) -> Any:
    title = f"Quarantine: {parts.plural(count, 'line')} refused"
    if not count:
        return parts.card(
            title, html.P("Everything that came in became a message.", className="gl-hint")
        )
    rows = desk.store.rows("messages.quarantine_list", limit=_REFUSED)
    table = parts.table(
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
    )
    return _scrolled(title, table)


def _scrolled(title: str, table: Any) -> Any:
    inside = html.Div(
        table,
        className="gl-scroll",
        tabIndex="0",
        role="region",
        **parts.attributes({"aria-label": title}),
    )
    return parts.card(title, inside)

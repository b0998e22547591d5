"""What a comparison of two versions lists: changes, patterns, metrics, components."""

import json
from typing import Any

from dash import dcc, html

from dashboard import parts
from dashboard.pages.versions import METRICS, metrics_of
from genlab.pipeline.versions import Difference

SIDES = ("label_a", "verdict_a", "label_b", "verdict_b")
"""What tells one change from another, in the rows of assignments.transitions."""

_MOVES = 12


def moves(found: Difference, chosen: list | None) -> Any:
    """From what to what, the largest first; a click narrows the list below."""
    if not found.transitions:
        return None
    buttons: list[Any] = []
    for row in found.transitions[:_MOVES]:
        move = [row[side] for side in SIDES]
        act = {"data-act": "widen" if move == chosen else "narrow", "data-value": json.dumps(move)}
        buttons.append(
            html.Button(
                [
                    _side(row, "a"),
                    html.Span("→", **parts.attributes({"aria-label": "to"})),
                    _side(row, "b"),
                    html.Span(f"{row['messages']:,}", className="gl-num",
                              title=parts.plural(row["patterns"], "pattern")),
                ],
                type="button",
                className="gl-move",
                **parts.attributes({**act, "aria-pressed": str(move == chosen).lower()}),
            )
        )  # fmt: skip
    rest = found.transitions[_MOVES:]
    if rest:
        messages = sum(row["messages"] for row in rest)
        said = f"{parts.plural(len(rest), 'smaller change')}: {messages:,} messages"
        buttons.append(html.Div(said, className="gl-hint gl-move-rest"))
    return html.Div([html.H3("from what to what, in messages"), *buttons], className="gl-moves")


def _side(row: dict[str, Any], side: str) -> Any:
    name = row[f"label_{side}"] or "no label"
    return html.Span([html.Span(name, className="gl-move-label", title=name),
                      parts.pill(row[f"verdict_{side}"])], className="gl-move-side")  # fmt: skip


def patterns_table(
    a: int, b: int, rows: list[dict[str, Any]], found: Difference, chosen: list | None
) -> Any:
    """The patterns behind the changes, or behind the one ``chosen``, each with its place."""
    if not rows:
        return None
    total = found.changed_patterns
    if chosen:
        total = next(
            (m["patterns"] for m in found.transitions if [m[s] for s in SIDES] == chosen), 0
        )
    cut = f"the {len(rows)} largest of {total:,} patterns" if len(rows) < total else \
        parts.plural(total, "pattern")  # fmt: skip
    table = parts.table(
        ["pattern", "messages", f"v{a}", f"v{b}"],
        [
            [
                dcc.Link(parts.text(row["canonical_text"], 140),
                         href=f"/map?pattern={row['pattern_id']}", title="show it on the map"),
                parts.number(row["messages"]),
                _said(row, "a"),
                _said(row, "b"),
            ]
            for row in rows
        ],
        numeric=(1,),
    )  # fmt: skip
    widen = [parts.button("show every change", "widen", style="gl-button-quiet")] if chosen else []
    head = html.Div([html.H3(cut), *widen], className="gl-between")
    return html.Div([head, html.Div(table, className="gl-scroll gl-patterns")])


def _said(row: dict[str, Any], side: str) -> Any:
    sure = html.Span(f"{row[f'confidence_{side}']:.2f}", className="gl-hint", title="confidence")
    return html.Div([_side(row, side), sure], className="gl-row gl-said")


def metrics_table(one: dict[str, Any], other: dict[str, Any]) -> Any:
    """The metrics of both side by side."""
    mine, theirs = metrics_of(one), metrics_of(other)
    rows = []
    for metric in METRICS:
        x, y = mine.get(metric.name), theirs.get(metric.name)
        change = ""
        if x is not None and y is not None and x != y:
            change = ("+" if y > x else "−") + metric.change(abs(y - x))
        rows.append(
            [html.Span(metric.caption, title=metric.meaning), metric.show(x), metric.show(y),
             change]
        )  # fmt: skip
    heads = ["when made", f"v{one['version']}", f"v{other['version']}", "change"]
    return parts.table(heads, rows, numeric=(1, 2, 3))


def ledger(version: int, rows: list[dict[str, Any]]) -> Any:
    """What became of components when the version was trained."""
    head = html.H3(f"components when v{version} was trained")
    if not rows:
        return html.Div([head, html.P("Every one was kept.", className="gl-hint")])
    lines = []
    for row in rows:
        name: Any = row["name"] or "unnamed"
        if row["exemplars"]:
            query = "&".join(f"pattern={each}" for each in row["exemplars"])
            name = dcc.Link(name, href=f"/map?{query}", title="show its surest patterns")
        origin = f" from {', '.join(row['from_names'])}" if row["from_names"] else ""
        size = parts.plural(row["messages"], "message") if row["messages"] is not None else ""
        lines.append(
            html.Div(
                [
                    html.Span(row["event"], className="gl-pill"),
                    html.Span([name, html.Span(origin, className="gl-hint")]),
                    html.Span(size, className="gl-hint gl-num"),
                ],
                className="gl-ledger-line",
            )
        )
    return html.Div([head, html.Div(lines, className="gl-ledger")])

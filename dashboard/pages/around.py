"""What is around a pattern: neighbours, component, history, messages."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from dash import dcc, html

from dashboard import parts
from dashboard.selection import Selected, component_of, winners
from dashboard.state import Desk, View

_NEIGHBOURS, _MESSAGES, _EVENTS = 8, 20, 20


def detail(desk: Desk, view: View, chosen: Selected, tab: str) -> Any:
    """One tab about the largest selected pattern."""
    pattern_id = str(view.assigned.pattern_ids[chosen.rows[0]])
    if tab == "component":
        return _component(desk, view, chosen)
    if tab == "history":
        return _history(desk.store.rows("labels.history", pattern_id=pattern_id, limit=_EVENTS))
    if tab == "messages":
        return _messages(
            desk.store.rows("messages.of_pattern", pattern_id=pattern_id, limit=_MESSAGES)
        )
    return neighbours(desk, view, pattern_id, _NEIGHBOURS)


def neighbours(desk: Desk, view: View, pattern_id: str, limit: int, labelled: bool = False) -> Any:
    """The nearest patterns by cosine; a click selects one.

    ``labelled``: only those people labelled, for pages without a map: a click goes there.
    """
    rows = desk.store.rows(
        "embeddings.neighbours",
        pattern_id=pattern_id,
        encoder_version=view.row["encoder_version"],
        labelled_only=labelled,
        limit=limit,
    )
    if not rows:
        return html.P(
            "No labelled pattern to compare with yet."
            if labelled
            else "No neighbours are embedded.",
            className="gl-hint",
        )
    colours = dict(zip(view.labels.names, view.labels.colours, strict=True))
    found: list[Any] = []
    for row in rows:
        name = parts.label(row["label"], colours.get(row["label"])) if row["label"] else "no label"
        cosine = html.Span(f"{row['cosine']:.2f}", className="gl-num", title="cosine")
        inside = [
            html.Span(parts.shorten(row["canonical_text"], 140), className="gl-text"),
            html.Span([name, cosine], className="gl-between"),
        ]
        if labelled:
            where = f"/map?pattern={row['pattern_id']}"
            found.append(dcc.Link(inside, href=where, className="gl-neighbour"))
        else:
            act = parts.attributes({"data-act": "select", "data-value": row["pattern_id"]})
            found.append(html.Button(inside, className="gl-neighbour", type="button", **act))
    return html.Div(found)


def _component(desk: Desk, view: View, chosen: Selected) -> Any:
    number = int(winners(view)[chosen.rows[0]])
    rows = component_of(view, chosen.rows)
    found = [
        row
        for row in desk.store.rows("model_versions.components", version=view.assigned.version)
        if row["component"] == number
    ]
    counts = view.spread.model.counts[number]
    order = [y for y in np.argsort(-counts)[:4] if counts[y] > 0.05]
    reach = [
        html.Span(
            [parts.label(view.labels.names[y], view.labels.colours[y]), f" {counts[y]:.1f}"],
            className="gl-given",
        )
        for y in order
    ] or [html.Span("no label reaches it", className="gl-hint")]
    row = found[0] if found else {"name": f"component {number}", "weight": None}
    texts = [
        parts.text(str(view.assigned.canonical_texts[i]), 160)
        for i in rows[np.argsort(-view.assigned.message_counts[rows])][:5]
    ]
    return html.Div(
        [
            html.Div(html.B(row["name"])),
            html.Div(
                f"component {number} · {parts.plural(len(rows), 'pattern')} · "
                f"{parts.plural(int(view.assigned.message_counts[rows].sum()), 'message')}",
                className="gl-hint",
            ),
            html.Div(reach, className="gl-row"),
            parts.button(f"select all {len(rows):,}", "component"),
            *texts,
        ],
        className="gl-stack-small",
    )


def _history(rows: Sequence[dict[str, Any]]) -> Any:
    if not rows:
        return html.P("Nobody has labelled it yet.", className="gl-hint")
    return html.Div(
        [
            html.Div(
                [
                    html.Span(
                        [
                            html.Del(_deed(row)) if row["taken_back"] else _deed(row),
                            html.Span(f" by {row['how']}", className="gl-hint"),
                        ]
                    ),
                    html.Span([row["annotator"], " · ", parts.ago(row["created_at"])],
                              className="gl-hint"),
                ],
                className="gl-between gl-line",
            )
            for row in rows
        ]
    )  # fmt: skip


def _deed(row: dict[str, Any]) -> str:
    return f"labelled “{row['label']}”" if row["action"] == "label" else "label cleared"


def _messages(rows: Sequence[dict[str, Any]]) -> Any:
    return html.Div(
        [
            html.Div(
                [
                    html.Div(
                        [
                            html.Span(f"{row['device'] or row['source']}"),
                            html.Span(
                                [row["severity"] or "", " ",
                                 parts.ago(row["occurred_at"] or row["received_at"])],
                                className="gl-hint",
                            ),
                        ],
                        className="gl-between",
                    ),
                    parts.text(row["text"], 400),
                ],
                className="gl-line",
            )
            for row in rows
        ]
    )  # fmt: skip

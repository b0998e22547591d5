"""What is around a pattern: neighbours, component, history, messages."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from dash import html

from dashboard import parts
from dashboard.notes import listed
from dashboard.selection import Selected, component_of, winners
from dashboard.state import Desk, View
from genlab.labelling import NO_LABEL

HISTORY = "history"  # the tab that has something to say of no selection, too
_NEIGHBOURS, _MESSAGES, _EVENTS, _GESTURES = 8, 20, 20, 25


def detail(desk: Desk, view: View, chosen: Selected, tab: str) -> Any:
    """One tab about the largest selected pattern."""
    pattern_id = str(view.assigned.pattern_ids[chosen.rows[0]])
    if tab == "component":
        return _component(desk, view, chosen)
    if tab == "messages":
        return _messages(
            desk.store.rows("messages.of_pattern", pattern_id=pattern_id, limit=_MESSAGES)
        )
    return _neighbours(view, chosen.rows[0])


def _neighbours(view: View, row: int) -> Any:
    """The nearest patterns by cosine; a click selects one.

    From the vectors in hand: the owner, which stores the labels, is not asked to look at them all.
    """
    assigned, labels = view.assigned, view.labels
    cosine = assigned.vectors @ assigned.vectors[row]
    cosine[row] = -np.inf
    found: list[Any] = []
    for other in np.argsort(-cosine, kind="stable")[: min(_NEIGHBOURS, len(cosine) - 1)]:
        given = labels.given[other]
        name = (
            parts.label(labels.names[given], labels.colours[given])
            if given != NO_LABEL
            else "no label"
        )
        near = html.Span(f"{cosine[other]:.2f}", className="gl-num", title="cosine")
        text = parts.shorten(str(assigned.canonical_texts[other]), 140)
        inside = [
            html.Span(text, className="gl-text"),
            html.Span([name, near], className="gl-between"),
        ]
        act = parts.attributes({"data-act": "select", "data-value": assigned.pattern_ids[other]})
        found.append(html.Button(inside, className="gl-neighbour", type="button", **act))
    return html.Div(found) if found else html.P("No other pattern yet.", className="gl-hint")


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


def history(desk: Desk, view: View, chosen: Selected, before: int | None) -> Any:
    """What happened to the largest selected pattern, and what everybody did to all."""
    said: list[Any] = []
    if len(chosen.rows):
        pattern_id = str(view.assigned.pattern_ids[chosen.rows[0]])
        rows = desk.store.rows("labels.history", pattern_id=pattern_id, limit=_EVENTS)
        lines = [_line(row, _deed(row), row["created_at"], not row["taken_back"]) for row in rows]
        said += [html.H3("This pattern"), *(lines or [html.P("Nothing yet.", className="gl-hint")])]
    rows = desk.store.rows("labels.gestures", before=before, group_id=None, limit=_GESTURES)
    lines = [_line(row, _gesture(row), row["made_at"], row["stands"]) for row in rows]
    more = []
    if before is not None:
        more.append(parts.button("newest", "older", ""))
    if len(rows) == _GESTURES:
        more.append(parts.button("older", "older", rows[-1]["seq"]))
    return html.Div(
        [
            *said,
            html.H3("Everybody's gestures"),
            *(lines or [html.P("Nobody has labelled anything yet.", className="gl-hint")]),
            html.Div(more, className="gl-pages"),
        ],
        className="gl-gestures",
    )


def _line(row: dict[str, Any], said: Any, at: Any, stands: bool) -> Any:
    """One gesture: what, who, when; and the button that takes it back or puts it back."""
    who: list[Any] = [row["annotator"], " · ", parts.ago(at)]
    if row.get("turned_by") and not stands:
        who += [", taken back by ", row["turned_by"], " ", parts.ago(row["turned_at"])]
    return html.Div(
        [
            html.Div([html.Div(said if stands else html.Del(said)),
                      html.Div(who, className="gl-hint")]),
            parts.button("take back" if stands else "put back",
                         "take-back" if stands else "put-back", row["group_id"],
                         style="gl-button-quiet gl-button-small"),
        ],
        className="gl-between gl-line",
    )  # fmt: skip


def _gesture(row: dict[str, Any]) -> str:
    count = parts.plural(row["patterns"], "pattern")
    named = listed([f"“{name}”" for name in row["labels"] or []], 2)
    did = {
        "label": f"{named} on {count}",
        "clear": f"cleared {count}",
        "note": f"note on {count}",
        "unsure": f"unsure about {count}",
    }
    return f"{did[row['action']]} by {row['how']}"


def _deed(row: dict[str, Any]) -> Any:
    did = {
        "label": f"labelled “{row['label']}”",
        "clear": "label cleared",
        "note": f"noted: {row['text']}",
        "unsure": "unsure",
    }
    return f"{did[row['action']]} by {row['how']}"


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

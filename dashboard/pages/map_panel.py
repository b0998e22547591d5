"""The right side of the Map: what is selected, its labels, and what is around it."""

from collections.abc import Sequence
from typing import Any

import dash_bootstrap_components as dbc
import numpy as np
from dash import html

from dashboard import ids, parts
from dashboard.selection import Selected, component_of, key_of_label, winners
from dashboard.state import Desk, View

_SHOWN_TEXTS, _SHOWN_GIVEN = 3, 4
_NEIGHBOURS, _MESSAGES, _EVENTS = 8, 20, 20


def layout() -> Any:
    """The parts that stay while selections come and go."""
    return html.Aside(
        [
            html.Section(id=ids.MAP_HEAD),
            html.Section(
                [
                    html.Div(id=ids.MAP_LABELS, className="gl-label-list"),
                    html.Datalist(id=ids.MAP_NAMES),
                    dbc.Input(
                        id=ids.MAP_NEW_LABEL, type="text", maxLength=120, autoComplete="off",
                        placeholder="new or other label, Enter", list=ids.MAP_NAMES,
                        class_name="gl-field",
                    ),
                    html.Div(
                        [
                            parts.button("accept", "accept", key="↵"),
                            parts.button("undo", "undo", key="u"),
                            parts.button("next", "next", key="n"),
                        ],
                        className="gl-row gl-actions",
                    ),
                    html.Div(id=ids.MAP_STATUS, className="gl-status"),
                ]
            ),
            html.Section(
                [
                    dbc.Tabs(
                        [
                            dbc.Tab(label=name, tab_id=name)
                            for name in ("neighbours", "component", "history", "messages")
                        ],
                        id=ids.MAP_TABS,
                        active_tab="neighbours",
                    ),
                    html.Div(id=ids.MAP_DETAIL, className="gl-detail"),
                ]
            ),
        ],
        className="gl-panel",
    )  # fmt: skip


def nothing(view: View, questions: Sequence[Any]) -> list[Any]:
    """Before a selection: how to make one, and which would be worth most."""
    known = view.spread.verdict == "known"
    counts = view.assigned.message_counts
    rows = [
        html.Button(
            [
                html.Span(
                    parts.shorten(str(view.assigned.canonical_texts[q.index]), 80),
                    className="gl-text",
                ),
                html.Span(f"{q.would_settle:,.0f}", className="gl-num", title=q.reason),
            ],
            className="gl-question",
            type="button",
            **parts.attributes(
                {"data-act": "select", "data-value": str(view.assigned.pattern_ids[q.index])}
            ),
        )
        for q in questions[:6]
    ]
    head = html.H2("Nothing selected")
    hint = html.P("Drag a lasso, click a point, or take the next question.", className="gl-hint")
    if not rows:
        done = f"All {parts.number(counts[known].sum())} messages are known."
        return [head, hint, html.P(done, className="gl-note")]
    return [
        head,
        hint,
        html.Div([html.H3("Worth asking"), html.H3("would settle")], className="gl-between"),
        html.Div(rows, className="gl-questions"),
    ]


def head(view: View, chosen: Selected) -> list[Any]:
    """Texts, counts, suggestion, verdicts."""
    texts = [
        parts.text(str(view.assigned.canonical_texts[row]), 300)
        for row in chosen.rows[:_SHOWN_TEXTS]
    ]
    rest = len(chosen.rows) - _SHOWN_TEXTS
    if rest > 0:
        texts.append(html.Div(f"and {parts.plural(rest, 'more pattern')}", className="gl-hint"))
    colours = dict(zip(view.labels.names, view.labels.colours, strict=True))
    suggestion: list[Any] = [html.Span("suggested ", className="gl-hint")]
    if chosen.suggested is None:
        suggestion.append(html.Span("nothing yet: no label reaches here", className="gl-hint"))
    else:
        suggestion += [
            parts.label(chosen.suggested, colours[chosen.suggested]),
            html.B(f"{chosen.confidence:.2f}", className="gl-num"),
        ]
    given = [
        html.Span([parts.label(name, colours[name]), f" {count:,}"], className="gl-given")
        for name, count in sorted(chosen.given.items(), key=lambda item: -item[1])[:_SHOWN_GIVEN]
    ]
    if len(chosen.given) > _SHOWN_GIVEN:
        given.append(html.Span(f"and {len(chosen.given) - _SHOWN_GIVEN} more", className="gl-hint"))
    several = len(chosen.rows) > 1
    pills = [parts.pill(v, f"{n:,}" if several else "") for v, n in chosen.verdicts.items()]
    return [
        html.Div(
            [
                html.B(parts.plural(len(chosen.rows), "pattern")),
                html.Span(" · "),
                html.B(parts.plural(chosen.messages, "message")),
                html.Span(f" · {chosen.unsettled:,} open" if several else "", className="gl-hint"),
            ],
            className="gl-counts",
        ),
        html.Div(pills, className="gl-row"),
        html.Div(texts, className="gl-texts"),
        html.Div(suggestion, className="gl-row gl-suggestion"),
        *([html.Div([html.Span("given ", className="gl-hint"), *given], className="gl-row")]
          if given else []),
    ]  # fmt: skip


def labels(view: View, chosen: Selected) -> list[Any]:
    """A button per label, with its key and the expected share of the selection."""
    rows = []
    for position, (name, colour) in enumerate(
        zip(view.labels.names, view.labels.colours, strict=True)
    ):
        share = float(chosen.shares[position]) if len(chosen.shares) else 0.0
        rows.append(
            html.Button(
                [
                    html.Kbd(key_of_label(position) or "·"),
                    parts.swatch(colour),
                    html.Span(name, className="gl-label-name"),
                    html.Span(f"{share:.2f}" if share >= 0.005 else "", className="gl-num"),
                ],
                className="gl-button gl-label-button"
                + (" gl-suggested" if name == chosen.suggested else ""),
                type="button",
                **parts.attributes({"data-act": "label", "data-value": name}),
            )
        )
    if chosen.given:
        rows.append(parts.button("clear the given label", "clear", style="gl-button-quiet"))
    return rows


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
    """The nearest patterns by cosine, with their labels; on the map a click selects one."""
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
    return html.Div(
        [
            html.Button(
                [
                    html.Span(parts.shorten(row["canonical_text"], 140), className="gl-text"),
                    html.Span(
                        [
                            parts.label(row["label"], colours.get(row["label"]))
                            if row["label"] else html.Span("no label", className="gl-hint"),
                            html.Span(f"{row['cosine']:.2f}", className="gl-num", title="cosine"),
                        ],
                        className="gl-between",
                    ),
                ],
                className="gl-neighbour",
                type="button",
                **parts.attributes({"data-act": "select", "data-value": row["pattern_id"]}),
            )
            for row in rows
        ],
        className="gl-neighbours",
    )  # fmt: skip


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

"""The right side of the Map: what is selected, its labels, and what is around it."""

from collections.abc import Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from dashboard import ids, parts
from dashboard.selection import Selected, key_of_label
from dashboard.state import View
from genlab.labelling import Suggestion
from genlab.labelling.suggest import Outlook
from genlab.pipeline.labels import MAX_NOTE_LENGTH

_SHOWN_TEXTS, _SHOWN_GIVEN = 3, 4
_TABS = ["nearest", "component", "history", "messages"]


def layout() -> Any:
    """The parts that stay while selections come and go."""
    return html.Aside(
        [
            html.Section(id=ids.MAP_HEAD),
            html.Section(
                [
                    html.Div(id=ids.MAP_LABELS, className="gl-label-list"),
                    html.Datalist(id=ids.MAP_NAMES),
                    html.Div(
                        [
                            _field(ids.MAP_NEW_LABEL, "label", "other label", "L", 120,
                                   "new or other label, Enter", list=ids.MAP_NAMES),
                            _field(ids.MAP_NOTE, "note", "note", "M", MAX_NOTE_LENGTH,
                                   "note on what is selected, Enter"),
                        ],
                        className="gl-fields",
                    ),
                    html.Div(id=ids.MAP_PREVIEW, className="gl-preview",
                             **parts.attributes({"aria-live": "polite"})),
                    html.Div(
                        [
                            parts.button("accept", "accept", key="↵"),
                            parts.button("unsure", "unsure", key="0",
                                         title="looked at, not decided: asked again last"),
                            parts.button("undo", "undo", key="u"),
                            parts.button("next", "next", key="n", title="next question"),
                        ],
                        className="gl-row gl-actions",
                    ),
                    html.Div(id=ids.MAP_STATUS, className="gl-status"),
                ]
            ),
            html.Section(
                [
                    html.Div(
                        dbc.RadioItems(
                            id=ids.MAP_TABS, options=_TABS, value=_TABS[0], inline=True,
                            class_name="nav nav-tabs", input_class_name="btn-check",
                            label_class_name="nav-link", label_checked_class_name="active",
                        ),
                        role="radiogroup", **parts.attributes({"aria-label": "what is around it"}),
                    ),
                    html.Div(id=ids.MAP_DETAIL, className="gl-detail"),
                ]
            ),
        ],
        className="gl-panel",
    )  # fmt: skip


def _field(store: str, act: str, caption: str, key: str, most: int, name: str, **more: Any) -> Any:
    """A text field that posts on Enter, reached by shift and its key."""
    return html.Label(
        [
            html.Span(name, className="visually-hidden"),
            dbc.Input(
                id=store, type="text", maxLength=most, autoComplete="off", class_name="gl-field",
                placeholder=f"{caption}  ( {key} )", **more,
            ),
        ],
        **parts.attributes({"data-enter": act}),
    )  # fmt: skip


def nothing(view: View, questions: Sequence[Suggestion], ahead: Outlook) -> list[Any]:
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
                {"data-act": "ask", "data-value": str(view.assigned.pattern_ids[q.index])}
            ),
        )
        for q in questions[:6]
        if q.would_settle >= 0.5
    ]
    head = html.H2("Nothing selected")
    hint = html.P(
        ["Drag a lasso, click a point, walk with ", html.Kbd("j"), " or take the next question, ",
         html.Kbd("n"), ". All keys: ", html.Kbd("?")],
        className="gl-hint",
    )  # fmt: skip
    if not rows:
        done = (
            f"{parts.number(counts[known].sum())} of {parts.number(counts.sum())} messages are "
            "known; no question is left that would settle another."
        )
        return [head, hint, html.P(done, className="gl-note")]
    stop = (
        "More labels hardly pay any more: the next question settles about "
        f"{ahead.per_question:,.0f} of {parts.number(counts.sum())} messages."
    )
    return [
        head,
        hint,
        *([] if ahead.pays else [html.P(stop, className="gl-note")]),
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
    if doubts := int(view.unsure[chosen.rows].sum()):
        said = f"unsure {doubts:,}" if several else "unsure"
        looked = "looked at, not decided"
        pills.append(html.Span(said, className="gl-pill gl-pill-between", title=looked))
    return [
        html.Div(
            [
                html.B(parts.plural(len(chosen.rows), "pattern")),
                html.Span(" · "),
                html.B(parts.plural(chosen.messages, "message")),
            ],
            className="gl-counts",
        ),
        html.Div(
            [*pills, html.Span(f"{chosen.unsettled:,} messages open", className="gl-hint")]
            if several and chosen.unsettled
            else pills,
            className="gl-row",
        ),
        html.Div(texts, className="gl-texts"),
        html.Div(suggestion, className="gl-row gl-suggestion"),
        *([html.Div([html.Span("given ", className="gl-hint"), *given], className="gl-row")]
          if given else []),
    ]  # fmt: skip


def about_one(
    view: View, chosen: Selected, worth: dict[str, Any], notes: Sequence[dict[str, Any]]
) -> list[Any]:
    """Of a single pattern: what its answer is worth, and the newest note on it."""
    said: list[Any] = []
    if asked := worth.get(str(view.assigned.pattern_ids[chosen.rows[0]])):
        messages, reason = asked
        line = f"Would settle about {messages:,.0f} messages: {reason}."
        said.append(html.P(line, className="gl-hint gl-worth"))
    said += [
        html.P(
            [
                f"“{parts.shorten(row['text'], 200)}” ",
                html.Span(
                    [row["annotator"], " · ", parts.ago(row["created_at"])], className="gl-hint"
                ),
            ],
            className="gl-remark",
        )
        for row in notes
    ]
    return said


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
                **parts.attributes({"data-act": "label", "data-value": name, "data-aim": "1"}),
            )
        )
    if chosen.given:
        caption = "clear the given label" + ("" if len(chosen.rows) == 1 else "s")
        rows.append(
            html.Button(
                [html.Kbd("⌫"), caption],
                className="gl-button gl-button-quiet gl-label-button",
                type="button",
                **parts.attributes({"data-act": "clear", "data-aim": "1"}),
            )
        )
    return rows

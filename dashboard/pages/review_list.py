"""The lists of Review as tables, and the panel of the pattern that is looked at."""

from typing import Any

from dash import dcc, html

from dashboard import parts
from dashboard.pages import map_panel
from dashboard.selection import summarise
from dashboard.state import Desk, View
from dashboard.trust import LISTS, Listed
from genlab.labelling import NO_LABEL

ROWS = 15  # of one page of the table

_HEADS = {
    "predictions": ("prediction", "confidence"),
    "accepted": ("accepted as", "p without it"),
    "doubted": ("given", "p without it"),
}
_NOTHING = {
    "accepted": "Nothing accepted in bulk is left to look at: every label was looked at by itself.",
    "doubted": "The model doubts no label that it could judge without the label itself.",
}


def tabs(name: str, counts: dict[str, int]) -> list[Any]:
    """Links to the lists, with how many wait in each."""
    return [
        dcc.Link(
            [caption, html.Span(f"{counts[key]:,}", className="gl-num")],
            href=f"/review?list={key}" if key != "predictions" else "/review",
            className="gl-tab" + (" active" if key == name else ""),
        )
        for key, caption in LISTS.items()
    ]


def nothing(view: View, name: str, label: str) -> Any:
    """Why a list is empty."""
    if label:
        return parts.empty(f"Nothing here under “{label}”.")
    if name == "doubted" and not len(view.taught.proof.cross_fitted.labels):
        return parts.empty(
            "No label can be judged yet: it needs two labels, each given to three patterns or more."
        )
    if name in _NOTHING:
        return parts.empty(_NOTHING[name])
    return parts.empty(
        "No prediction to review: "
        + (
            "label some patterns on the map first."
            if not (view.labels.given != NO_LABEL).any()
            else "every predicted pattern is labelled."
        )
    )


def table(view: View, found: Listed, at: int, name: str) -> Any:
    """The page of a list that holds its row number ``at``."""
    first = at // ROWS * ROWS
    last = min(first + ROWS, len(found.rows))
    rivals = name == "doubted"
    said, sure = _HEADS[name]
    heads = [("pattern", ""), ("messages", "gl-num"), (said, ""), (sure, "gl-num"),
             ("likelier" if rivals else "verdict", "")]  # fmt: skip
    page = [
        html.Span(f"{first + 1:,}–{last:,} of {len(found.rows):,}", className="gl-hint"),
        parts.button("‹ back", "page", max(first - ROWS, 0), disabled=first == 0),
        parts.button("on ›", "page", first + ROWS, disabled=last == len(found.rows)),
    ]
    return [
        html.Table(
            [
                html.Thead(html.Tr([html.Th(head, className=style) for head, style in heads])),
                html.Tbody([_row(view, found, k, k == at, rivals) for k in range(first, last)]),
            ],
            className="gl-table",
        ),
        html.Div(page, className="gl-pages"),
    ]


def _row(view: View, found: Listed, k: int, chosen: bool, rivals: bool) -> Any:
    row, assigned = found.rows[k], view.assigned
    text = parts.shorten(str(assigned.canonical_texts[row]), 160)
    last = _label(view, found.rival[k]) if rivals else parts.pill(str(view.spread.verdict[row]))
    return html.Tr(
        [
            html.Td(html.Div(text, className="gl-text"), className="gl-wide"),
            html.Td(parts.number(assigned.message_counts[row]), className="gl-num"),
            html.Td(_label(view, found.said[k])),
            html.Td(f"{found.sure[k]:.3f}", className="gl-num"),
            html.Td(last),
        ],
        className="gl-review-row",
        **parts.attributes(
            {
                "data-act": "row",
                "data-value": str(assigned.pattern_ids[row]),
                "aria-selected": "true" if chosen else "false",
            }
        ),
    )


def _label(view: View, index: int) -> Any:
    return parts.label(view.labels.names[index], view.labels.colours[index])


def panel(desk: Desk, view: View, found: Listed, at: int, name: str) -> list[Any]:
    """The pattern in question, the labels it may have, and what can be said with one key."""
    row = found.rows[at]
    pattern = str(view.assigned.pattern_ids[row])
    chosen = summarise(view, [pattern])
    return [
        *map_panel.head(view, chosen),
        *(_given(desk, view, found, at, pattern) if name != "predictions" else []),
        html.Div(map_panel.labels(view, chosen), className="gl-label-list"),
        dcc.Link("show on the map", href=f"/map?pattern={pattern}"),
    ]


def _given(desk: Desk, view: View, found: Listed, at: int, pattern: str) -> list[Any]:
    rows = desk.store.rows("label_names.given", pattern_id=pattern)
    if not rows:
        return []
    said: list[Any] = [
        _label(view, found.said[at]),
        f" by {rows[0]['annotator']} ({rows[0]['how']}) ", parts.ago(rows[0]["labelled_at"]),
        f". Without it the model gives it {found.sure[at]:.2f}",
    ]  # fmt: skip
    if found.rival[at] != NO_LABEL:
        said += [" and finds ", _label(view, found.rival[at]), " likelier"]
    return [html.P([*said, "."], className="gl-note")]


def actions(name: str) -> list[Any]:
    """The buttons under the labels, and their keys."""
    if name == "predictions":
        first = [parts.button("accept", "accept", key="↵")]
    else:
        first = [
            parts.button("looks right", "keep", key="↵"),
            parts.button("take back", "clear", key="n", title="take this label off"),
        ]
    return [*first, parts.button("undo", "undo", key="u"),
            parts.button("next", "move", 1, key="j")]  # fmt: skip

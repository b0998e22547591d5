"""What is chosen on the Unknowns page: its text, its explanation, what was decided about it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from dash import dcc, html

from dashboard import parts
from dashboard.pages.unknown_list import why
from dashboard.pages.unknown_queue import Decided, Held, Item
from dashboard.state import Desk, View
from genlab.pipeline.explain import Apart, Explanation, as_strange, explain

_DEVICES, _MEMBERS = 6, 6
_BACK = {
    "again": "back: it came in again",
    "louder": "back: louder than the mute allowed",
    "time": "back: the mute is over",
}


def panel(
    desk: Desk, view: View, item: Item, decided: Decided, held: Held, names: dict[int, str]
) -> Any:
    """Everything about one line of the queue; of several patterns, the first one is explained."""
    row = int(item.rows[0])
    ids = [str(view.assigned.pattern_ids[i]) for i in item.rows]
    seen = desk.store.rows("review.sightings", pattern_ids=ids)[0]
    devices = desk.store.rows("devices.of_patterns", pattern_ids=ids, limit=_DEVICES)
    verdict = str(view.spread.verdict[row])
    novelty = as_strange(float(view.assigned.novelty_p[row]), int(view.assigned.held.sum()))
    return html.Div(
        [
            html.Div(
                [html.B(parts.plural(len(ids), "pattern")), " · ",
                 html.B(parts.plural(seen["messages"], "message"))],
                className="gl-counts",
            ),
            html.Div([parts.pill(verdict), html.Span(why(view, row), className="gl-hint")],
                     className="gl-row"),
            html.Div(novelty, className="gl-hint gl-strange") if verdict == "novel" else "",
            parts.text(str(view.assigned.table["sample_text"][row].as_py())),
            _standing(decided.of(ids[0]), str(decided.state[row])),
            html.Dl(
                [
                    html.Dt("first seen"), html.Dd(parts.ago(seen["first_seen"])),
                    html.Dt("last seen"), html.Dd(parts.ago(seen["last_seen"])),
                    html.Dt("how often"), html.Dd(how_often(seen)),
                    html.Dt("devices"), html.Dd(_devices(devices)),
                    html.Dt("severity"),
                    html.Dd(view.assigned.table["severity"][row].as_py() or "–"),
                ],
                className="gl-definition",
            ),
            *explained(view, explanation(view, item, held), names),
            *_members(view, item),
            dcc.Link("show on the map", href=f"/map?pattern={ids[0]}"),
        ],
        className="gl-stack-small",
    )  # fmt: skip


def explanation(view: View, item: Item, held: Held) -> Explanation:
    """Of the first pattern, held against what the version was trained with but for its group."""
    assigned, row = view.assigned, int(item.rows[0])
    ordinary = assigned.messages > 0
    ordinary[item.group.rows] = False
    return explain(
        str(assigned.canonical_texts[row]),
        assigned.ground.unit[row],
        assigned.responsibilities[[row]],
        assigned.ground.unit,
        assigned.canonical_texts,
        view.labels.given,
        ordinary,
        held.vocabulary(view),
    )


def explained(view: View, found: Explanation, names: dict[int, str]) -> list[Any]:
    """Words apart, the component that nearly took it, the nearest labelled patterns."""
    name = names.get(found.component, f"component {found.component}")
    took = "claims" if found.responsibility > 0.5 else "nearly took"
    return [
        html.H3("Words that set it apart"),
        html.Div([_word(apart) for apart in found.words], className="gl-row gl-words")
        if found.words
        else html.P("None: its nearest patterns use the same words.", className="gl-hint"),
        html.H3(f"Component that {took} it"),
        html.Div(
            [html.Span(name), html.Span(f"r = {found.responsibility:.2f}", className="gl-num",
                                        title="responsibility r_c(x), 0 to 1")],
            className="gl-between",
        ),
        html.H3("Nearest labelled patterns"),
        html.Div([_near(view, near.row, near.label, near.cosine) for near in found.nearest])
        if found.nearest
        else html.P("Nobody has labelled any pattern yet.", className="gl-hint"),
    ]  # fmt: skip


def how_often(seen: dict[str, Any]) -> str:
    """ "12 a day, 40 in the loudest hour"; a single message is said to be one."""
    if seen["messages"] == 1:
        return "once"
    rate = seen["per_day"]
    day = f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"
    return f"{day} a day, {seen['loudest_hour']:,} in the loudest hour"


def _standing(row: dict[str, Any] | None, state: str) -> Any:
    if row is None:
        return html.Div("new: nobody has decided", className="gl-hint")
    until: list[Any] = []
    if row["muted_until"] is not None and state == "muted":
        until += [" until ", parts.ago(row["muted_until"])]
    if row["muted_rate"] is not None and state == "muted":
        until += [f", or more than {row['muted_rate']:g} an hour" if until else
                  f" until more than {row['muted_rate']:g} an hour"]  # fmt: skip
    who = html.Span([f" · {row['annotator']}, ", parts.ago(row["changed_at"])], className="gl-hint")
    lines = [html.Div([html.B(state), *until, who])]
    if row["back"]:
        lines.append(html.Div(_BACK[row["back"]], className="gl-note gl-note-doubt"))
    if row["note"]:
        lines.append(html.Div(row["note"], className="gl-note"))
    return html.Div(lines, className="gl-stack-small")


def _word(apart: Apart) -> Any:
    said = (
        f"in {parts.percent(apart.nearest, 0)} of the nearest patterns, "
        f"{parts.percent(apart.corpus)} of all"
    )
    return html.Span(parts.shorten(apart.word, 40), className="gl-pill gl-word", title=said)


def _near(view: View, row: int, label: int, cosine: float) -> Any:
    return dcc.Link(
        [
            html.Span(
                parts.shorten(str(view.assigned.canonical_texts[row]), 140), className="gl-text"
            ),
            html.Span(
                [
                    parts.label(view.labels.names[label], view.labels.colours[label]),
                    html.Span(f"{cosine:.2f}", className="gl-num", title="cosine"),
                ],
                className="gl-between",
            ),
        ],
        href=f"/map?pattern={view.assigned.pattern_ids[row]}",
        className="gl-neighbour",
    )


def _devices(rows: Sequence[dict[str, Any]]) -> str:
    said = ", ".join(f"{row['device']} ({row['messages']:,})" for row in rows)
    rest = rows[0]["devices"] - len(rows) if rows else 0
    return said + (f" and {rest:,} more" if rest > 0 else "") or "–"


def _members(view: View, item: Item) -> list[Any]:
    """The others of the group; a click chooses one alone."""
    if len(item.rows) == 1:
        return []
    shown: np.ndarray = item.rows[1 : _MEMBERS + 1]
    rest = len(item.rows) - 1 - len(shown)
    more = f"and {rest:,} more; unfold the group with x" if rest else ""
    return [
        html.H3("Alike"),
        *(parts.text(str(view.assigned.canonical_texts[row]), 160) for row in shown),
        html.Div(more, className="gl-hint"),
    ]

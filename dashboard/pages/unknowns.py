"""Unknowns: the queue of flagged patterns, and what people decide about them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.exceptions import PreventUpdate

from dashboard import ids, parts
from dashboard.notes import note, settled_note, undone_note
from dashboard.pages.around import neighbours
from dashboard.pages.map import ALL, chosen_of
from dashboard.selection import known_rows
from dashboard.state import Desk
from genlab.errors import NotReady
from genlab.labelling import NO_LABEL

PATH, NAME = "/unknowns", "Unknowns"

OPEN = ("new", "ongoing", "regressed")
STATES = ("new", "ongoing", "muted", "resolved", "regressed")
MUTES = {"1h": timedelta(hours=1), "1d": timedelta(days=1), "7d": timedelta(days=7)}
_MEANING = {
    "novel": "unlike anything the model was trained on",
    "unnamed": "a kind that nobody has named yet",
    "between": "several labels claim it",
}
_LIMIT, _NEIGHBOURS, _DEVICES, _IN_GROUP = 500, 5, 8, 5


def layout(desk: Desk, search: str) -> Any:
    """Filters and groups in the middle, one flagged pattern on the right."""
    return html.Div(
        [
            dcc.Store(id=ids.UNKNOWNS_EVENT),
            dcc.Store(id=ids.UNKNOWNS_CHOSEN, data=[]),
            dcc.Store(id=ids.UNKNOWNS_SHOWN, data=[]),
            html.Main(
                [
                    html.Div(
                        [
                            html.H1("Unknowns"),
                            dbc.Select(
                                id=ids.UNKNOWNS_VERDICT, value=ALL, size="sm",
                                options=parts.options([(ALL, "every verdict"), *(
                                    (v, v) for v in _MEANING)]),
                                class_name="gl-push w-auto",
                            ),
                            dbc.Select(
                                id=ids.UNKNOWNS_STATE, value="open", size="sm",
                                options=parts.options([("open", "new, ongoing, regressed"),
                                                       (ALL, "every state"),
                                                       *((s, s) for s in STATES)]),
                                class_name="w-auto",
                            ),
                        ],
                        className="gl-head",
                    ),
                    html.Div(id=ids.UNKNOWNS_LIST),
                ],
                className="gl-main",
            ),
            html.Aside(
                [
                    html.Section(id=ids.UNKNOWNS_PANEL),
                    html.Section(
                        [
                            dbc.Input(
                                id=ids.UNKNOWNS_NEW_LABEL, type="text", maxLength=120,
                                placeholder="make this a label, Enter", autoComplete="off",
                                class_name="gl-field",
                            ),
                            html.Div(id=ids.UNKNOWNS_STATUS, className="gl-status"),
                        ],
                        className="gl-panel-end",
                    ),
                ],
                className="gl-panel",
            ),
        ],
        style={"display": "contents"},
        **parts.listens(ids.UNKNOWNS_EVENT),
    )  # fmt: skip


def register(app: Dash, desk: Desk) -> None:
    """The list, the panel, decisions and labels."""

    @app.callback(
        Output(ids.UNKNOWNS_LIST, "children"),
        Output(ids.UNKNOWNS_PANEL, "children"),
        Output(ids.UNKNOWNS_SHOWN, "data"),
        Input(ids.UNKNOWNS_VERDICT, "value"),
        Input(ids.UNKNOWNS_STATE, "value"),
        Input(ids.UNKNOWNS_CHOSEN, "data"),
        Input(ids.DATA_KEY, "data"),
    )
    def show(verdict: str, state: str, chosen: list[str], _: dict) -> tuple[Any, ...]:
        if not desk.store.rows("model_versions.active"):
            return (
                parts.empty("No model in force yet, so nothing is flagged.", "genlab train"),
                [],
                [],
            )
        filters = wanted_of(verdict, state)
        wanted = desk.store.rows("review.queue", **filters, limit=_LIMIT)
        counts = desk.store.rows("review.queue_counts")
        held = {row["pattern_id"] for row in wanted}
        chosen = [p for p in chosen if p in held] or [row["pattern_id"] for row in wanted[:1]]
        names = {
            row["component"]: row["name"]
            for row in desk.store.rows(
                "model_versions.components",
                version=desk.store.rows("model_versions.active")[0]["version"],
            )
        }
        return groups(wanted, names, chosen, counts, filters), _panel(desk, wanted, chosen), chosen

    @app.callback(
        Output(ids.UNKNOWNS_CHOSEN, "data"),
        Output(ids.UNKNOWNS_STATUS, "children"),
        Output(ids.DATA_KEY, "data", allow_duplicate=True),
        Output(ids.UNKNOWNS_NEW_LABEL, "value"),
        Input(ids.UNKNOWNS_EVENT, "data"),
        Input(ids.UNKNOWNS_NEW_LABEL, "n_submit"),
        State(ids.UNKNOWNS_NEW_LABEL, "value"),
        State(ids.UNKNOWNS_SHOWN, "data"),
        State(ids.ANNOTATOR, "data"),
        prevent_initial_call=True,
    )
    def event(
        event: dict | None, _: int | None, typed: str | None, shown: list[str],
        who: str,
    ) -> tuple[Any, Any, Any, Any]:  # fmt: skip
        if ctx.triggered_id == ids.UNKNOWNS_NEW_LABEL:
            act, value = "label", (typed or "").strip()
        elif event and "act" in event:
            act, value = event["act"], event["value"]
        elif event and event.get("key") in ("u", "U"):
            act, value = "undo" if event["key"] == "u" else "redo", None
        else:
            raise PreventUpdate
        if act == "choose":
            return (value or "").split(","), no_update, no_update, no_update
        if act in ("undo", "redo"):
            taken = desk.take_back(who, act)
            if taken is None:
                return no_update, note(f"Nothing of yours to {act}, {who}."), no_update, no_update
            return no_update, undone_note(act, taken[0], taken[2]), taken[1].key, no_update
        if act not in ("label", "state") or not value or not shown:
            raise PreventUpdate
        view = desk.view()
        taken_rows = known_rows(view, shown)
        if (view.labels.given[taken_rows] != NO_LABEL).any():
            said = note("Somebody labelled some of these since they were shown: look again.")
            return [], said, view.key, no_update
        if act == "label":
            view, settled = desk.label(shown, value, "click", who)
            return [], settled_note(value, len(shown), settled), view.key, ""
        if act == "state":
            name, until = decision(value, datetime.now(UTC).replace(tzinfo=None))
            desk.store.write(
                "review.set_state",
                pattern_ids=shown, state=name, muted_until=until, muted_rate=None,
                note="", annotator=who,
            )  # fmt: skip
            said = note(f"{parts.plural(len(shown), 'pattern')}: {name}.")
            return [], said, no_update, no_update
        raise PreventUpdate


def decision(value: str, now: datetime) -> tuple[str, datetime | None]:
    """ "muted 1d" -> ("muted", tomorrow); "ongoing" -> ("ongoing", None)."""
    name, _, mute = value.partition(" ")
    return name, now + MUTES[mute] if mute else None


def wanted_of(verdict: str, state: str) -> dict[str, list[str]]:
    """The filters as the queue takes them; an empty list is all."""
    states = {"open": list(OPEN), ALL: []}.get(state, [state])
    return {"states": states, "verdicts": [verdict] if chosen_of(verdict) else []}


def groups(
    rows: Sequence[dict[str, Any]],
    names: dict[int, str],
    chosen: Sequence[str],
    counts: Sequence[dict[str, Any]],
    filters: dict[str, list[str]],
) -> Any:
    """Rows by verdict, and within it by component: those of one kind stand together.

    ``counts``: the whole queue by verdict and state, which ``rows`` are the first of.
    """
    asked = [c for c in counts if not filters["states"] or c["state"] in filters["states"]]
    if not rows:
        return parts.empty(
            "Nothing is flagged: every pattern is known." if not counts
            else "No flagged pattern passes the filters."
        )  # fmt: skip
    sections = []
    for verdict, meaning in _MEANING.items():
        of_verdict = [row for row in rows if row["verdict"] == verdict]
        if not of_verdict:
            continue
        by_component: dict[int, list[dict[str, Any]]] = {}
        for row in of_verdict:
            by_component.setdefault(row["component"], []).append(row)
        blocks = [
            _group(names.get(component, f"component {component}"), found, chosen)
            for component, found in sorted(
                by_component.items(), key=lambda item: -sum(r["message_count"] for r in item[1])
            )
        ]
        of_all = [c for c in asked if c["verdict"] == verdict]
        patterns = max(sum(c["patterns"] for c in of_all), len(of_verdict))
        said = parts.plural(patterns, "pattern")
        if patterns > len(of_verdict):
            said = f"first {len(of_verdict):,} of {said}"
        total = sum(c["messages"] for c in of_all)
        head = html.Div(
            [
                parts.pill(verdict),
                html.Span(meaning, className="gl-hint"),
                html.Span(
                    f"{said} · {parts.plural(total, 'message')}",
                    className="gl-push gl-hint",
                ),
            ],
            className="gl-head",
        )
        sections.append(html.Section([head, *blocks]))
    return html.Div(sections, className="gl-stack")


def _group(name: str, rows: list[dict[str, Any]], chosen: Sequence[str]) -> Any:
    cards = [_flag(row, row["pattern_id"] in chosen) for row in rows[:_IN_GROUP]]
    rest = len(rows) - _IN_GROUP
    if rest > 0:
        cards.append(html.Div(f"and {parts.plural(rest, 'more pattern')}", className="gl-hint"))
    head: list[Any] = [html.H3(name)]
    if len(rows) > 1:
        every = ",".join(row["pattern_id"] for row in rows)
        head.append(parts.button(f"choose all {len(rows)}", "choose", every, "gl-button-quiet"))
    return html.Div([html.Div(head, className="gl-between"), *cards], className="gl-group")


def _flag(row: dict[str, Any], current: bool) -> Any:
    state = row["state"]
    note_of = f"muted until {row['muted_until']:%m-%d %H:%M}" if state == "muted" else state
    return html.Button(
        [
            html.Span(parts.shorten(row["canonical_text"], 200), className="gl-text"),
            html.Span(parts.plural(row["message_count"], "message"), className="gl-num"),
            html.Span(
                [f"{note_of} · first ", parts.ago(row["first_seen"]), ", last ",
                 parts.ago(row["last_seen"])],
                className="gl-hint",
            ),
            html.Span(why(row), className="gl-hint gl-num"),
        ],
        className="gl-flag",
        type="button",
        **{
            "data-act": "choose",
            "data-value": row["pattern_id"],
            "aria-current": "true" if current else "false",
        },
    )  # fmt: skip


def why(row: dict[str, Any]) -> str:
    """The number behind the verdict."""
    if row["verdict"] == "novel":
        return f"p = {row['novelty_p']:.3f}"
    if row["verdict"] == "between":
        return f"{row['label']} {row['confidence']:.2f}"
    return f"evidence {row['evidence']:.2f}"


def _panel(desk: Desk, rows: Sequence[dict[str, Any]], chosen: Sequence[str]) -> Any:
    of_chosen = [row for row in rows if row["pattern_id"] in set(chosen)]
    if not of_chosen:
        return html.P("Nothing chosen.", className="gl-hint")
    row = of_chosen[0]
    devices = desk.store.rows(
        "devices.of_patterns", pattern_ids=[row["pattern_id"]], limit=_DEVICES
    )
    several = len(of_chosen) > 1
    messages = sum(each["message_count"] for each in of_chosen)
    try:
        near = neighbours(desk, desk.view(), row["pattern_id"], _NEIGHBOURS, labelled=True)
    except NotReady:
        near = ""
    return html.Div(
        [
            html.Div(
                [html.B(parts.plural(len(of_chosen), "pattern")), " · ",
                 html.B(parts.plural(messages, "message"))],
                className="gl-counts",
            ),
            html.Div([parts.pill(row["verdict"]), html.Span(why(row), className="gl-hint")],
                     className="gl-row"),
            parts.text(row["sample_text"]),
            html.Div(f"and {len(of_chosen) - 1:,} more" if several else "", className="gl-hint"),
            html.Dl(
                [
                    html.Dt("first seen"), html.Dd(parts.ago(row["first_seen"])),
                    html.Dt("last seen"), html.Dd(parts.ago(row["last_seen"])),
                    html.Dt("severity"), html.Dd(row["severity"] or "–"),
                    html.Dt("devices"),
                    html.Dd(", ".join(f"{d['device']} ({d['messages']})" for d in devices) or "–"),
                    html.Dt("state"), html.Dd(row["state"]),
                ],
                className="gl-definition",
            ),
            html.Div(
                [
                    parts.button("ongoing", "state", "ongoing"),
                    parts.button("resolved", "state", "resolved"),
                    *(parts.button(f"mute {m}", "state", f"muted {m}") for m in MUTES),
                    parts.button("as new", "state", "new", "gl-button-quiet"),
                ],
                className="gl-row",
            ),
            html.H3("Nearest labelled patterns"),
            near,
            dcc.Link("show on the map", href=f"/map?pattern={row['pattern_id']}"),
        ],
        className="gl-stack-small",
    )  # fmt: skip

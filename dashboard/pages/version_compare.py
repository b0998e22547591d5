"""Two versions compared: metrics, what would change its label or verdict, and the components."""

import json
from typing import Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.exceptions import PreventUpdate

from dashboard import ids, parts
from dashboard.pages.version_lists import SIDES, ledger, metrics_table, moves, patterns_table
from dashboard.state import Desk
from genlab.pipeline.versions import Difference, compare

_PATTERNS, _EVENTS = 50, 40
ALL, NEW = "all", "new"


def comparison(versions: list[dict[str, Any]]) -> Any:
    """The card; what it says follows the two versions chosen."""
    active = next((str(v["version"]) for v in versions if v["status"] == "active"), None)
    newest = str(versions[0]["version"]) if versions else None
    return html.Section(
        [
            html.H2("What would change"),
            html.Div(
                [
                    html.Label("from", htmlFor=ids.TRAIN_A),
                    dbc.Select(id=ids.TRAIN_A, size="sm", options=numbers(versions), value=active),
                    html.Label("to", htmlFor=ids.TRAIN_B),
                    dbc.Select(id=ids.TRAIN_B, size="sm", options=numbers(versions), value=newest),
                    html.Div(
                        dbc.RadioItems(
                            id=ids.TRAIN_OVER, inline=True, value=ALL,
                            options=parts.options([(ALL, "all messages"),
                                                   (NEW, "those since its shadow run began")])),
                        id=ids.TRAIN_OVER_FIELD,
                    ),
                ],
                className="gl-row gl-compare",
            ),
            dcc.Store(id=ids.TRAIN_NARROW),
            html.Div(id=ids.TRAIN_DIFFERENCES),
        ],
        className="gl-card",
    )  # fmt: skip


def register(app: Dash, desk: Desk) -> None:
    """Differences of the chosen versions; a click on a change narrows the list to it."""

    @app.callback(
        Output(ids.TRAIN_DIFFERENCES, "children"),
        Output(ids.TRAIN_OVER_FIELD, "hidden"),
        Input(ids.TRAIN_A, "value"),
        Input(ids.TRAIN_B, "value"),
        Input(ids.TRAIN_OVER, "value"),
        Input(ids.TRAIN_NARROW, "data"),
        Input(ids.DATA_KEY, "data"),
        Input(ids.TRAIN_DONE, "data"),
    )
    def differences(
        a: str | None, b: str | None, over: str, narrow: dict | None, *_: Any
    ) -> tuple[Any, Any]:
        versions = {str(v["version"]): v for v in desk.store.rows("model_versions.list")}
        if a not in versions or b not in versions or a == b:
            return html.P("Choose two versions to compare.", className="gl-hint"), True
        one, other = versions[a], versions[b]
        shadow = other["shadow_since"] is not None
        new_only = shadow and over == NEW
        found = compare(desk.store, int(a), int(b), new_only)
        here = {"a": a, "b": b, "new": new_only}
        chosen = narrow["move"] if narrow and {k: narrow[k] for k in here} == here else None
        given = dict(zip(SIDES, chosen or [None] * 4, strict=True))
        rows = desk.store.rows(
            "assignments.differences", version_a=int(a), version_b=int(b), new_only=new_only,
            narrow=chosen is not None, limit=_PATTERNS, **given,
        )  # fmt: skip
        seq = desk.store.rows("labels.seq")[0]["seq"]
        behind = [v for v in (one, other) if v["labels_seq"] < seq and v["status"] != "active"]
        events = desk.store.rows("model_versions.ledger", version=int(b), limit=_EVENTS)
        return [
            html.P(summary(int(a), int(b), found, new_only)),
            *_behind(behind),
            html.Div(
                [
                    html.Div(
                        [moves(found, chosen), patterns_table(int(a), int(b), rows, found, chosen)],
                        className="gl-stack-small",
                    ),
                    html.Div([metrics_table(one, other), ledger(int(b), events)],
                             className="gl-stack-small"),
                ],
                className="gl-difference",
            ),
        ], not shadow  # fmt: skip

    @app.callback(
        Output(ids.TRAIN_NARROW, "data"),
        Input(ids.TRAIN_EVENT, "data"),
        State(ids.TRAIN_A, "value"),
        State(ids.TRAIN_B, "value"),
        State(ids.TRAIN_OVER, "value"),
        State(ids.TRAIN_OVER_FIELD, "hidden"),
        prevent_initial_call=True,
    )
    def narrow(event: dict | None, a: str, b: str, over: str, hidden: bool) -> Any:
        if not event or event.get("act") not in ("narrow", "widen"):
            raise PreventUpdate
        if event["act"] == "widen":
            return None
        new_only = over == NEW and not hidden
        return {"a": a, "b": b, "new": new_only, "move": json.loads(event["value"])}

    @app.callback(
        Output(ids.TRAIN_A, "value"),
        Output(ids.TRAIN_B, "value"),
        Output(ids.TRAIN_OVER, "value"),
        Input(ids.TRAIN_EVENT, "data"),
        prevent_initial_call=True,
    )
    def chosen(event: dict | None) -> tuple[Any, ...]:
        """The versions that a button in the table or in the shadow card is about."""
        act = (event or {}).get("act")
        if act not in ("compare", "promote", "rollback", "new-only"):
            raise PreventUpdate
        if act == "rollback":
            other = desk.store.rows("model_versions.previous")
            value = str(other[0]["version"]) if other else no_update
        else:
            value = str(event["value"]) if event else no_update
        active = desk.store.rows("model_versions.active")
        first = str(active[0]["version"]) if active else no_update
        return first, value, NEW if act == "new-only" else ALL


def numbers(versions: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Options of a select."""
    said = {"active": "in force"}
    return parts.options(
        (str(v["version"]), f"v{v['version']} {said.get(v['status'], v['status'])}")
        for v in versions
    )


def summary(a: int, b: int, found: Difference, new_only: bool = False) -> list[Any]:
    """One sentence on what version ``b`` would change."""
    if not found.patterns:
        what = "message since the shadow run began" if new_only else "pattern"
        return [f"No {what} that both v{a} and v{b} have scored."]
    known = f"Known: {_share(found.known_a, found)} under v{a}, {_share(found.known_b, found)} "
    of_new = " that came since the shadow run began" if new_only else ""
    if not found.changed_patterns:
        every = f"{parts.plural(found.patterns, 'pattern')}, {found.messages:,} messages{of_new}"
        return [f"v{a} and v{b} agree on everything: {every}. {known}under v{b}."]
    return [
        html.B(parts.plural(found.changed_patterns, "pattern")),
        ", ",
        html.B(parts.plural(found.changed_messages, "message")),
        f" ({_share(found.changed_messages, found)} of {found.messages:,}{of_new}) would change "
        f"label or verdict from v{a} to v{b}. {known}under v{b}.",
    ]


def _share(messages: int, found: Difference) -> str:
    return parts.percent(messages / max(found.messages, 1))


def _behind(versions: list[dict[str, Any]]) -> list[Any]:
    """That a version has not heard the last labels, and the way to tell it."""
    if not versions:
        return []
    names = " and ".join(f"v{v['version']}" for v in versions)
    said = f"{names} has not heard the latest labels: part of the change is theirs. "
    act = parts.button("bring in line", "in-line", ",".join(str(v["version"]) for v in versions))
    return [html.Div([said, act], className="gl-note gl-note-doubt gl-between")]

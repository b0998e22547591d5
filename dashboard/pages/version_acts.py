"""Promote, roll back and shadow: each shows first what it would change."""

from typing import Any

from dash import Dash, Input, Output, html, no_update
from dash.exceptions import PreventUpdate

from dashboard import ids, parts, trigger
from dashboard.notes import note
from dashboard.pages.version_compare import numbers, summary
from dashboard.pages.version_shadow import shadow_cards
from dashboard.pages.versions import versions_table
from dashboard.state import Desk
from genlab.errors import GenlabError
from genlab.pipeline.assigned import active_version
from genlab.pipeline.shadow import begin_shadow, drop_shadow
from genlab.pipeline.versions import (
    bring_in_line,
    compare,
    event_counts,
    previous_version,
    promote,
    roll_back,
)

_ACTS = {"promote", "promote-now", "rollback", "rollback-now", "leave", "shadow", "drop", "in-line"}


def register(app: Dash, desk: Desk) -> None:
    """The buttons of the versions table, of the shadow card and of what they ask."""

    @app.callback(
        Output(ids.TRAIN_SAID, "children"),
        Output(ids.TRAIN_SHADOW, "children", allow_duplicate=True),
        Output(ids.DATA_KEY, "data", allow_duplicate=True),
        Output(ids.TRAIN_DONE, "data"),
        Input(ids.TRAIN_EVENT, "data"),
        running=[(Output(ids.TRAIN_SAID, "className"), "gl-said-line gl-busy", "gl-said-line")],
        prevent_initial_call=True,
    )
    def act(event: dict | None) -> tuple[Any, ...]:
        act = (event or {}).get("act")
        if event is None or act not in _ACTS:
            raise PreventUpdate
        value = event.get("value")
        if act == "leave":
            return [], no_update, no_update, no_update
        if act in ("promote", "rollback"):
            return asked(desk, act, value), no_update, no_update, event["n"]
        said = note(_done(desk, act, value))
        key = desk.key() if act.endswith("-now") else no_update
        return said, shadow_cards(desk), key, event["n"]

    @app.callback(
        Output(ids.TRAIN_VERSIONS, "children"),
        Output(ids.TRAIN_A, "options"),
        Output(ids.TRAIN_B, "options"),
        Input(ids.TRAIN_DONE, "data"),
        Input(ids.DATA_KEY, "data"),
        prevent_initial_call=True,
    )
    def listed(*_: Any) -> tuple[Any, ...]:
        """Whoever trained, promoted or rolled back."""
        versions = desk.store.rows("model_versions.list")
        table = versions_table(versions, event_counts(desk.store))
        return table, numbers(versions), numbers(versions)


def asked(desk: Desk, act: str, value: str | None) -> Any:
    """What it would change, under the labels as they stand, and the button that does it."""
    active = active_version(desk.store)["version"]
    other = previous_version(desk.store) if act == "rollback" else int(value or 0)
    bring_in_line(desk.store, other, desk.settings.labelling)
    found = compare(desk.store, active, other)
    if act == "rollback":
        question, do = f"Go back from v{active} to v{other}? ", f"go back to v{other}"
    else:
        question, do = f"Put v{other} in force instead of v{active}? ", f"promote v{other}"
    counts = {row["version"]: row["patterns"] for row in desk.store.rows("assignments.counts")}
    later = counts[active] - found.patterns
    missing = f" {parts.plural(later, 'pattern')} it has not scored yet will be." if later else ""
    return html.Div(
        [
            html.Div([html.B(question), *summary(active, other, found), missing]),
            html.Div(
                [
                    parts.button(do, f"{act}-now", other, "gl-button-primary"),
                    parts.button("leave it", "leave"),
                ],
                className="gl-row gl-answers",
            ),
        ],
        className="gl-note gl-asked",
        role="status",
    )


def _done(desk: Desk, act: str, value: str | None) -> str:
    """Do it; what was done."""
    store, labelling = desk.store, desk.settings.labelling
    if act == "rollback-now":
        return f"Back to version {roll_back(store, labelling)}. {score_the_rest(desk)}"
    if act == "in-line":
        numbers = [int(number) for number in (value or "").split(",")]
        for number in numbers:
            bring_in_line(store, number, labelling)
        return f"{', '.join(f'v{number}' for number in numbers)}: in line with the labels."
    version = int(value or 0)
    if act == "promote-now":
        promote(store, version, labelling)
        return f"Version {version} is in force. {score_the_rest(desk)}"
    if act == "shadow":
        begin_shadow(store, version)
        started = _start_scoring("what came in since it was trained is scored when new messages "
                                 "come, or by `genlab score`")  # fmt: skip
        return f"Version {version} is in shadow: it scores what comes in, unseen. {started}"
    drop_shadow(store, version)
    return f"Version {version} is out of the shadow; it stays a candidate."


def score_the_rest(desk: Desk) -> str:
    """Have patterns scored that came in while the version was not in force; what was done."""
    waiting = desk.store.read("checks.unscored_patterns").num_rows
    return _start_scoring("some patterns came in since: run `genlab score`") if waiting else ""


def _start_scoring(otherwise: str) -> str:
    try:
        trigger.start("score")
    except GenlabError as error:
        return f"No scoring was started, {otherwise} ({error})."
    return "Patterns that came in since are being scored."

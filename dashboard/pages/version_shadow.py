"""Versions in shadow: how a candidate does on new messages, beside the version in force."""

from typing import Any

from dash import Dash, Input, Output, State, html
from dash.exceptions import PreventUpdate

from dashboard import ids, parts
from dashboard.state import Desk
from genlab.pipeline.assigned import active_version
from genlab.pipeline.shadow import ShadowReport, shadow_reports

_DAYS = 14
_LOOKS = 3  # of the foot at the store, to one of these cards


def register(app: Dash, desk: Desk) -> None:
    """The cards follow what comes in."""

    @app.callback(
        Output(ids.TRAIN_SHADOW, "children"),
        Input(ids.TICK, "n_intervals"),
        State(ids.TRAIN_SHADOW, "children"),
        prevent_initial_call=True,
    )
    def follow(looks: int | None, shown: list | None) -> Any:
        if not shown or (looks or 0) % _LOOKS:
            raise PreventUpdate
        return shadow_cards(desk)


def shadow_cards(desk: Desk) -> list[Any]:
    """A card for each version in shadow; none when there is none."""
    reports = shadow_reports(desk.store)
    if not reports:
        return []
    active = active_version(desk.store)["version"]
    return [_card(active, report) for report in reports]


def _card(active: int, report: ShadowReport) -> Any:
    version = report.version
    head = html.Div(
        [
            html.H2(f"v{version} in shadow of v{active}"),
            html.Span(["since ", parts.ago(report.began_at)], className="gl-hint"),
            parts.button("differences on new messages", "new-only", version, "gl-push"),
            parts.button("drop", "drop", version, "gl-button-quiet", title="end the shadow run"),
            parts.button("promote …", "promote", version, title="shows first what would change"),
        ],
        className="gl-head gl-versions-head",
    )
    if not report.days:
        said = "No message came in since. Whatever comes is scored by both; only v"
        return html.Section([head, parts.empty(f"{said}{active} is shown.")], className="gl-card")
    waiting = f"; {parts.plural(report.waiting, 'message')} wait" if report.waiting else ""
    stats = html.Div(
        [
            parts.stat("new messages", parts.number(report.messages), f"scored by both{waiting}"),
            parts.stat("agree", _share(report.agree, report.messages), "same label and verdict"),
            parts.stat(f"known to v{version}", _share(report.known_b, report.messages),
                       f"v{active}: {_share(report.known_a, report.messages)}"),
            parts.stat(f"flagged a day by v{version}", f"{report.flagged_per_day_b:,.1f}",
                       f"v{active}: {report.flagged_per_day_a:,.1f}; new patterns not known"),
        ],
        className="gl-grid gl-shadow",
    )  # fmt: skip
    return html.Section([head, stats, _days(active, report)], className="gl-card")


def _days(active: int, report: ShadowReport) -> Any:
    version = report.version
    heads = ["day", "messages", "agree", "differ", f"known v{active}", f"known v{version}",
             f"flagged v{active}", f"flagged v{version}"]  # fmt: skip
    rows = [
        [
            f"{row['day']:%Y-%m-%d}",
            parts.number(row["messages"]),
            _share(row["agree"], row["messages"]),
            parts.number(row["messages"] - row["agree"]),
            _share(row["known_a"], row["messages"]),
            _share(row["known_b"], row["messages"]),
            parts.number(row["flagged_a"]),
            parts.number(row["flagged_b"]),
        ]
        for row in report.days[:_DAYS]
    ]
    table = parts.table(heads, rows, numeric=range(1, len(heads)))
    return html.Div(table, className="gl-scroll")


def _share(part: int, whole: int) -> str:
    return parts.percent(part / whole if whole else None)

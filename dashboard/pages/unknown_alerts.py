"""The alert rules on the Unknowns page: what they watch, and whether they arrived."""

import json
from collections.abc import Sequence
from typing import Any

from dash import html

from dashboard import parts
from genlab.pipeline.alerts import listed_rules
from genlab.store import Store

_LATEST = 8


def alerts_section(store: Store) -> Any:
    """Rules and latest alerts; folded while all is well."""
    rules = listed_rules(store)
    latest = store.rows("alerts.latest", limit=_LATEST)
    lost = [row for row in latest if row["error"] and row["status"] != "delivered"]
    given_up = any(row["status"] == "failed" for row in lost)
    count = parts.plural(len(rules), "rule") if rules else "no rule yet"
    return html.Details(
        [
            html.Summary(
                [
                    html.H2("Alerts"),
                    html.Span(count, className="gl-hint"),
                    html.Span(
                        f"{parts.plural(len(lost), 'alert')} did not arrive",
                        className=f"gl-pill gl-pill-{'novel' if given_up else 'between'}",
                    )
                    if lost
                    else "",
                ]
            ),
            _rules(rules),
            html.Div([_alert(row) for row in latest]),
            html.P(
                ["Add one with ", html.Code("genlab alert add"), ", try it with ",
                 html.Code("genlab alert test"), "."],
                className="gl-hint",
            ),
        ],
        className="gl-alerts",
    )  # fmt: skip


def _rules(rules: Sequence[dict[str, Any]]) -> Any:
    if not rules:
        return html.P(
            "Nobody is told when something strange comes in while no one looks.",
            className="gl-hint",
        )
    return parts.table(
        ["rule", "when", "to", "alerts", "last"],
        [
            [
                rule["name"],
                rule["when"],
                html.Code(rule["target"]),
                parts.number(rule["alerts"]),
                parts.ago(rule["fired_at"]),
            ]
            for rule in rules
        ],
        numeric=[3],
    )


def _alert(row: dict[str, Any]) -> Any:
    """One line; a problem is told in full."""
    state = {"delivered": "delivered", "waiting": "waiting", "failed": "given up"}[row["status"]]
    tried = f", {parts.plural(row['attempts'], 'attempt')}" if row["attempts"] > 1 else ""
    lines: list[Any] = [
        html.Div(
            [
                html.Span(json.loads(row["payload"])["text"].removeprefix("genlab: ")),
                html.Span(
                    [f"{row['rule']} · {state}{tried} · ", parts.ago(row["fired_at"])],
                    className="gl-hint",
                ),
            ],
            className="gl-between",
        )
    ]
    if row["error"] and row["status"] != "delivered":
        kind = "gl-note-alarm" if row["status"] == "failed" else "gl-note-doubt"
        lines.append(html.Div(row["error"], className=f"gl-note {kind}"))
    return html.Div(lines, className="gl-line")

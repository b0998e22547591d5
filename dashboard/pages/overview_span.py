"""What stands behind a bar: the patterns of a span of time."""

from datetime import datetime
from typing import Any

from dash import dcc, html

from dashboard import parts
from dashboard.state import Desk

_PATTERNS = 12


def span_card(desk: Desk, since: datetime, until: datetime, verdict: str, source: str) -> Any:
    """The patterns with most messages of a span, each a way to its messages."""
    rows = desk.store.rows(
        "messages.of_span",
        since=since,
        until=until,
        verdict=verdict,
        source=source,
        limit=_PATTERNS + 1,
    )
    colours = {row["name"]: row["colour"] for row in desk.store.rows("labels.names")}
    head = html.H2(
        [
            f"{since:%Y-%m-%d %H:%M} to ",
            f"{until:%H:%M}" if until.date() == since.date() else f"{until:%Y-%m-%d %H:%M}",
            f" · {verdict or source or 'all messages'}",
        ]
    )
    if not rows:
        return html.Section(
            [head, html.P("No message in this span.", className="gl-hint")], className="gl-card"
        )
    more = [html.P("and more patterns, with fewer messages", className="gl-hint")]
    return html.Section(
        [
            head,
            pattern_table(rows[:_PATTERNS], colours),
            *(more if len(rows) > _PATTERNS else []),
        ],
        className="gl-card",
    )


def pattern_table(rows: list[dict[str, Any]], colours: dict[str, int]) -> Any:
    """Patterns with their messages, verdict and label; each leads to the map."""
    return parts.table(
        ["pattern", "messages", "verdict", "label"],
        [
            [
                pattern_link(row["pattern_id"], row["canonical_text"]),
                parts.number(row["messages"]),
                parts.pill(row["verdict"]),
                parts.label(row["label"], colours.get(row["label"])),
            ]
            for row in rows
        ],
        numeric=(1,),
    )


def pattern_link(pattern_id: str, text: str, most: int = 140) -> Any:
    """A pattern's text, which leads to its messages on the map."""
    return dcc.Link(
        html.Div(parts.shorten(text, most), className="gl-text"),
        href=f"/map?pattern={pattern_id}",
        className="gl-pattern-link",
    )

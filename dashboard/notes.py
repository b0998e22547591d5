"""What a gesture did, in one line."""

from typing import Any

from dash import html

from dashboard import parts
from genlab.pipeline.labels import Settled


def note(said: str) -> Any:
    """A line under the labels."""
    return html.Div(said, className="gl-note", role="status")


def settled_note(label: str | None, patterns: int, settled: Settled) -> Any:
    """What a labelling did, in messages."""
    did = f"“{label}”" if label else "Cleared"
    head = f"{did}: {parts.plural(patterns, 'pattern')}, "
    body: list[Any] = [html.B(f"settled {settled.settled_messages:,} messages")]
    if settled.unsettled_messages:
        body.append(f", unsettled {settled.unsettled_messages:,}")
    tail = html.Span([" ", html.Kbd("u"), " undo"], className="gl-hint")
    return html.Div([head, *body, tail], className="gl-note", role="status")


def undone_note(act: str, gesture: dict[str, Any], settled: Settled) -> Any:
    """What an undo did."""
    did = "Took back" if act == "undo" else "Put back"
    count = parts.plural(gesture["patterns"], "pattern")
    change = settled.settled_messages - settled.unsettled_messages
    effect = f"{abs(change):,} messages " + ("settled" if change >= 0 else "unsettled")
    return html.Div(f"{did} {count}: {effect}.", className="gl-note", role="status")

"""What a gesture did or would do, in a line or two."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from dash import html

from dashboard import parts
from genlab.pipeline.labels import Settled
from genlab.pipeline.preview import Preview


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


def preview_text(label: str | None, told: Preview) -> list[Any]:
    """What a label would change."""
    parted: list[Any] = [
        f"As “{label}”: " if label else "Cleared: ",
        html.B(parts.plural(told.patterns, "pattern")),
        ", ",
        html.B(parts.plural(told.messages, "message")),
    ]
    if told.replaced:
        by = [f"{parts.plural(n, 'label')} by {who}" for who, n in told.replaced.items()]
        parted.append(f"; {'replaces' if label else 'removes'} {listed(by, 3)}")
    if told.same:
        parted.append(f"; {told.same:,} have it already")
    others = told.settled_others
    does = "settle" if others >= 0 else "unsettle"
    count = parts.plural(abs(others), "other message") if others else "no other message"
    return [*parted, f"; would {does} {count}."]


def confirm_note(label: str | None, told: Preview) -> Any:
    """A large gesture, before it is done."""
    answers = [
        parts.button("do it", "confirm", key="↵", style="gl-button-primary"),
        parts.button("leave it", "leave", key="esc"),
    ]
    return _asking([html.Div(preview_text(label, told))], answers)


def overtaken_note(rows: Sequence[dict[str, Any]], label: str | None, patterns: int) -> Any:
    """Somebody else was there first: what they said, and the two ways on."""
    wish = f"make it “{label}”" if label else "clear it"
    if patterns == 1:
        row = rows[0]
        said = [html.B(row["annotator"]), f" said “{row['label']}” ", parts.ago(row["labelled_at"])]
        keep = f"keep “{parts.shorten(row['label'], 24)}”"
    else:
        who = listed(sorted({row["annotator"] for row in rows}), 3)
        labels = Counter(row["label"] for row in rows).most_common()
        what = listed([f"“{name}” {n:,}" for name, n in labels], 3)
        said = [html.B(who), f" labelled {len(rows):,} of these {patterns:,} since you saw them: ",
                f"{what} (", parts.ago(rows[0]["labelled_at"]), ")"]  # fmt: skip
        wish = f"make all “{label}”" if label else "clear all"
        keep = f"keep those, label {patterns - len(rows):,}"
    answers = [
        parts.button(wish, "confirm", key="↵"),
        parts.button(keep, "keep", key="k"),
        parts.button("leave it", "leave", key="esc", style="gl-button-quiet"),
    ]
    return _asking([html.Div(said)], answers)


def listed(items: Sequence[str], most: int) -> str:
    """ "a, b and 3 more"."""
    rest = len(items) - most
    return ", ".join(items[:most]) + (f" and {rest:,} more" if rest > 0 else "")


def _asking(said: list[Any], answers: list[Any]) -> Any:
    row = html.Div(answers, className="gl-row gl-answers")
    return html.Div([*said, row], className="gl-note gl-note-doubt gl-asking", role="alert")

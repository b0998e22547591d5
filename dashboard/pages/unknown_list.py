"""The list of the Unknowns page: lines, the budget and its line."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from dash import html

from dashboard import parts
from dashboard.pages.unknown_queue import MEANING, MORE, OPENED, Decided, Item, Section
from dashboard.state import View
from genlab.pipeline.review import Queue


def queue_list(
    view: View,
    found: Sequence[Section],
    decided: Decided,
    names: dict[int, str],
    at: str | None,
    look: dict[str, Any],
) -> Any:
    """The list; ``at``: the key of the chosen line; ``names``: of the components."""
    blocks = []
    for section in found:
        head = html.Div(
            [
                html.H2(parts.pill(section.verdict)),
                html.Span(MEANING[section.verdict], className="gl-hint"),
                html.Span(
                    f"{parts.plural(section.groups, 'group')} · "
                    f"{parts.plural(section.patterns, 'pattern')} · "
                    f"{parts.plural(section.messages, 'message')}",
                    className="gl-push gl-hint",
                ),
            ],
            className="gl-head",
        )
        lines = [_line(view, item, decided, names, at, look) for item in section.items]
        if (rest := _unlisted(section.groups - len(section.hidden), section.items)) > 0:
            lines.append(_more(rest))
        if section.hidden:
            lines.append(_budget_line(view, section, look["below"]))
            lines += [_line(view, item, decided, names, at, look) for item in section.below]
            if look["below"] and (rest := _unlisted(len(section.hidden), section.below)) > 0:
                lines.append(_more(rest))
        blocks.append(html.Section([head, *lines], className="gl-queue"))
    return html.Div(blocks, className="gl-stack")


def budget_note(queue: Queue, flags_per_day: float) -> Any:
    """How much of the newest day's budget is used."""
    if queue.day is None:
        return ""
    today = np.datetime64(datetime.now(UTC).date(), "D")
    day = "Today" if queue.day == today else str(queue.day)
    over = queue.raised - queue.used
    said = f"{day}: {queue.used:,} of {flags_per_day:g} flags"
    if over:
        said += f", {over:,} below the line"
    if queue.left_out:
        said += f" ({parts.plural(queue.left_out, 'pattern')} too many to group)"
    return html.Div(
        [html.Span(said), parts.progress(queue.used, flags_per_day)],
        className="gl-budget",
        title=(
            "Groups of novel patterns first seen that day; the strangest "
            f"{flags_per_day:g} of each day stand above the line "
            "(labelling.flags_per_day)"
        ),
    )


def why(view: View, row: int) -> str:
    """The number behind a verdict."""
    verdict = view.spread.verdict[row]
    if verdict == "novel":
        p = view.assigned.novelty_p[row]
        return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    if verdict == "between":
        return f"{view.labels.names[view.spread.label[row]]} {view.spread.confidence[row]:.2f}"
    return f"evidence {view.spread.evidence[row]:.2f}"


def states_of(decided: Decided, rows: np.ndarray) -> str:
    """ "new", or "2 new, 1 muted" where they differ."""
    names, counts = np.unique(decided.state[rows], return_counts=True)
    if len(names) == 1:
        return str(names[0])
    return ", ".join(f"{count:,} {name}" for name, count in zip(names, counts, strict=True))


def seen(view: View, rows: np.ndarray) -> tuple[datetime, datetime]:
    """First and last time of patterns."""
    table = view.assigned.table
    first = table["first_seen"].to_numpy()[rows].min()
    last = table["last_seen"].to_numpy()[rows].max()
    return first.astype("datetime64[us]").item(), last.astype("datetime64[us]").item()


def _line(
    view: View,
    item: Item,
    decided: Decided,
    names: dict[int, str],
    at: str | None,
    look: dict[str, Any],
) -> Any:
    row = int(item.rows[0])
    first, last = seen(view, item.rows)
    messages = int(view.assigned.message_counts[item.rows].sum())
    body: list[Any] = []
    if not item.member and len(item.rows) > 1:
        body += [html.B(parts.plural(len(item.rows), "pattern")), " · "]
    if item.group.verdict != "novel" and not item.member:
        component = int(view.assigned.table["components"][row].as_py()[0])
        body += [names.get(component, f"component {component}"), " · "]
    body += [states_of(decided, item.rows), " · first ", parts.ago(first),
             ", last ", parts.ago(last)]  # fmt: skip
    if item.key in look["opened"] and len(item.rows) > OPENED:
        body.append(f" · the first {OPENED} follow")
    return html.Button(
        [
            html.Span(
                parts.shorten(str(view.assigned.canonical_texts[row]), 200), className="gl-text"
            ),
            html.Span(parts.plural(messages, "message"), className="gl-num"),
            html.Span(body, className="gl-hint"),
            html.Span(why(view, row), className="gl-hint gl-num"),
        ],
        className="gl-flag gl-flag-member" if item.member else "gl-flag",
        type="button",
        **parts.attributes(
            {
                "data-act": "choose",
                "data-value": item.key,
                "aria-current": "true" if item.key == at else "false",
            }
        ),
    )


def _unlisted(groups: int, items: Sequence[Item]) -> int:
    return groups - sum(not item.member for item in items)


def _more(rest: int) -> Any:
    return parts.button(
        f"{parts.plural(rest, 'more group')}: show {min(rest, MORE)}", "more",
        style="gl-button-quiet",
    )  # fmt: skip


def _budget_line(view: View, section: Section, shown: bool) -> Any:
    rows = np.concatenate([group.rows for group in section.hidden])
    messages = int(view.assigned.message_counts[rows].sum())
    said = (
        f"below the day's budget: {parts.plural(len(section.hidden), 'group')}, "
        f"{parts.plural(len(rows), 'pattern')}, {parts.plural(messages, 'message')}"
    )
    return html.Div(
        [
            html.Span(said),
            parts.button("hide" if shown else "show", "below", style="gl-button-quiet", key="s"),
        ],
        className="gl-budget-line",
    )

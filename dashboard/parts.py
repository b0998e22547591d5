"""Small pieces of page: pills, times, tables.  Machine text goes in as text, never as markup."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from dash import dcc, html

from dashboard.figures.palette import LABEL_COLOURS

Children = Any


def attributes(given: dict[str, Any]) -> dict[str, Any]:
    """data-* and aria-* attributes as keywords: their names are no Python identifiers."""
    return given


def listens(store: str) -> dict[str, Any]:
    """Clicks inside and keys anywhere go to this dcc.Store (assets/events.js, keys.js)."""
    return {"data-genlab-events": store, "data-genlab-keys": store}


def number(value: float | None) -> str:
    """4117 -> "4,117"."""
    return "–" if value is None else f"{value:,.0f}"


def percent(share: float | None, digits: int = 1) -> str:
    """0.931 -> "93.1 %"."""
    return "–" if share is None else f"{100 * share:.{digits}f} %"


def plural(count: int, noun: str) -> str:
    """(1, "pattern") -> "1 pattern", (23, "pattern") -> "23 patterns"."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def shorten(value: str, most: int) -> str:
    """At most ``most`` characters."""
    return value if len(value) <= most else value[: most - 1] + "…"


def elapsed(seconds: float) -> str:
    """Duration in the largest unit that fits: "12 s", "3 min", "5 h", "2 days"."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def ago(at: datetime | None, now: datetime | None = None) -> Children:
    """A time (naive, UTC) relative to now, the exact one on hover."""
    if at is None:
        return html.Span("never", className="gl-hint")
    now = now or datetime.now(UTC).replace(tzinfo=None)
    seconds = (now - at).total_seconds()
    text = "just now" if abs(seconds) < 5 else f"{elapsed(abs(seconds))} ago"
    if seconds <= -5:
        text = f"in {elapsed(-seconds)}"
    return html.Span(text, title=f"{at:%Y-%m-%d %H:%M:%S} UTC", className="gl-time")


def pill(verdict: str | None, note: str = "") -> Children:
    """A verdict."""
    text = f"{verdict or 'unscored'} {note}".strip()
    return html.Span(text, className=f"gl-pill gl-pill-{verdict or 'unscored'}")


def swatch(colour: int | None) -> Children:
    """A label's dot; grey for none."""
    style = {} if colour is None else {"background": LABEL_COLOURS[colour % len(LABEL_COLOURS)]}
    return html.I(className="gl-swatch", style=style)


def text(value: str, most: int = 400) -> Children:
    """Text that a machine wrote."""
    cut = value if len(value) <= most else value[:most] + "…"
    return html.Div(cut, className="gl-text", title=value[:2_000] if cut != value else None)


def label(name: str | None, colour: int | None = None) -> Children:
    """A label with its dot."""
    if name is None:
        return html.Span("none yet", className="gl-hint")
    return html.Span([swatch(colour), " ", name], className="gl-label")


def button(
    caption: Children,
    act: str,
    value: Any = None,
    style: str = "",
    key: str = "",
    disabled: bool = False,
    title: str = "",
) -> Children:
    """A button that posts {act, value} to its page's event store (assets/events.js)."""
    children = [caption] if not key else [html.Kbd(key), caption]
    data: dict[str, Any] = {"data-act": act}
    if value is not None:
        data["data-value"] = str(value)
    return html.Button(
        children,
        className=f"gl-button {style}".strip(),
        type="button",
        disabled=disabled,
        title=title or None,
        **data,
    )


def table(
    head: Sequence[Children], rows: Iterable[Sequence[Children]], numeric: Sequence[int] = ()
) -> Children:
    """A plain table; ``numeric``: columns set flush right."""
    styles = dict.fromkeys(numeric, "gl-num")
    return html.Table(
        [
            html.Thead(
                html.Tr([html.Th(cell, className=styles.get(k)) for k, cell in enumerate(head)])
            ),
            html.Tbody(
                [
                    html.Tr([html.Td(cell, className=styles.get(k)) for k, cell in enumerate(row)])
                    for row in rows
                ]
            ),
        ],
        className="gl-table",
    )


def card(title: Children, *children: Children, **attributes: Any) -> Children:
    """A titled box."""
    return html.Section([html.H2(title), *children], className="gl-card", **attributes)


def stat(caption: str, value: str, note: Children = "", href: str | None = None) -> Children:
    """One large number."""
    body = [
        html.Span(caption, className="gl-stat-label"),
        html.Span(value, className="gl-stat-value"),
        html.Span(note, className="gl-stat-note"),
    ]
    inner = html.Div(body, className="gl-card gl-stat")
    return inner if href is None else dcc.Link(inner, href=href, className="gl-stat-link")


def empty(said: str, command: str = "") -> Children:
    """Why there is nothing, and the command that changes it."""
    children: list[Children] = [html.Div(said)]
    if command:
        children.append(html.Code(command))
    return html.Div(children, className="gl-empty")


def progress(done: float, total: float | None) -> Children:
    """A bar; without a total it stands at nothing."""
    share = min(1.0, done / total) if total else 0.0
    return html.Div(
        html.Div(style={"width": f"{100 * share:.1f}%"}),
        className="gl-progress",
        role="progressbar",
        **attributes({"aria-label": "done, %", "aria-valuenow": f"{100 * share:.0f}"}),
    )


def options(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """(value, caption) pairs for a select."""
    return [{"value": value, "label": caption} for value, caption in pairs]

"""Drift by cause, in words: what rose or fell, new wording, what is not known."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from dash import dcc, html

from dashboard import parts
from dashboard.pages.overview_span import pattern_link
from genlab.pipeline.drift import LEVEL, Burst, Drift, Leading, Moved, Share

_SHOWN = 5


def told(found: Drift, window: str) -> list[Any]:
    """The three causes as a table, the patterns behind them, and how noise was told from news."""
    if found.sources is None:
        said = f"Comparing needs messages of two {window}s; fewer are stored."
        return [html.P(said, className="gl-note")]
    moved = [each for each in found.sources if each.news or each.burst.news]
    rows = [
        *_volumes(found.sources, moved),
        _share("wording", "messages of new patterns", found.wording, window, "/map"),
        _share("novelty", "messages not known", found.novelty, window, "/unknowns"),
    ]
    heads = ["cause", "", f"{window} before", f"last {window}", "change", ""]
    lists = [
        _bursts("Patterns that burst", found),
        _moved("Patterns that rose or fell", found),
        _leading("Largest new patterns", found.fresh, found.wording),
        _leading("Largest patterns not known", found.flagged, found.novelty),
    ]
    hint = (
        f"A change counts as news at {100 * LEVEL:g} % error: like hours of both {window}s are "
        "paired (t-test), so usual bursts and daily rhythm are no news. A burst is one hour far "
        "above all others (negative binomial law of those). Many sources or patterns at once by "
        "Benjamini and Hochberg."
    )
    return [
        parts.table(heads, rows, numeric=(2, 3, 4)),
        html.Div([each for each in lists if each is not None], className="gl-columns"),
        html.P(hint, className="gl-hint"),
    ]


def _volumes(sources: Sequence[Moved], moved: Sequence[Moved]) -> list[list[Any]]:
    shown = list(moved[:_SHOWN]) or list(sources[:1])
    rows: list[list[Any]] = []
    for each in shown:
        source = dcc.Link(each.key, href=f"/map?source={quote(each.key)}")
        rows.append(
            [
                html.B("volume"),
                source,
                parts.number(each.before),
                parts.number(each.now),
                _change(each.before, each.now),
                _verdict(each.news, each.p, each.burst),
            ]
        )
    rest = len(sources) - len(shown)
    if rest > 0 and not moved:
        rows[-1][1] = [rows[-1][1], html.Span(f", {rest:,} more moved less", className="gl-hint")]
    return rows


def _share(cause: str, what: str, share: Share | None, window: str, href: str) -> list[Any]:
    name = [html.B(cause), dcc.Link(what, href=href)]
    if share is None:
        hint = html.Span(f"needs three {window}s of messages", className="gl-hint")
        return [*name, "–", "–", "–", hint]
    if not share.messages or share.before != share.before:
        return [*name, "–", "–", "–", html.Span("nothing is judged yet", className="gl-hint")]
    points = 100 * (share.now - share.before)
    return [
        *name,
        parts.percent(share.before),
        parts.percent(share.now),
        f"{points:+.1f} points",
        _verdict(share.news, share.p, share.burst),
    ]


def _change(before: int, now: int) -> str:
    return f"{100 * (now - before) / before:+,.0f} %" if before else "new"


def _verdict(news: bool, p: float, burst: Burst) -> Any:
    said = [html.Span("news", className="gl-pill gl-pill-between", title=f"p = {p:.3g}")]
    if burst.news:
        title = f"p = {burst.p:.3g}"
        pill = html.Span("burst", className="gl-pill gl-pill-between", title=title)
        told = html.Span([f" {_peak(burst)}, ", parts.ago(burst.began_at)], className="gl-hint")
        return [*(said if news else []), pill, told]
    return said if news else html.Span("within noise", className="gl-hint", title=f"p = {p:.3g}")


def _peak(burst: Burst) -> str:
    return f"{burst.messages:,} in an hour, usually {_rate(burst.usual)}"


def _rate(messages: float) -> str:
    return f"{messages:,.0f}" if messages >= 10 else f"{messages:.1f}".removesuffix(".0")


def _bursts(title: str, found: Drift) -> Any:
    if not found.bursts:
        return None
    rows = [
        [
            pattern_link(each.key, found.texts[each.key].text, 90),
            html.B(found.texts[each.key].cause),
            parts.number(each.burst.messages),
            _rate(each.burst.usual),
            parts.ago(each.burst.began_at),
        ]
        for each in found.bursts[:_SHOWN]
    ]
    heads = ["pattern", "cause", "in an hour", "usually", ""]
    return _list(title, parts.table(heads, rows, (2, 3)), len(found.bursts) - len(rows))


def _moved(title: str, found: Drift) -> Any:
    if not found.patterns:
        return None
    rows = [
        [
            pattern_link(each.key, found.texts[each.key].text, 90),
            f"{each.before:,} → {each.now:,}",
        ]
        for each in found.patterns[:_SHOWN]
    ]
    table = parts.table(["pattern", "messages"], rows, (1,))
    return _list(title, table, len(found.patterns) - len(rows))


def _list(title: str, table: Any, rest: int = 0) -> Any:
    more = [html.P(f"and {rest:,} more", className="gl-hint")] if rest else []
    return html.Div([html.H3(title), table, *more])


def _leading(title: str, rows: Sequence[Leading], share: Share | None) -> Any:
    if not rows or share is None:
        return None
    body = [[pattern_link(r.pattern_id, r.text, 90), parts.number(r.messages)] for r in rows]
    return _list(title, parts.table(["pattern", "messages"], body, (1,)))

"""What came in, and what became of it, over time."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.figures.palette import ACCENT, UNKNOWN, UNSCORED, VERDICT_COLOURS, label_colours
from dashboard.figures.style import column, empty, figure, has, rows

OTHERS = "others"  # the name of the sources that have no colour of their own
VERDICTS = {**VERDICT_COLOURS, "unscored": UNSCORED}


def volume_over_time(table: Any, most: int = 7) -> go.Figure:
    """Messages per interval of time.

    ``table``: ``bucket`` (start of the interval, UTC), ``messages`` and, if wanted, ``source``:
    then bars are stacked, the ``most`` largest sources by name and the rest together.
    """
    if rows(table, "bucket") == 0:
        return empty("no messages yet", "volume")
    at, messages = column(table, "bucket"), column(table, "messages")
    if not has(table, "source"):
        fig = _stack(at, messages, np.full(len(at), "messages"), {"messages": ACCENT}, "volume")
        fig.update_layout(showlegend=False)
        return fig
    source = column(table, "source").astype(str)
    names, inverse = np.unique(source, return_inverse=True)
    totals = np.bincount(inverse, weights=messages.astype(float))
    largest = [str(names[k]) for k in np.argsort(-totals, kind="stable")[:most]]
    kept = np.where(np.isin(source, largest), source, OTHERS)
    colours = dict(zip(largest, label_colours(len(largest)), strict=True)) | {OTHERS: UNKNOWN}
    return _stack(at, messages, kept, colours, "volume")


def verdict_over_time(table: Any) -> go.Figure:
    """Messages per interval and verdict, stacked: ``bucket`` (UTC), ``verdict``, ``messages``."""
    if rows(table, "bucket") == 0:
        return empty("nothing is scored yet", "verdict")
    at, messages = column(table, "bucket"), column(table, "messages")
    return _stack(at, messages, column(table, "verdict").astype(str), VERDICTS, "verdict")


def known_over_time(table: Any) -> go.Figure:
    """Share of the judged messages per interval that are known: the input of verdict_over_time."""
    if rows(table, "bucket") == 0:
        return empty("nothing is scored yet", "known")
    verdict = column(table, "verdict").astype(str)
    judged = verdict != "unscored"
    times, slot = np.unique(column(table, "bucket")[judged], return_inverse=True)
    if not len(times):
        return empty("nothing is scored yet", "known")
    messages = column(table, "messages")[judged].astype(float)
    total = np.bincount(slot, weights=messages, minlength=len(times))
    known = np.bincount(slot, messages * (verdict[judged] == "known"), minlength=len(times))
    fig = figure("known")
    fig.add_trace(
        go.Scatter(
            x=times,
            y=known / total,
            mode="lines+markers",
            line={"color": ACCENT, "width": 1.8},
            marker={"size": 5},
            customdata=total,
            hovertemplate="%{y:.1%} of %{customdata:,.0f} messages<extra></extra>",
        )
    )
    fig.update_layout(showlegend=False)
    alone = times if len(times) == 1 else None  # else its axis counts fractions of a second
    fig.update_xaxes(title_text="time (UTC)", type="date", tickvals=alone)
    fig.update_yaxes(title_text="known", tickformat=".0%", range=[-0.02, 1.02], nticks=6)
    return fig


def _stack(
    at: np.ndarray, messages: np.ndarray, group: np.ndarray, colours: dict[str, str], revision: str
) -> go.Figure:
    """Stacked bars, one trace per group in the order of ``colours``; missing intervals count 0."""
    times, slot = np.unique(at, return_inverse=True)
    fig = figure(revision)
    for name, colour in colours.items():
        inside = group == name
        if not inside.any():
            continue
        counts = np.bincount(
            slot[inside], weights=messages[inside].astype(float), minlength=len(times)
        )
        fig.add_trace(
            go.Bar(
                x=times,
                y=counts.astype(np.int64),
                name=name,
                customdata=np.full(len(times), name),  # told when a bar is clicked
                marker={"color": colour, "line": {"width": 0}},
                hovertemplate="%{y:,}<extra>%{fullData.name}</extra>",
            )
        )
    fig.update_layout(barmode="stack")
    fig.update_xaxes(title_text="time (UTC)", type="date")
    fig.update_yaxes(title_text="messages", tickformat="~s", rangemode="tozero")
    return fig

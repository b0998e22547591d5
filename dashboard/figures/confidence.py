"""How sure, and whether rightly: histogram of confidence and reliability diagram."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.figures.palette import ACCENT, UNKNOWN
from dashboard.figures.style import column, empty, figure, has, rows


def reliability(bins: Any) -> go.Figure:
    """Stated against observed: a point on the diagonal is a promise kept.

    ``bins``: ``confidence`` (mean stated, in [0, 1]), ``accuracy`` (observed, in [0, 1]) and
    ``counts`` (labelled patterns in the bin), as genlab.labelling.calibration.Bins has them; empty
    bins are left out.  Bars are a 95 % interval of the observed share (Wilson 1927).
    """
    if rows(bins, "counts") == 0 or not column(bins, "counts").sum():
        return empty("no labelled patterns to check against yet", "reliability")
    keep = column(bins, "counts") > 0
    stated = column(bins, "confidence")[keep].astype(float)
    seen = column(bins, "accuracy")[keep].astype(float)
    count = column(bins, "counts")[keep].astype(float)
    low, high = wilson(seen, count)
    fig = figure("reliability")
    fig.add_trace(
        go.Scatter(
            x=[0, 1], y=[0, 1], mode="lines", name="perfect", hoverinfo="skip",
            line={"color": UNKNOWN, "width": 1, "dash": "dot"},
        )
    )  # fmt: skip
    fig.add_trace(
        go.Scatter(
            x=stated,
            y=seen,
            mode="lines+markers",
            name="observed",
            line={"color": ACCENT, "width": 1.8},
            marker={"size": np.clip(4 + 2 * np.log10(count), 4, 14), "color": ACCENT},
            error_y={
                "type": "data", "symmetric": False, "array": high - seen, "arrayminus": seen - low,
                "thickness": 1, "width": 0, "color": ACCENT,
            },
            customdata=count,
            hovertemplate="says %{x:.1%}, is right %{y:.1%}"
            "<br>%{customdata:,.0f} patterns<extra></extra>",
        )
    )  # fmt: skip
    fig.update_layout(showlegend=False, hovermode="closest")
    axis = {"range": [-0.02, 1.02], "tickformat": ".0%", "nticks": 6}
    fig.update_xaxes(title_text="stated confidence", **axis)
    fig.update_yaxes(title_text="observed to be right", **axis)
    return fig


def wilson(share: np.ndarray, count: np.ndarray, z: float = 1.96) -> tuple[np.ndarray, np.ndarray]:
    """Wilson score interval of a binomial share: (low, high), each shaped like ``share``."""
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return np.clip(centre - half, 0, share), np.clip(centre + half, share, 1)


def confidence_histogram(table: Any, threshold: float | None = None) -> go.Figure:
    """Messages by confidence.

    ``table``: ``lower`` and ``upper`` (edges of each bin, in [0, 1]), ``messages`` and, if
    known, ``patterns``.  ``threshold`` draws the line of "accept everything above".
    """
    if rows(table, "lower") == 0 or not column(table, "messages").sum():
        return empty("nothing is scored yet", "confidence")
    low, high = column(table, "lower").astype(float), column(table, "upper").astype(float)
    messages = column(table, "messages")
    middle = (low + high) / 2
    accepted = np.ones(len(low), bool) if threshold is None else low >= threshold
    fig = figure("confidence")
    extra = column(table, "patterns") if has(table, "patterns") else None
    fig.add_trace(
        go.Bar(
            x=middle,
            y=messages,
            width=high - low,
            name="messages",
            marker={"color": np.where(accepted, ACCENT, UNKNOWN), "line": {"width": 0}},
            customdata=extra,
            hovertemplate="%{y:,} messages"
            + ("" if extra is None else " of %{customdata:,} patterns")
            + "<extra></extra>",
        )
    )
    if threshold is not None:
        fig.add_vline(x=threshold, line={"width": 1.5, "dash": "dot", "color": ACCENT})
    fig.update_layout(bargap=0.04, showlegend=False)
    fig.update_xaxes(title_text="confidence", range=[0, 1], tickformat=".0%")
    fig.update_yaxes(title_text="messages", tickformat="~s", rangemode="tozero")
    return fig

"""What all figures share: the template, the empty state, and reading columns."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.figures.palette import ACCENT, INK

GRID = "rgba(127,139,153,0.22)"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif"

_AXIS = {
    "gridcolor": GRID,
    "zeroline": False,
    "linecolor": GRID,
    "ticks": "",
    "automargin": True,
    "title": {"standoff": 8, "font": {"size": 12}},
}

TEMPLATE = go.layout.Template(
    layout={
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": INK},
        "colorway": [ACCENT],
        "margin": {"l": 48, "r": 20, "t": 28, "b": 40},
        "xaxis": _AXIS,
        "yaxis": _AXIS,
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "traceorder": "normal",
        },
        "hoverlabel": {"font": {"family": FONT, "size": 12}},
        "hovermode": "x unified",
        "bargap": 0.12,
    }
)
"""Transparent, mid-grey text: assets/genlab.css recolours text and grid for light and dark."""


def column(table: Any, name: str) -> np.ndarray:
    """Column ``name`` of a pyarrow Table, a mapping of arrays or a NamedTuple, as a numpy array."""
    values = getattr(table, name) if hasattr(table, "_fields") else table[name]
    if hasattr(values, "combine_chunks"):  # pyarrow.ChunkedArray
        return values.combine_chunks().to_numpy(zero_copy_only=False)
    return np.asarray(values)


def has(table: Any, name: str) -> bool:
    """Whether the table has that column."""
    names = getattr(table, "column_names", None) or getattr(table, "_fields", table)
    return name in names


def rows(table: Any, name: str) -> int:
    """Number of rows; 0 for None."""
    return 0 if table is None else len(column(table, name))


def figure(revision: str) -> go.Figure:
    """An empty figure in the house style; ``revision`` keeps zoom and hidden traces on updates."""
    fig = go.Figure()
    fig.update_layout(template=TEMPLATE, uirevision=revision)
    return fig


def empty(message: str, revision: str) -> go.Figure:
    """A figure that says in words that there is nothing to draw yet."""
    fig = figure(revision)
    fig.add_annotation(
        text=message, xref="paper", yref="paper", x=0.5, y=0.5, showarrow=False, font={"size": 13}
    )
    fig.update_xaxes(visible=False)
    fig.update_yaxes(visible=False)
    return fig

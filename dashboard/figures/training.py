"""Curves of a training: one small panel per loss term, since their scales differ by decades."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.figures.palette import ACCENT, AMBER
from dashboard.figures.style import TEMPLATE, column, empty, has

TERMS: Mapping[str, str] = {
    "total": "total",
    "reconstruction": "reconstruction",
    "kl": "KL of the latent",
    "kl_c": "KL of the component",
    "sparsity": "usage entropy",
    "neighbour": "neighbours",
    "classification": "classification",
    "contrastive": "contrast",
}
"""Columns that are drawn where they are present, and their titles; all in nats per message."""

_COLUMNS = 4
_TICKS = 6
_NOISE = 1e-6  # nats: what rounding leaves of nothing


def loss_curves(epochs: Any, terms: Mapping[str, str] | None = None) -> go.Figure:
    """Every loss term per epoch.

    ``epochs``: a pyarrow Table or mapping of arrays, one row an epoch, with ``epoch`` and any of
    the columns named in ``terms`` (default TERMS); ``holdout_<term>`` draws a second line;
    ``phase`` (text) marks where a phase of the curriculum begins.  NaN leaves a gap.
    """
    names = terms or TERMS
    present = [] if epochs is None else [name for name in names if _measured(epochs, name)]
    if not present or len(column(epochs, "epoch")) == 0:
        return empty("no epochs yet", "loss")
    order = np.argsort(column(epochs, "epoch"), kind="stable")
    epoch = column(epochs, "epoch")[order]
    fig = make_subplots(
        rows=-(-len(present) // _COLUMNS),
        cols=_COLUMNS,
        shared_xaxes=False,
        subplot_titles=[names[name] for name in present],
        horizontal_spacing=0.06,
        vertical_spacing=0.16,
    )
    for k, name in enumerate(present):
        for prefix, title, colour in (("", "training", ACCENT), ("holdout_", "held out", AMBER)):
            if not has(epochs, prefix + name):
                continue
            values = column(epochs, prefix + name)[order].astype(float)
            values = np.where(np.abs(values) < _NOISE, 0.0, values)
            trace = go.Scatter(
                x=epoch,
                y=values,
                name=title,
                mode="lines+markers",
                line={"color": colour, "width": 1.8},
                marker={"size": 4},
                legendgroup=title,
                showlegend=k == 0,
                hovertemplate="%{y:.4g}<extra>" + title + "</extra>",
            )
            fig.add_trace(trace, row=k // _COLUMNS + 1, col=k % _COLUMNS + 1)
    if has(epochs, "phase"):
        phases = column(epochs, "phase")[order]
        for at in np.flatnonzero(phases[1:] != phases[:-1]) + 1:
            fig.add_vline(
                x=(float(epoch[at - 1]) + float(epoch[at])) / 2,
                line={"width": 1, "dash": "dot", "color": "#8894a3"},
            )
        fig.add_annotation(
            text=_phase_line(epoch, phases),
            xref="paper",
            yref="paper",
            x=1,
            y=1.02,
            xanchor="right",
            yanchor="bottom",
            yshift=18,
            showarrow=False,
        )
    fig.update_layout(
        template=TEMPLATE,
        uirevision="loss",
        hovermode="x",
        margin={"t": 64},
        showlegend=any(has(epochs, f"holdout_{name}") for name in present),
        legend={"y": 1.0, "yref": "container", "yanchor": "top"},
    )
    fig.update_annotations(font={"size": 12})
    few = (
        epoch if len(epoch) <= _TICKS else None
    )  # else halves of an epoch are rounded to twice one
    fig.update_xaxes(tickformat="d", nticks=_TICKS, tickvals=few)
    fig.update_yaxes(nticks=5, tickformat="~g")
    return fig


def _measured(epochs: Any, name: str) -> bool:
    """Whether a term was in force in any epoch: one of weight 0 is stored as NULL."""
    return has(epochs, name) and bool(np.isfinite(column(epochs, name).astype(float)).any())


def _phase_line(epoch: np.ndarray, phases: np.ndarray) -> str:
    """For example "reconstruction from 1 · prior from 5"."""
    starts = [0, *(np.flatnonzero(phases[1:] != phases[:-1]) + 1)]
    return " · ".join(f"{phases[at]} from {int(epoch[at])}" for at in starts)

"""Pure functions from tables to Plotly figures, the colours, and the map's binary payload."""

from dashboard.figures.confidence import confidence_histogram, reliability
from dashboard.figures.map_payload import (
    NO_CATEGORY,
    CategoryColours,
    ValueColours,
    encode_colours,
    encode_points,
)
from dashboard.figures.overview import known_over_time, verdict_over_time, volume_over_time
from dashboard.figures.training import loss_curves

__all__ = [
    "NO_CATEGORY",
    "CategoryColours",
    "ValueColours",
    "confidence_histogram",
    "encode_colours",
    "encode_points",
    "known_over_time",
    "loss_curves",
    "reliability",
    "verdict_over_time",
    "volume_over_time",
]

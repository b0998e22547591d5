"""The 2-D map, stable from version to version."""

from genlab.projection.map import (
    map_positions,
    place_new,
    principal_positions,
    procrustes,
    pull_in,
)

__all__ = ["map_positions", "place_new", "principal_positions", "procrustes", "pull_in"]

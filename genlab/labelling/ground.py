"""What labels travel over: the components and the graph of nearest patterns; no label in here."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from genlab.errors import InputError
from genlab.labelling.graph import NEIGHBOURS, neighbour_weights, pattern_graph, walk
from genlab.labelling.neighbours import Neighbours, directions, nearest
from genlab.labelling.responsibilities import Responsibilities, as_rows


class Ground(NamedTuple):
    """N stored patterns under one model version."""

    responsibilities: Responsibilities  # (N, K)
    centre: np.ndarray  # (D,) the mean vector, of those that were there at the training
    unit: np.ndarray  # (N, D) float32 directions of their vectors from the centre
    near: Neighbours  # (N, k) the nearest other patterns of each
    steps: sparse.csr_matrix  # (N, N) transition probabilities of a walk over them
    back: sparse.csr_matrix  # (N, N) the same transposed: from where a walk comes to each


class Queries(NamedTuple):
    """Q patterns to be judged, stored or not."""

    responsibilities: Responsibilities  # (Q, K)
    unit: np.ndarray  # (Q, D)
    steps: sparse.csr_matrix  # (Q, N) the first step of a walk from each
    stored: slice | np.ndarray | None = None  # their rows among the stored ones, None if new
    near: Neighbours | None = None  # of new ones, among the stored


def lay_ground(
    vectors: np.ndarray,
    responsibilities: Responsibilities,
    near: Neighbours | None = None,
    centre: np.ndarray | None = None,
) -> Ground:
    """The ground of ``vectors`` (N, D) with ``responsibilities`` (N, K).

    ``near``: their nearest neighbours where they are known already; else found, exactly.
    ``centre`` (D,): where directions start, the mean of ``vectors`` if None.
    """
    rows = as_rows(responsibilities)
    if len(vectors) != rows.shape[0]:
        raise InputError(
            f"found {len(vectors)} vectors and {rows.shape[0]} rows of responsibilities, expected "
            "one row for each pattern: score the patterns first"
        )
    if centre is None:
        centre = vectors.mean(axis=0) if len(vectors) else np.zeros(vectors.shape[1], np.float32)
    unit = directions(vectors, centre)
    if near is None:
        near = nearest(unit, unit, NEIGHBOURS, own=np.arange(len(unit)))
    steps = walk(pattern_graph(near))
    return Ground(rows, centre, unit, near, steps, steps.T.tocsr())


def themselves(ground: Ground) -> Queries:
    """The stored patterns as queries."""
    return Queries(ground.responsibilities, ground.unit, ground.steps, slice(None))


def some(ground: Ground, rows: np.ndarray) -> Queries:
    """Some of the stored patterns as queries."""
    return Queries(ground.responsibilities[rows], ground.unit[rows], ground.steps[rows], rows)


def queries(ground: Ground, vectors: np.ndarray, responsibilities: Responsibilities) -> Queries:
    """New ``vectors`` (Q, D) with ``responsibilities`` (Q, K) of the same model version."""
    rows = as_rows(responsibilities)
    if rows.shape[0] != len(vectors) or rows.shape[1] != ground.responsibilities.shape[1]:
        raise InputError(
            f"found {len(vectors)} vectors and responsibilities {rows.shape}, expected "
            f"(N, {ground.responsibilities.shape[1]}): score with the version of the label store"
        )
    unit = directions(vectors, ground.centre)
    found = nearest(unit, ground.unit, NEIGHBOURS)
    return Queries(rows, unit, walk(neighbour_weights(found, len(ground.unit))), near=found)

"""Nearest patterns by cosine of the centred vectors: exact, in blocks of one matrix product."""

from typing import NamedTuple

import numpy as np

from genlab.errors import InputError

PARTNERS = 5  # of each pattern in training
BLOCK = 32_000_000  # cosines held at once: 128 MB


class Neighbours(NamedTuple):
    """The k nearest of some base for Q queries, nearest first."""

    rows: np.ndarray  # (Q, k) int32 of the base
    cosine: np.ndarray  # (Q, k) float32 in [-1, 1]


def directions(vectors: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """(N, D) float32 unit vectors of ``vectors`` - ``centre``; zero where the two are equal.

    Embeddings share a large common part that says nothing; centred, cosines spread out.
    """
    moved = np.asarray(vectors, np.float32) - np.asarray(centre, np.float32)
    length = np.linalg.norm(moved, axis=1, keepdims=True)
    return moved / np.where(length > 1e-12, length, 1.0)


def nearest(
    queries: np.ndarray, base: np.ndarray, k: int, own: np.ndarray | None = None
) -> Neighbours:
    """The k rows of ``base`` (N, D) with the largest cosine to each of ``queries`` (Q, D).

    Both are unit rows, as from :func:`directions`.  ``own`` (Q,): the row of the base that is the
    query itself and does not count, -1 for none.  k is cut to the rows there are.
    """
    if queries.ndim != 2 or base.ndim != 2 or queries.shape[1] != base.shape[1]:
        raise InputError(
            f"neighbours: found queries {queries.shape} and a base {base.shape}, expected (Q, D) "
            "and (N, D): embed both with the same encoder"
        )
    k = max(0, min(k, len(base) - (own is not None)))
    index = np.zeros((len(queries), k), np.int32)
    cosine = np.zeros((len(queries), k), np.float32)
    if not k:
        return Neighbours(index, cosine)
    for start in range(0, len(queries), max(1, BLOCK // len(base))):
        part = slice(start, start + max(1, BLOCK // len(base)))
        likeness = queries[part] @ base.T
        if own is not None:
            mine = np.flatnonzero(own[part] >= 0)
            likeness[mine, own[part][mine]] = -np.inf
        found = np.argpartition(likeness, -k, axis=1)[:, -k:]
        values = np.take_along_axis(likeness, found, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        index[part] = np.take_along_axis(found, order, axis=1)
        cosine[part] = np.take_along_axis(values, order, axis=1)
    return Neighbours(index, cosine)


def partners(vectors: np.ndarray, k: int = PARTNERS) -> np.ndarray:
    """(N, k) the nearest other rows of each of ``vectors`` (N, D): whom it is trained to share
    components with.  Of the patterns trained on alone, so that others leave no trace."""
    unit = directions(vectors, vectors.mean(axis=0)) if len(vectors) else vectors
    return nearest(unit, unit, k, own=np.arange(len(unit))).rows

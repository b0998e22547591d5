"""What labels reach: "seen, but nobody named it" told from what is known."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from genlab.errors import InputError
from genlab.labelling.conformal import conformal_p
from genlab.labelling.label_store import NO_LABEL, as_labels
from genlab.labelling.neighbours import Neighbours, directions, nearest
from genlab.labelling.responsibilities import Responsibilities, as_rows

SHARPNESS = 12.0  # graph weights exp(12 (cosine - 1))
EDGES = 15  # neighbours of a pattern in the graph
BRIDGE = 0.5  # share of the walk's steps that go through a component
STAY = 0.97  # the walk goes on with this probability: labels far away say less
STEPS = 40
FOLDS = 5  # of the labels, to see how far the others reach
LEAST = 0.02  # smaller responsibilities are no way through a component


class Reach(NamedTuple):
    """How well labels reach the N patterns of a graph."""

    base: np.ndarray  # (N, D) unit vectors
    centre: np.ndarray  # (D,)
    share: np.ndarray  # (N,) in [0, 1]
    calibration: np.ndarray  # (M,) reach of labelled patterns, each without its own label


def fit_reach(vectors: np.ndarray, responsibilities: Responsibilities, labels: np.ndarray) -> Reach:
    """The chance that a random walk from a pattern meets a labelled one.

    The walk steps to a near pattern, or through a component to another of its patterns, and ends
    with probability 1 - STAY at every step: h = STAY (A h), h = 1 where a label is (harmonic
    functions, Zhu et al. 2003, with killing).  ``vectors`` (N, D), ``responsibilities`` (N, K) of
    the same rows, ``labels`` (N,) indices, -1 for none.  The calibration takes a fold of each
    label's patterns back at a time; labels given once cannot take part.
    """
    rows = sparse.csr_matrix(as_rows(responsibilities), dtype=np.float64, copy=True)
    if rows.shape[0] != len(vectors):
        raise InputError(
            f"reach: found {len(vectors)} vectors and {rows.shape[0]} rows of responsibilities, "
            "expected one row per vector; score these patterns first"
        )
    labels = as_labels(labels, len(vectors), int(np.max(labels, initial=NO_LABEL)) + 1)
    rows.data[rows.data < LEAST] = 0.0
    rows.eliminate_zeros()
    centre = vectors.mean(axis=0) if len(vectors) else np.zeros(vectors.shape[1])
    base = directions(vectors, centre)
    found = nearest(base, base, EDGES, np.arange(len(base)))
    start = np.arange(len(base) + 1) * found.rows.shape[1]
    edges = (_weights(found).ravel(), found.rows.ravel(), start)
    graph = sparse.csr_matrix(edges, shape=(len(base),) * 2)
    near = _rows_to_one(graph.maximum(graph.T))
    out, back = _rows_to_one(rows), _rows_to_one(rows.T)

    def walk(labelled: np.ndarray) -> np.ndarray:
        share = labelled.astype(np.float64)
        for _ in range(STEPS):
            share = STAY * ((1 - BRIDGE) * (near @ share) + BRIDGE * (out @ (back @ share)))
            share[labelled] = 1.0
        return share

    labelled = labels != NO_LABEL
    fold = _folds(labels)
    calibration = []
    for each in np.unique(fold[fold >= 0]):
        taken = fold == each
        calibration.append(_read(found, walk(labelled & ~taken))[taken])
    return Reach(base, centre, walk(labelled), np.concatenate([np.zeros(0), *calibration]))


def reach(model: Reach, vectors: np.ndarray) -> np.ndarray:
    """(Q,) in [0, 1]: what labels reach of ``vectors`` (Q, D), by their near patterns.

    Low for what was seen but nobody labelled, whatever its density.
    """
    return _read(nearest(directions(vectors, model.centre), model.base, EDGES), model.share)


def reach_p(model: Reach, reached: np.ndarray) -> np.ndarray:
    """(Q,) conformal p-value of a reach: how often a pattern of a labelled kind has as little."""
    return conformal_p(-model.calibration, -reached)


def _weights(found: Neighbours) -> np.ndarray:
    weights: np.ndarray = np.exp(SHARPNESS * (found.cosine.astype(np.float64) - 1))
    return weights


def _read(found: Neighbours, share: np.ndarray) -> np.ndarray:
    """(Q,) mean share of the neighbours, by weight."""
    weight = _weights(found)
    total = np.maximum(weight.sum(axis=1), 1e-300)
    return np.clip((weight * share[found.rows]).sum(axis=1) / total, 0.0, 1.0)


def _folds(labels: np.ndarray) -> np.ndarray:
    """(N,) fold of each labelled pattern, its place among those of its label; -1 for the rest."""
    fold = np.full(len(labels), -1)
    for label in np.unique(labels[labels != NO_LABEL]):
        own = np.flatnonzero(labels == label)
        if len(own) > 1:
            fold[own] = np.arange(len(own)) % FOLDS
    return fold


def _rows_to_one(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Each row divided by its sum; a row without entries stays empty."""
    matrix = sparse.csr_matrix(matrix)
    total = np.asarray(matrix.sum(axis=1)).ravel()
    return sparse.diags_array(1.0 / np.where(total > 0, total, 1.0)).tocsr() @ matrix

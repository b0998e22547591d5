"""The label store: weighted counts of labelled patterns per component, kept outside the model."""

import numpy as np
from scipy import sparse

from genlab.errors import InputError
from genlab.labelling.responsibilities import Responsibilities, as_rows

NO_LABEL = -1


def as_labels(labels: np.ndarray, rows: int, n_labels: int) -> np.ndarray:
    """(N,) int64 label indices, NO_LABEL for none; InputError where they do not fit."""
    indices = np.asarray(labels)
    if indices.shape != (rows,):
        raise InputError(
            f"labels: found shape {indices.shape}, expected ({rows},), one per row of "
            f"responsibilities; use {NO_LABEL} where a pattern has no label"
        )
    indices = indices.astype(np.int64)
    if rows and (indices.min() < NO_LABEL or indices.max() >= n_labels):
        raise InputError(
            f"labels: found indices from {indices.min()} to {indices.max()}, expected {NO_LABEL} "
            f"(none) to {n_labels - 1}; number the labels in the order of their names"
        )
    return indices


def label_folds(labels: np.ndarray, folds: int, acts: np.ndarray | None = None) -> np.ndarray:
    """(N,) fold of each labelled pattern: those of one label are dealt to the folds in turn.

    ``labels`` (N,), -1 for none; ``acts`` (N,) alike where they were given in one act, which stays
    together; None: each by itself.  -1 for what has no label, and for a label given once, which
    would be absent while its fold is kept back.
    """
    fold = np.full(len(labels), NO_LABEL)
    for label in np.unique(labels[labels != NO_LABEL]):
        own = np.flatnonzero(labels == label)
        act = np.arange(len(own)) if acts is None else np.unique(acts[own], return_inverse=True)[1]
        if act.max() > 0:
            fold[own] = act % folds
    return fold


def label_counts(
    responsibilities: Responsibilities,
    labels: np.ndarray,
    n_labels: int,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """s[c, y] = sum_i weights_i * r_c(x_i) * [label_i = y]: (K, Y) float64.

    ``responsibilities`` (N, K); ``labels`` (N,) indices, -1 for none; ``weights`` (N,), 1 if None.
    """
    rows = as_rows(responsibilities)
    indices = as_labels(labels, rows.shape[0], n_labels)
    labelled = np.flatnonzero(indices != NO_LABEL)
    if not len(labelled):
        return np.zeros((rows.shape[1], n_labels))
    weight = np.ones(len(labelled)) if weights is None else np.asarray(weights, float)[labelled]
    one_hot = sparse.csr_matrix(
        (weight, (np.arange(len(labelled)), indices[labelled])), shape=(len(labelled), n_labels)
    )
    counts = one_hot.T @ rows[labelled].astype(np.float64)
    return np.asarray(counts.toarray() if sparse.issparse(counts) else counts).T.copy()


def tau(counts: np.ndarray, alpha0: float) -> np.ndarray:
    """tau[c, y] = (s[c, y] + alpha0) / sum_y' (s[c, y'] + alpha0): (K, Y), rows sum to 1.

    ``alpha0`` > 0 is added to each cell; a component no label reaches gets 1 / Y.  Y = 0 gives
    (K, 0).
    """
    if not alpha0 > 0:
        raise InputError(f"alpha0: found {alpha0}, expected a number above 0, e.g. 0.01 / labels")
    smoothed = np.asarray(counts, dtype=np.float64) + alpha0
    return smoothed / smoothed.sum(axis=1, keepdims=True) if smoothed.shape[1] else smoothed

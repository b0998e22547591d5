"""Responsibilities as the labelling functions take them: dense (N, K), or the stored top few of
each row as a sparse (N, K) matrix whose rows may sum to less than 1."""

from typing import TypeAlias

import numpy as np
from scipy import sparse

from genlab.errors import InputError

Responsibilities: TypeAlias = np.ndarray | sparse.csr_matrix


def as_rows(responsibilities: Responsibilities) -> Responsibilities:
    """The same matrix as a floating ndarray or csr_matrix; InputError unless (N, K) and finite."""
    rows: Responsibilities
    if sparse.issparse(responsibilities):
        rows = sparse.csr_matrix(responsibilities)
        values = rows.data
    else:
        rows = values = np.asarray(responsibilities)
    if rows.ndim != 2:
        raise InputError(
            f"responsibilities: found shape {rows.shape}, expected (N, K); "
            "give one row per pattern and one column per component"
        )
    if not np.issubdtype(values.dtype, np.floating):
        return rows.astype(np.float64)
    if not np.isfinite(values).all():
        raise InputError(
            "responsibilities: found NaN or infinity, expected numbers in [0, 1]; "
            "score the patterns again with a model version whose training did not diverge"
        )
    return rows


def from_stored(components: np.ndarray, values: np.ndarray, k: int) -> sparse.csr_matrix:
    """Sparse (N, K) from what the tables hold: (N, m) component indices and (N, m) values.

    Entries with an index below 0 or a value of 0 are padding.
    """
    components, values = np.asarray(components), np.asarray(values)
    if components.shape != values.shape or components.ndim != 2:
        raise InputError(
            f"stored responsibilities: found {components.shape} indices and {values.shape} values, "
            "expected two equal shapes (N, m)"
        )
    if components.size and components.max() >= k:
        raise InputError(
            f"stored responsibilities: found component {components.max()}, expected below K = {k}; "
            "read assignments and components of the same model version"
        )
    kept = (components >= 0) & (values > 0)
    starts = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
    matrix = sparse.csr_matrix(
        (values[kept].astype(np.float32), components[kept].astype(np.int32), starts),
        shape=(len(components), k),
    )
    matrix.sort_indices()
    return matrix


def spread_rows(rows: sparse.csr_matrix, places: np.ndarray, n: int) -> sparse.csr_matrix:
    """(n, K) with ``rows`` (R, K) at ``places`` (R,), and nothing elsewhere."""
    put = sparse.csr_matrix(
        (np.ones(len(places)), (places, np.arange(len(places)))), (n, len(places))
    )
    return sparse.csr_matrix(put @ rows, dtype=rows.dtype)


def top(responsibilities: np.ndarray, m: int) -> tuple[np.ndarray, np.ndarray]:
    """The m largest entries of each dense row, largest first: (N, m) indices and (N, m) values."""
    rows = np.asarray(responsibilities)
    m = min(m, rows.shape[1])
    found = np.argpartition(-rows, m - 1, axis=1)[:, :m] if m else np.empty((len(rows), 0), int)
    values = np.take_along_axis(rows, found, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    return (
        np.take_along_axis(found, order, axis=1).astype(np.int32),
        np.take_along_axis(values, order, axis=1).astype(np.float32),
    )


def row_sums(rows: Responsibilities) -> np.ndarray:
    """(N,) sum of each row."""
    return np.asarray(rows.sum(axis=1)).ravel()


def weighted_row_max(rows: Responsibilities, weights: np.ndarray) -> np.ndarray:
    """(N,) max_c r_c * weights_c, for non-negative entries; 0 for a row without entries."""
    if isinstance(rows, np.ndarray):
        return (rows * weights).max(axis=1, initial=0.0)
    result = np.zeros(rows.shape[0], dtype=rows.dtype)
    filled = np.flatnonzero(np.diff(rows.indptr))
    if len(filled):
        products = rows.data * weights.astype(rows.dtype)[rows.indices]
        result[filled] = np.maximum.reduceat(products, rows.indptr[filled])
    return result

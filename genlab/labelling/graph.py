"""Labels walk over the graph of nearest patterns (Zhu, Ghahramani & Lafferty 2003)."""

from collections.abc import Callable

import numpy as np
from scipy import sparse

from genlab.labelling.label_store import NO_LABEL, as_labels
from genlab.labelling.neighbours import Neighbours

NEIGHBOURS = 10  # of each pattern (CLINC150, LogHub, digits: 7-15 alike)
SHARPNESS = 12.0  # a neighbour counts exp(SHARPNESS (cosine - 1))
STEPS = 50  # a walk that met no label by then met none
FAINT = 1e-6  # probability of meeting a label in one exact number of steps that is given up


def neighbour_weights(neighbours: Neighbours, base: int) -> sparse.csr_matrix:
    """(Q, N) exp(SHARPNESS (cosine - 1)) of each query's neighbours among ``base`` = N patterns."""
    queries, k = neighbours.rows.shape
    return sparse.csr_matrix(
        (
            np.exp(SHARPNESS * (neighbours.cosine.ravel() - 1.0)).astype(np.float32),
            neighbours.rows.ravel(),
            np.arange(queries + 1) * k,
        ),
        shape=(queries, base),
    )


def pattern_graph(neighbours: Neighbours) -> sparse.csr_matrix:
    """(N, N) symmetric weights: a pair is joined where either is a neighbour of the other."""
    weights = neighbour_weights(neighbours, len(neighbours.rows))
    return weights.maximum(weights.T).tocsr()


def walk(weights: sparse.csr_matrix) -> sparse.csr_matrix:
    """Rows of non-negative weights made to sum to 1; a row without any stays empty."""
    total = np.asarray(weights.sum(axis=1)).ravel()
    return (sparse.diags_array(1.0 / np.maximum(total, 1e-30)) @ weights).tocsr().astype(np.float32)


def absorbed(
    steps: sparse.csr_matrix, labels: np.ndarray, n_labels: int, length: int = STEPS
) -> np.ndarray:
    """(N, Y) float32: probability that a walk from x first meets a pattern labelled y.

    ``steps`` (N, N) transition probabilities of :func:`walk`; ``labels`` (N,), -1 for none: they
    absorb.  Rows sum to at most 1; the rest met no label within ``length`` steps.
    """
    reached = np.zeros((steps.shape[0], n_labels), np.float32)
    return _walk_on(steps, as_labels(labels, len(reached), n_labels), reached, length)


def absorbed_again(
    steps: sparse.csr_matrix,
    back: sparse.csr_matrix,
    reached: np.ndarray,
    before: np.ndarray,
    labels: np.ndarray,
    length: int = STEPS,
) -> np.ndarray:
    """Bring ``reached`` (N, Y), :func:`absorbed` by the labels ``before`` (N,), in line with
    ``labels`` (N,), in place; the rows that were walked from again.

    Labels given, changed or taken back: only walks that may come to one of them before any other
    label are walked again (but for ways less likely than FAINT).
    """
    changed = before != labels
    standing = (labels != NO_LABEL) & ~changed
    touched = hits(back, standing, np.flatnonzero(changed), length) > 0
    reached[touched] = 0.0
    _walk_on(steps, labels, reached, length, touched)
    return np.flatnonzero(touched)


def _walk_on(
    steps: sparse.csr_matrix,
    labels: np.ndarray,
    reached: np.ndarray,
    length: int,
    rows: np.ndarray | None = None,
) -> np.ndarray:
    """Walk from ``rows`` (N,) bool, all if None, until a label or a row that is settled."""
    asked = np.ones(len(labels), bool) if rows is None else rows
    own = np.flatnonzero(asked & (labels != NO_LABEL))
    reached[own, labels[own]] = 1.0
    free = np.flatnonzero(asked & (labels == NO_LABEL))
    moves = steps[free]
    for _ in range(length if (labels != NO_LABEL).any() else 0):
        reached[free] = moves @ reached
    return reached


def hits(
    back: sparse.csr_matrix,
    labelled: np.ndarray,
    target: int | np.ndarray,
    length: int = STEPS,
) -> np.ndarray:
    """(N,) float32: probability that a walk from x meets ``target`` before any other label.

    ``target``: a pattern, or several, of which any will do.

    ``back`` (N, N) transposed transition probabilities; ``labelled`` (N,) bool.  What one new
    label at ``target`` changes: F'(x) = F(x) + hits(x) (e_y - F(target)), exactly, because a walk
    that comes there now ends there.  Walks are followed backwards from the target, and ways less
    likely than FAINT are given up: a label costs what it reaches, not what there is.
    """
    targets = np.atleast_1d(target)
    closed = labelled.copy()
    closed[targets] = True
    reached = np.zeros(back.shape[0], np.float32)
    reached[targets] = 1.0
    return follow_back(reached, targets, lambda first: first @ back, closed, FAINT, length)


def follow_back(
    met: np.ndarray,
    targets: np.ndarray,
    step: Callable[[sparse.csr_matrix], sparse.csr_matrix],
    closed: np.ndarray,
    faint: float,
    length: int,
) -> np.ndarray:
    """Add to ``met`` (N,), in place, what walks backwards from ``targets`` (T,) bring.

    ``met`` holds at the targets what meeting one is worth.  ``step`` takes one step back of a
    sparse (1, N) row: from where a target is met in exactly so many steps, and how likely times
    its worth.  Walks end at ``closed`` (N,) bool, and ways that bring less than ``faint`` are
    given up: it costs what is reached, not what there is.
    """
    first = sparse.csr_matrix(
        (met[targets].astype(np.float32), targets, [0, len(targets)]), shape=(1, len(met))
    )
    for _ in range(length if len(targets) else 0):
        first = step(first)
        first.data[closed[first.indices] | (first.data < faint)] = 0.0
        first.eliminate_zeros()
        if not first.nnz:
            break
        met[first.indices] += first.data
    return met


def mass_shares(reached: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(Y,) factors that give each label the share of all mass it has of the labels.

    Class mass normalisation (Zhu et al. 2003, section 4) with a count of one added: a label in a
    dense region must not win everything that borders on it.
    """
    n_labels = reached.shape[1]
    given = np.bincount(labels[labels != NO_LABEL], minlength=n_labels) + 1.0
    return (given / given.sum()) / np.maximum(reached.mean(axis=0), 1e-12)


def shares(reached: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """(N, Y) label shares of what reached each row, rows sum to 1; 1 / Y where nothing did."""
    weighted = reached * factors.astype(np.float32)
    total = weighted @ np.ones(weighted.shape[1], np.float32)
    weighted *= (1.0 / np.maximum(total, 1e-30))[:, None]
    weighted[total == 0] = 1.0 / max(weighted.shape[1], 1)
    return weighted

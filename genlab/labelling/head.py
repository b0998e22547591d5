"""A linear head on the vectors, taught by the labels and by what they already made plausible.

With few labels the head learns the shape of each kind from unlabelled patterns (self-training with
sharpened soft labels: Grandvalet & Bengio 2005; Sohn et al. 2020), with many it is a plain
softmax regression.
"""

from typing import NamedTuple

import numpy as np
from scipy import optimize

RIDGE = 1e-3  # weight of ||W||^2 per label class, against the mean log loss
ITERATIONS = 40  # of L-BFGS; it starts where the labels alone lead
SHARPEN = 2.0  # power soft labels are raised to
SOFT_SHARE = 0.5  # weight of all soft labels together, against 1 for all given ones
SOFT_ROWS = 4000  # unlabelled patterns that take part


class Head(NamedTuple):
    """softmax(x W + b)."""

    weight: np.ndarray  # (D, Y) float32
    bias: np.ndarray  # (Y,) float32

    def log_probabilities(self, x: np.ndarray) -> np.ndarray:
        """(N, D) -> (N, Y) float32."""
        return log_softmax(x @ self.weight + self.bias)


def thinned(rows: np.ndarray, most: int) -> np.ndarray:
    """At most ``most`` of the ``rows``, spread evenly over them."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int))]


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Rows less their logsumexp."""
    if not logits.shape[1]:
        return logits
    moved = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(moved - np.log(np.exp(moved).sum(axis=1, keepdims=True)))


def fit_head(
    x: np.ndarray, targets: np.ndarray, weights: np.ndarray, start: Head | None = None
) -> Head:
    """Softmax regression on soft targets: minimises -sum_i w_i sum_y t_iy log p_iy + ridge.

    x (N, D); targets (N, Y), rows sum to 1; weights (N,), made to sum to 1; ``start``: where to
    begin, zeros if None.  The problem is convex: the start changes the time, not the answer.
    """
    d, n_labels = x.shape[1], targets.shape[1]
    x = np.ascontiguousarray(x, np.float32)
    targets = np.ascontiguousarray(targets, np.float32)
    share = (weights / weights.sum()).astype(np.float32)[:, None]
    ridge = RIDGE / n_labels

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        table = flat.reshape(d + 1, n_labels).astype(np.float32)
        log_p = log_softmax(x @ table[:d] + table[d])
        slope = share * (np.exp(log_p) - targets)
        gradient = np.vstack([x.T @ slope + 2 * ridge * table[:d], slope.sum(axis=0)])
        value = -float((share * targets * log_p).sum()) + ridge * float((table[:d] ** 2).sum())
        return value, gradient.ravel().astype(np.float64)

    begin = np.zeros((d + 1, n_labels)) if start is None else np.vstack(start)
    found = optimize.minimize(
        loss, begin.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS}
    ).x.reshape(d + 1, n_labels)
    return Head(found[:d].astype(np.float32), found[d].astype(np.float32))


def self_train(
    x: np.ndarray, labels: np.ndarray, soft: np.ndarray, start: Head, rows: int = SOFT_ROWS
) -> Head:
    """Go on from the head of the labels alone with soft labels (N, Y) of unlabelled patterns.

    Soft labels are sharpened, and count by the square of their largest: what is not plausible
    teaches nothing.  At most ``rows`` unlabelled patterns take part, spread evenly.
    """
    own = np.flatnonzero(labels >= 0)
    free = thinned(np.flatnonzero(labels < 0), rows)
    sharp = soft[free] ** SHARPEN
    sharp /= np.maximum(sharp.sum(axis=1, keepdims=True), 1e-30)
    trust = sharp.max(axis=1) ** 2
    given = np.zeros((len(own), soft.shape[1]), np.float32)
    given[np.arange(len(own)), labels[own]] = 1.0
    weights = np.concatenate(
        [np.full(len(own), 1.0 / len(own)), SOFT_SHARE * trust / max(trust.sum(), 1e-30)]
    )
    return fit_head(np.vstack([x[own], x[free]]), np.vstack([given, sharp]), weights, start)

"""Densities and weighted sums of many points under K Gaussians, in two forms of the same numbers.

A Gaussian is an exponential family: its log density is linear in the features (x, x x^T), and what
its maximum-likelihood estimate needs of the data are sums of these features (Bishop, *Pattern
Recognition and Machine Learning* 2006, eqs. 2.194-2.228).  So the densities of n points are one
matrix product with the features, and the weighted sums another (:class:`QuadraticForm`): no loop
over components, no (n, K, D) array.  The price is cancellation, so points that lie far out in units
of a component's spread take the :class:`DirectForm`.
"""

from typing import NamedTuple, TypeAlias

import numpy as np

from genlab.models.gaussian_family import (
    LOG_2PI,
    Gaussians,
    Kind,
    Statistics,
    chunks,
    estimate,
    merge,
    pooled,
    whiteners_of,
)

REACH = 1e6  # largest sum of magnitudes the quadratic form may cancel: errors below 1e-9 nats


class QuadraticForm(NamedTuple):
    """Densities and sums as matrix products with (x, x x^T), about one origin."""

    kind: Kind
    origin: np.ndarray  # (D,)
    coefficients: np.ndarray  # (K, F) natural parameters
    constants: np.ndarray  # (K,) minus the log partition functions
    whitener: np.ndarray | None  # (D, D), of the tied covariance

    def features(self, x: np.ndarray) -> np.ndarray:
        """(n, D) -> (F, n): x itself, then the squares the kind of covariance asks for."""
        points = np.ascontiguousarray((x - self.origin).T)
        if self.kind == "diagonal":
            return np.concatenate([points, points * points])
        if self.kind == "full":
            return _with_products(points)
        white = points if self.whitener is None else self.whitener @ points
        return np.concatenate([points, (white * white).sum(axis=0, keepdims=True)])

    def log_densities(self, features: np.ndarray) -> np.ndarray:
        """(F, n) -> (K, n), nats."""
        return self.coefficients @ features + self.constants[:, None]

    def gather(self, features: np.ndarray, weights: np.ndarray) -> Statistics:
        """Features (F, n) and weights (K, n), at least 0."""
        size = len(self.origin)
        sums = weights @ features.T
        if self.kind == "tied":
            points = features[:size]
            second = (points * weights.sum(axis=0)) @ points.T
        elif self.kind == "full":
            second = _symmetric(sums[:, size:], size)
        else:
            second = sums[:, size:] if self.kind == "diagonal" else sums[:, size]
        return Statistics(self.origin, weights.sum(axis=1), sums[:, :size], second)


class DirectForm(NamedTuple):
    """Densities from differences to each mean, one component at a time: slower, no cancellation."""

    gaussians: Gaussians
    whiteners: np.ndarray  # (K, D) or (K, D, D)
    log_dets: np.ndarray  # (K,)

    def features(self, x: np.ndarray) -> np.ndarray:
        """(n, D) as they are."""
        return x

    def log_densities(self, features: np.ndarray) -> np.ndarray:
        """(n, D) -> (K, n), nats."""
        found = np.empty((len(self.log_dets), len(features)))
        for k, whitener in enumerate(self.whiteners):
            apart = features - self.gaussians.means[k]
            white = apart * whitener if whitener.ndim == 1 else apart @ whitener.T
            found[k] = np.einsum("nd,nd->n", white, white)
        constants = self.log_dets + features.shape[1] * LOG_2PI
        return -0.5 * (found + constants[:, None])

    def gather(self, features: np.ndarray, weights: np.ndarray) -> Statistics:
        """Points (n, D) and weights (K, n); about the means."""
        means, _, kind = self.gaussians
        first, second = np.empty_like(means), []
        for k, mean in enumerate(means):
            apart = features - mean
            first[k] = weights[k] @ apart
            if kind in ("tied", "full"):
                second.append((apart.T * weights[k]) @ apart)
            else:
                second.append(weights[k] @ (apart * apart))
        sums = np.array(second)
        if kind == "tied":
            sums = sums.sum(axis=0)
        elif kind == "spherical":
            sums = sums.sum(axis=1)
        return Statistics(means, weights.sum(axis=1), first, sums)


Form: TypeAlias = QuadraticForm | DirectForm


def form_for(x: np.ndarray, gaussians: Gaussians) -> Form:
    """The quadratic form where its rounding stays below 1e-9 nats on x (N, D), else the direct.

    Raises InputError for a covariance that is not positive definite.
    """
    means, _, kind = gaussians
    whiteners, log_dets = whiteners_of(gaussians)
    origin = means.mean(axis=0)
    everything = np.vstack([*_extremes(x), means])
    box = np.abs(everything - origin).max(axis=0)
    if kind in ("spherical", "diagonal"):
        precisions = whiteners * whiteners
        reach = precisions @ (box * box)
        linear = precisions * (means - origin)
    else:
        precisions = np.swapaxes(whiteners, 1, 2) @ whiteners
        reach = np.einsum("kij,i,j->k", np.abs(precisions), box, box)
        linear = np.einsum("kij,kj->ki", precisions, means - origin)
    if not reach.max() <= REACH:
        return DirectForm(gaussians, whiteners, log_dets)
    square = np.einsum("kd,kd->k", linear, means - origin)
    constants = -0.5 * (square + log_dets + means.shape[1] * LOG_2PI)
    halves = {
        "spherical": lambda: -0.5 * precisions[:, :1],
        "diagonal": lambda: -0.5 * precisions,
        "tied": lambda: np.full((len(means), 1), -0.5),
        "full": lambda: _packed(precisions),
    }[kind]()
    shared = whiteners[0] if kind == "tied" else None
    return QuadraticForm(kind, origin, np.hstack([linear, halves]), constants, shared)


def log_densities(x: np.ndarray, gaussians: Gaussians) -> np.ndarray:
    """log N(x_n; mean_k, covariance_k) (PRML eq. 2.43): (N, D) -> (N, K), nats."""
    form = form_for(x, gaussians)
    parts = [form.log_densities(form.features(part)) for part in chunks(x)]
    return np.concatenate(parts, axis=1).T


def fit_weighted(
    x: np.ndarray, weights: np.ndarray, kind: Kind, regularisation: float, previous: Gaussians
) -> Gaussians:
    """The K Gaussians of points (N, D) under weights (N, K); as :func:`estimate`."""
    form = form_for(x, previous)
    sums = None
    for part, share in zip(chunks(x), chunks(weights), strict=True):
        sums = merge(sums, form.gather(form.features(part), share.T))
    assert sums is not None
    return estimate(sums, kind, regularisation, previous)


def fit_groups(
    x: np.ndarray, group: np.ndarray, counts: np.ndarray, k: int, kind: Kind, regularisation: float
) -> Gaussians:
    """The K Gaussians of points (N, D) that belong to a group (N,) each, counted (N,) times.

    A group without points gets the Gaussian of all.
    """
    everything = pooled(x, k, kind, regularisation)
    shares = np.eye(k)[group] * counts[:, None]
    count = shares.sum(axis=0)
    sums = shares.T @ x
    means = np.where(count[:, None] > 0, sums / np.maximum(count, 1e-300)[:, None], x.mean(axis=0))
    apart = x - means[group]
    if kind == "full":
        own = [group == one for one in range(k)]
        second = np.array([(apart[at].T * counts[at]) @ apart[at] for at in own])
    elif kind == "tied":
        second = (apart.T * counts) @ apart
    else:
        second = shares.T @ (apart * apart)
        second = second.sum(axis=1) if kind == "spherical" else second
    statistics = Statistics(means, count, shares.T @ apart, second)
    return estimate(statistics, kind, regularisation, everything)


def _extremes(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest of each column, (N, D) -> (D,) each; several rows at a time, for speed."""
    size = x.shape[1]
    rows = min(len(x), max(1, 512 // size))
    whole = len(x) // rows * rows
    wide, rest = x[:whole].reshape(-1, rows * size), x[whole:]
    low = np.vstack([wide.min(axis=0).reshape(rows, size), rest]).min(axis=0)
    high = np.vstack([wide.max(axis=0).reshape(rows, size), rest]).max(axis=0)
    return low, high


def _with_products(points: np.ndarray) -> np.ndarray:
    """(D, n) -> (D + D (D + 1) / 2, n): x, then x_i x_j for i <= j."""
    size, n = points.shape
    out = np.empty((size + size * (size + 1) // 2, n))
    out[:size], at = points, size
    for i in range(size):
        np.multiply(points[i:], points[i], out=out[at : at + size - i])
        at += size - i
    return out


def _packed(precisions: np.ndarray) -> np.ndarray:
    """-1/2 x^T P x as coefficients of x_i x_j, i <= j: (K, D, D) -> (K, D (D + 1) / 2)."""
    i, j = np.triu_indices(precisions.shape[-1])
    return np.where(i == j, -0.5, -1.0) * precisions[:, i, j]


def _symmetric(upper: np.ndarray, size: int) -> np.ndarray:
    """(K, D (D + 1) / 2) -> (K, D, D)."""
    i, j = np.triu_indices(size)
    full = np.empty((len(upper), size, size))
    full[:, i, j] = upper
    full[:, j, i] = upper
    return full

"""Gaussian mixtures by expectation maximisation: p(x) = sum_k weight_k N(x; mean_k, covariance_k).

Dempster, Laird & Rubin, *Maximum likelihood from incomplete data via the EM algorithm* (1977);
equations of Bishop, *Pattern Recognition and Machine Learning* (2006), section 9.2.  Pure functions
of arrays, float64; likelihoods in nats.  Points are (N, D), components K.
"""

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning

from genlab.errors import InputError
from genlab.models import gaussian_family
from genlab.models.em import climb, log
from genlab.models.gaussian_family import (
    KINDS,
    Gaussians,
    Kind,
    chunks,
    draw,
    estimate,
    merge,
)
from genlab.models.gaussian_family import points as checked_points
from genlab.models.gaussian_forms import fit_groups, form_for, log_densities

SMALL = 10_000  # points up to which the start is full k-means


class Mixture(NamedTuple):
    """The parameters; a component that died has weight 0 and keeps its last Gaussian."""

    weights: np.ndarray  # (K,) sum 1
    gaussians: Gaussians


class Fit(NamedTuple):
    """The best of the restarts."""

    mixture: Mixture
    log_likelihoods: list[float]  # mean per point before each step, nats; the last is the mixture's
    converged: bool


def log_joint(x: np.ndarray, mixture: Mixture) -> np.ndarray:
    """log weight_k + log N(x_n; k): (N, D) -> (N, K), -inf where the weight is 0."""
    x = checked_points(x, mixture.gaussians.means.shape[1])
    return log_densities(x, mixture.gaussians) + log(mixture.weights)


def log_likelihood(x: np.ndarray, mixture: Mixture) -> np.ndarray:
    """log p(x_n) (the summands of eq. 9.14): (N, D) -> (N,), nats."""
    return _normalise(log_joint(x, mixture).T)[1]


def responsibilities(x: np.ndarray, mixture: Mixture) -> np.ndarray:
    """p(k | x_n) (eq. 9.23): (N, D) -> (N, K), rows sum to 1."""
    return _normalise(log_joint(x, mixture).T)[0].T


def em_step(
    x: np.ndarray,
    mixture: Mixture,
    sample_weights: np.ndarray | None = None,
    regularisation: float = 1e-6,
) -> tuple[Mixture, float]:
    """One E-step and one M-step (eqs. 9.23-9.27) -> the next mixture; mean log-likelihood before.

    x (N, D); ``sample_weights`` (N,) count a point as so many; ``regularisation``, in squared units
    of x, is added to every variance.  Without it the log-likelihood never falls (DLR 1977, th. 1).
    """
    x, counts = _checked(x, sample_weights)
    return _em_step(x, mixture, counts, regularisation)


def _em_step(
    x: np.ndarray, mixture: Mixture, counts: np.ndarray, regularisation: float
) -> tuple[Mixture, float]:
    form = form_for(x, mixture.gaussians)
    log_weights = log(mixture.weights)[:, None]
    sums = None
    total = 0.0
    for part, count in zip(chunks(x), chunks(counts), strict=True):
        features = form.features(part)
        joint = form.log_densities(features)
        joint += log_weights
        shares, log_p = _normalise(joint)
        shares *= count
        total += float(count @ log_p)
        sums = merge(sums, form.gather(features, shares))
    assert sums is not None
    gaussians = estimate(sums, mixture.gaussians.kind, regularisation, mixture.gaussians)
    return Mixture(sums.counts / sums.counts.sum(), gaussians), total / counts.sum()


def kmeans_start(
    x: np.ndarray,
    k: int,
    kind: Kind = "full",
    sample_weights: np.ndarray | None = None,
    regularisation: float = 1e-6,
    seed: int = 0,
) -> Mixture:
    """A mixture that describes k-means clusters; a cluster left empty gets weight 0."""
    x, counts = _checked(x, sample_weights)
    if kind not in KINDS:
        raise InputError(f"found covariance {kind!r}, expected one of {', '.join(KINDS)}")
    if not 1 <= k <= len(x):
        raise InputError(
            f"found {k} components for {len(x)} points, expected 1 to {len(x)}; "
            "ask for fewer components or bring more points"
        )
    cluster = kmeans(x, k, counts, seed)
    weights = np.bincount(cluster, counts, k) / counts.sum()
    return Mixture(weights, fit_groups(x, cluster, counts, k, kind, regularisation))


def fit(
    x: np.ndarray,
    k: int,
    kind: Kind = "full",
    *,
    sample_weights: np.ndarray | None = None,
    regularisation: float = 1e-6,
    tolerance: float = 1e-3,
    iterations: int = 100,
    restarts: int = 1,
    seed: int = 0,
) -> Fit:
    """EM from k-means starts until the mean log-likelihood gains less than ``tolerance`` nats.

    Raises InputError for points that are not finite, a shape that is not (N, D), more components
    than points, weights below 0, or (without regularisation) a covariance that collapses.
    """
    x, counts = _checked(x, sample_weights)
    found = climb(
        lambda restart: kmeans_start(x, k, kind, counts, regularisation, seed + restart),
        lambda mixture: _em_step(x, mixture, counts, regularisation),
        lambda mixture: float(counts @ log_likelihood(x, mixture) / counts.sum()),
        tolerance=tolerance,
        iterations=iterations,
        restarts=restarts,
    )
    return Fit(*found)


def parameters(mixture: Mixture) -> int:
    """How many numbers are free: K - 1 weights, the means and the covariances."""
    return len(mixture.weights) - 1 + gaussian_family.parameters(mixture.gaussians)


def bic(x: np.ndarray, mixture: Mixture) -> float:
    """-2 log L + parameters * log N (Schwarz 1978); less is better."""
    return -2 * log_likelihood(x, mixture).sum() + parameters(mixture) * float(np.log(len(x)))


def aic(x: np.ndarray, mixture: Mixture) -> float:
    """-2 log L + 2 * parameters (Akaike 1974); less is better."""
    return -2 * log_likelihood(x, mixture).sum() + 2 * parameters(mixture)


def sample(mixture: Mixture, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """n draws: points (n, D) and their components (n,)."""
    component = rng.choice(len(mixture.weights), size=n, p=mixture.weights)
    return draw(mixture.gaussians, component, rng), component


def kmeans(x: np.ndarray, k: int, counts: np.ndarray, seed: int) -> np.ndarray:
    """Clusters (N,) of x (N, D), 0 to k - 1; in mini-batches beyond 10,000 points."""
    options = {"n_clusters": k, "n_init": 1, "random_state": seed}
    large = len(x) > SMALL
    method = MiniBatchKMeans(batch_size=4096, **options) if large else KMeans(**options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct points than clusters
        return method.fit(x, sample_weight=counts).labels_


def _normalise(joint: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms (K, n), overwritten -> exp, columns sum to 1; and the log of their sums (n,)."""
    top = joint.max(axis=0)
    joint -= top
    np.exp(joint, out=joint)
    sums = joint.sum(axis=0)
    joint /= sums
    return joint, top + np.log(sums)


def _checked(x: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    x = checked_points(x)
    counts = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=np.float64)
    fine = counts.shape == (len(x),) and np.isfinite(counts).all() and (counts >= 0).all()
    if not fine or not counts.sum() > 0:
        raise InputError(
            f"found sample weights of shape {counts.shape} for {len(x)} points, expected one "
            "finite number of 0 or more for each, not all 0; correct the weights"
        )
    return x, counts

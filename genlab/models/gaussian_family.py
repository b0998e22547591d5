"""Families of K Gaussians in D dimensions with four kinds of covariance: the arithmetic that
mixtures (``gmm``) and hidden Markov models (``hmm``) share.  numpy, float64, nats.

Here: what they are, their estimate from weighted sums, and draws; ``gaussian_forms`` has densities
and sums.
"""

from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from genlab.errors import InputError

Kind: TypeAlias = Literal["spherical", "diagonal", "tied", "full"]
KINDS: tuple[Kind, ...] = get_args(Kind)

LOG_2PI = float(np.log(2 * np.pi))
LARGE = 1e150  # larger numbers have no square
CHUNK = 2048  # points at a time: their features stay in the cache


class Gaussians(NamedTuple):
    """K Gaussians; ``covariances`` is (K,), (K, D), one (D, D) for all, or (K, D, D) by kind."""

    means: np.ndarray  # (K, D)
    covariances: np.ndarray
    kind: Kind


class Statistics(NamedTuple):
    """Weighted sums over points, about an origin of each component's (or one for all)."""

    origin: np.ndarray  # (K, D) or (D,)
    counts: np.ndarray  # (K,) sums of weights
    first: np.ndarray  # (K, D) sum of weight * (x - origin)
    second: np.ndarray  # (K,), (K, D), (D, D) or (K, D, D): of squares, as the covariances


def merge(one: Statistics | None, other: Statistics) -> Statistics:
    """The sums over both sets of points, about the same origin."""
    if one is None:
        return other
    return Statistics(one.origin, *(a + b for a, b in zip(one[1:], other[1:], strict=True)))


def estimate(
    statistics: Statistics, kind: Kind, regularisation: float, previous: Gaussians
) -> Gaussians:
    """Maximum likelihood (PRML eqs. 9.24, 9.25), plus ``regularisation`` on every variance.

    A component with hardly any weight keeps what it was in ``previous``.
    """
    origin, count, first, second = statistics
    alive = count > np.finfo(float).eps * count.sum()
    share = np.where(alive, count, 1.0)[:, None]
    shift = first / share
    means = np.where(alive[:, None], origin + shift, previous.means)
    size = means.shape[1]
    if kind == "tied":
        scatter = second - np.einsum("k,ki,kj->ij", count, shift, shift)
        return Gaussians(means, scatter / count.sum() + regularisation * np.eye(size), kind)
    if kind == "full":
        covariances = second / share[:, :, None] - shift[:, :, None] * shift[:, None, :]
        covariances += regularisation * np.eye(size)
    elif kind == "diagonal":
        covariances = np.maximum(second / share - shift * shift, 0) + regularisation
    else:
        square = (second / share[:, 0] - (shift * shift).sum(axis=1)) / size
        covariances = np.maximum(square, 0) + regularisation
    kept = alive.reshape(-1, *[1] * (covariances.ndim - 1))
    return Gaussians(means, np.where(kept, covariances, previous.covariances), kind)


def pooled(x: np.ndarray, k: int, kind: Kind, regularisation: float) -> Gaussians:
    """K times the variances of all points (N, D): what a component without points starts as."""
    means = np.tile(x.mean(axis=0), (k, 1))
    variances = x.var(axis=0) + max(regularisation, np.finfo(float).tiny)
    covariances = {
        "spherical": np.full(k, variances.mean()),
        "diagonal": np.tile(variances, (k, 1)),
        "tied": np.diag(variances),
        "full": np.tile(np.diag(variances), (k, 1, 1)),
    }[kind]
    return Gaussians(means, covariances, kind)


def parameters(gaussians: Gaussians) -> int:
    """How many numbers are free: means and covariances."""
    k, d = gaussians.means.shape
    matrix = d * (d + 1) // 2
    covariances = {"spherical": k, "diagonal": k * d, "tied": matrix, "full": k * matrix}
    return k * d + covariances[gaussians.kind]


def draw(gaussians: Gaussians, component: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One point of each component in ``component`` (n,) -> (n, D)."""
    means, covariances, kind = gaussians
    noise = rng.standard_normal((len(component), means.shape[1]))
    if kind == "spherical":
        return means[component] + noise * np.sqrt(covariances)[component, None]
    if kind == "diagonal":
        return means[component] + noise * np.sqrt(covariances)[component]
    if kind == "tied":
        return means[component] + noise @ _cholesky(covariances[None])[0].T
    turned = np.einsum("nij,nj->ni", _cholesky(covariances)[component], noise)
    return means[component] + turned


def whiteners_of(gaussians: Gaussians) -> tuple[np.ndarray, np.ndarray]:
    """W with W^T W = precision, (K, D) or (K, D, D), and log |covariance| (K,)."""
    means, covariances, kind = gaussians
    if kind in ("spherical", "diagonal"):
        variances = covariances if kind == "diagonal" else covariances[:, None]
        if not (variances > 0).all():
            raise _not_positive(variances.min())
        variances = np.broadcast_to(variances, means.shape)
        return 1 / np.sqrt(variances), np.log(variances).sum(axis=1)
    factors = _cholesky(covariances[None] if kind == "tied" else covariances)
    log_dets = 2 * np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    whiteners = np.linalg.inv(factors)
    if kind == "tied":
        whiteners = np.broadcast_to(whiteners, (len(means), *whiteners.shape[1:]))
        log_dets = np.broadcast_to(log_dets, len(means))
    return whiteners, log_dets


def points(x: np.ndarray, dimension: int | None = None) -> np.ndarray:
    """x as (N, D) float64, checked: N and D at least 1, finite.  Raises InputError."""
    found = np.ascontiguousarray(x, dtype=np.float64)
    if found.ndim != 2 or 0 in found.shape or dimension not in (None, found.shape[-1]):
        expected = "(N, D), both at least 1" if dimension is None else f"(N, {dimension})"
        raise InputError(f"found points of shape {found.shape}, expected {expected}; reshape them")
    if np.isfinite(np.vdot(found, found)):  # one fast pass; where it says no, look which
        return found
    strange = np.flatnonzero(~(np.abs(found) < LARGE).all(axis=1))
    if len(strange):
        raise InputError(
            f"found {len(strange)} points that are not finite or beyond {LARGE:.0e}, the first is "
            f"number {strange[0]}, expected numbers only; leave those points out or fill them in"
        )
    return found


def chunks(x: np.ndarray) -> list[np.ndarray]:
    """Views of at most CHUNK rows."""
    return [x[at : at + CHUNK] for at in range(0, len(x), CHUNK)]


def _cholesky(covariances: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.cholesky(covariances)
    except np.linalg.LinAlgError:
        smallest = np.linalg.eigvalsh(covariances).min()
        raise _not_positive(smallest) from None


def _not_positive(smallest: float) -> InputError:
    return InputError(
        f"found a covariance whose smallest variance is {smallest:.3g}, expected a positive one; "
        "raise the regularisation or ask for fewer components"
    )

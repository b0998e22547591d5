"""Mixtures against scikit-learn, scipy, copies of points, and what EM promises; hostile input."""

import re
import warnings

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from genlab.errors import InputError
from genlab.models import gmm
from genlab.models.gaussian_family import KINDS, Gaussians
from genlab.models.gaussian_forms import DirectForm, QuadraticForm, form_for

SKLEARN = {"spherical": "spherical", "diagonal": "diag", "tied": "tied", "full": "full"}


def blobs(n: int = 900, d: int = 4, k: int = 5) -> tuple[np.ndarray, ...]:
    """Points of k overlapping groups and their groups; every feature has its own unit."""
    rng = np.random.default_rng(3)
    group = rng.integers(k, size=n)
    x = rng.normal(scale=2.5, size=(k, d))[group]
    x += rng.normal(size=(n, d)) @ rng.normal(size=(d, d))
    return x * np.geomspace(0.1, 10, d), group


def matrices(gaussians: Gaussians) -> np.ndarray:
    """(K, D, D) whatever the kind."""
    k, d = gaussians.means.shape
    if gaussians.kind == "spherical":
        return gaussians.covariances[:, None, None] * np.eye(d)
    if gaussians.kind == "diagonal":
        return gaussians.covariances[:, :, None] * np.eye(d)
    return np.broadcast_to(gaussians.covariances, (k, d, d))


def peer(start: gmm.Mixture, steps: int, regularisation: float) -> GaussianMixture:
    covariances = start.gaussians.covariances
    kind = start.gaussians.kind
    matrix = kind in ("tied", "full")
    return GaussianMixture(
        len(start.weights),
        covariance_type=SKLEARN[kind],
        tol=0,
        reg_covar=regularisation,
        max_iter=steps,
        weights_init=start.weights,
        means_init=start.gaussians.means,
        precisions_init=np.linalg.inv(covariances) if matrix else 1 / covariances,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_start_and_steps_give_scikit_learns_mixture(kind):
    x = blobs()[0]
    mixture = start = gmm.kmeans_start(x, 5, kind)
    for _ in range(7):
        mixture, _ = gmm.em_step(x, mixture)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is told not to converge
        other = peer(start, 7, 1e-6).fit(x)
    assert gmm.log_likelihood(x, mixture).mean() == pytest.approx(other.score(x), abs=1e-8)
    np.testing.assert_allclose(mixture.gaussians.means, other.means_, rtol=1e-8)
    np.testing.assert_allclose(mixture.gaussians.covariances, other.covariances_, rtol=1e-7)
    np.testing.assert_allclose(gmm.responsibilities(x, mixture), other.predict_proba(x), atol=1e-8)
    assert gmm.bic(x, mixture) == pytest.approx(other.bic(x), rel=1e-9)
    assert gmm.aic(x, mixture) == pytest.approx(other.aic(x), rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_far_from_the_origin_nothing_is_lost(kind):
    x = np.round(blobs()[0] * 2**20) / 2**20  # so that the shift itself is exact
    start = gmm.kmeans_start(x, 5, kind)
    gaussians = start.gaussians
    far = start._replace(gaussians=gaussians._replace(means=gaussians.means + 2.0**20))
    near_step, near = gmm.em_step(x, start)
    far_step, away = gmm.em_step(x + 2.0**20, far)
    assert away == pytest.approx(near, abs=1e-8)
    found, expected = far_step.gaussians.covariances, near_step.gaussians.covariances
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_both_forms_give_scipys_densities_and_the_same_step(kind, monkeypatch):
    x = blobs()[0]
    mixture = gmm.kmeans_start(x, 5, kind)
    joint = [
        np.log(weight) + multivariate_normal(mean, covariance).logpdf(x)
        for weight, mean, covariance in zip(
            mixture.weights, mixture.gaussians.means, matrices(mixture.gaussians), strict=True
        )
    ]
    assert isinstance(form_for(x, mixture.gaussians), QuadraticForm)
    quadratic, _ = gmm.em_step(x, mixture)
    np.testing.assert_allclose(gmm.log_joint(x, mixture), np.transpose(joint), atol=1e-9)
    np.testing.assert_allclose(gmm.log_likelihood(x, mixture), logsumexp(joint, axis=0), atol=1e-9)

    monkeypatch.setattr("genlab.models.gaussian_forms.REACH", 0.0)
    assert isinstance(form_for(x, mixture.gaussians), DirectForm)
    direct, _ = gmm.em_step(x, mixture)
    np.testing.assert_allclose(gmm.log_joint(x, mixture), np.transpose(joint), atol=1e-9)
    for one, other in zip(direct.gaussians[:2], quadratic.gaussians[:2], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


def test_tight_groups_far_apart_keep_their_digits():
    rng = np.random.default_rng(0)
    group = np.arange(400) % 2
    x = rng.normal(scale=1e-5, size=(400, 3)) + np.array([[0.0], [1e4]])[group]
    mixture = gmm.fit(x, 2, "full", regularisation=0.0).mixture
    for k in range(2):
        own = x[group == round(mixture.gaussians.means[k, 0] / 1e4)]
        expected = np.cov(own.T, bias=True)
        np.testing.assert_allclose(
            mixture.gaussians.covariances[k], expected, rtol=1e-5, atol=1e-15
        )


@pytest.mark.parametrize("kind", KINDS)
def test_the_log_likelihood_never_falls(kind):
    x = blobs()[0]
    fit = gmm.fit(x, 5, kind, regularisation=0.0, tolerance=-np.inf, iterations=80)
    assert len(fit.log_likelihoods) == 81
    assert np.diff(fit.log_likelihoods).min() > -1e-10  # rounding alone
    assert fit.log_likelihoods[-1] > fit.log_likelihoods[0] + 0.001


@pytest.mark.parametrize("kind", KINDS)
def test_a_weight_of_three_is_three_copies_and_a_weight_of_zero_none(kind):
    x = blobs(n=300)[0]
    counts = np.random.default_rng(1).integers(4, size=300)
    start = gmm.kmeans_start(x, 4, kind)
    weighted, before = gmm.em_step(x, start, counts)
    copied, expected = gmm.em_step(np.repeat(x, counts, axis=0), start)
    assert before == pytest.approx(expected, abs=1e-10)
    np.testing.assert_allclose(weighted.weights, copied.weights, atol=1e-12)
    for one, other in zip(weighted.gaussians[:2], copied.gaussians[:2], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_draws_have_the_moments_of_the_mixture(kind):
    x = blobs()[0]
    mixture = gmm.fit(x, 3, kind).mixture
    drawn, component = gmm.sample(mixture, 200_000, np.random.default_rng(0))
    np.testing.assert_allclose(np.bincount(component) / 200_000, mixture.weights, atol=0.005)
    for k in range(3):
        own, truth = drawn[component == k], matrices(mixture.gaussians)[k]
        spread = np.sqrt(np.diag(truth))
        mean = mixture.gaussians.means[k]
        np.testing.assert_allclose((own.mean(axis=0) - mean) / spread, 0, atol=0.03)
        units = np.outer(spread, spread)
        np.testing.assert_allclose(np.cov(own.T) / units, truth / units, atol=0.03)


def test_bic_finds_the_number_of_groups_and_the_fit_their_members():
    rng = np.random.default_rng(5)
    group = rng.integers(3, size=600)
    x = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]])[group] + rng.normal(size=(600, 2))
    fits = {k: gmm.fit(x, k, "full", restarts=2).mixture for k in range(1, 6)}
    assert min(fits, key=lambda k: gmm.bic(x, fits[k])) == 3
    found = gmm.responsibilities(x, fits[3]).argmax(axis=1)
    assert adjusted_rand_score(group, found) > 0.99


def test_restarts_keep_the_best():
    x = blobs()[0]
    alone = [gmm.fit(x, 7, "full", seed=seed).log_likelihoods[-1] for seed in range(4)]
    assert gmm.fit(x, 7, "full", restarts=4).log_likelihoods[-1] == max(alone)
    assert max(alone) > min(alone)


@pytest.mark.parametrize("kind", KINDS)
def test_one_point_duplicates_and_one_dimension_have_an_answer(kind):
    one = gmm.fit(np.array([[3.0, 4.0]]), 1, kind, regularisation=0.5).mixture
    np.testing.assert_allclose(one.gaussians.means, [[3, 4]])
    np.testing.assert_allclose(matrices(one.gaussians)[0], 0.5 * np.eye(2))

    twice = np.repeat([[0.0], [1.0]], 10, axis=0)
    mixture = gmm.fit(twice, 3, kind).mixture  # more components than distinct points
    assert mixture.weights.sum() == pytest.approx(1)
    assert np.isfinite(gmm.log_likelihood(twice, mixture)).all()
    np.testing.assert_allclose(gmm.responsibilities(twice, mixture).sum(axis=1), 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_component_that_dies_keeps_its_gaussian_and_has_no_weight(kind):
    x = blobs(n=200)[0]
    start = gmm.kmeans_start(x, 3, kind)
    means = start.gaussians.means.copy()
    means[1] = 1e9  # out of everybody's reach
    mixture = start._replace(gaussians=start.gaussians._replace(means=means))
    for _ in range(3):
        mixture, before = gmm.em_step(x, mixture)
        assert np.isfinite(before)
    assert mixture.weights[1] == 0
    np.testing.assert_array_equal(mixture.gaussians.means[1], means[1])
    assert np.isfinite(gmm.log_likelihood(x, mixture)).all()


@pytest.mark.parametrize(
    ("x", "k", "said"),
    [
        (
            [[0.0], [np.nan]],
            1,
            "not finite or beyond 1e+150, the first is number 1",
        ),
        ([[1e200], [0.0]], 1, "first is number 0"),
        ([[np.inf], [0.0]], 1, "first is number 0"),
        (np.zeros((0, 3)), 1, "shape (0, 3)"),
        ([1.0, 2.0], 1, "shape (2,)"),
        ([[1.0], [2.0]], 3, "3 components for 2 points"),
        ([[1.0], [2.0]], 0, "0 components"),
    ],
)
def test_hostile_points_are_refused_with_what_was_found(x, k, said):
    with pytest.raises(InputError, match=re.escape(said)):
        gmm.fit(np.array(x), k)


def test_hostile_options_are_refused():
    x = blobs(n=50)[0]
    with pytest.raises(InputError, match="sample weights"):
        gmm.fit(x, 2, sample_weights=-np.ones(50))
    with pytest.raises(InputError, match="sample weights"):
        gmm.fit(x, 2, sample_weights=np.zeros(50))
    with pytest.raises(InputError, match="raise the regularisation"):
        gmm.fit(np.repeat(x[:1], 9, axis=0), 1, "full", regularisation=0.0)
    with pytest.raises(InputError, match="0 restarts"):
        gmm.fit(x, 2, restarts=0)
    with pytest.raises(InputError, match="covariance 'round'"):
        gmm.fit(x, 2, "round")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"expected \(N, 4\)"):
        gmm.log_likelihood(x[:, :2], gmm.kmeans_start(x, 2))

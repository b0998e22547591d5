"""One contract over the three priors."""

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import Tensor

from genlab.models.gaussians import Gaussian
from genlab.models.networks import bounded
from genlab.models.priors import Prior, make_prior

K, L, D = 4, 2, 5
NAMES = ("standard_normal", "mixture", "vamp")


@pytest.fixture(autouse=True)
def _no_grad():
    with torch.no_grad():
        yield


def placed(name: str, latent: int = L, seed: int = 0) -> Prior:
    g = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=g, dtype=torch.float64)  # noqa: E731
    to_mean, to_log_var = draw(D, latent), 0.2 * draw(D, latent)

    def encode(x: Tensor) -> Gaussian:
        return Gaussian(x @ to_mean * 0.5, x @ to_log_var - 1)

    prior = make_prior(name, K, latent, D, encode).double()
    weights = torch.softmax(draw(K), 0)
    prior.place(draw(K, D), Gaussian(draw(K, latent), 0.4 * draw(K, latent) - 1), weights)
    return prior


@pytest.fixture(params=NAMES)
def prior(request: pytest.FixtureRequest) -> Prior:
    return placed(request.param)


def test_weights_sum_to_one(prior: Prior):
    assert prior.log_weights().shape == (K,)
    assert float(prior.log_weights().exp().sum()) == pytest.approx(1)


def test_density_integrates_to_one(prior: Prior):
    axis = torch.linspace(-15, 15, 601, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    area = float(axis[1] - axis[0]) ** 2
    with torch.no_grad():
        assert float(prior.log_prob(grid).exp().sum()) * area == pytest.approx(1, abs=1e-6)
        each = prior.log_prob_components(grid).exp().sum(0) * area
    np.testing.assert_allclose(each, np.ones(K), atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_log_prob_sums_over_dimensions_inside_the_logsumexp(name: str):
    prior = placed(name, latent=3)
    z = torch.randn(6, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        (mean, log_var), weights = prior.component_params(), prior.log_weights().exp()
        found = prior.log_prob(z)
    for i in range(6):
        density = 0.0
        for c in range(K):
            one = 1.0
            for d in range(3):
                one *= norm.pdf(z[i, d], mean[c, d], np.exp(0.5 * log_var[c, d]))
            density += float(weights[c]) * one
        assert float(found[i]) == pytest.approx(np.log(density), abs=1e-9)


def test_samples_have_the_moments_of_the_density(prior: Prior):
    n = 40_000
    with torch.no_grad():
        z, components = prior.sample(n, torch.Generator().manual_seed(2))
        (mean, log_var), weights = prior.component_params(), prior.log_weights().exp()
    expected = (weights[:, None] * mean).sum(0)
    second = (weights[:, None] * (log_var.exp() + mean.square())).sum(0)
    np.testing.assert_allclose(z.mean(0), expected, atol=5 * float(z.std()) / n**0.5)
    np.testing.assert_allclose(z.square().mean(0), second, rtol=0.06)
    shares = torch.bincount(components, minlength=K) / n
    np.testing.assert_allclose(shares, weights, atol=5 * 0.5 / n**0.5)


@pytest.mark.parametrize("name", NAMES)
def test_before_placement_every_prior_is_standard_normal(name: str):
    prior = make_prior(name, K, L, D, lambda x: Gaussian(x[:, :L] + 7, x[:, :L]))
    z = torch.randn(5, L, generator=torch.Generator().manual_seed(3))
    expected = norm.logpdf(z.numpy()).sum(1)
    np.testing.assert_allclose(prior.log_prob(z).detach(), expected, rtol=1e-5)


def test_mixture_is_placed_where_it_is_told():
    latents = Gaussian(torch.randn(K, L), torch.linspace(-4, 2, K * L).reshape(K, L))
    prior = make_prior("mixture", K, L, D, lambda x: Gaussian(x, x))
    weights = torch.tensor([0.1, 0.2, 0.3, 0.4])
    prior.place(torch.zeros(K, D), latents, weights)
    with torch.no_grad():
        found = prior.component_params()
        np.testing.assert_allclose(found.mean, latents.mean)
        np.testing.assert_allclose(found.log_var, latents.log_var, atol=1e-4)
        np.testing.assert_allclose(prior.log_weights().exp(), weights, rtol=1e-5)


def test_vamp_components_are_the_encoded_pseudo_inputs_with_equal_weights():
    prior = placed("vamp")
    assert torch.equal(prior.component_params().mean, prior._encode(prior.pseudo_inputs).mean)
    np.testing.assert_allclose(prior.log_weights().detach(), np.full(K, -np.log(K)))
    assert float(prior.penalty()) > 0


def test_bounded_stays_in_its_range_and_keeps_a_gradient():
    raw = torch.linspace(-30, 30, 201, dtype=torch.float64, requires_grad=True)
    with torch.enable_grad():
        value = bounded(raw, -6, 2)
        (slope,) = torch.autograd.grad(value.sum(), raw)
    assert float(value.min()) >= -6
    assert float(value.max()) <= 2
    assert float(bounded(torch.tensor(-2.0), -6, 2)) == pytest.approx(-2)
    assert float(slope[raw.detach().abs() <= 12].min()) > 1e-4
    assert float(slope.max()) == pytest.approx(1, abs=1e-3)

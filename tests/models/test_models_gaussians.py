"""Gaussians against scipy, numerical integration and Monte Carlo."""

import numpy as np
import torch
from scipy.stats import multivariate_normal, norm

from genlab.models.gaussians import (
    Gaussian,
    kl_divergence,
    log_density,
    pairwise_log_density,
    product,
)


def gaussians(rows: int, dims: int, seed: int) -> Gaussian:
    g = torch.Generator().manual_seed(seed)
    return Gaussian(
        torch.randn(rows, dims, generator=g, dtype=torch.float64),
        torch.randn(rows, dims, generator=g, dtype=torch.float64),
    )


def test_log_density_is_scipys():
    x, (mean, log_var) = gaussians(4, 3, 0).mean, gaussians(4, 3, 1)
    expected = [
        multivariate_normal.logpdf(x[i], mean[i], np.diag(np.exp(log_var[i]))) for i in range(4)
    ]
    np.testing.assert_allclose(log_density(x, mean, log_var), expected, rtol=1e-12)


def test_pairwise_log_density_is_the_loop_over_pairs():
    x, (mean, log_var) = gaussians(5, 3, 0).mean, gaussians(4, 3, 1)
    expected = [
        [norm.logpdf(x[i], mean[k], np.exp(0.5 * log_var[k])).sum() for k in range(4)]
        for i in range(5)
    ]
    np.testing.assert_allclose(pairwise_log_density(x, mean, log_var), expected, rtol=1e-10)


def test_pairwise_log_density_far_from_the_origin_keeps_its_digits_in_float32():
    (mean, log_var), x = gaussians(4, 8, 1), gaussians(6, 8, 0).mean
    exact = pairwise_log_density(x, mean, log_var)
    shifted = pairwise_log_density(x.float() + 100, mean.float() + 100, log_var.float())
    np.testing.assert_allclose(shifted, exact, rtol=2e-3, atol=2e-2)


def test_kl_agrees_with_monte_carlo():
    q, p = gaussians(1, 3, 2), gaussians(1, 3, 3)
    g = torch.Generator().manual_seed(4)
    noise = torch.randn(200_000, 3, generator=g, dtype=torch.float64)
    z = q.mean + torch.exp(0.5 * q.log_var) * noise
    ratio = log_density(z, *q) - log_density(z, *p)
    error = float(ratio.std()) / np.sqrt(len(ratio))
    assert abs(float(kl_divergence(q, p)) - float(ratio.mean())) < 5 * error
    assert error < 0.02 * float(kl_divergence(q, p))


def test_kl_is_zero_only_between_equals():
    q, p = gaussians(3, 2, 5), gaussians(3, 2, 6)
    assert float(kl_divergence(q, q).abs().max()) < 1e-12
    assert float(kl_divergence(q, p).min()) > 0


def test_product_is_the_normalised_pointwise_product():
    a, b = gaussians(1, 1, 7), gaussians(1, 1, 8)
    z = torch.linspace(-12, 12, 20_001, dtype=torch.float64)[:, None]
    joint = np.exp(log_density(z, *a) + log_density(z, *b)).numpy()
    step = float(z[1, 0] - z[0, 0])
    joint /= joint.sum() * step
    np.testing.assert_allclose(np.exp(log_density(z, *product(a, b))), joint, atol=1e-9)

"""The component VAE against closed forms, enumeration and numerical integration."""

import itertools

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

from genlab.config import load_settings
from genlab.models.component_vae import (
    ComponentVAE,
    ComponentVAEConfig,
    choose_components,
    make_config,
)
from genlab.models.gaussians import Gaussian
from genlab.models.networks import EVIDENCE_LOG_VAR, bounded
from genlab.training.losses import elbo_terms

PRIORS = ("standard_normal", "mixture", "vamp")


@pytest.fixture(autouse=True)
def _no_grad():
    with torch.no_grad():
        yield


def random_model(
    d: int = 4, k: int = 3, latent: int = 2, seed: int = 0, placed: bool = True, **fields
) -> ComponentVAE:
    """A float64 model whose every parameter is away from its neutral start."""
    config = ComponentVAEConfig(
        input_dim=d, components=k, latent_dim=latent, hidden=6, layers=1, **fields
    )
    g = torch.Generator().manual_seed(seed)
    model = ComponentVAE(config).double()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                noise = torch.randn(parameter.shape, generator=g, dtype=torch.float64)
                parameter.copy_(0.4 * noise)
        if config.likelihood == "gaussian":
            model.centre.copy_(torch.randn(d, generator=g, dtype=torch.float64))
            model.scale.fill_(2.5)
        model.prior.placed.fill_(placed)
    return model


def linear_model(d: int = 5, k: int = 3, latent: int = 2) -> tuple[ComponentVAE, dict]:
    """A linear-Gaussian mixture with the inference that is exact for it, and its parameters."""
    g = torch.Generator().manual_seed(1)
    draw = lambda *shape: torch.randn(*shape, generator=g, dtype=torch.float64)  # noqa: E731
    config = ComponentVAEConfig(input_dim=d, components=k, latent_dim=latent, layers=0)
    model = ComponentVAE(config).double()
    length = torch.tensor([1.3, 0.7], dtype=torch.float64)
    w = torch.linalg.qr(draw(d, latent)).Q * length
    b, b_c, raw = draw(d), 0.4 * draw(k, d), -0.4
    raw_tensor = torch.tensor(raw, dtype=torch.float64)
    sigma = np.exp(float(bounded(raw_tensor, config.log_sigma_min, config.log_sigma_max)))
    project = w / length**2  # (D, L): x -> z
    orthogonal = b_c - b_c @ project @ w.T
    low, high = EVIDENCE_LOG_VAR
    unit = (torch.log(sigma**2 / length**2) - (low + high) / 2) / ((high - low) / 2)
    with torch.no_grad():
        model.centre.copy_(draw(d))
        model.scale.fill_(0.6)
        model.decoder.mean.weight.copy_(w)
        model.decoder.mean.bias.copy_(b)
        model.decoder.log_sigma.bias.fill_(raw)
        model.component_bias.copy_(b_c)
        model.encoder.mean.weight.copy_(project.T)
        model.encoder.mean.bias.copy_(-b @ project)
        model.encoder.log_var.bias.copy_((low + high) / 2 + (high - low) / 2 * torch.atanh(unit))
        model.component_offset.copy_(b_c @ project)
        model.gate.weight.copy_(orthogonal / sigma**2)
        shift = -orthogonal @ b - 0.5 * orthogonal.square().sum(1)
        model.gate.bias.copy_(shift / sigma**2)
        latents = Gaussian(draw(k, latent), 0.5 * draw(k, latent))
        model.prior.place(draw(k, d), latents, torch.softmax(draw(k), 0))
    mean, log_var = model.prior.component_params()
    noise = sigma**2 * torch.eye(d, dtype=torch.float64)
    covariance = [
        (model.scale**2 * (w @ torch.diag(log_var[c].exp()) @ w.T + noise)).numpy()
        for c in range(k)
    ]
    means = (model.centre + model.scale * (mean @ w.T + b + b_c)).detach().numpy()
    truth = {"means": means, "covariances": covariance}
    return model, truth


def closed_form(model: ComponentVAE, truth: dict, x: torch.Tensor) -> np.ndarray:
    """log pi_c + log p(x|c) of the linear-Gaussian mixture: (N, K)."""
    return model.prior.log_weights().detach().numpy() + np.stack(
        [
            multivariate_normal.logpdf(x.numpy(), mean, covariance)
            for mean, covariance in zip(truth["means"], truth["covariances"], strict=True)
        ],
        1,
    )


@pytest.fixture
def linear():
    model, truth = linear_model()
    x = 1.5 * torch.randn(7, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return model, x, closed_form(model, truth, x)


def test_responsibilities_are_exact_in_the_linear_gaussian_case(linear):
    model, x, joint = linear
    expected = joint - logsumexp(joint, axis=1, keepdims=True)
    found = model.posterior(x).log_responsibilities.detach().numpy()
    np.testing.assert_allclose(np.exp(found), np.exp(expected), atol=1e-9)
    assert 0.4 < np.exp(expected).max(1).min() < 0.99  # a case where c really is in doubt


def test_elbo_equals_log_p_in_the_linear_gaussian_case(linear):
    model, x, joint = linear
    # The reconstruction is quadratic in z, so signs as noise give its expectation exactly.
    with torch.no_grad():
        elbos = []
        for signs in itertools.product((-1.0, 1.0), repeat=2):
            terms, _ = elbo_terms(model, x, torch.tensor(signs, dtype=torch.float64))
            elbos.append(-(terms.reconstruction + terms.kl + terms.kl_c))
    np.testing.assert_allclose(torch.stack(elbos).mean(0), logsumexp(joint, axis=1), rtol=1e-9)


@pytest.mark.parametrize("samples", [1, 5])
def test_log_prob_is_exact_in_the_linear_gaussian_case(linear, samples: int):
    model, x, joint = linear
    with torch.no_grad():
        found = model.log_prob(x, samples)
    np.testing.assert_allclose(found, logsumexp(joint, axis=1), rtol=1e-9)


@pytest.mark.parametrize("prior", PRIORS)
def test_elbo_terms_are_the_sum_over_components(prior: str):
    model = random_model(prior=prior)
    x = torch.randn(3, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    noise = torch.randn(3, 3, 2, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    with torch.no_grad():
        found, _ = elbo_terms(model, x, noise)
        standard = (x - model.centre) / model.scale
        evidence_mean, evidence_log_var = (t.numpy() for t in model.encoder(standard))
        m, s2 = (t.numpy() for t in model.prior.component_params())
        s2, typical = np.exp(s2), np.exp(model.encoder.typical_log_var().numpy())
        log_pi, offset = model.prior.log_weights().numpy(), model.component_offset.numpy()
        gate = model.gate(standard).numpy()
    for i in range(3):
        logits, log_lik, kl = np.zeros(3), np.zeros(3), np.zeros(3)
        for c in range(3):
            mean = evidence_mean[i] - offset[c]
            fit = norm.logpdf(mean, m[c], np.sqrt(typical + s2[c])).sum()
            logits[c] = log_pi[c] + fit + gate[i, c]
            precision = np.exp(-evidence_log_var[i]) + 1 / s2[c]
            q_mean = (mean * np.exp(-evidence_log_var[i]) + m[c] / s2[c]) / precision
            ratio = 1 / precision / s2[c]
            kl[c] = 0.5 * (ratio - 1 - np.log(ratio) + (q_mean - m[c]) ** 2 / s2[c]).sum()
            z = torch.tensor(q_mean) + noise[i, c] / torch.tensor(precision).sqrt()
            with torch.no_grad():
                out, raw = model.decoder(z)
                sigma = bounded(raw, -6, 2).exp() * model.scale
                out = model.centre + model.scale * (out + model.component_bias[c])
            log_lik[c] = norm.logpdf(x[i], out, sigma).sum()
        log_r = logits - logsumexp(logits)
        r = np.exp(log_r)
        assert float(found.reconstruction[i]) == pytest.approx(-(r * log_lik).sum())
        assert float(found.kl[i]) == pytest.approx((r * kl).sum())
        assert float(found.kl_c[i]) == pytest.approx((r * (log_r - log_pi)).sum())


def with_vague_evidence(model: ComponentVAE) -> ComponentVAE:
    """q(z|x, c) a little wider than what x says, so that importance weights stay even."""
    with torch.no_grad():
        model.encoder.mean.weight.mul_(0.1)
        model.encoder.log_var.weight.mul_(0.1)
        model.encoder.log_var.bias.fill_(3.0)
    return model


@pytest.mark.parametrize("prior", ["standard_normal", "mixture"])
@pytest.mark.parametrize("placed", [True, False])
def test_the_density_of_raw_x_integrates_to_one(prior: str, placed: bool):
    model = with_vague_evidence(random_model(d=1, latent=1, prior=prior, seed=5, placed=placed))
    x = torch.linspace(-60, 60, 3001, dtype=torch.float64)[:, None]
    with torch.no_grad():
        density = model.log_prob(x, samples=256).exp()
    assert float(density.sum() * (x[1] - x[0])) == pytest.approx(1, abs=0.03)


def test_bernoulli_probabilities_of_all_images_sum_to_one():
    model = with_vague_evidence(random_model(likelihood="bernoulli", seed=6))
    x = torch.tensor(list(itertools.product((0.0, 1.0), repeat=4)), dtype=torch.float64)
    with torch.no_grad():
        total = model.log_prob(x, samples=512).exp().sum()
    assert float(total) == pytest.approx(1, abs=0.02)


def test_more_samples_tighten_the_bound():
    model = random_model(seed=7)
    x = 3 * torch.randn(400, 4, generator=torch.Generator().manual_seed(8), dtype=torch.float64)
    with torch.no_grad():
        bounds = [float(model.log_prob(x, s).mean()) for s in (1, 8, 256)]
        noise = torch.randn(64, 400, 3, 2, generator=torch.Generator().manual_seed(9)).double()
        elbo = np.mean([-sum(t.mean() for t in elbo_terms(model, x, n)[0]) for n in noise])
    assert elbo < bounds[1] < bounds[2] + 1e-9
    assert bounds[0] < bounds[2]


def test_a_score_depends_on_neither_batch_nor_order():
    model = random_model(d=6, k=40, latent=3, top_components=4).float()
    x = torch.randn(9, 6, generator=torch.Generator().manual_seed(10))
    with torch.no_grad():
        whole = model.log_prob(x)
        alone = torch.cat([model.log_prob(row[None]) for row in x])
        reverse = model.log_prob(x.flip(0)).flip(0)
    np.testing.assert_allclose(alone, whole, rtol=1e-5)
    np.testing.assert_allclose(reverse, whole, rtol=1e-5)


def test_the_top_few_are_the_largest_and_enough_of_them_are_all():
    model = random_model(k=40, top_components=5, seed=11)
    x = torch.randn(6, 4, generator=torch.Generator().manual_seed(12), dtype=torch.float64)
    with torch.no_grad():
        few, whole = model.posterior(x), model.posterior(x, top=40)
        bound, exact = model.log_prob(x), model.log_prob(x, top=40)
    r = few.log_responsibilities.exp().numpy()
    assert few.components.shape == (6, 5)
    expected = np.sort(r, 1)[:, :-6:-1]
    np.testing.assert_allclose(few.weights, expected / expected.sum(1, keepdims=True))
    np.testing.assert_allclose(whole.weights, r, rtol=1e-9)
    assert bool((bound <= exact + 1e-12).all())
    assert bool((bound < exact - 1e-6).any())


def test_latent_has_the_moments_of_the_mixture():
    model = random_model(seed=13)
    x = torch.randn(2, 4, generator=torch.Generator().manual_seed(14), dtype=torch.float64)
    with torch.no_grad():
        q = model.posterior(x)
        found = model.latent(q)
    g = np.random.default_rng(0)
    for i in range(2):
        c = g.choice(3, 200_000, p=q.weights[i].numpy())
        mean, sd = q.latent.mean[i].numpy()[c], np.exp(0.5 * q.latent.log_var[i].numpy()[c])
        z = mean + sd * g.standard_normal(mean.shape)
        np.testing.assert_allclose(found.mean[i], z.mean(0), atol=0.02)
        np.testing.assert_allclose(found.log_var[i].exp(), z.var(0), rtol=0.03)


def test_standardisation_gives_mean_zero_and_mean_variance_one():
    x = torch.randn(500, 3) * torch.tensor([1.0, 5.0, 0.1]) + 7
    model = ComponentVAE(ComponentVAEConfig(input_dim=3, components=2))
    model.fit_standardisation(x)
    standard = model.standardise(x)
    np.testing.assert_allclose(standard.mean(0), 0, atol=1e-4)
    assert float(standard.var(0, correction=0).mean()) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize(
    ("n", "expected"), [(1, 1), (10, 10), (50, 16), (700, 100), (7168, 1024), (10**6, 1024)]
)
def test_choose_components(n: int, expected: int):
    assert choose_components(n) == expected


def test_config_comes_from_the_settings():
    settings = load_settings(None, ["model.prior=vamp", "model.latent_dim=12"]).model
    config = make_config(settings, 384, 2100)
    assert (config.components, config.prior, config.latent_dim) == (300, "vamp", 12)

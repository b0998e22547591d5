"""The decoder's sigma is the data's noise; what the model leaves open stands beside it."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from genlab.config import LossWeights, load_settings
from genlab.errors import InputError
from genlab.models.component_vae import ComponentVAE, ComponentVAEConfig
from genlab.models.networks import bounded
from genlab.models.scoring import score
from genlab.models.uncertainty import cubature, moments, uncertainty
from genlab.training.curriculum import Curriculum, Phase
from genlab.training.loop import new_state, train

DIMS = 12
QUIET, LOUD = 0.05, 0.5


class Noisy(NamedTuple):
    x: np.ndarray  # (N, DIMS)
    sigma: np.ndarray  # (N,) the standard deviation of each row's noise
    clean: np.ndarray  # (N, DIMS) x without its noise


def noisy(n: int, seed: int) -> Noisy:
    """A curve whose noise grows tenfold, exponentially, from one end to the other."""
    rng = np.random.default_rng(seed)
    t = rng.uniform(-1, 1, n)
    turns = np.linspace(0.4, 1.6, DIMS // 2)
    clean = np.concatenate([np.sin(2 * np.outer(t, turns)), np.cos(3 * np.outer(t, turns))], 1)
    sigma = QUIET * (LOUD / QUIET) ** ((t + 1) / 2)
    x = clean + sigma[:, None] * rng.normal(size=clean.shape)
    return Noisy(x.astype(np.float32), sigma, clean)


def fitted(data: Noisy, log_sigma: tuple[float, float]) -> ComponentVAE:
    config = ComponentVAEConfig(
        input_dim=DIMS,
        components=8,
        latent_dim=2,
        hidden=48,
        log_sigma_min=log_sigma[0],
        log_sigma_max=log_sigma[1],
    )
    settings = load_settings().training.model_copy(
        update={"threads": 1, "batch_size": 64, "learning_rate": 3e-3}
    )
    phases = (
        Phase(name="reconstruction", epochs=5, weights={"kl_weight": 0.1}),
        Phase(name="prior", epochs=20, place_components=True),
    )
    state = new_state(config, data.x, settings.learning_rate, seed=0)
    weights = LossWeights(contrastive_weight=0, sparsity_weight=0)
    list(train(state, data.x, None, Curriculum(phase=phases), weights, settings))
    return state.model


@pytest.fixture(scope="module")
def data() -> Noisy:
    return noisy(1500, 0)


@pytest.fixture(scope="module")
def learned(data: Noisy) -> ComponentVAE:
    return fitted(data, (-6.0, 2.0))


@pytest.fixture(scope="module")
def mean_only(data: Noisy) -> ComponentVAE:
    """The same model with one sigma for everything: the one that fits the noise best on average."""
    scale = np.sqrt(((data.x - data.x.mean(0)) ** 2).mean())
    constant = np.log(np.sqrt((data.sigma**2).mean()) / scale)
    return fitted(data, (constant - 1e-3, constant + 1e-3))


def test_sigma_recovers_a_known_noise(learned: ComponentVAE):
    fresh = noisy(1000, 1)
    found = np.sqrt(uncertainty(learned, fresh.x).aleatoric.mean(1))
    assert np.corrcoef(np.log(found), np.log(fresh.sigma))[0, 1] > 0.95
    ratio = found / fresh.sigma
    assert 0.8 < np.median(ratio) < 1.25
    assert np.quantile(ratio, 0.05) > 0.6
    assert np.quantile(ratio, 0.95) < 1.7


def test_epistemic_variance_is_the_error_about_the_clean_signal(learned: ComponentVAE):
    """Given x, the spread of the means is what the mean is off by, in the sure and the unsure."""
    fresh = noisy(3000, 2)
    found = uncertainty(learned, fresh.x).epistemic.mean(1)
    with torch.no_grad():
        q = learned.posterior(torch.tensor(fresh.x), top=1)
        best = learned.decode(q.latent.mean[:, 0], q.components[:, 0]).numpy()
    error = ((best - fresh.clean) ** 2).mean(1)
    for part in np.array_split(np.argsort(found), 3):
        assert 0.5 < found[part].mean() / error[part].mean() < 1.5


def test_one_sigma_for_all_takes_noise_for_novelty(learned: ComponentVAE, mean_only: ComponentVAE):
    """Strangers: things of the quiet end, six of its sigmas away from all that is known."""
    fresh = noisy(3000, 3)
    quiet, loud = fresh.sigma < 0.07, fresh.sigma > 0.35
    away = np.random.default_rng(4).normal(size=(int(quiet.sum()), DIMS))
    strangers = fresh.clean[quiet] + 6 * fresh.sigma[quiet][:, None] * away
    x = np.concatenate([fresh.x[loud], strangers]).astype(np.float32)
    truth = np.r_[np.zeros(int(loud.sum())), np.ones(len(strangers))]

    def found(model: ComponentVAE) -> float:
        return float(roc_auc_score(truth, -score(model, x).log_prob))

    assert found(learned) > 0.97
    assert found(mean_only) < 0.5  # what is known and noisy looks stranger than the strangers
    flat = uncertainty(mean_only, fresh.x).aleatoric
    assert flat.max() / flat.min() < 1.01


def linear_model(latent: int = 3, d: int = 5, k: int = 2) -> ComponentVAE:
    config = ComponentVAEConfig(input_dim=d, components=k, latent_dim=latent, layers=0)
    model, g = ComponentVAE(config).double(), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.7 * torch.randn(parameter.shape, generator=g, dtype=torch.float64))
        model.decoder.log_sigma.weight.zero_()
        model.scale.fill_(2.5)
        model.prior.placed.fill_(True)
    return model


def test_both_parts_of_a_linear_decoder_are_those_of_the_formula():
    model = linear_model()
    x = torch.randn(6, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    with torch.no_grad():
        aleatoric, epistemic = moments(model, x, None)
        q = model.posterior(x)
        r, w = q.weights.numpy(), model.decoder.mean.weight.numpy()
        raw = model.decoder.log_sigma.bias
        sigma2 = torch.exp(2 * bounded(raw, -6.0, 2.0)).numpy() * 2.5**2
        for i in range(6):
            shift = model.component_bias[q.components[i]].numpy()
            means = q.latent.mean[i].numpy() @ w.T + shift
            within = q.latent.log_var[i].exp().numpy() @ (w**2).T
            between = (means - r[i] @ means) ** 2
            np.testing.assert_allclose(epistemic[i], r[i] @ (within + between) * 2.5**2, rtol=1e-9)
            np.testing.assert_allclose(aleatoric[i], sigma2, rtol=1e-9)
    assert r.min(1).max() > 0.05  # a case where the component is in doubt


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_the_cubature_agrees_with_many_samples(likelihood: str):
    config = ComponentVAEConfig(
        input_dim=4, components=3, latent_dim=6, hidden=6, layers=1, likelihood=likelihood
    )
    model, g = ComponentVAE(config).double(), torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=g, dtype=torch.float64))
        model.prior.placed.fill_(True)
        x = torch.rand(3, 4, generator=g, dtype=torch.float64)
        aleatoric, epistemic = moments(model, x, None)
        q, n = model.posterior(x), 100_000
        for i in range(3):
            c = torch.multinomial(q.weights[i], n, True, generator=g)
            noise = torch.randn(n, 6, generator=g, dtype=torch.float64)
            z = q.latent.mean[i, c] + torch.exp(0.5 * q.latent.log_var[i, c]) * noise
            mean = model.decode(z, q.components[i, c])
            raw = model.decoder(z)[1]
            noise2 = mean * (1 - mean) if raw is None else torch.exp(2 * bounded(raw, -6.0, 2.0))
            np.testing.assert_allclose(aleatoric[i], noise2.mean(0), rtol=0.1)
            np.testing.assert_allclose(epistemic[i].sum(), mean.var(0).sum(), rtol=0.1)


def test_cubature_points_have_the_moments_and_the_radius_of_a_standard_normal():
    points = cubature(7).numpy()
    assert points.shape == (14, 7)
    np.testing.assert_allclose(points.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(points.T @ points / 14, np.eye(7), atol=1e-12)
    np.testing.assert_allclose((points**2).sum(1), 7)


def test_a_wrong_shape_is_refused_and_no_rows_give_no_rows():
    model = linear_model().float()
    with pytest.raises(InputError, match="shape"):
        uncertainty(model, np.zeros((2, 4)))
    found = uncertainty(model, np.zeros((0, 5)))
    assert found.aleatoric.shape == found.epistemic.shape == (0, 5)

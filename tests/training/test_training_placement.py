"""Components are placed on clusters, and an empty cluster stays spare."""

import numpy as np
import pytest
import torch

from genlab.models.component_vae import ComponentVAE, ComponentVAEConfig
from genlab.training.placement import (
    PRIOR_COUNT,
    Clusters,
    group_gaussians,
    group_means,
    place_components,
)

CENTRES = np.array([[4.0, 0, 0], [0, 4, 0], [0, 0, 4], [-4, -4, 0]], np.float32)


def data(n: int = 200) -> tuple[torch.Tensor, np.ndarray]:
    rng = np.random.default_rng(0)
    kind = np.arange(n) % 4
    return torch.tensor(CENTRES[kind] + 0.2 * rng.normal(size=(n, 3)).astype(np.float32)), kind


def model_for(x: torch.Tensor, prior: str, components: int = 4) -> ComponentVAE:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = ComponentVAE(
            ComponentVAEConfig(
                input_dim=3, components=components, latent_dim=3, hidden=16, layers=1, prior=prior
            )
        )
    model.fit_standardisation(x)
    return model


@pytest.mark.parametrize(("likelihood", "by_latent"), [("gaussian", False), ("bernoulli", True)])
def test_pixels_are_clustered_by_their_latents(likelihood: str, by_latent: bool):
    """Two dimensions: the inputs fall apart along the first, the latents along the second."""
    side = torch.tensor([[-1.0, -0.4], [-1.0, 0.4], [1.0, -0.4], [1.0, 0.4]]).repeat(20, 1)
    config = ComponentVAEConfig(
        input_dim=2, components=2, latent_dim=1, layers=0, likelihood=likelihood
    )
    model = ComponentVAE(config)
    with torch.no_grad():
        model.encoder.mean.weight.copy_(torch.tensor([[0.0, 1.0]]))
        model.encoder.mean.bias.zero_()
    found = place_components(model, side, seed=0).assignment
    kind = (side[:, int(by_latent)] > 0).long()
    assert bool((found == kind).all() or (found == 1 - kind).all())


@pytest.mark.parametrize("prior", ["standard_normal", "mixture", "vamp"])
def test_each_cluster_gets_its_component(prior: str):
    x, kind = data()
    model = model_for(x, prior)
    with torch.no_grad():  # evidence as sharp as after phase 1
        model.encoder.log_var.bias.fill_(-5)
    place_components(model, x, seed=0)
    assert model.placed
    with torch.no_grad():
        found = model.posterior(x).log_responsibilities.argmax(1).numpy()
    pairs = {(int(k), int(c)) for k, c in zip(kind, found, strict=True)}
    assert len(pairs) == 4
    assert len({c for _, c in pairs}) == 4


def test_the_same_seed_places_the_same():
    x, _ = data()
    first, second = model_for(x, "mixture"), model_for(x, "mixture")
    place_components(first, x, seed=3)
    place_components(second, x, seed=3)
    assert torch.equal(first.prior.mean, second.prior.mean)


def test_more_components_than_patterns_leaves_spares_with_hardly_any_weight():
    x, _ = data(6)
    model = model_for(x, "mixture", components=10)
    clusters = place_components(model, x, seed=0)
    weights = model.prior.log_weights().exp().detach()
    assert int((clusters.size == 0).sum()) == 4
    assert float(weights[clusters.size == 0].max()) < 0.02
    assert bool(torch.isfinite(model.log_prob(x)).all())


def test_group_statistics_are_those_of_the_groups():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(50, 2, generator=g, dtype=torch.float64)
    assignment = torch.randint(0, 3, (50,), generator=g)
    clusters = Clusters(assignment, torch.bincount(assignment, minlength=4))
    mean, log_var = group_gaussians(x, clusters)
    pooled = (
        sum(((x[i] - x[assignment == assignment[i]].mean(0)) ** 2).numpy() for i in range(50)) / 50
    )
    for c in range(3):
        rows = x[assignment == c].numpy()
        np.testing.assert_allclose(group_means(x, clusters)[c], rows.mean(0))
        n = len(rows)
        expected = (n * rows.var(0) + PRIOR_COUNT * pooled) / (n + PRIOR_COUNT)
        np.testing.assert_allclose(log_var[c].exp(), expected)
    np.testing.assert_allclose(mean[3], x.numpy().mean(0))
    np.testing.assert_allclose(log_var[3].exp(), x.numpy().var(0))

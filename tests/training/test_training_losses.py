"""Each term against a naive second implementation; the whole against finite differences."""

import math

import numpy as np
import pytest
import torch

from genlab.config import LossWeights
from genlab.models.component_vae import ComponentVAE, ComponentVAEConfig
from genlab.training.losses import (
    Batch,
    classification,
    contrastive,
    kl_c,
    neighbour,
    objective,
    reconstruction,
    sparsity,
    tau_of,
    view_groups,
)


def log_responsibilities(n: int = 6, k: int = 4) -> torch.Tensor:
    g = torch.Generator().manual_seed(0)
    return torch.log_softmax(torch.randn(n, k, generator=g, dtype=torch.float64), -1)


def test_reconstruction_is_the_expected_negative_log_likelihood():
    log_lik, weights = torch.tensor([[-1.0, -3.0]]), torch.tensor([[0.25, 0.75]])
    assert float(reconstruction(log_lik, weights)) == pytest.approx(0.25 + 2.25)


def test_kl_c_is_the_sum_over_components():
    log_r, pi = log_responsibilities(), np.array([0.1, 0.2, 0.3, 0.4])
    r = log_r.exp().numpy()
    expected = [sum(r[i, c] * np.log(r[i, c] / pi[c]) for c in range(4)) for i in range(6)]
    np.testing.assert_allclose(kl_c(log_r, torch.tensor(pi).log()), expected)


def test_sparsity_is_the_entropy_of_the_usage_and_its_gradient_is_finite_at_zero_usage():
    log_r = log_responsibilities()
    usage = log_r.exp().mean(0).numpy()
    assert float(sparsity(log_r)) == pytest.approx(-(usage * np.log(usage)).sum())
    logits = torch.tensor([[0.0, -2000.0, 1.0]], dtype=torch.float64, requires_grad=True)
    sparsity(torch.log_softmax(logits, -1)).backward()
    assert bool(torch.isfinite(logits.grad).all())


def test_classification_is_the_loop_over_labelled_patterns():
    log_r, labels = log_responsibilities(), torch.tensor([0, -1, 2, 1, -1, 0])
    tau = torch.softmax(torch.randn(4, 3, generator=torch.Generator().manual_seed(1)), 1).double()
    expected = []
    for i, y in enumerate(labels.tolist()):
        if y >= 0:
            expected.append(-np.log(sum(float(log_r[i, c].exp() * tau[c, y]) for c in range(4))))
    np.testing.assert_allclose(classification(log_r, tau, labels), expected)


def test_tau_is_the_smoothed_label_store():
    log_r, labels, alpha0 = log_responsibilities(), torch.tensor([0, -1, 2, 1, -1, 0]), 0.3
    store = np.zeros((4, 3))
    for i, y in enumerate(labels.tolist()):
        for c in range(4):
            if y >= 0:
                store[c, y] += float(log_r[i, c].exp())
    expected = (store + alpha0) / (store + alpha0).sum(1, keepdims=True)
    np.testing.assert_allclose(tau_of(log_r, labels, 3, alpha0), expected)


def test_contrastive_is_the_loop_of_the_paper():
    g = torch.Generator().manual_seed(2)
    features = torch.randn(7, 3, generator=g, dtype=torch.float64)
    groups, temperature = [0, 1, 0, 2, 1, 0, 3], 0.2
    z = features.numpy() / np.linalg.norm(features.numpy(), axis=1, keepdims=True)
    losses = []
    for i in range(7):
        positives = [p for p in range(7) if p != i and groups[p] == groups[i]]
        if positives:
            others = sum(np.exp(z[i] @ z[a] / temperature) for a in range(7) if a != i)
            each = [-np.log(np.exp(z[i] @ z[p] / temperature) / others) for p in positives]
            losses.append(sum(each) / len(positives))
    found = contrastive(features, torch.tensor(groups), temperature)
    assert float(found) == pytest.approx(np.mean(losses))


def test_contrastive_without_any_positive_is_zero_with_a_finite_gradient():
    features = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    loss = contrastive(features, torch.arange(3))
    loss.backward()
    assert float(loss.detach()) == 0
    assert bool(torch.isfinite(features.grad).all())


def test_views_share_a_group_with_their_twin_and_with_their_label():
    groups = view_groups(torch.tensor([5, -1, 5, -1]), 4)
    assert torch.equal(groups[:4], groups[4:])
    assert groups[0] == groups[2]
    assert len(set(groups[:4].tolist())) == 3
    assert len(set(view_groups(None, 4).tolist())) == 4


@pytest.mark.parametrize("prior", ["standard_normal", "mixture", "vamp"])
@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_gradients_of_the_whole_objective(prior: str, likelihood: str):
    config = ComponentVAEConfig(
        input_dim=3,
        components=3,
        latent_dim=2,
        hidden=3,
        layers=1,
        prior=prior,
        likelihood=likelihood,
        vamp_pull=0.3,
    )
    g = torch.Generator().manual_seed(3)
    model = ComponentVAE(config).double()
    model.prior.placed.fill_(True)
    learning = [p for p in model.parameters() if p.requires_grad]
    with torch.no_grad():
        for parameter in learning:
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=g, dtype=torch.float64))
    batch = Batch(
        torch.rand(4, 3, generator=g, dtype=torch.float64),
        torch.tensor([0, -1, 1, 0]),
        torch.tensor([[0.7, 0.3], [0.2, 0.8], [0.5, 0.5]], dtype=torch.float64),
    )
    weights = LossWeights(contrastive_weight=0.5, sparsity_weight=0.7)

    def loss(*_: torch.Tensor) -> torch.Tensor:  # gradcheck moves the parameters in place
        return objective(model, batch, weights, torch.Generator().manual_seed(4))[0]

    assert torch.autograd.gradcheck(loss, tuple(learning), atol=1e-6)


def test_the_sum_is_weighted_by_name_and_absent_terms_stay_out():
    config = ComponentVAEConfig(input_dim=3, components=2, latent_dim=2, hidden=4)
    model, x = ComponentVAE(config), torch.randn(5, 3)
    weights = LossWeights(
        reconstruction_weight=2,
        kl_weight=3,
        kl_c_weight=5,
        sparsity_weight=7,
        classification_weight=11,
        contrastive_weight=0,
    )
    total, terms, _ = objective(model, Batch(x, None, None), weights, torch.Generator())
    assert set(terms) == {"reconstruction", "kl", "kl_c", "sparsity"}
    expected = 2 * terms["reconstruction"] + 3 * terms["kl"]
    expected = expected + 5 * terms["kl_c"] + 7 * terms["sparsity"]
    assert float(total.detach()) == pytest.approx(float(expected.detach()))


def test_neighbour_is_minus_the_pointwise_mutual_information_of_a_pair():
    """Enumerated: p(same) / p(one) p(other) summed over components."""
    r = torch.tensor([[0.7, 0.2, 0.1], [0.0, 0.5, 0.5]]).clamp(min=1e-9)
    partners = torch.tensor([[0.6, 0.3, 0.1], [1.0, 0.0, 0.0]]).clamp(min=1e-9)
    pi = torch.tensor([0.5, 0.3, 0.2])
    found = neighbour(r.log(), partners.log(), pi.log())
    expected = -math.log(0.7 * 0.6 / 0.5 + 0.2 * 0.3 / 0.3 + 0.1 * 0.1 / 0.2)
    assert found[0].item() == pytest.approx(expected, rel=1e-5)
    assert found[1] > 15  # nothing in common

"""The edge: what is refused, and that scores are the model's."""

import numpy as np
import pytest
import torch

from genlab.errors import InputError
from genlab.models.component_vae import ComponentVAE, ComponentVAEConfig
from genlab.models.scoring import as_patterns, score


@pytest.fixture
def model() -> ComponentVAE:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return ComponentVAE(ComponentVAEConfig(input_dim=3, components=4, latent_dim=2, hidden=5))


def test_not_a_number_names_its_row(model: ComponentVAE):
    x = np.zeros((5, 3), np.float32)
    x[2, 1] = np.nan
    x[4, 0] = np.inf
    with pytest.raises(InputError, match="2 of 5 rows, the first is row 2"):
        score(model, x)


@pytest.mark.parametrize(
    "bad", [np.zeros(3), np.zeros((2, 4)), np.array([["a", "b", "c"]]), np.zeros((2, 3), complex)]
)
def test_wrong_shape_or_type_says_what_was_expected(model: ComponentVAE, bad: np.ndarray):
    with pytest.raises(InputError, match=r"expected numbers of shape \(N, 3\)"):
        score(model, bad)


def test_a_double_too_large_for_a_float_is_refused():
    with pytest.raises(InputError, match="NaN or infinity"):
        as_patterns(np.array([[1e300]]), 1)


def test_scores_are_the_models_whatever_the_chunks(model: ComponentVAE):
    x = np.random.default_rng(0).normal(size=(2100, 3)).astype(np.float32)
    scores = score(model, x, samples=3, top=4)
    with torch.no_grad():
        expected = model.log_prob(torch.tensor(x), samples=3, top=4)
    np.testing.assert_allclose(scores.log_prob, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(scores.responsibilities.sum(1), 1, rtol=1e-5)
    assert scores.latent_mean.shape == scores.latent_log_var.shape == (2100, 2)


def test_nothing_gives_nothing(model: ComponentVAE):
    scores = score(model, np.zeros((0, 3)))
    assert [field.shape for field in scores] == [(0, 4), (0, 2), (0, 2), (0,)]

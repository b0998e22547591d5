"""The steering wheel on real data: each slider does what it says, beside a run that left it alone.

Scikit-learn's digits; every run continues from one and the same state, so that only the slider
differs.  What is compared is measured on digits kept out of training.
"""

import copy
import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestNeighbors

from genlab.config import LossWeights, load_settings
from genlab.labelling.label_store import label_counts
from genlab.labelling.label_store import tau as tau_of
from genlab.models.component_vae import ComponentVAEConfig
from genlab.models.scoring import score
from genlab.training.curriculum import continuation, load_curriculum
from genlab.training.loop import EpochReport, TrainingState, new_state, train
from genlab.training.losses import elbo_terms

SETTINGS = load_settings().training.model_copy(update={"threads": 1, "batch_size": 64})
NEUTRAL = LossWeights(classification_weight=0, contrastive_weight=0)
EPOCHS = 4
PER_KIND = 10


class Digits(NamedTuple):
    x: np.ndarray  # (N, 64), the training patterns
    labels: np.ndarray  # (N,) ten of each kind, else -1
    held: np.ndarray  # (M, 64), kept out
    kinds: np.ndarray  # (M,)


@pytest.fixture(scope="module")
def digits() -> Digits:
    bunch = load_digits()
    x, y = (bunch.data / 16).astype(np.float32), bunch.target
    labels = np.full(900, -1)
    for kind in range(10):
        labels[np.flatnonzero(y[:900] == kind)[:PER_KIND]] = kind
    return Digits(x[:900], labels, x[900:], y[900:])


def fresh(x: np.ndarray, prior: str = "mixture") -> TrainingState:
    config = ComponentVAEConfig(
        input_dim=64,
        components=40,
        latent_dim=8,
        hidden=64,
        prior=prior,
        likelihood="bernoulli",
        top_components=4,
    )
    return new_state(config, x, 2e-3, seed=0)


@pytest.fixture(scope="module")
def start(digits: Digits) -> TrainingState:
    """The state every run goes on from: the default curriculum, without labels."""
    state = fresh(digits.x)
    list(train(state, digits.x, None, load_curriculum("default").within(16), NEUTRAL, SETTINGS))
    return state


class Run(NamedTuple):
    state: TrainingState
    reports: list[EpochReport]
    digits: Digits


Steer = Callable[..., Run]


@pytest.fixture(scope="module")
def steer(digits: Digits, start: TrainingState) -> Steer:
    """A run of EPOCHS from ``start`` with some sliders moved; each is made once."""
    made: dict[tuple[tuple[str, float], ...], Run] = {}

    def run(**sliders: float) -> Run:
        key = tuple(sorted(sliders.items()))
        if key not in made:
            state = copy_of(start)
            weights = NEUTRAL.model_copy(update=sliders)
            labels = digits.labels
            reports = list(train(state, digits.x, labels, continuation(EPOCHS), weights, SETTINGS))
            made[key] = Run(state, reports, digits)
        return made[key]

    return run


def copy_of(state: TrainingState) -> TrainingState:
    """A state that shares nothing with ``state``."""
    generator = torch.Generator()
    generator.set_state(state.generator.get_state())
    model, optimiser = copy.deepcopy((state.model, state.optimiser))
    return TrainingState(model, optimiser, generator, state.epoch)


@torch.no_grad()
def terms(run: Run) -> dict[str, float]:
    """Means per held-out digit, in nats."""
    x = torch.tensor(run.digits.held)
    noise = torch.randn(len(x), 4, 8, generator=torch.Generator().manual_seed(1))
    found, _ = elbo_terms(run.state.model, x, noise)
    return {name: float(value.mean()) for name, value in found._asdict().items()}


@torch.no_grad()
def reconstruction_error(run: Run) -> float:
    """Mean square of held-out digit minus decoded mean."""
    model, x = run.state.model, torch.tensor(run.digits.held)
    q = model.posterior(x, top=1)
    return float((model.decode(q.latent.mean[:, 0], q.components[:, 0]) - x).square().mean())


def label_quality(run: Run) -> tuple[float, float]:
    """Accuracy of tau, and mean -log p(y|x), on held-out digits."""
    model, d = run.state.model, run.digits
    counts = label_counts(score(model, d.x).responsibilities, d.labels, 10)
    p = score(model, d.held).responsibilities @ tau_of(counts, 0.001)
    return (p.argmax(1) == d.kinds).mean(), -np.log(p[np.arange(len(p)), d.kinds]).mean()


def tightness(run: Run) -> float:
    """Mean cosine of held-out latents within a kind, less that of all pairs."""
    with torch.no_grad():
        model = run.state.model
        z = model.encoder(model.standardise(torch.tensor(run.digits.held))).mean.numpy()
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    same = run.digits.kinds[:, None] == run.digits.kinds
    np.fill_diagonal(same, False)
    cosine = z @ z.T
    return cosine[same].mean() - cosine.mean()


def usage(run: Run) -> int:
    """Components that are the likeliest of a training digit."""
    return len(np.unique(score(run.state.model, run.digits.x).responsibilities.argmax(1)))


def test_reconstruction_up_lowers_the_error_and_down_raises_it(steer: Steer):
    low, base, high = (steer(reconstruction_weight=w) for w in (0.25, 1.0, 4.0))
    assert terms(high)["reconstruction"] + 0.5 < terms(base)["reconstruction"]
    assert terms(base)["reconstruction"] + 0.5 < terms(low)["reconstruction"]
    assert reconstruction_error(high) < 0.95 * reconstruction_error(base)
    assert reconstruction_error(base) < 0.95 * reconstruction_error(low)


def test_kl_up_lowers_what_the_latent_says_and_down_raises_it(steer: Steer):
    low, base, high = (terms(steer(kl_weight=w))["kl"] for w in (0.25, 1.0, 4.0))
    assert high < 0.5 * base
    assert low > 2 * base


def test_kl_c_up_lowers_what_the_component_says_and_down_raises_it(steer: Steer):
    low, base, high = (terms(steer(kl_c_weight=w))["kl_c"] for w in (0.1, 1.0, 8.0))
    assert high < 0.7 * base
    assert low > 1.1 * base


def test_sparsity_up_leaves_fewer_components_active(steer: Steer):
    none, more = usage(steer(sparsity_weight=0.0)), usage(steer(sparsity_weight=10.0))
    assert 1 <= more < 0.7 * none


def test_classification_up_names_held_out_digits_better(steer: Steer):
    """Ten labels a kind; the kinds of the digits measured are known to no run."""
    base, high = (steer(classification_weight=w) for w in (0.0, 10.0))
    assert label_quality(high)[0] > label_quality(base)[0] + 0.05
    named = [run.reports[-1].terms["classification"] for run in (base, high)]
    assert named[1] < 0.5 * named[0]


def test_neighbour_up_puts_near_digits_into_one_component(digits: Digits, start: TrainingState):
    near = NearestNeighbors(n_neighbors=6).fit(digits.x).kneighbors(digits.x)[1][:, 1:]
    shared = []
    for weight in (0.0, 1.0, 10.0):
        state, weights = copy_of(start), NEUTRAL.model_copy(update={"neighbour_weight": weight})
        how = continuation(EPOCHS), weights, SETTINGS
        list(train(state, digits.x, None, *how, neighbours=near))
        r = score(state.model, digits.x).responsibilities
        shared.append((r[:, None] * r[near]).sum(-1).mean())
    assert shared[0] + 0.02 < shared[1]
    assert shared[1] + 0.05 < shared[2]


def test_contrast_up_draws_the_latents_of_a_kind_together(steer: Steer):
    base, low, high = (tightness(steer(contrastive_weight=w)) for w in (0.0, 0.5, 5.0))
    assert base < low < high
    assert high > base + 0.2


def test_a_learned_prior_fits_held_out_digits_better_than_the_standard_one(digits: Digits):
    def log_prob(prior: str) -> float:
        state = fresh(digits.x, prior)
        curriculum = load_curriculum("default").within(16)
        list(train(state, digits.x, None, curriculum, NEUTRAL, SETTINGS))
        return float(score(state.model, digits.held, samples=16, top=8).log_prob.mean())

    standard, mixture, vamp = map(log_prob, ("standard_normal", "mixture", "vamp"))
    assert mixture > standard + 0.3
    assert vamp > standard + 0.3


def test_two_epochs_and_three_are_five_without_a_jump(digits: Digits, start: TrainingState):
    """Every term at work; between epochs the loss moves by less than one part in twenty."""
    weights = LossWeights()
    once, twice = copy_of(start), copy_of(start)
    whole, parts = (
        [
            report.loss
            for epochs in runs
            for report in train(
                state, digits.x, digits.labels, continuation(epochs), weights, SETTINGS
            )
        ]
        for state, runs in ((once, (5,)), (twice, (2, 3)))
    )
    assert whole == parts
    assert max(abs(b - a) / a for a, b in itertools.pairwise(whole)) < 0.05
    for name, tensor in once.model.state_dict().items():
        assert torch.equal(tensor, twice.model.state_dict()[name]), name

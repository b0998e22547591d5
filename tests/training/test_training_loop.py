"""The loop on data whose structure is known."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score

from genlab.config import LossWeights, TrainingSettings
from genlab.errors import GenlabError, InputError
from genlab.models.component_vae import ComponentVAEConfig
from genlab.models.scoring import score
from genlab.training.curriculum import Curriculum, Phase, continuation, load_curriculum
from genlab.training.loop import EpochReport, TrainingState, new_state, train
from genlab.training.losses import TERMS

WEIGHTS = LossWeights()
DIMS = 20


def blobs(kinds: int, n: int, dims: int = DIMS, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """``n`` points (n, dims) float32 around ``kinds`` centres, and their kinds (n,)."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(kinds, dims)) * 2
    kind = rng.integers(kinds, size=n)
    return (centres[kind] + 0.5 * rng.normal(size=(n, dims))).astype(np.float32), kind


def state_for(x: np.ndarray, components: int = 12, prior: str = "mixture") -> TrainingState:
    config = ComponentVAEConfig(
        input_dim=x.shape[1],
        components=components,
        latent_dim=4,
        hidden=32,
        layers=1,
        prior=prior,
        top_components=4,
    )
    return new_state(config, x, 1e-3, seed=0)


def test_reports_tell_every_epoch(settings: TrainingSettings):
    x, kind = blobs(3, 150)
    labels = np.where(np.arange(150) < 20, kind, -1)
    state = state_for(x)
    reports = list(train(state, x, labels, load_curriculum("default"), WEIGHTS, settings))
    phases = load_curriculum("default").phases(has_labels=True)
    assert [r.phase for r in reports] == [p.name for p in phases for _ in range(p.epochs)]
    assert [r.epoch for r in reports] == list(range(1, len(reports) + 1))
    assert state.epoch == len(reports)
    last = reports[-1]
    assert set(last.terms) == set(TERMS)
    assert last.weights == WEIGHTS.model_dump()
    weighted = sum(last.weights[f"{name}_weight"] * (last.terms[name] or 0.0) for name in TERMS)
    assert last.terms["neighbour"] is None  # no neighbours were given
    assert last.loss == pytest.approx(weighted, rel=1e-3)
    assert reports[0].terms["contrastive"] is None
    assert last.terms["reconstruction"] < reports[0].terms["reconstruction"]


@pytest.mark.parametrize("prior", ["standard_normal", "mixture", "vamp"])
def test_two_and_two_epochs_are_four(prior: str, settings: TrainingSettings):
    x, kind = blobs(3, 150)
    curriculum = Curriculum(phase=(Phase(name="p", epochs=1, place_components=True),))
    once, twice = state_for(x, prior=prior), state_for(x, prior=prior)
    for state in (once, twice):
        list(train(state, x, kind, curriculum, WEIGHTS, settings))
    list(train(once, x, kind, continuation(4), WEIGHTS, settings))
    for _ in range(2):
        list(train(twice, x, kind, continuation(2), WEIGHTS, settings))
    for name, tensor in once.model.state_dict().items():
        assert torch.equal(tensor, twice.model.state_dict()[name]), name


@pytest.mark.parametrize("prior", ["standard_normal", "mixture", "vamp"])
def test_the_default_curriculum_finds_the_structure(prior: str, settings: TrainingSettings):
    x, kind = blobs(6, 600)
    state = state_for(x, components=12, prior=prior)
    reports = list(train(state, x, None, load_curriculum("default"), WEIGHTS, settings))
    scores = score(state.model, x)
    found = scores.responsibilities.argmax(1)
    plain = KMeans(12, n_init=1, random_state=0).fit_predict(x)
    assert reports[-1].active_components >= 6
    assert normalized_mutual_info_score(kind, found) > 0.75
    assert (
        normalized_mutual_info_score(kind, found) > normalized_mutual_info_score(kind, plain) - 0.05
    )
    far = np.random.default_rng(1).normal(size=(200, DIMS)).astype(np.float32) * 6
    assert score(state.model, far).log_prob.max() < np.quantile(scores.log_prob, 0.05)


def test_more_sparsity_leaves_fewer_components_active(settings: TrainingSettings):
    x, _ = blobs(4, 300)

    def active(sparsity_weight: float) -> int:
        prior = Phase(name="prior", epochs=25, place_components=True)
        curriculum = Curriculum(phase=(Phase(name="first", epochs=2), prior))
        weights = LossWeights(sparsity_weight=sparsity_weight, contrastive_weight=0)
        state = state_for(x, components=16)
        return list(train(state, x, None, curriculum, weights, settings))[-1].active_components

    few, many = active(30.0), active(0.0)
    assert few < many
    assert few >= 1


def test_the_vamp_pull_draws_the_pseudo_inputs_to_the_middle(settings: TrainingSettings):
    x, _ = blobs(4, 300)

    def distance(pull: float) -> float:
        state = state_for(x, prior="vamp")
        config = state.model.config.model_copy(update={"vamp_pull": pull})
        state = new_state(config, x, 1e-3, seed=0)
        list(train(state, x, None, load_curriculum("default"), WEIGHTS, settings))
        return float(state.model.prior.penalty().detach())

    assert distance(10.0) < 0.7 * distance(0.0)


def test_labels_pull_their_patterns_together(settings: TrainingSettings):
    x, kind = blobs(4, 300, seed=1)
    labels = kind // 2  # what no cluster says
    state = state_for(x)
    list(train(state, x, None, load_curriculum("default"), WEIGHTS, settings))
    weights = LossWeights(classification_weight=5, contrastive_weight=5)
    reports = list(train(state, x, labels, continuation(6), weights, settings))
    assert reports[-1].terms["contrastive"] < reports[0].terms["contrastive"]
    assert reports[-1].terms["classification"] < reports[0].terms["classification"] + 1e-3


def test_stopping_between_batches_leaves_the_epoch_uncounted(settings: TrainingSettings):
    x, _ = blobs(3, 300)
    state, asked = state_for(x), []

    def stop() -> bool:
        asked.append(None)
        return len(asked) > 10  # 300 patterns are 9 batches of 37 at most: in the second epoch

    reports = list(train(state, x, None, continuation(3), WEIGHTS, settings, should_stop=stop))
    assert (len(reports), state.epoch, len(asked)) == (1, 1, 11)
    more = list(train(state, x, None, continuation(1), WEIGHTS, settings))
    assert [r.epoch for r in more] == [2]


def test_data_may_grow_and_placed_components_are_not_placed_again(settings: TrainingSettings):
    x, _ = blobs(3, 200)
    state = state_for(x[:120])
    list(train(state, x[:120], None, load_curriculum("default"), WEIGHTS, settings))
    before = state.model.prior.component_params().mean.detach().clone()
    phase = Phase(name="again", epochs=1, place_components=True)
    slow = settings.model_copy(update={"learning_rate": 1e-6})
    list(train(state, x, None, Curriculum(phase=(phase,)), WEIGHTS, slow))
    after = state.model.prior.component_params().mean.detach()
    np.testing.assert_allclose(after, before, atol=1e-4)


def test_training_leaves_the_global_random_state_alone(settings: TrainingSettings):
    x, _ = blobs(3, 100)
    before = torch.get_rng_state()
    list(train(state_for(x), x, None, continuation(1), WEIGHTS, settings))
    assert torch.equal(before, torch.get_rng_state())


def test_a_loss_that_is_no_number_is_an_error_that_helps(settings: TrainingSettings):
    x, _ = blobs(3, 100)
    wild = settings.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(GenlabError, match=r"lower training\.learning_rate"):
        list(train(state_for(x), x, None, continuation(5), WEIGHTS, wild))


@pytest.mark.parametrize("labels", [np.zeros(3, int), np.zeros(100), np.zeros((100, 1), int)])
def test_wrong_labels_are_refused(labels: np.ndarray, settings: TrainingSettings):
    x, _ = blobs(3, 100)
    with pytest.raises(InputError, match="whole numbers"):
        next(train(state_for(x), x, labels, continuation(1), WEIGHTS, settings))


def test_nothing_to_train_on_is_refused():
    config = ComponentVAEConfig(input_dim=3, components=2)
    with pytest.raises(InputError, match="no patterns"):
        new_state(config, np.zeros((0, 3)), 1e-3, 0)


def test_report_type_is_a_row(settings: TrainingSettings):
    x, _ = blobs(3, 70)
    (report,) = train(state_for(x), x, None, continuation(1), WEIGHTS, settings)
    assert isinstance(report, EpochReport)
    assert report.seconds > 0
    assert report.active_components == 1  # nothing is placed yet

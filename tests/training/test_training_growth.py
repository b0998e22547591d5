"""A new kind finds room, and at that moment nothing else moves."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from genlab.config import load_settings
from genlab.labelling import conformal_p
from genlab.models.component_vae import ComponentVAEConfig
from genlab.models.priors import VampPrior
from genlab.models.scoring import score
from genlab.training import growth
from genlab.training.checkpoints import load_checkpoint, save_checkpoint
from genlab.training.curriculum import continuation, load_curriculum
from genlab.training.growth import PER_COMPONENT, enlarge, grow, settled_groups
from genlab.training.loop import TrainingState, new_state, train

SETTINGS = load_settings()
KINDS = 5 * np.eye(8, dtype=np.float32)[:5]


def blobs(kinds: list[int], each: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = np.repeat(KINDS[kinds], each, axis=0)
    return (centres + rng.normal(size=centres.shape)).astype(np.float32)


OLD, NEW = blobs([0, 1, 2, 3], 60), blobs([4], 30, seed=1)
BOTH = np.concatenate([OLD, NEW])
NOVEL = np.arange(len(BOTH)) >= len(OLD)


def run(state: TrainingState, data: np.ndarray, epochs: int) -> None:
    for _ in train(state, data, None, continuation(epochs), SETTINGS.weights, SETTINGS.training):
        pass


def trained(prior: str) -> TrainingState:
    config = ComponentVAEConfig(
        input_dim=8,
        components=4,
        latent_dim=4,
        hidden=32,
        layers=1,
        prior=prior,
    )
    state = new_state(config, OLD, 0.003, seed=0)
    curriculum = load_curriculum("default").within(12)
    for _ in train(state, OLD, None, curriculum, SETTINGS.weights, SETTINGS.training):
        pass
    return state


@pytest.fixture(scope="module")
def fitted() -> dict[str, TrainingState]:
    return {prior: trained(prior) for prior in ("standard_normal", "mixture", "vamp")}


@pytest.fixture(params=["standard_normal", "mixture", "vamp"])
def state(request: pytest.FixtureRequest, fitted: dict[str, TrainingState]) -> TrainingState:
    return copy.deepcopy(fitted[request.param])


def log_odds(state: TrainingState, k: int) -> torch.Tensor:
    """Of components 1..k-1 against component 0, from the unclamped logits."""
    model = state.model
    x = model.standardise(torch.tensor(BOTH))
    evidence, prior = model.encoder(x), model.prior.component_params()
    log_var = torch.logaddexp(prior.log_var, model.encoder.typical_log_var())
    z, mean = evidence.mean[:, None], prior.mean + model.component_offset
    fit = torch.distributions.Normal(mean, (0.5 * log_var).exp()).log_prob(z).sum(-1)
    logits = model.prior.logits + fit + model.gate(x)
    return (logits[:, 1:k] - logits[:, :1]).detach()


def test_when_a_group_opens_nothing_else_moves(state: TrainingState):
    before, k = copy.deepcopy(state), state.model.config.components
    odds, r = log_odds(state, k), score(state.model, BOTH).responsibilities
    done = grow(state, BOTH, NOVEL, wanted=0)
    assert len(done.opened) == round(done.patterns / PER_COMPONENT)
    assert not done.split
    new = state.model.state_dict()
    others = [c for c in range(k) if c not in done.opened]
    per_component = 0
    for name, was in before.model.state_dict().items():
        if was.shape == new[name].shape and name != "gate.bias" and len(others) == k:
            assert torch.equal(was, new[name]), name
        else:
            per_component += 1
            assert torch.equal(was[others], new[name][others]), name
    assert per_component >= 5  # weights, bias, offset, gate twice
    names = {p: n for n, p in state.model.named_parameters()}
    moments = {names[p]: m for p, m in state.optimiser.state.items()}
    for name, parameter in before.model.named_parameters():
        for key, was in before.optimiser.state.get(parameter, {}).items():
            now = moments[name][key]
            same = now if was.shape == now.shape else now[:k]
            assert torch.equal(was, same) or torch.equal(was[others], same[others])
    after = score(state.model, BOTH)
    assert torch.equal(odds, log_odds(state, k))  # to the bit: none gained on another
    assert np.isin(after.responsibilities[NOVEL].argmax(1), done.opened).mean() > 0.85
    np.testing.assert_allclose(
        after.responsibilities[:, others][~NOVEL], r[:, others][~NOVEL], atol=0.02
    )
    gain = after.log_prob - score(before.model, BOTH).log_prob
    assert gain[NOVEL].mean() > 1.0
    if isinstance(state.model.prior, VampPrior):  # its weights stay uniform: 1 / K each
        gain += np.log(state.model.config.components / k)
    assert np.abs(gain[~NOVEL]).mean() < 0.2


def test_a_new_component_decodes_to_what_it_was_placed_on(state: TrainingState):
    done = grow(state, BOTH, NOVEL, wanted=0)
    owner = score(state.model, NEW).responsibilities.argmax(1)
    rows = torch.tensor(NEW[np.isin(owner, done.opened)])
    with torch.no_grad():
        z = state.model.encoder(state.model.standardise(rows)).mean
        mean = state.model.decode(z, torch.tensor(owner[np.isin(owner, done.opened)]))
    np.testing.assert_allclose(mean.mean(0), rows.mean(0), atol=0.5)  # 5 from any other kind


def test_a_new_kind_is_novel_then_at_home_and_the_old_stay(state: TrainingState):
    """The whole road: p-values from kept-out rows of the old kinds, growth, replay."""
    kept_out, test = blobs([0, 1, 2, 3], 25, seed=2), blobs([0, 1, 2, 3], 50, seed=3)
    calibration = score(state.model, kept_out).log_prob
    novel = conformal_p(-calibration, -score(state.model, BOTH).log_prob) < 0.05
    assert novel[NOVEL].mean() > 0.9
    owner = score(state.model, test).responsibilities.argmax(1)
    done = grow(state, BOTH, novel, wanted=0)
    assert 0.8 * len(NEW) <= done.patterns <= 1.2 * len(NEW)
    run(state, BOTH, 3)
    fresh = blobs([4], 50, seed=4)
    assert np.isin(score(state.model, fresh).responsibilities.argmax(1), done.opened).mean() > 0.85
    assert (conformal_p(-calibration, -score(state.model, fresh).log_prob) < 0.05).mean() < 0.3
    assert (score(state.model, test).responsibilities.argmax(1) == owner).mean() > 0.8
    again = conformal_p(-score(state.model, kept_out).log_prob, -score(state.model, BOTH).log_prob)
    assert not grow(state, BOTH, again < 0.05, wanted=0).opened


def test_only_dense_groups_among_novel_neighbours_settle():
    rng = np.random.default_rng(0)
    strangers = rng.normal(scale=15, size=(40, 8)).astype(np.float32)
    x = np.concatenate([OLD, NEW, strangers])
    novel = np.arange(len(x)) >= len(OLD)
    (group,) = settled_groups(x, novel)
    assert set(group) <= set(np.flatnonzero(NOVEL))
    assert len(group) > 0.8 * len(NEW)
    odd = rng.random(len(OLD)) < 0.05  # what false alarms look like
    assert settled_groups(OLD, odd) == []
    assert settled_groups(x, np.zeros(len(x), bool)) == []
    assert settled_groups(x[:3], np.ones(3, bool)) == []
    two = np.concatenate([OLD, NEW, NEW[:12] + 20])
    groups = settled_groups(two, np.arange(len(two)) >= len(OLD))
    assert [set(g // (len(OLD) + len(NEW))) for g in groups] == [{0}, {1}]


def test_spare_components_open_before_the_model_grows(fitted: dict[str, TrainingState]):
    state = copy.deepcopy(fitted["mixture"])
    k = state.model.config.components
    enlarge(state, k + 2)
    grown = score(state.model, BOTH).responsibilities
    with torch.no_grad():  # far away and without weight: nobody's
        state.model.prior.mean[k:] = 50.0
    assert grown.shape == (len(BOTH), k + 2)
    done = grow(state, BOTH, NOVEL, wanted=0)
    assert {k, k + 1} <= set(done.opened)
    assert state.model.config.components == max(k + 2, max(done.opened) + 1)


def test_a_model_does_not_grow_beyond_its_most(
    fitted: dict[str, TrainingState], monkeypatch: pytest.MonkeyPatch
):
    state = copy.deepcopy(fitted["mixture"])
    monkeypatch.setattr(growth, "MOST_COMPONENTS", state.model.config.components + 2)
    done = grow(state, BOTH, NOVEL, wanted=99)
    assert state.model.config.components <= growth.MOST_COMPONENTS
    assert len(done.opened) >= 2
    assert not done.split


def test_k_follows_the_data_where_it_is_crowded(fitted: dict[str, TrainingState]):
    state = copy.deepcopy(fitted["mixture"])
    k = state.model.config.components
    more = np.concatenate([OLD, blobs([0], 200, seed=5)])
    owner = score(state.model, more).responsibilities.argmax(1)
    before = state.model.state_dict()
    load = np.bincount(owner, minlength=k)
    done = grow(state, more, np.zeros(len(more), bool), wanted=k + 6)
    assert not done.opened
    assert state.model.config.components == k + 6 == k + len(done.split)
    assert load[list(set(done.split.values()))].min() >= np.sort(load)[-len(done.split) :].min()
    after = np.bincount(score(state.model, more).responsibilities.argmax(1), minlength=k)
    assert after.max() < load.max()
    assert torch.equal(before["prior.mean"], state.model.state_dict()["prior.mean"][:k])


def test_nothing_opens_before_components_are_placed_or_without_novel_rows(
    fitted: dict[str, TrainingState],
):
    config = fitted["mixture"].model.config
    assert not grow(new_state(config, OLD, 0.01, 0), BOTH, NOVEL, wanted=99).opened
    state = copy.deepcopy(fitted["mixture"])
    assert not grow(state, BOTH, np.zeros(len(BOTH), bool), wanted=0).opened
    assert not grow(state, BOTH[:0], np.zeros(0, bool), wanted=99).split


def test_a_grown_state_trains_on_as_saved(state: TrainingState, tmp_path: Path):
    grow(state, BOTH, NOVEL, wanted=0)
    save_checkpoint(tmp_path / "grown", state, {})
    loaded, _ = load_checkpoint(tmp_path / "grown")
    for each in (state, loaded):
        run(each, BOTH, 2)
    one, two = state.model.state_dict(), loaded.model.state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)

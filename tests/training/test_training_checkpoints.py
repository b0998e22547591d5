"""A checkpoint gives back exactly what was saved, or says what is wrong."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from genlab.config import LossWeights, TrainingSettings
from genlab.errors import CheckpointError
from genlab.models.component_vae import ComponentVAEConfig
from genlab.models.scoring import score
from genlab.training.checkpoints import (
    FILES,
    load_checkpoint,
    load_model,
    save_checkpoint,
)
from genlab.training.curriculum import Curriculum, Phase, continuation
from genlab.training.loop import TrainingState, new_state, train

X = np.random.default_rng(0).normal(size=(120, 6)).astype(np.float32)
PLACE = Curriculum(phase=(Phase(name="p", epochs=1, place_components=True),))


@pytest.fixture(params=["mixture", "vamp"])
def state(request: pytest.FixtureRequest, settings: TrainingSettings) -> TrainingState:
    config = ComponentVAEConfig(
        input_dim=6, components=5, latent_dim=2, hidden=8, prior=request.param
    )
    state = new_state(config, X, 1e-3, seed=0)
    list(train(state, X, None, PLACE, LossWeights(), settings))
    return state


def test_two_epochs_saved_restored_and_two_more_are_four(
    state: TrainingState, tmp_path: Path, settings: TrainingSettings
):
    list(train(state, X, None, continuation(2), LossWeights(), settings))
    save_checkpoint(tmp_path / "v1", state, {"labels": ["pump", "net"]})
    list(train(state, X, None, continuation(2), LossWeights(), settings))
    restored, metadata = load_checkpoint(tmp_path / "v1")
    assert metadata == {"labels": ["pump", "net"]}
    list(train(restored, X, None, continuation(2), LossWeights(), settings))
    assert restored.epoch == state.epoch == 5
    for name, tensor in state.model.state_dict().items():
        assert torch.equal(tensor, restored.model.state_dict()[name]), name


def test_a_state_saved_before_its_first_step_can_be_restored(tmp_path: Path):
    fresh = new_state(ComponentVAEConfig(input_dim=6, components=5), X, 1e-3, seed=0)
    save_checkpoint(tmp_path / "v0", fresh, {})
    restored, _ = load_checkpoint(tmp_path / "v0")
    assert not restored.model.placed
    assert not restored.optimiser.state


def test_the_loaded_model_scores_the_same(state: TrainingState, tmp_path: Path):
    save_checkpoint(tmp_path / "v1", state, {"n": 1})
    model, metadata = load_model(tmp_path / "v1")
    assert metadata == {"n": 1}
    for found, expected in zip(score(model, X), score(state.model, X), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_the_folder_holds_the_declared_files_and_nothing_beside_it(
    state: TrainingState, tmp_path: Path
):
    for _ in range(2):  # the second replaces the first
        save_checkpoint(tmp_path / "v1", state, {})
    assert sorted(p.name for p in (tmp_path / "v1").iterdir()) == sorted(FILES)
    assert [p.name for p in tmp_path.iterdir()] == ["v1"]


def test_a_folder_of_something_else_is_left_alone(state: TrainingState, tmp_path: Path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("keep me")
    with pytest.raises(CheckpointError, match="nothing was written"):
        save_checkpoint(tmp_path / "letters", state, {})
    assert (tmp_path / "letters" / "dear.txt").read_text() == "keep me"


def test_metadata_that_is_not_json_is_refused_and_leaves_nothing(
    state: TrainingState, tmp_path: Path
):
    with pytest.raises(CheckpointError, match="JSON"):
        save_checkpoint(tmp_path / "v1", state, {"when": object()})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("how", ["missing", "cut", "changed"])
def test_damage_is_noticed(state: TrainingState, tmp_path: Path, name: str, how: str):
    save_checkpoint(tmp_path / "v1", state, {})
    path = tmp_path / "v1" / name
    data = bytearray(path.read_bytes())
    if how == "missing":
        path.unlink()
    elif how == "cut":
        path.write_bytes(data[: len(data) // 2])
    else:
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data)
    with pytest.raises(CheckpointError, match=name):
        load_checkpoint(tmp_path / "v1")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "another"}, "not written by genlab"),
        ({"format_version": 99}, "found format version 99"),
        ({"config": {"input_dim": 6, "components": 0}}, "config.components"),
        ({"config": {"input_dim": 7, "components": 5}}, "weights.safetensors"),
    ],
)
def test_a_foreign_or_inconsistent_manifest_is_refused(
    state: TrainingState, tmp_path: Path, change: dict, message: str
):
    save_checkpoint(tmp_path / "v1", state, {})
    path = tmp_path / "v1" / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CheckpointError, match=message):
        load_model(tmp_path / "v1")


def test_a_missing_folder_says_so(tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"no readable model\.json"):
        load_model(tmp_path / "nowhere")

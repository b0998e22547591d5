"""Curriculum files: what they mean, and how wrong ones are refused."""

from pathlib import Path

import pytest

from genlab.config import LossWeights
from genlab.errors import ConfigError
from genlab.training.curriculum import Curriculum, Phase, continuation, load_curriculum, plan

BASE = LossWeights()


def test_the_default_file_has_the_three_phases():
    default = load_curriculum("default")
    assert [p.name for p in default.phases(has_labels=True)] == [
        "reconstruction",
        "prior",
        "labels",
    ]
    assert [p.name for p in default.phases(has_labels=False)] == ["reconstruction", "prior"]
    assert [p.place_components for p in default.phase] == [False, True, False]
    assert default.phase[0].weights_at(0.5, BASE).kl_weight < 0.2
    assert default.phase[1].weights_at(1.0, BASE).kl_weight == pytest.approx(1)


def test_a_ramp_is_straight_and_unnamed_weights_keep_the_base():
    phase = Phase(name="p", epochs=4, weights={"kl_weight": (1.0, 3.0), "sparsity_weight": 0.5})
    found = [phase.weights_at(t, BASE).kl_weight for t in (0.0, 0.25, 1.0)]
    assert found == pytest.approx([1.0, 1.5, 3.0])
    assert phase.weights_at(0.7, BASE).sparsity_weight == 0.5
    assert phase.weights_at(0.7, BASE).classification_weight == BASE.classification_weight


def test_a_plan_walks_the_ramp_epoch_by_epoch():
    ramp = Phase(name="b", epochs=2, weights={"kl_weight": (0.0, 1.0)})
    epochs = list(plan(Curriculum(phase=(Phase(name="a", epochs=1), ramp)), has_labels=False))
    assert [(e.phase.name, e.number) for e in epochs] == [("a", 0), ("b", 0), ("b", 1)]
    ends = [e.weights_at(1.0, BASE).kl_weight for e in epochs]
    assert ends == pytest.approx([BASE.kl_weight, 0.5, 1.0])


def test_a_continuation_has_constant_weights():
    epochs = list(plan(continuation(3), has_labels=True))
    assert len(epochs) == 3
    assert all(e.weights_at(0.3, BASE) == BASE for e in epochs)


def test_a_curriculum_can_be_shortened_and_stretched_but_keeps_every_phase():
    phases = (Phase(name="a", epochs=10, needs_labels=True), Phase(name="b", epochs=30))
    curriculum = Curriculum(phase=phases)
    assert [p.epochs for p in curriculum.within(8).phase] == [2, 6]
    assert [p.epochs for p in curriculum.within(80).phase] == [20, 60]
    assert [p.epochs for p in curriculum.within(1).phase] == [1, 1]
    assert curriculum.within(8).phase[0].needs_labels


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("phase = 3", "phase"),
        ("[[phase]]\nname='a'", "epochs"),
        ("[[phase]]\nname='a'\nepochs=0", "greater than or equal to 1"),
        ("[[phase]]\nname='a'\nepochs=1\nspeed=2", "speed"),
        ("[[phase]]\nname='a'\nepochs=1\n[phase.weights]\nklweight=1", "unknown weight 'klweight'"),
        ("[[phase]]\nname='a'\nepochs=1\n[phase.weights]\nkl_weight=-1", "at least 0"),
        ("[[phase]]\nname='a'\nepochs=1\n[phase.weights]\nkl_weight=[0,1,2]", "kl_weight"),
        ("[[phase]\n", "not valid TOML"),
    ],
)
def test_a_wrong_file_names_itself_and_the_setting(tmp_path: Path, text: str, message: str):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_curriculum(str(path))
    assert "mine.toml" in str(caught.value)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ConfigError, match="default"):
        load_curriculum("nowhere")

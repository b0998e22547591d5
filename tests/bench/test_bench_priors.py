"""The priors bench: what it calls a copy, what it trains, and that its rows are what was run."""

import numpy as np
import pytest

from genlab.bench.datasets import DataSet
from genlab.bench.priors import Variant, copying, measure, variants, without
from genlab.config import load_settings
from genlab.training.curriculum import load_curriculum

RNG = np.random.default_rng(0)
ITEMS = RNG.normal(size=(300, 5))


def test_copies_are_found_and_fresh_draws_are_none():
    copied = ITEMS[:40] + 1e-4 * RNG.normal(size=(40, 5))
    fresh = RNG.normal(size=(60, 5))
    assert copying(copied, ITEMS).share == 1
    assert copying(fresh, ITEMS).share < 0.02
    assert copying(fresh, ITEMS).ratio == pytest.approx(1, abs=0.25)  # as far as items are
    assert copying(np.concatenate([copied, fresh]), ITEMS).share == pytest.approx(0.4, abs=0.02)


def test_distances_are_measured_in_the_items_own_unit():
    line = np.arange(10.0)[:, None]
    found = copying(np.array([[2.05], [3.5], [20.0]]), line)
    assert found.ratio == pytest.approx(0.5)
    assert found.share == pytest.approx(1 / 3)
    again = copying(7 * np.array([[2.05], [3.5], [20.0]]), 7 * line)
    assert again == pytest.approx(found)
    assert copying(line[:1], np.zeros((4, 1))).share == 1  # all items alike


def test_every_prior_is_tried_and_every_phase_left_out_once():
    default = load_curriculum("default")
    found = list(variants(default))
    assert [v.prior for v in found[:3]] == ["standard_normal", "mixture", "vamp"]
    assert [v.left_out for v in found] == ["-"] * 3 + ["reconstruction", "prior", "labels"]
    for variant in found[3:]:
        left = [p.name for p in without(default, variant.left_out).phase]
        assert [*left, variant.left_out] != left
        assert sorted([*left, variant.left_out]) == sorted(p.name for p in default.phase)
    assert without(default, "-") == default


@pytest.mark.parametrize("prior", ["standard_normal", "mixture", "vamp"])
def test_figures_of_separate_blobs_are_those_of_separate_blobs(prior: str):
    rng, kind = np.random.default_rng(1), np.arange(240) % 4
    centres = 3 * rng.normal(size=(4, 8))
    x = (centres[kind] + 0.3 * rng.normal(size=(240, 8))).astype(np.float32)
    names = kind.astype(str)
    items = DataSet("blobs", x, names, names, np.arange(240), None, x[:0])
    settings = load_settings(
        overrides=["model.components=8", "model.hidden=32", "training.learning_rate=0.003"]
    )
    found = measure(items, Variant(prior, "-"), load_curriculum("default"), settings, 0)
    assert found["tau_accuracy"] > 0.9
    assert found["nmi"] > 0.6
    assert 4 <= found["active"] <= found["components"] == 8
    assert ("copies" in found) == (prior == "vamp")
    # Held out, no better than the truth: the density the blobs were drawn from.
    truth = -0.5 * 8 * (1 + np.log(2 * np.pi * 0.3**2)) + np.log(1 / 4)
    assert truth - 12 < found["log_p"] < truth + 1.5

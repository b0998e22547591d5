"""The novelty bench: what is held out, its figures against other ways to compute them."""

import numpy as np
import pytest

from genlab.bench.datasets import load
from genlab.bench.novelty import _row, novelty_bench, summary
from genlab.bench.novelty_cases import FOLDS, make_case
from genlab.bench.novelty_peers import Known, Peer, with_labels, without_labels
from genlab.config import load_settings


@pytest.fixture(scope="module")
def digits():
    return load("digits", None, load_settings())


def test_nothing_held_out_is_left_anywhere(digits):
    case = make_case(digits, "kinds", 3, 0.15)
    out = set(digits.kinds[case.out])
    assert len(out) == 2
    assert not out & set(digits.kinds[case.rows])
    assert not out & set(digits.kinds[case.test])
    assert not set(case.rows) & set(case.test)
    assert len(case.strange) == np.isin(digits.kinds, list(out)).sum()
    assert case.held.sum() / case.messages.sum() == pytest.approx(0.15, abs=0.04)


def test_five_seeds_hold_each_kind_out_once(digits):
    held = [set(digits.kinds[make_case(digits, "kinds", s, 0.15).out]) for s in range(FOLDS)]
    assert sorted(kind for each in held for kind in each) == [str(y) for y in range(10)]
    single = make_case(digits, "kinds", 0, 0.15, turn=1)
    assert len(set(digits.kinds[single.out])) == 1


def test_figures_by_counting():
    rng = np.random.default_rng(0)
    known, strange = rng.normal(size=300), rng.normal(1.5, size=200)
    row = _row(Peer("x", known, strange, 1.0, 2.0), 0)
    wins = (strange[:, None] > known).mean()
    assert row["auroc"] == pytest.approx(wins)
    threshold = np.sort(strange)[::-1][int(np.ceil(0.95 * 200)) - 1]
    assert row["fpr_95"] == pytest.approx((known >= threshold).mean(), abs=1 / 300)
    ranked = np.argsort(-np.concatenate([known, strange]))
    hit = ranked >= 300
    precision = np.cumsum(hit) / np.arange(1, 501)
    assert row["aupr"] == pytest.approx(precision[hit].mean())


def test_every_peer_tells_far_from_near():
    rng = np.random.default_rng(1)
    centres = 4 * rng.normal(size=(3, 8))
    y = rng.integers(3, size=240)
    x = (centres[y] + rng.normal(size=(240, 8))).astype("f4")
    known = Known(x[:200], np.ones(200, int), x[:60], y[:60])
    far = (8 * rng.normal(size=(40, 8))).astype("f4")
    unlabelled = {peer.name: peer for peer in without_labels(known, x[200:], far)}
    assert len(unlabelled) == 6
    for name in ("Mahalanobis", "GMM likelihood", "LOF", "isolation forest"):
        assert _row(unlabelled[name], 0)["auroc"] > 0.75, name
    labelled = {peer.name for peer in with_labels(known, x[200:], far)}
    assert labelled == {"maximum softmax", "energy", "Mahalanobis to classes"}


def test_means_over_seeds():
    rows = [
        {"case": "a", "method": m, "seed": s, "auroc": v}
        for m, values in (("x", (0.5, 0.7)), ("y", (0.9, 0.9)))
        for s, v in enumerate(values)
    ]
    found = summary(rows, ("case", "method"))
    assert [row["auroc"] for row in found] == pytest.approx([0.6, 0.9])
    assert [row["auroc_sd"] for row in found] == pytest.approx([0.1, 0.0])


@pytest.mark.slow
def test_ours_is_ahead_on_digits():
    found = novelty_bench(load_settings(), None, 1, (5,), ("digits/kinds",), lambda text: None)
    free = [row for row in found["summary"] if row["labels"] == 0]
    assert free[0]["method"] == "genlab novelty"
    assert found["verdicts"][0]["unnamed_auroc"] > 0.9

"""Figures by hand; the bench itself on a corner of the digits, where it must beat guessing."""

import numpy as np
import pytest

from genlab.bench.datasets import draw_labels, load, split, truth
from genlab.bench.peers import PEERS, Task
from genlab.bench.triage import NAMES, averages, control, coverage, triage
from genlab.config import load_settings

SETTINGS = load_settings(overrides=["model.hidden=32", "training.epochs=4"])


def test_coverage_is_the_longest_prefix_that_keeps_the_precision():
    right = np.array([True, True, True, False, True, True, False, False])
    confidence = np.linspace(0.9, 0.2, 8)
    assert coverage(confidence, right, 0.8) == pytest.approx(6 / 8)  # 5 of 6
    assert coverage(confidence, right, 0.99) == pytest.approx(3 / 8)
    assert coverage(confidence, ~right, 0.9) == 0


def test_averages_and_control_by_hand():
    rows = [
        {"data": "d", "labels": 1, "method": method, "accuracy": np.mean(own), "accuracies": own}
        for method, own in (
            (NAMES["auto"], [0.8, 0.9]),
            (NAMES["kmeans"], [0.7, 0.9]),
            ("1-NN", [0.9, 0.9]),
            ("5-NN", [0.1, 0.1]),
        )
    ]
    found = {row["method"]: row for row in averages(rows)}
    assert found[NAMES["auto"]]["behind"] == pytest.approx(0.05)
    assert found["1-NN"]["behind"] == 0
    cell, whole = control(rows)
    assert cell["difference"] == whole["difference"] == pytest.approx(0.05)
    assert cell["standard_error"] == pytest.approx(0.05)


def test_a_split_shows_no_method_its_test():
    data = load("digits", None, SETTINGS)
    parts = split(data, 3)
    assert not set(parts.pool) & set(parts.test)
    one, three = (draw_labels(data, parts, n) for n in (1, 3))
    assert np.bincount(three[three >= 0]).tolist() == [3] * 10
    assert (three[one >= 0] == one[one >= 0]).all()
    labelled = parts.pool[three >= 0]
    assert (np.array(parts.names)[three[three >= 0]] == data.kinds[labelled]).all()
    assert (np.array(parts.names)[truth(data, parts)] == data.kinds[parts.test]).all()


@pytest.mark.parametrize("method", PEERS)
def test_every_peer_answers_with_probabilities_and_learns(method: str):
    rng = np.random.default_rng(0)
    kind = np.arange(120) % 3
    x = np.eye(3, dtype=np.float32)[kind] + 0.2 * rng.normal(size=(120, 3)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    labels = np.where(np.arange(120) < 15, kind, -1)
    for found in PEERS[method](Task(x[:90], labels[:90], x[90:], 3, 6, 0)):
        assert found.shape == (30, 3)
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
        assert (found.argmax(axis=1) == kind[90:]).mean() > 0.8


def test_the_bench_runs_every_method_on_the_same_cells():
    found = triage(SETTINGS, None, ["digits"], 1, [3], lambda text: None)
    methods = [row["method"] for row in found["rows"]]
    assert methods == [*NAMES.values(), *PEERS]
    figures = {row["method"]: row for row in found["rows"]}
    assert figures["genlab"]["accuracy"] > figures["logistic regression"]["accuracy"] > 0.6
    assert all(0 <= row["ece"] <= 1 and row["nll"] > 0 for row in found["rows"])
    assert {row["components"] for row in found["components"]} == set(list(NAMES.values())[:2])

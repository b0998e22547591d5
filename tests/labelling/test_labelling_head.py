"""Oracles: scikit-learn's LogisticRegression, finite differences, and blobs of known shape."""

import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.special import log_softmax as scipy_log_softmax
from sklearn.linear_model import LogisticRegression

from genlab.labelling import head as module
from genlab.labelling.head import RIDGE, Head, fit_head, log_softmax, self_train


@pytest.fixture
def problem() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors of four overlapping kinds, soft targets and weights."""
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 4, 120)
    x = rng.normal(size=(4, 6))[kind] + rng.normal(size=(120, 6))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    targets = rng.dirichlet(np.full(4, 0.5), 120) + 2 * np.eye(4)[kind]
    return x, targets / targets.sum(axis=1, keepdims=True), rng.uniform(0.2, 2.0, 120)


def by_scikit_learn(x, targets, weights) -> np.ndarray:
    """(N, Y) log-probabilities; a soft target is one row for each label, weighted by its share."""
    n, n_labels = targets.shape
    share = (weights / weights.sum())[:, None] * targets
    peer = LogisticRegression(C=n_labels / (2 * RIDGE), tol=1e-8, max_iter=5000)
    peer.fit(np.repeat(x, n_labels, 0), np.tile(np.arange(n_labels), n), share.ravel())
    return peer.predict_log_proba(x)


@pytest.mark.parametrize("hard", [True, False])
def test_the_head_is_ridge_softmax_regression(problem, hard, monkeypatch):
    monkeypatch.setattr(module, "ITERATIONS", 2000)
    x, targets, weights = problem
    if hard:
        targets = np.eye(4)[targets.argmax(axis=1)]
    found = fit_head(x, targets, weights).log_probabilities(x.astype(np.float32))
    np.testing.assert_allclose(
        np.exp(found), np.exp(by_scikit_learn(x, targets, weights)), atol=5e-3
    )


def test_the_usual_iterations_are_nearly_enough(problem):
    x, targets, weights = problem
    found = fit_head(x, targets, weights).log_probabilities(x.astype(np.float32))
    np.testing.assert_allclose(
        np.exp(found), np.exp(by_scikit_learn(x, targets, weights)), atol=0.03
    )


def test_the_start_changes_nothing(problem, monkeypatch):
    monkeypatch.setattr(module, "ITERATIONS", 2000)
    x, targets, weights = problem
    rng = np.random.default_rng(1)
    start = Head(rng.normal(size=(6, 4)).astype(np.float32), np.ones(4, np.float32))
    a, b = fit_head(x, targets, weights), fit_head(x, targets, weights, start)
    x = x.astype(np.float32)
    np.testing.assert_allclose(
        np.exp(a.log_probabilities(x)), np.exp(b.log_probabilities(x)), atol=5e-3
    )


def test_the_gradient_is_that_of_the_loss(problem, monkeypatch):
    x, targets, weights = problem
    seen = []

    def spy(loss, begin, **_):
        seen.append(loss)
        return type("Found", (), {"x": begin})

    monkeypatch.setattr(module.optimize, "minimize", spy)
    fit_head(x, targets, weights)
    for seed in range(3):
        at = np.random.default_rng(seed).normal(size=28)
        value, slope = seen[0](at)
        assert check_grad(lambda w: seen[0](w)[0], lambda w: seen[0](w)[1], at, epsilon=1e-2) < 2e-3
        assert np.linalg.norm(slope) > 0.05  # and it is no flat place
        assert value > 0


def test_log_softmax_is_scipys():
    logits = np.random.default_rng(0).normal(0, 30, (50, 7)).astype(np.float32)
    np.testing.assert_allclose(log_softmax(logits), scipy_log_softmax(logits, axis=1), atol=1e-4)


def blobs(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two long clouds, 200 rows each, and one label at an end of each that misleads alone."""
    rng = np.random.default_rng(seed)
    kind = np.repeat([0, 1], 200)
    x = rng.normal(size=(400, 2)) * [2.0, 0.15] + np.where(kind, 0.7, -0.7)[:, None] * [0, 1]
    labels = np.full(400, -1)
    for y in (0, 1):  # the two labelled rows lie apart along the cloud, hardly across it
        end = np.flatnonzero(kind == y)
        labels[end[np.argmax(x[end, 0] * (2 * y - 1))]] = y
    return x.astype(np.float32), kind, labels


def alone(x, labels) -> Head:
    own = np.flatnonzero(labels >= 0)
    return fit_head(x[own], np.eye(2)[labels[own]], np.ones(len(own)))


@pytest.mark.parametrize("seed", range(3))
def test_unlabelled_rows_teach_the_shape(seed):
    """Soft labels from neighbours of which three in ten are wrong mend what two labels misread."""
    x, kind, labels = blobs(seed)
    start = alone(x, labels)
    rng = np.random.default_rng(seed)
    believed = np.where(rng.random(400) < 0.3, 1 - kind, kind)
    soft = np.where(np.eye(2, dtype=bool)[believed], 0.7, 0.3).astype(np.float32)
    taught = self_train(x, labels, soft, start)

    def right(found: Head) -> float:
        return float((found.log_probabilities(x).argmax(axis=1) == kind).mean())

    assert right(taught) > right(start) + 0.2


def test_soft_labels_that_say_nothing_change_little():
    x, _, labels = blobs(0)
    start = alone(x, labels)
    flat = self_train(x, labels, np.full((400, 2), 0.5, np.float32), start)
    a, b = start.log_probabilities(x), flat.log_probabilities(x)
    assert (a.argmax(axis=1) == b.argmax(axis=1)).mean() > 0.9
    assert np.exp(b).max(axis=1).mean() < np.exp(a).max(axis=1).mean()  # and nothing is surer


def test_only_some_unlabelled_rows_take_part(monkeypatch):
    seen = []
    monkeypatch.setattr(module, "fit_head", lambda x, *rest: seen.append(len(x)))
    x, _, labels = blobs(0)
    self_train(x, labels, np.full((400, 2), 0.5, np.float32), alone(x, labels), rows=50)
    assert seen == [2 + 50]

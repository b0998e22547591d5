"""Oracles: the pool written out, and labels drawn from pools whose exponents are known."""

import numpy as np
import pytest
from scipy.special import softmax

from genlab.labelling import ece, reliability
from genlab.labelling.stack import (
    _LARGEST,
    FLOOR,
    PRIOR,
    PULL,
    Views,
    expected_exponents,
    fit_exponents,
    pooled,
)


def views(seed: int, rows: int, n_labels: int = 5, sharp: float = 0.5) -> Views:
    rng = np.random.default_rng(seed)
    return Views(*(rng.dirichlet(np.full(n_labels, sharp), rows) for _ in range(3)))


def drawn(seed: int, p: np.ndarray) -> np.ndarray:
    """(M,) labels drawn from the rows of p (M, Y)."""
    u = np.random.default_rng(seed).random((len(p), 1))
    return (p.cumsum(axis=1) > u * p.sum(axis=1, keepdims=True)).argmax(axis=1)


def test_pooled_by_hand():
    given = Views(np.array([[0.8, 0.2]]), np.array([[0.5, 0.5]]), np.array([[0.1, 0.9]]))
    each = FLOOR / 2
    left = (0.8 + each) ** 0.3 * (0.5 + each) ** 2 * (0.1 + each) ** 0.6
    right = (0.2 + each) ** 0.3 * (0.5 + each) ** 2 * (0.9 + each) ** 0.6
    found = pooled(given, np.array([0.3, 2, 0.6]))
    np.testing.assert_allclose(found, [[left / (left + right), right / (left + right)]], rtol=1e-6)


def test_no_view_can_veto_and_none_at_all_is_even():
    sure = Views(*(np.array([row]) for row in ([1.0, 0.0], [0.0, 1.0], [0.0, 1.0])))
    np.testing.assert_allclose(pooled(sure, np.ones(3))[0, 0], FLOOR / 2 / (1 + FLOOR), rtol=1e-5)
    np.testing.assert_allclose(pooled(sure, np.zeros(3)), 0.5)


@pytest.mark.parametrize("n_labels", [2, 100_000])
def test_the_largest_exponents_stay_finite(n_labels):
    """Rows on which all views agree, and rows on which none does, together."""
    sure = np.zeros((2, n_labels), np.float32)
    sure[:, 0] = 1
    other = np.zeros_like(sure)
    other[[0, 1], [0, 1]] = 1
    found = pooled(Views(sure, other, other[::-1]), np.full(3, _LARGEST))
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-4)
    logs = [np.log(view.astype(float) + FLOOR / n_labels) for view in (sure, other, other[::-1])]
    np.testing.assert_allclose(found, softmax(_LARGEST * sum(logs), axis=1), rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("shape", [(0, 3), (4, 0), (0, 0)])
def test_nothing_to_pool(shape):
    assert pooled(Views(*(np.zeros(shape),) * 3), np.array(PRIOR)).shape == shape


@pytest.mark.parametrize("truth", [(0.2, 1.0, 0.5), (1.0, 0.0, 0.7), (0.6, 0.6, 1.4)])
def test_the_exponents_that_drew_the_labels_are_found(truth):
    seen = views(0, 8000)
    found = fit_exponents(seen, drawn(1, pooled(seen, np.array(truth))))
    np.testing.assert_allclose(found, truth, atol=0.08)


def test_without_labels_the_prior_decides_and_a_few_move_it_little():
    none = fit_exponents(views(0, 0), np.zeros(0, int))
    np.testing.assert_array_equal(none, PRIOR)
    seen = views(0, 3)
    wrong = np.array([sum(view[i] for view in seen).argmin() for i in range(3)])
    moved = fit_exponents(seen, wrong) - PRIOR
    assert 0 < np.linalg.norm(moved) < np.linalg.norm(PRIOR)


def test_the_fit_is_a_maximum_of_the_penalised_likelihood():
    seen = views(3, 60)
    labels = drawn(4, seen.graph)

    def worth(exponents: np.ndarray) -> float:
        p = pooled(seen, exponents)[np.arange(60), labels].astype(float)
        return float(np.log(p).sum() - PULL * ((exponents - PRIOR) ** 2).sum())

    found = fit_exponents(seen, labels)
    best = worth(found)
    rng = np.random.default_rng(5)
    for _ in range(200):
        other = np.maximum(found + rng.normal(0, 0.3, 3), 0)
        assert worth(other) <= best + 1e-3


def test_a_useless_view_loses_its_say():
    rng = np.random.default_rng(6)
    seen = views(7, 3000)._replace(head=rng.dirichlet(np.full(5, 0.2), 3000))
    found = fit_exponents(seen, drawn(8, pooled(seen, np.array([0.5, 0.8, 0.0]))))
    assert found[2] < 0.04
    assert found[1] > 0.7


@pytest.mark.parametrize(("labelled", "bound"), [(150, 0.06), (3000, 0.03)])
def test_the_pool_is_as_sure_as_it_is_right(labelled, bound):
    """Views that deserve less than half of PRIOR: unfitted they would be far too sure."""
    seen = views(9, 8000, sharp=0.2)
    labels = drawn(10, pooled(seen, np.array([0.1, 0.2, 0.25])))
    exponents = fit_exponents(Views(*(view[:labelled] for view in seen)), labels[:labelled])

    def error(exponents: np.ndarray) -> float:
        found = pooled(Views(*(view[3000:] for view in seen)), exponents)
        return ece(reliability(found.max(axis=1), found.argmax(axis=1) == labels[3000:]))

    assert error(exponents) < bound
    assert error(np.array(PRIOR)) > 0.15


def test_the_views_are_as_sure_as_they_agree():
    """A head of the labels alone names 70 % as all views do: half-way from there to their own."""
    random = np.random.default_rng(5)
    views = Views(*(random.dirichlet(np.full(6, 0.05), 4000) for _ in range(3)))
    before = pooled(views, np.array(PRIOR))
    believed = before.argmax(axis=1)
    says = np.where(random.random(4000) < 0.7, believed, (believed + 1) % 6)
    found = expected_exponents(views, np.eye(6)[says])
    expected = np.sqrt(0.7 * before.max(axis=1).mean())
    assert pooled(views, found).max(axis=1).mean() == pytest.approx(expected, abs=0.02)
    np.testing.assert_allclose(found / found[0], np.array(PRIOR) / PRIOR[0])
    none = Views(*(np.zeros((0, 6)),) * 3)
    np.testing.assert_array_equal(expected_exponents(none, np.zeros((0, 6))), PRIOR)

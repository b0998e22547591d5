"""Oracles: the linear system of absorption, every path written out, and hand-made graphs."""

from itertools import pairwise, product

import numpy as np
import pytest
from scipy import sparse

from genlab.errors import InputError
from genlab.labelling import graph
from genlab.labelling.graph import (
    FAINT,
    SHARPNESS,
    absorbed,
    hits,
    mass_shares,
    neighbour_weights,
    pattern_graph,
    shares,
    walk,
)
from genlab.labelling.neighbours import Neighbours

LONG = 3000  # steps after which a walk over a dozen patterns has met a label


def random_steps(seed: int, n: int = 12) -> sparse.csr_matrix:
    """A walk over a connected graph: a ring with random chords and random weights."""
    rng = np.random.default_rng(seed)
    weights = np.triu((rng.random((n, n)) < 0.25) * rng.random((n, n)), 1)
    weights[np.arange(n - 1), np.arange(1, n)] += 0.1
    weights[0, n - 1] += 0.1
    return walk(sparse.csr_matrix(weights + weights.T))


def solved(steps: sparse.csr_matrix, labels: np.ndarray, n_labels: int) -> np.ndarray:
    """Absorption probabilities (I - P_uu)^-1 P_ul (Zhu et al. 2003, equation 5)."""
    p = steps.toarray().astype(float)
    own, free = np.flatnonzero(labels >= 0), np.flatnonzero(labels < 0)
    found = np.zeros((len(labels), n_labels))
    found[own, labels[own]] = 1.0
    left = np.eye(len(free)) - p[np.ix_(free, free)]
    found[free] = np.linalg.solve(left, p[np.ix_(free, own)] @ found[own])
    return found


@pytest.mark.parametrize("seed", range(5))
def test_absorbed_solves_the_linear_system(seed):
    steps = random_steps(seed)
    labels = np.full(12, -1)
    labels[[0, 5, 7, 9]] = [0, 1, 2, 1]
    found = absorbed(steps, labels, 3, LONG)
    np.testing.assert_allclose(found, solved(steps, labels, 3), atol=2e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_a_short_walk_is_the_sum_over_its_paths():
    steps = random_steps(3, 5)
    labels = np.array([0, -1, -1, -1, 1])
    p = steps.toarray()
    expected = np.zeros((5, 2))
    expected[0, 0] = expected[4, 1] = 1
    for length in (1, 2, 3):
        for path in product(range(5), repeat=length + 1):
            if all(labels[i] < 0 for i in path[:-1]) and labels[path[-1]] >= 0:
                chance = np.prod([p[a, b] for a, b in pairwise(path)])
                expected[path[0], labels[path[-1]]] += chance
    found = absorbed(steps, labels, 2, 3)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert (found.sum(axis=1) <= 1 + 1e-6).all()
    assert found[2].sum() < 0.999  # some walks have met none yet


def test_no_label_and_no_way_reach_nothing():
    steps = random_steps(0)
    assert not absorbed(steps, np.full(12, -1), 3).any()
    assert absorbed(steps, np.full(12, -1), 0).shape == (12, 0)
    apart = walk(sparse.block_diag([random_steps(0, 4), random_steps(1, 4)], format="csr"))
    found = absorbed(apart, np.array([0, -1, -1, -1, -1, -1, -1, -1]), 1, LONG)
    np.testing.assert_allclose(found[:4], 1, atol=1e-5)
    assert not found[4:].any()
    with pytest.raises(InputError, match="from 0 to 3"):
        absorbed(steps, np.arange(12) % 4, 3)


@pytest.mark.parametrize(("faint", "near"), [(0.0, 3e-6), (FAINT, 5e-5)])
@pytest.mark.parametrize("seed", range(3))
def test_one_more_label_is_a_rank_one_step(seed, faint, near, monkeypatch):
    """What update_labels rests on: F' = F + hits (e_y - F(target)), label after label."""
    monkeypatch.setattr(graph, "FAINT", faint)
    steps = random_steps(seed)
    back = steps.T.tocsr()
    labels = np.full(12, -1)
    labels[[1, 6]] = [0, 1]
    reached = absorbed(steps, labels, 3, LONG)
    for target, y in ((3, 2), (10, 0), (8, 1)):
        hit = hits(back, labels >= 0, target, LONG)
        towards = np.eye(3)[y] - reached[target]
        reached = reached + hit[:, None] * towards
        labels[target] = y
        np.testing.assert_allclose(reached, absorbed(steps, labels, 3, LONG), atol=near)


def test_hits_is_absorption_at_the_target_alone(monkeypatch):
    monkeypatch.setattr(graph, "FAINT", 0.0)
    steps = random_steps(4)
    labelled = np.zeros(12, bool)
    labelled[[2, 11]] = True
    as_labels = np.where(labelled, 0, -1)
    as_labels[7] = 1
    expected = solved(steps, as_labels, 2)[:, 1]
    np.testing.assert_allclose(hits(steps.T.tocsr(), labelled, 7, LONG), expected, atol=2e-6)


def test_graph_joins_a_pair_that_either_names():
    near = Neighbours(np.array([[1], [2], [1]]), np.array([[1.0], [0.5], [0.5]], np.float32))
    far = np.exp(SHARPNESS * -0.5)
    expected = [[0, 1, 0], [1, 0, far], [0, far, 0]]
    np.testing.assert_allclose(pattern_graph(near).toarray(), expected, rtol=1e-6)
    queries = Neighbours(np.array([[2, 0]]), np.array([[1.0, 0.5]], np.float32))
    np.testing.assert_allclose(neighbour_weights(queries, 3).toarray(), [[far, 0, 1]], rtol=1e-6)


def test_walk_rows_sum_to_one_or_stay_empty():
    found = walk(sparse.csr_matrix(np.array([[0, 1, 3], [2, 0, 0], [0, 0, 0.0]]))).toarray()
    np.testing.assert_allclose(found, [[0, 0.25, 0.75], [1, 0, 0], [0, 0, 0]])


def test_class_mass_by_hand():
    """Two labels with one pattern each, three quarters of all mass on the first."""
    reached = np.array([[1, 0], [0, 1], [1, 0], [1, 0]], np.float32)
    factors = mass_shares(reached, np.array([0, 1, -1, -1]))
    np.testing.assert_allclose(factors, [0.5 / 0.75, 0.5 / 0.25])
    even = shares(np.array([[0.75, 0.25], [0.3, 0], [0, 0]], np.float32), factors)
    np.testing.assert_allclose(even, [[0.5, 0.5], [1, 0], [0.5, 0.5]], rtol=1e-6)
    three_to_one = mass_shares(reached, np.array([0, 0, 1, 0]))  # (3 + 1) : (1 + 1)
    np.testing.assert_allclose(three_to_one, [4 / 6 / 0.75, 2 / 6 / 0.25])


def test_shares_without_labels_are_empty_rows():
    assert shares(np.zeros((3, 0), np.float32), np.ones(0)).shape == (3, 0)

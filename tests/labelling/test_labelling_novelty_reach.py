"""What labels reach."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import roc_auc_score

from genlab.errors import InputError
from genlab.labelling import fit_reach, reach_p
from genlab.labelling.neighbours import directions, nearest
from genlab.labelling.reach import BRIDGE, EDGES, SHARPNESS, STAY, reach


def kinds(rng, size, count=8, dimensions=10):
    centres = np.random.default_rng(5).normal(size=(count, dimensions)) * 4
    y = rng.integers(count, size=size)
    return (centres[y] + rng.normal(size=(size, dimensions))).astype("f4"), y


def test_share_is_the_harmonic_function():
    """Against the linear system (I - STAY A) h = 0 off the labels, solved directly."""
    rng = np.random.default_rng(0)
    x, y = kinds(rng, 90)
    r = rng.dirichlet(np.full(6, 0.3), size=90)
    labels = np.full(90, -1)
    labels[:5] = y[:5]
    base = directions(x, x.mean(axis=0))
    found = nearest(base, base, EDGES, np.arange(90))
    weights = np.zeros((90, 90))
    np.put_along_axis(weights, found.rows, np.exp(SHARPNESS * (found.cosine - 1)), axis=1)
    weights = np.maximum(weights, weights.T)
    rows = np.where(r < 0.02, 0, r)
    through = (rows / rows.sum(1, keepdims=True)) @ (rows.T / rows.T.sum(1, keepdims=True))
    step = (1 - BRIDGE) * weights / weights.sum(1, keepdims=True) + BRIDGE * through
    free = labels < 0
    system = np.eye(free.sum()) - STAY * step[np.ix_(free, free)]
    exact = np.linalg.solve(system, STAY * step[np.ix_(free, ~free)].sum(axis=1))
    share = fit_reach(x, sparse.csr_matrix(r), labels).share
    assert (share[~free] == 1).all()
    # stopped after STEPS steps: what is missing is the mass that still walks
    assert (share[free] <= exact + 1e-12).all()
    assert np.abs(share[free] - exact).max() < STAY**40


def test_unnamed_kinds_are_told_and_the_p_value_holds():
    false, right, auc = [], [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        x, y = kinds(rng, 600)
        labels = np.full(600, -1)
        for kind in range(4):
            own = np.flatnonzero(y == kind)[:10]
            labels[own] = kind
        r = np.eye(8)[y]
        model = fit_reach(x, r, labels)
        new, kind = kinds(rng, 400)
        found = reach(model, new)
        p = reach_p(model, found)
        auc.append(roc_auc_score(kind < 4, found))
        false.append((p[kind < 4] <= 0.1).mean())
        right.append((p[kind >= 4] <= 0.1).mean())
    assert np.mean(auc) > 0.97
    assert np.mean(false) < 0.2  # a fold's labels are missing: p errs to both sides by little
    assert np.mean(right) > 0.8


def test_no_label_reaches_nothing():
    rng = np.random.default_rng(1)
    x, _ = kinds(rng, 40)
    model = fit_reach(x, np.ones((40, 1)), np.full(40, -1))
    assert (reach(model, x) == 0).all()
    assert (reach_p(model, reach(model, x)) == 1).all()
    with pytest.raises(InputError, match="one row per vector"):
        fit_reach(x, np.ones((3, 1)), np.full(40, -1))

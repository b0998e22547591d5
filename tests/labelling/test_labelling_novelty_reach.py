"""What labels reach."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from genlab.errors import InputError
from genlab.labelling import Ground, fit_reach, lay_ground, queries, reach_p, themselves
from genlab.labelling import update_reach as update
from genlab.labelling.graph import NEIGHBOURS, SHARPNESS
from genlab.labelling.neighbours import directions, nearest
from genlab.labelling.reach import BRIDGE, STAY, STEPS, reach


def kinds(rng, size, count=8, dimensions=10):
    centres = np.random.default_rng(5).normal(size=(count, dimensions)) * 4
    y = rng.integers(count, size=size)
    return (centres[y] + rng.normal(size=(size, dimensions))).astype("f4"), y


def mixed(seed: int, size: int) -> tuple[Ground, np.ndarray]:
    """Patterns in six components that do not respect their kinds."""
    rng = np.random.default_rng(seed)
    x, y = kinds(rng, size)
    return lay_ground(x, rng.dirichlet(np.full(6, 0.3), size=size)), y


def test_share_is_the_harmonic_function():
    """Against the linear system (I - STAY A) h = 0 off the labels, solved directly."""
    rng = np.random.default_rng(0)
    x, y = kinds(rng, 90)
    r = rng.dirichlet(np.full(6, 0.3), size=90)
    labels = np.full(90, -1)
    labels[:5] = y[:5]
    base = directions(x, x.mean(axis=0))
    found = nearest(base, base, NEIGHBOURS, np.arange(90))
    weights = np.zeros((90, 90))
    np.put_along_axis(weights, found.rows, np.exp(SHARPNESS * (found.cosine - 1)), axis=1)
    weights = np.maximum(weights, weights.T)
    rows = np.where(r < 0.02, 0, r)
    through = (rows / rows.sum(1, keepdims=True)) @ (rows.T / rows.T.sum(1, keepdims=True))
    step = (1 - BRIDGE) * weights / weights.sum(1, keepdims=True) + BRIDGE * through
    free = labels < 0
    system = np.eye(free.sum()) - STAY * step[np.ix_(free, free)]
    exact = np.linalg.solve(system, STAY * step[np.ix_(free, ~free)].sum(axis=1))
    share = fit_reach(lay_ground(x, r), labels).share
    assert (share[~free] == 1).all()
    # stopped after STEPS steps: what is missing is the mass that still walks
    assert (share[free] <= exact + 1e-5).all()
    assert np.abs(share[free] - exact).max() < STAY**STEPS


def test_calibration_is_the_reach_without_ones_own_fold():
    """Ten patterns of a label: five folds of two, each read off a fit that lacks it."""
    ground, y = mixed(1, 200)
    labels = np.full(200, -1)
    own = np.flatnonzero(y == 3)[:10]
    labels[own] = 0
    labels[np.flatnonzero(y == 4)[0]] = 1  # given once: no part in it
    expected = []
    for fold in range(5):
        without = labels.copy()
        without[own[fold::5]] = -1
        share = fit_reach(ground, without).share
        expected += (ground.steps[own[fold::5]] @ share).tolist()
    found = fit_reach(ground, labels).calibration
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_unnamed_kinds_are_told_and_the_p_value_holds():
    false, right, auc = [], [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        x, y = kinds(rng, 600)
        labels = np.full(600, -1)
        for kind in range(4):
            own = np.flatnonzero(y == kind)[:10]
            labels[own] = kind
        ground = lay_ground(x, np.eye(8)[y])
        model = fit_reach(ground, labels)
        new, kind = kinds(rng, 400)
        found = reach(model, queries(ground, new, np.eye(8)[kind]))
        p = reach_p(model, found)
        auc.append(roc_auc_score(kind < 4, found))
        false.append((p[kind < 4] <= 0.1).mean())
        right.append((p[kind >= 4] <= 0.1).mean())
    assert np.mean(auc) > 0.97
    assert np.mean(false) < 0.2  # a fold's labels are missing: p errs to both sides by little
    assert np.mean(right) > 0.8


def test_p_value_by_counting():
    ground, y = mixed(2, 120)
    model = fit_reach(ground, np.where(np.arange(120) < 30, y, -1))
    calibration = model.calibration
    assert len(calibration) > 20
    for r in (0.0, calibration[0], 0.4, 1.0):
        less, as_much = (calibration < r).sum(), (calibration == r).sum()
        expected = (less + r * (1 + as_much)) / (len(calibration) + 1)
        assert reach_p(model, np.array([r]))[0] == pytest.approx(expected)


def test_labels_given_once_leave_the_reach_to_speak_for_itself():
    rng = np.random.default_rng(3)
    x, y = kinds(rng, 300)
    ground = lay_ground(x, np.eye(8)[y])
    labels = np.full(300, -1)
    for kind in range(4):
        labels[np.flatnonzero(y == kind)[0]] = kind
    model = fit_reach(ground, labels)
    assert not len(model.calibration)
    found = reach(model, themselves(ground))
    np.testing.assert_array_equal(reach_p(model, found), found)
    assert (found[y >= 4] < 0.1).mean() > 0.9
    assert (found[y < 4] >= 0.1).mean() > 0.9


def test_no_label_reaches_nothing():
    ground, _ = mixed(4, 40)
    model = fit_reach(ground, np.full(40, -1))
    found = reach(model, themselves(ground))
    assert (found == 0).all()
    assert (reach_p(model, found) == 0).all()
    with pytest.raises(InputError, match="labels"):
        fit_reach(ground, np.full(39, -1))


CHANGES = {
    "added": {50: 0},
    "several": {50: 0, 51: 7, 120: 3},
    "another label": {3: 1},
    "cleared": {3: -1},
    "cleared and added": {3: -1, 80: 2},
    "many": dict.fromkeys(range(40, 80), 1),
}


@pytest.mark.parametrize("before", [0, 10])
@pytest.mark.parametrize("change", CHANGES)
def test_an_update_is_what_fitting_anew_gives(change, before):
    ground, y = mixed(5, 300)
    labels = np.where(np.arange(300) < before, y, -1)
    after = labels.copy()
    for row, label in CHANGES[change].items():
        after[row] = label
    old = fit_reach(ground, labels)
    new, anew = update(ground, old, after), fit_reach(ground, after)
    np.testing.assert_array_equal(new.labelled, after >= 0)
    # Walks of at most STEPS steps each, joined, are longer than STEPS; faint ways are given up.
    np.testing.assert_allclose(new.share, anew.share, atol=0.05)
    assert ((new.share >= 0) & (new.share <= 1)).all()
    np.testing.assert_array_equal(old.share, fit_reach(ground, labels).share)  # left as it was

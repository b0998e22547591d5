"""What labels reach."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from genlab.errors import InputError
from genlab.labelling import Ground, fit_reach, lay_ground, queries, reach_p, themselves
from genlab.labelling import update_reach as update
from genlab.labelling.graph import NEIGHBOURS, SHARPNESS
from genlab.labelling.neighbours import directions, nearest
from genlab.labelling.reach import (
    BRIDGE,
    PRIOR,
    STAY,
    STEPS,
    Reach,
    named_chance,
    named_curve,
    reach,
)


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
    once = np.flatnonzero(y == 4)[0]
    labels[once] = 1  # no part in it, kept back beside the first fold
    expected = np.zeros(10)
    for fold in range(5):
        without = labels.copy()
        without[own[fold::5]] = -1
        without[[once] if fold == 0 else []] = -1
        share = fit_reach(ground, without).share
        expected[fold::5] = ground.steps[own[fold::5]] @ share
    found = fit_reach(ground, labels)
    np.testing.assert_allclose(found.calibration, expected, atol=1e-5)
    assert (found.weight == 1).all()


def test_twins_of_one_act_do_not_speak_for_each_other():
    """Four patterns named at once and two by themselves: each is read off a fit without its act."""
    ground, y = mixed(1, 200)
    own = np.flatnonzero(y == 3)[:6]
    labels, acts = np.full(200, -1), np.arange(200)
    labels[own], acts[own[:4]] = 0, 1_000
    expected = np.zeros(6)
    for act in (own[:4], own[4:5], own[5:]):
        without = labels.copy()
        without[act] = -1
        expected[np.isin(own, act)] = ground.steps[act] @ fit_reach(ground, without).share
    found = fit_reach(ground, labels, acts)
    np.testing.assert_allclose(found.calibration, expected, atol=1e-5)
    assert found.weight.tolist() == [0.25] * 4 + [1, 1]
    np.testing.assert_array_equal(found.share, fit_reach(ground, labels).share)
    # all in one act: nothing shows how far the name carries
    acts[own] = 1_000
    assert not len(fit_reach(ground, labels, acts).calibration)


def test_the_curve_is_a_logistic_regression():
    rng = np.random.default_rng(5)
    reached = rng.random(60).round(3)
    named, weight = rng.random(60) < reached, rng.choice([0.25, 1.0], 60)
    x = np.concatenate([PRIOR[0], PRIOR[0], reached])
    yes = np.concatenate([np.ones(5), np.zeros(5), named])
    each = np.concatenate([PRIOR[1], 1 - PRIOR[1], weight])
    oracle = LogisticRegression(C=np.inf, tol=1e-10).fit(x[:, None], yes, each)
    found = named_curve(reached, named, weight)
    np.testing.assert_allclose(found, [oracle.intercept_[0], oracle.coef_[0, 0]], rtol=1e-3)


def test_reach_never_speaks_against_a_name():
    curve = named_curve(np.array([0.0] * 9 + [1.0] * 9), np.arange(18) < 9, np.ones(18))
    assert curve[1] == 0


def even(model: Reach) -> float:
    """The reach at which a name is as likely as none."""
    return -model.curve[0] / model.curve[1]


def test_of_few_labels_most_kinds_have_no_name():
    """Twelve kinds, one label each for six: what is known is of these six, by the labels alone."""
    wrong, right = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        x, y = kinds(rng, 600, count=12)
        ground = lay_ground(x, rng.dirichlet(np.full(6, 0.3), size=600))
        labels = np.full(600, -1)
        for kind in range(6):
            labels[np.flatnonzero(y == kind)[0]] = kind
        model = fit_reach(ground, labels)
        chance = named_chance(model, reach(model, themselves(ground)))
        assert ((chance >= 0) & (chance <= 1)).all()
        wrong.append((chance[y >= 6] >= 0.5).mean())
        right.append((chance[y < 6] >= 0.5).mean())
        # each given again, by another pattern: less reach is enough
        for kind in range(6):
            labels[np.flatnonzero(y == kind)[1]] = kind
        assert even(fit_reach(ground, labels)) <= even(model) + 0.01
    assert np.mean(wrong) < 0.1
    assert np.mean(right) > 0.5


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

"""The novelty score, its calibration on messages, and the budget."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from genlab.errors import InputError
from genlab.labelling import (
    conformal_p,
    fit_novelty,
    flag_threshold,
    hold_out,
    new_kind_share,
    novelty_p,
    novelty_score,
)
from genlab.labelling.neighbours import Neighbours, directions, nearest
from genlab.labelling.novelty import LOCAL, SIDE, NoveltyModel

K = 7


def cluster(rng, size, dimensions=12):
    """Patterns of five kinds around their centres."""
    centres = np.random.default_rng(99).normal(size=(5, dimensions)) * 3
    return (centres[rng.integers(5, size=size)] + rng.normal(size=(size, dimensions))).astype("f4")


def density(x):
    """A stand-in for log p(x), the same for patterns that were trained on and those that not."""
    return -0.5 * (x.astype(float) ** 2).sum(axis=1) / 10


def among(x, queries=None) -> Neighbours:
    """The K nearest of x, by the centred cosine, to the queries; to each of x itself if None."""
    base = directions(x, x.mean(axis=0))
    if queries is None:
        return nearest(base, base, K, np.arange(len(x)))
    return nearest(directions(queries, x.mean(axis=0)), base, K)


def fitted(rng, size=400) -> tuple[NoveltyModel, np.ndarray]:
    x = cluster(rng, size)
    messages = np.ones(size, int)
    held = hold_out(messages, rng.random(size), 0.3)
    return fit_novelty(among(x), messages, held, density(x)), x


def score(model, x, queries):
    return novelty_score(model, among(x, queries), density(queries))


def test_weighted_p_is_that_of_repeated_scores():
    rng = np.random.default_rng(0)
    scores, weights = rng.integers(0, 6, 40).astype(float), rng.integers(1, 5, 40)
    queries, u = np.arange(-1.0, 8.0), rng.random(9)
    found = conformal_p(scores, queries, weights, u)
    repeated = np.repeat(scores, weights)
    for q, tie, p in zip(queries, u, found, strict=True):
        expected = ((repeated > q).sum() + tie * (1 + (repeated == q).sum())) / (len(repeated) + 1)
        assert p == pytest.approx(expected)


def test_broken_ties_make_p_uniform():
    """Scores of three values only: without tie-breaking p would take three values."""
    rng = np.random.default_rng(1)
    draws = rng.integers(0, 3, size=(4000, 60)).astype(float)
    p = [conformal_p(row[1:], row[:1], None, np.array([1 - rng.random()]))[0] for row in draws]
    assert stats.kstest(p, "uniform").pvalue > 0.001


def test_kept_back_messages_are_a_binomial_share():
    rng = np.random.default_rng(2)
    messages = rng.integers(1, 30, 20_000)
    u = rng.random(20_000)
    held = hold_out(messages, u, 0.15)
    assert (held <= messages).all()
    assert held.sum() / messages.sum() == pytest.approx(0.15, abs=0.005)
    assert (held == messages)[messages == 1].mean() == pytest.approx(0.15, abs=0.02)
    assert (hold_out(messages + 1, u, 0.15) >= held).all()


def test_new_kinds_by_good_and_turing():
    assert new_kind_share(np.ones(50, int)) == 0.0  # nothing repeats: all are variations
    assert new_kind_share(np.full(50, 3)) == 0.0  # all repeat: nothing is unseen
    some = np.array([1] * 20 + [8] * 10)  # q = 0.2: q * P(2 or 3 of 3 repeat)
    assert new_kind_share(some) == pytest.approx(0.2 * (3 * 0.8**2 * 0.2 + 0.8**3))
    assert new_kind_share(np.zeros(0, int)) == 0.0


def test_score_by_hand():
    """The formula over all distances at once."""
    rng = np.random.default_rng(3)
    model, x = fitted(rng, 60)
    query, log_p = cluster(rng, 1), np.array([-4.0])
    unit = x - x.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    q = query[0] - x.mean(axis=0)
    q /= np.linalg.norm(q)
    distance = 1 - unit @ q
    near = np.argsort(distance)[:K]
    apart = 1 - unit @ unit.T
    np.fill_diagonal(apart, np.inf)
    own = np.sort(apart, axis=1)[:, :K].mean(axis=1)
    raw = distance[near].mean()
    local = (raw - LOCAL * own[near].mean() - model.remoteness.least) / model.remoteness.spread
    side = SIDE * (4.0 - model.density.least) / model.density.spread
    expected = local + raw / (raw + model.gate) * side
    assert novelty_score(model, among(x, query), log_p)[0] == pytest.approx(expected, rel=1e-4)


def test_a_pattern_of_many_messages_is_known_whatever_its_density():
    """Nine other messages at distance 0 fill the neighbourhood: the gate is shut."""
    rng = np.random.default_rng(4)
    x, new = cluster(rng, 80), cluster(rng, 50)
    messages = np.ones(80, int)
    messages[0] = 10
    near = among(x)
    model = fit_novelty(near, messages, np.zeros(80, int), density(x))
    own = [Neighbours(near.rows[[i]], near.cosine[[i]]) for i in (0, 1)]
    seen = novelty_score(model, own[0], np.array([-1e4]), own=np.array([0]))
    assert seen[0] < score(model, x, new).min()
    once = novelty_score(model, own[1], np.array([-1e4]), own=np.array([1]))
    assert once[0] > score(model, x, new).max()  # the only one of its pattern


def test_what_is_far_is_stranger():
    rng = np.random.default_rng(5)
    model, x = fitted(rng)
    far, new = 6 * rng.normal(size=(200, 12)).astype("f4"), cluster(rng, 200)
    scores = np.concatenate([score(model, x, part) for part in (new, far)])
    assert roc_auc_score(np.repeat([0, 1], 200), scores) > 0.98


@pytest.mark.parametrize("asked", [0.01, 0.05, 0.10])
def test_false_alarms_are_as_many_as_asked_for(asked):
    """40 fresh pools, 200 new messages of the same kinds each."""
    alarms, total = 0, 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        model, x = fitted(rng)
        p = novelty_p(model, score(model, x, cluster(rng, 200)), 1 - rng.random(200))
        alarms, total = alarms + int((p <= asked).sum()), total + 200
    # Messages of one pool share their calibration of about 120: spread of a beta, over 40 pools.
    spread = np.sqrt(asked * (1 - asked) * (1 / total + 1 / (120 * 40)))
    assert abs(alarms / total - asked) < 4 * spread


def test_lone_kinds_do_not_make_alarms_timid():
    """Nine in ten messages repeat their pattern, one in ten is the only one of a far kind."""
    timid, found = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = np.vstack([cluster(rng, 60), 5 * rng.normal(size=(90, 12)).astype("f4")])
        messages = np.array([rng.integers(5, 20) for _ in range(60)] + [1] * 90)
        held = hold_out(messages, rng.random(150), 0.3)
        model = fit_novelty(among(x), messages, held, density(x))
        scores = score(model, x, 5 * rng.normal(size=(100, 12)).astype("f4"))
        plain = conformal_p(model.calibration, scores, model.weights)
        timid.append((plain <= 0.05).mean())
        found.append((novelty_p(model, scores) <= 0.05).mean())
    assert np.mean(found) > 0.9
    assert np.mean(timid) < 0.75


def test_novelty_p_keeps_the_order():
    model, _ = fitted(np.random.default_rng(6))
    model = model._replace(new_kinds=0.2)
    scores = np.linspace(model.calibration[0] - 1, model.calibration[-1] + 1, 500)
    p = novelty_p(model, scores)
    assert (np.diff(p) <= 0).all()
    assert p.min() > 0
    assert p.max() == pytest.approx(1.0)


def test_a_head_adds_its_doubt():
    rng = np.random.default_rng(7)
    x = cluster(rng, 200)
    held = hold_out(np.ones(200, int), rng.random(200), 0.3)
    logit = rng.normal(size=200)
    model = fit_novelty(among(x), np.ones(200, int), held, density(x), logit, 6.0)
    new = cluster(rng, 1).repeat(2, axis=0)
    near = among(x, new)
    sure, unsure = novelty_score(model, near, density(new), np.array([5.0, -5.0]))
    assert unsure > sure
    assert model.head_weight == pytest.approx(0.5 * 6 / 8)
    with pytest.raises(InputError, match="no logits"):
        novelty_score(model, near, density(new))


def test_where_nothing_is_kept_back_everything_calibrates():
    rng = np.random.default_rng(9)
    x, messages = cluster(rng, 100), rng.integers(1, 4, 100)
    model = fit_novelty(among(x), messages, np.zeros(100, int), density(x))
    assert model.weights.sum() == messages.sum()
    far = (6 * rng.normal(size=(200, 12))).astype("f4")
    assert (novelty_p(model, score(model, x, far)) <= 0.05).mean() > 0.8


def test_budget_holds_on_average():
    assert flag_threshold(20, 1000) == 0.02
    assert flag_threshold(20, 5) == 1.0
    assert flag_threshold(20, 0) == 1.0
    rng = np.random.default_rng(8)
    days = [(rng.random(1000) <= flag_threshold(20, 1000)).sum() for _ in range(300)]
    assert np.mean(days) == pytest.approx(20, abs=4 * np.sqrt(20 / 300))
    with pytest.raises(InputError, match=">= 0"):
        flag_threshold(-1, 5)


def test_wrong_shapes_are_named():
    near = Neighbours(np.zeros((3, 1), np.int32), np.ones((3, 1), np.float32))
    with pytest.raises(InputError, match=r"messages \(2,\)"):
        fit_novelty(near, np.ones(2, int), np.zeros(3, int), np.zeros(3))
    nobody = Neighbours(near.rows[:0], near.cosine[:0])
    with pytest.raises(InputError, match="no messages"):
        fit_novelty(nobody, np.ones(0, int), np.zeros(0, int), np.zeros(0))

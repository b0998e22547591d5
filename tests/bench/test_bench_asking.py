from functools import partial

import numpy as np
import pytest

from genlab.bench.asking import (
    STRATEGIES,
    Asked,
    Problem,
    ask,
    asking,
    k_centre,
    least_confidence,
    make_problem,
    margin,
    needed,
    typiclust,
)
from genlab.bench.datasets import DataSet, load, split
from genlab.config import load_settings
from genlab.labelling import NO_LABEL, from_stored, lay_ground, propagate, themselves

SETTINGS = load_settings(
    overrides=["model.hidden=32", "model.components=16", "model.latent_dim=8", "training.epochs=4"]
)


def problem(kinds=8, patterns=25, seed=0):
    """Kinds far apart, a component each; kind k has k + 1 messages in every pattern."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(kinds), patterns)
    vectors = np.eye(kinds)[owner] + 0.05 * rng.normal(size=(len(owner), kinds))
    rows = from_stored(owner[:, None], np.ones((len(owner), 1)), kinds)
    ground = lay_ground(vectors.astype(np.float32), rows)
    messages = owner + 1.0
    ones = np.ones(len(owner))
    return Problem("", ground, ones, messages, owner, themselves(ground), ones, messages, owner)


def believed(p, labels):
    names = [str(kind) for kind in range(8)]
    return propagate(p.ground, labels, names, SETTINGS.labelling, p.novelty_p)


def some_labels(p):
    labels = np.full(len(p.kinds), NO_LABEL)
    labels[::7] = p.kinds[::7]
    return labels


@pytest.mark.parametrize("how", STRATEGIES)
def test_every_strategy_asks_about_what_is_not_labelled(how):
    p = problem()
    for labels in (np.full(len(p.kinds), NO_LABEL), some_labels(p)):
        labelled = labels != NO_LABEL
        chosen = STRATEGIES[how](p, labelled, believed(p, labels), 10, np.random.default_rng(0))
        assert len(set(chosen.rows)) == len(chosen.rows) <= 10
        assert not labelled[chosen.rows].any()
    full = STRATEGIES[how](
        p, np.ones(len(p.kinds), bool), believed(p, p.kinds), 10, np.random.default_rng(0)
    )
    assert not len(full.rows)


def test_least_confidence_and_margin_take_the_lowest():
    p, rng = problem(), np.random.default_rng(0)
    labels = some_labels(p)
    now = believed(p, labels)
    probabilities = rng.dirichlet(np.ones(8), len(p.kinds))
    now = now._replace(confidence=rng.random(len(p.kinds)), probabilities=probabilities)
    free = np.flatnonzero(labels == NO_LABEL)
    ranked = np.sort(probabilities, axis=1)
    for strategy, score in (
        (least_confidence, now.confidence),
        (margin, ranked[:, -1] - ranked[:, -2]),
    ):
        chosen = strategy(p, labels != NO_LABEL, now, 5, rng)
        assert list(chosen.rows) == sorted(free, key=lambda i, score=score: score[i])[:5]


def test_k_centre_is_farthest_first():
    p = problem()
    labels = some_labels(p)
    inside = list(np.flatnonzero(labels != NO_LABEL))
    chosen = k_centre(p, labels != NO_LABEL, believed(p, labels), 6, np.random.default_rng(0))
    for row in chosen.rows:
        distance = np.linalg.norm(p.ground.unit[:, None] - p.ground.unit[inside][None], axis=2).min(
            axis=1
        )
        assert distance[row] == pytest.approx(distance.max(), abs=1e-3)
        inside.append(row)


def test_typiclust_asks_once_in_every_cluster():
    p = problem()
    labels = np.full(len(p.kinds), NO_LABEL)
    chosen = typiclust(p, labels != NO_LABEL, believed(p, labels), 8, np.random.default_rng(0))
    assert len(set(p.kinds[chosen.rows])) >= 6  # k-means may split one cluster and join two


def test_genlab_names_every_kind_first_and_the_frequent_ones_before_the_rest():
    p = problem()
    run = ask(p, STRATEGIES["genlab"], SETTINGS, 8, 1, np.random.default_rng(0))
    share = np.cumsum(np.arange(8, 0, -1)) / 36
    np.testing.assert_allclose(run.accuracy, share)  # one question a kind, the largest first
    lucky = ask(p, STRATEGIES["random"], SETTINGS, 8, 1, np.random.default_rng(0))
    assert needed(run, 0.9) == pytest.approx(6 + (0.9 - 33 / 36) / (3 / 36) + 0)
    assert needed(lucky, 0.9) > needed(run, 0.9)


def test_labels_needed_between_batches():
    none = np.zeros(3)
    run = Asked(np.array([10, 20, 30]), np.array([0.5, 0.9, 0.7]), none, none, none)
    assert needed(run, 0.5) == 10
    assert needed(run, 0.25) == 5
    assert needed(run, 0.8) == pytest.approx(17.5)
    assert needed(run, 0.95) == float("inf")


def test_asking_ends_when_it_is_accurate_enough_or_the_labels_are_given():
    p = problem()
    run = partial(ask, p, STRATEGIES["genlab"], SETTINGS, batch=5, rng=np.random.default_rng(0))
    assert list(run(labels=7).labels) == [5, 7]
    assert list(run(labels=7, enough=0.8).labels) == [5]


def test_patterns_of_the_pool_carry_its_messages_and_none_of_the_test():
    rng = np.random.default_rng(0)
    vectors = np.eye(6)[np.repeat(np.arange(6), 10)].astype(np.float32)
    vectors += 0.1 * rng.normal(size=vectors.shape).astype(np.float32)
    pattern = np.repeat(np.arange(60), 3)
    kinds = np.array([str(k) for k in np.repeat(np.arange(6), 30)])
    data = DataSet(
        "made", vectors[pattern], kinds, kinds, pattern, None, np.zeros((0, 6), np.float32)
    )
    parts = split(data, 0)
    made = make_problem(data, parts, SETTINGS, 0)
    in_pool = np.unique(pattern[parts.pool])
    assert made.messages.sum() == len(parts.pool)
    np.testing.assert_array_equal(made.messages, np.bincount(pattern[parts.pool])[in_pool])
    np.testing.assert_array_equal(made.kinds, in_pool // 10)
    np.testing.assert_array_equal(made.test_kinds, pattern[parts.test] // 10)
    assert 0 < made.novelty_p.min() <= made.novelty_p.max() <= 1


def test_bench_of_digits_has_every_strategy_and_random_as_its_measure():
    load("digits", None, SETTINGS)
    found = asking(SETTINGS, None, ["digits"], 2, 40, 10, lambda text: None)
    rows = {row["asks"]: row for row in found["rows"]}
    assert list(rows) == list(STRATEGIES)
    assert 0 < rows["random"]["to_end"] <= 40
    assert rows["random"]["to_end_saved"] == 0
    assert rows["genlab"]["promised"] > 0
    assert all(row["to_80%"] is None or row["to_80%"] <= 40 for row in rows.values())

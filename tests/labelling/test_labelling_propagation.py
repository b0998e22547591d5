"""Oracles: clusters whose kinds are known, walks counted anew, and truly drawn test sets."""

import time

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import make_moons

from genlab.bench.datasets import draw_labels, load, split, truth
from genlab.bench.triage import learn
from genlab.config import Settings, load_settings
from genlab.errors import InputError
from genlab.labelling import (
    Ground,
    apply_labels,
    ece,
    fit_labels,
    from_stored,
    graph,
    lay_ground,
    propagate,
    queries,
    reliability,
    some,
    themselves,
    update_labels,
)
from genlab.labelling.graph import absorbed
from genlab.labelling.neighbours import Neighbours

SETTINGS = load_settings().labelling
NAMES = ["pump", "power", "net"]


def kinds(sizes: list[int], spread: float = 0.3, sharp: float = 0.97, seed: int = 0) -> Ground:
    """One cloud of patterns and one component for each kind; rows in the order of the kinds."""
    rng = np.random.default_rng(seed)
    k, own = len(sizes), np.repeat(np.arange(len(sizes)), sizes)
    centres = 4 * np.linalg.qr(rng.normal(size=(16, 16)))[0][:k]
    vectors = centres[own] + spread * rng.normal(size=(len(own), 16))
    rows = np.full((k, k), (1 - sharp) / max(k - 1, 1))
    np.fill_diagonal(rows, sharp)
    return lay_ground(vectors.astype(np.float32), rows[own])


def labelled(n: int, given: dict[int, int]) -> np.ndarray:
    labels = np.full(n, -1)
    labels[list(given)] = list(given.values())
    return labels


def test_one_label_reaches_its_kind_and_no_other():
    ground = kinds([20] * 4)
    found = propagate(ground, labelled(80, {0: 0, 20: 1}), NAMES, SETTINGS, np.ones(80))
    assert (found.label[:20] == 0).all()
    assert (found.label[20:40] == 1).all()
    assert (found.verdict[:40] == "known").all()
    assert (found.verdict[40:] == "unnamed").all()
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, rtol=1e-5)


def test_a_single_label_name_does_not_make_everything_known():
    found = propagate(kinds([20] * 4), labelled(80, {0: 0}), ["pump"], SETTINGS, np.ones(80))
    assert found.s_ood.max() < 0.1  # tau is 1 everywhere: s_ood is blind here
    assert (found.verdict[:20] == "known").all()
    assert (found.verdict[20:] == "unnamed").all()


def test_a_disputed_kind_is_between_and_low_density_novel():
    labels = labelled(40, {i: i % 2 for i in range(12)} | {20: 2, 21: 2})
    p = np.ones(40)
    p[39] = 0.0001
    found = propagate(kinds([20, 20], spread=0.02), labels, NAMES, SETTINGS, p)
    assert (found.verdict[12:20] == "between").mean() >= 0.5
    assert found.confidence[12:20].mean() < found.confidence[22:39].mean() - 0.15
    assert (found.verdict[:12] == "known").all()  # an expert answered these
    assert found.verdict[39] == "novel"
    assert (found.verdict[20:39] == "known").all()


@pytest.mark.parametrize("names", [[], NAMES])
@pytest.mark.parametrize("n", [0, 6])
def test_no_label_at_all(names, n):
    ground = kinds([n // 2] * 2)
    found = propagate(ground, np.full(n, -1), names, SETTINGS, np.ones(n))
    assert (found.label == -1).all()
    assert (found.confidence == 0).all()
    assert (found.verdict == "unnamed").all()
    assert found.probabilities.shape == (n, len(names))
    again = update_labels(ground, found.model, np.full(n, -1), len(names), SETTINGS.alpha0)
    np.testing.assert_array_equal(again.tau, found.model.tau)


def test_what_an_expert_said_of_a_row_is_its_label():
    ground = kinds([20, 20])
    labels = np.where(np.arange(40) % 20 < 8, np.repeat([0, 1], 20), -1)
    labels[3] = 1  # contradicts its kind
    found = propagate(ground, labels, NAMES[:2], SETTINGS, np.ones(40))
    given = labels >= 0
    np.testing.assert_array_equal(found.label[given], labels[given])
    assert (found.confidence[given] == 1).all()
    assert found.probabilities[3].argmax() == 0  # the model's own view
    top = found.probabilities.max(axis=1)
    np.testing.assert_array_equal(found.confidence[~given], top[~given])


def test_new_rows_need_only_the_model():
    ground = kinds([30] * 3, spread=1.0)
    rng = np.random.default_rng(1)
    labels = np.where(rng.random(90) < 0.2, np.repeat([0, 1, 2], 30), -1)
    whole = propagate(ground, labels, NAMES, SETTINGS, np.ones(90))
    rows = np.array([7, 8, 61])
    stored = apply_labels(some(ground, rows), whole.model, SETTINGS, np.ones(3), labels[rows])
    anew = apply_labels(
        some(ground, rows)._replace(stored=None), whole.model, SETTINGS, np.ones(3), labels[rows]
    )
    for a, b, c in zip(whole[:-1], stored[:-1], anew[:-1], strict=True):
        np.testing.assert_array_equal(a[rows], b)
        if a.dtype.kind == "f":
            np.testing.assert_allclose(b, c, rtol=1e-5)
    # The same vectors come as strangers: their nearest pattern is their own copy.
    vectors = ground.unit + 0.0  # any length, the centre added again
    asked = queries(ground, vectors + ground.centre, ground.responsibilities)
    found = apply_labels(asked, whole.model, SETTINGS, np.ones(90))
    np.testing.assert_allclose(asked.unit, ground.unit, atol=1e-5)
    assert (found.probabilities.argmax(axis=1) == whole.probabilities.argmax(axis=1)).mean() > 0.95


def test_the_model_of_another_version_is_refused():
    found = propagate(kinds([5, 5]), labelled(10, {0: 0}), NAMES, SETTINGS, np.ones(10))
    other = themselves(kinds([4, 3, 3]))
    with pytest.raises(InputError, match="model version"):
        apply_labels(other, found.model, SETTINGS, np.ones(10))
    with pytest.raises(InputError, match="p-values"):
        apply_labels(themselves(kinds([5, 5])), found.model, SETTINGS, np.ones(9))
    with pytest.raises(InputError, match="labels"):
        fit_labels(kinds([5, 5]), np.zeros(9, int), 1, SETTINGS)


def test_undoing_a_label_restores_everything():
    ground = kinds([12] * 3, spread=0.8)
    before = labelled(36, {0: 0, 14: 1})
    after = labelled(36, {0: 0, 14: 1, 30: 2})
    first = propagate(ground, before, NAMES, SETTINGS, np.ones(36))
    propagate(ground, after, NAMES, SETTINGS, np.ones(36))
    again = propagate(ground, before, NAMES, SETTINGS, np.ones(36))
    for a, b in zip(first[:-1], again[:-1], strict=True):
        np.testing.assert_array_equal(a, b)
    given = update_labels(ground, first.model, after, 3, SETTINGS.alpha0)
    undone = update_labels(ground, given, before, 3, SETTINGS.alpha0)
    np.testing.assert_allclose(undone.tau, first.model.tau, atol=1e-6)
    np.testing.assert_array_equal(undone.reached, first.model.reached)


def tau_written_out(ground: Ground, labels, n_labels: int, factors: np.ndarray) -> np.ndarray:
    """tau from walks over everything, pattern by pattern."""
    reached = absorbed(ground.steps, labels, n_labels).astype(float)
    mass = np.zeros((ground.responsibilities.shape[1], n_labels))
    for r, row in zip(ground.responsibilities, reached, strict=True):
        if row.sum() > 0:
            share = row * factors / (row * factors).sum()
            mass += np.outer(r, share * share.max())
    mass += SETTINGS.alpha0 / n_labels
    return mass / mass.sum(axis=1, keepdims=True)


CHANGES = {
    "added": {9: 0},
    "several added": {9: 0, 35: 2, 36: 1, 58: 2},
    "relabelled": {1: 2},
    "added and relabelled": {1: 2, 44: 1},
    "cleared": {21: -1},
    "the only one of its name relabelled": {42: 0},
    "many at once": {i: i // 20 for i in range(4, 60, 3)},
}


@pytest.mark.parametrize("length", [50, 3000])
@pytest.mark.parametrize("change", CHANGES)
def test_an_update_is_what_counting_again_gives(change, length, monkeypatch):
    """Exactly where walks are long; where they are cut short, up to what is then still walking."""
    for each in (graph.absorbed, graph.absorbed_again, graph.hits):
        monkeypatch.setattr(each, "__defaults__", (length,))
    ground = kinds([20] * 3, spread=1.5)
    assert sparse.csgraph.connected_components(ground.steps)[0] == 1  # labels do compete
    labels = labelled(60, {0: 0, 1: 0, 2: 1, 20: 1, 21: 1, 42: 2})
    model = fit_labels(ground, labels, 3, SETTINGS)
    after = labels.copy()
    for row, y in CHANGES[change].items():
        after[row] = y
    found = update_labels(ground, model, after, 3, SETTINGS.alpha0)
    again = absorbed(ground.steps, after, 3)
    cut = 1 - again.sum(axis=1).min()
    near = 1e-3 if length == 3000 else cut
    np.testing.assert_allclose(found.reached, again, atol=near)
    tau = tau_written_out(ground, after, 3, model.factors)
    np.testing.assert_allclose(found.tau, tau, atol=near)
    assert (cut < 1e-4) == (length == 3000)
    refitted = fit_labels(ground, after, 3, SETTINGS)
    np.testing.assert_allclose(found.counts, refitted.counts, atol=1e-9)
    np.testing.assert_array_equal(found.labels, after)
    np.testing.assert_array_equal(model.labels, labels)  # and the old model stays as it was
    np.testing.assert_array_equal(model.reached, absorbed(ground.steps, labels, 3))


@pytest.mark.parametrize("before", [{}, {0: 0, 21: 1}])
def test_a_label_name_never_seen_speaks_at_once(before):
    ground = kinds([20] * 3, spread=0.8)
    labels = labelled(60, before)
    known = len(before)
    model = fit_labels(ground, labels, known, SETTINGS)
    after = labels.copy()
    after[45] = known
    found = update_labels(ground, model, after, known + 1, SETTINGS.alpha0)
    refitted = fit_labels(ground, after, known + 1, SETTINGS)
    np.testing.assert_allclose(found.reached, refitted.reached, atol=1e-4)
    np.testing.assert_allclose(found.factors, refitted.factors, rtol=1e-3)
    np.testing.assert_allclose(found.tau, refitted.tau, atol=1e-3)
    judged = apply_labels(themselves(ground), found, SETTINGS, np.ones(60), after)
    assert (judged.label[40:] == known).mean() > 0.9
    if before:
        assert (judged.label[:20] == 0).mean() > 0.9


def test_a_wrong_label_is_not_predicted_by_itself():
    """Held back, the pattern is judged by the others: its kind, not the slip of the expert."""
    ground = kinds([30] * 3, spread=0.8)
    truth = np.repeat([0, 1, 2], 30)
    labels = np.where(np.arange(90) % 30 < 6, truth, -1)
    wrong = [3, 34, 61]
    labels[wrong] = (truth[wrong] + 1) % 3
    found = fit_labels(ground, labels, 3, SETTINGS).cross_fitted
    assert sorted(found.rows) == np.flatnonzero(labels >= 0).tolist()
    np.testing.assert_array_equal(found.labels, labels[found.rows])
    predicted = dict(zip(found.rows, found.probabilities.argmax(axis=1), strict=True))
    assert [predicted[row] for row in wrong] == truth[wrong].tolist()


def test_a_label_with_one_pattern_is_not_held_back():
    labels = labelled(60, {0: 0, 20: 1, 21: 1, 40: 2, 41: 2, 42: 2})
    found = fit_labels(kinds([20] * 3), labels, 3, SETTINGS).cross_fitted
    assert sorted(found.rows) == [20, 21, 40, 41, 42]


@pytest.mark.parametrize("seed", range(3))
def test_moons_from_one_label_each(seed):
    """Two labels follow the shape of the moons, which no line through two points does."""
    x, truth = make_moons(400, noise=0.05, random_state=seed)
    lifted = np.exp(-12 * ((x[:, None] - x[::8]) ** 2).sum(axis=2)).astype(np.float32)
    labels = labelled(400, {int(np.flatnonzero(truth == y)[0]): y for y in (0, 1)})
    ground = lay_ground(lifted, np.ones((400, 1)))
    found = propagate(ground, labels, ["upper", "lower"], SETTINGS, np.ones(400))
    own = np.flatnonzero(labels >= 0)
    nearest = own[((x[:, None] - x[own]) ** 2).sum(axis=2).argmin(axis=1)]
    assert (found.label == truth).mean() > (truth[nearest] == truth).mean() + 0.05
    assert (found.label == truth).mean() > 0.9


@pytest.mark.parametrize(
    ("name", "components", "bound"),
    [
        ("digits", None, 0.12),  # measured 0.093 +- 0.012
        pytest.param("digits", "kmeans", 0.13, marks=pytest.mark.slow),  # 0.104 +- 0.018
        pytest.param("fleet", "kmeans", 0.21, marks=pytest.mark.slow),  # 0.170 +- 0.038
    ],
)
def test_honest_with_one_label_per_class(name, components, bound, settings: Settings):
    """ECE on messages no fit has seen, three draws.  0.06 is wanted; the bounds keep what there is.

    The fleet's labels are broad, of many kinds each: one label teaches an accuracy of 0.39.
    """
    data = load(name, None, settings)
    errors = []
    for seed in range(3):
        parts = split(data, seed)
        learnt = learn(settings, data, parts, components, seed)
        _, pattern = np.unique(data.patterns[parts.pool], return_inverse=True)
        drawn = draw_labels(data, parts, 1)
        labels = np.full(len(learnt.ground.unit), -1)
        labels[pattern[drawn >= 0]] = drawn[drawn >= 0]
        model = fit_labels(learnt.ground, labels, len(parts.names), settings.labelling)
        p = np.ones(len(parts.test))
        found = apply_labels(learnt.test, model, settings.labelling, p).probabilities
        right = found.argmax(axis=1) == truth(data, parts)
        errors.append(ece(reliability(found.max(axis=1), right)))
    assert np.mean(errors) < bound


@pytest.fixture(scope="module")
def large() -> tuple[Ground, np.ndarray]:
    """20,000 patterns of 14 labels, 16 of 1,000 components each, ten neighbours; and the truth."""
    rng = np.random.default_rng(0)
    n, k, m = 20_000, 1_000, 16
    kind = np.sort(rng.integers(0, 200, n))  # neighbours lie close in number, as kinds do
    vectors = rng.normal(size=(200, 64))[kind] + 0.5 * rng.normal(size=(n, 64))
    places = (np.arange(n)[:, None] + rng.integers(1, 100, (n, 10))) % n
    near = Neighbours(places.astype(np.int32), rng.uniform(0.5, 1, (n, 10)).astype(np.float32))
    owners = (kind * 5)[:, None] + np.arange(m)
    r = from_stored(owners % k, rng.dirichlet(np.full(m, 0.3), n), k)
    return lay_ground(vectors.astype(np.float32), r, near), kind % 14


@pytest.mark.parametrize("settled", [0, 10])
def test_a_label_acts_at_once_on_20_000_patterns(large, settled):
    """CPU of one label's effect on all of them; some 45 ms here."""
    ground, truth = large
    rng = np.random.default_rng(1)
    labels = np.full(len(truth), -1)
    for y in range(14):
        labels[rng.permutation(np.flatnonzero(truth == y))[: 1 + settled]] = y
    model = fit_labels(ground, labels, 14, SETTINGS)
    spent = []
    for row in rng.permutation(np.flatnonzero(labels < 0))[:5]:
        after = labels.copy()
        after[row] = truth[row]
        start = time.process_time()
        now = update_labels(ground, model, after, 14, SETTINGS.alpha0)
        apply_labels(themselves(ground), now, SETTINGS, np.ones(len(truth)), after)
        spent.append(time.process_time() - start)
    assert min(spent) < 0.2

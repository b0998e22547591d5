import time

import numpy as np
import pytest

from genlab.config import load_settings
from genlab.errors import InputError
from genlab.labelling import (
    apply_labels,
    evidence,
    fit_labels,
    from_stored,
    propagate,
    temper,
)
from genlab.labelling.propagation import REACH

SETTINGS = load_settings().labelling
NAMES = ["pump", "power", "net"]


def kinds(components, n_each, sharp=0.97):
    """n_each patterns per component, mostly sure of it."""
    k = len(components)
    rows = np.full((k, k), (1 - sharp) / (k - 1))
    np.fill_diagonal(rows, sharp)
    return np.repeat(rows, n_each, axis=0)


def test_one_label_reaches_its_component_and_no_other():
    rows = kinds("abcd", 10)
    labels = np.full(40, -1)
    labels[0], labels[10] = 0, 1
    found = propagate(rows, labels, NAMES, SETTINGS, np.ones(40))
    assert (found.label[:10] == 0).all()
    assert (found.label[10:20] == 1).all()
    assert (found.verdict[:20] == "known").all()
    assert (found.verdict[20:] == "unnamed").all()
    assert found.evidence[:20].min() > 0.9
    assert found.evidence[20:].max() < 0.2


def test_a_single_label_name_does_not_make_everything_known():
    rows = kinds("abcd", 10)
    labels = np.full(40, -1)
    labels[0] = 0
    found = propagate(rows, labels, ["pump"], SETTINGS, np.ones(40))
    assert found.s_ood.max() < 0.1  # tau is 1 everywhere: s_ood is blind here
    assert (found.verdict[:10] == "known").all()
    assert (found.verdict[10:] == "unnamed").all()


def test_disputed_component_is_between_and_low_density_novel():
    rows = kinds("ab", 10)
    labels = np.full(20, -1)
    labels[:4] = [0, 1, 0, 1]
    labels[10:12] = 2
    p = np.ones(20)
    p[19] = 0.0001
    found = propagate(rows, labels, NAMES, SETTINGS, p)
    assert (found.verdict[4:10] == "between").all()
    assert (found.verdict[:4] == "known").all()  # an expert answered these
    assert found.verdict[19] == "novel"
    assert (found.verdict[10:19] == "known").all()


def test_no_label_at_all():
    for names in ([], NAMES):
        found = propagate(kinds("ab", 3), np.full(6, -1), names, SETTINGS, np.ones(6))
        assert (found.label == -1).all()
        assert (found.evidence == 0).all()
        assert (found.verdict == "unnamed").all()
        assert found.probabilities.shape == (6, len(names))
    none = propagate(np.empty((0, 2)), np.empty(0, int), NAMES, SETTINGS, np.empty(0))
    assert none.verdict.shape == (0,)


def test_confidence_is_the_tempered_top_probability():
    random = np.random.default_rng(0)
    rows = random.dirichlet(np.full(5, 0.3), 200)
    labels = random.integers(-1, 3, 200)
    found = propagate(rows, labels, NAMES, SETTINGS, np.ones(200))
    expected = temper(found.probabilities, found.model.temperature).max(axis=1)
    unlabelled = labels < 0
    np.testing.assert_allclose(found.confidence[unlabelled], expected[unlabelled], rtol=1e-6)


def test_new_rows_need_only_the_model():
    random = np.random.default_rng(1)
    rows = random.dirichlet(np.full(5, 0.3), 60)
    labels = random.integers(-1, 3, 60)
    whole = propagate(rows, labels, NAMES, SETTINGS, np.ones(60))
    model = fit_labels(rows, labels, 3, SETTINGS)
    part = apply_labels(rows[7:9], model, SETTINGS, np.ones(2), labels[7:9])
    np.testing.assert_allclose(part.probabilities, whole.probabilities[7:9], rtol=1e-12)
    np.testing.assert_allclose(part.confidence, whole.confidence[7:9], rtol=1e-12)
    with pytest.raises(InputError, match="model version"):
        apply_labels(rows[:, :4], whole.model, SETTINGS, np.ones(60))


def test_undoing_a_label_restores_everything():
    rows = kinds("abc", 5)
    before = np.full(15, -1)
    before[0] = 0
    after = before.copy()
    after[5] = 1
    first = propagate(rows, before, NAMES, SETTINGS, np.ones(15))
    propagate(rows, after, NAMES, SETTINGS, np.ones(15))
    again = propagate(rows, before, NAMES, SETTINGS, np.ones(15))
    for a, b in zip(first[:-1], again[:-1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_evidence_grows_with_labels_up_to_one():
    counts = np.array([[0.0, 0.0], [REACH / 2, 0.0], [3.0, 1.0]])
    np.testing.assert_allclose(evidence(np.eye(3), counts), [0, 0.5, 1])


def test_interactive_at_full_size():
    """20,000 patterns, 16 of 1,000 components each, 60 labels: 60 ms of CPU at most."""
    random = np.random.default_rng(0)
    n, k, y, m = 20_000, 1_000, 60, 16
    rows = from_stored(
        (random.integers(0, k - m, (n, 1)) + np.arange(m)), random.dirichlet(np.full(m, 0.3), n), k
    )
    labels = np.full(n, -1)
    labels[random.choice(n, 600, replace=False)] = random.integers(0, y, 600)
    names = [str(i) for i in range(y)]
    spent = []
    for _ in range(5):
        start = time.process_time()
        propagate(rows, labels, names, SETTINGS, np.ones(n))
        spent.append(time.process_time() - start)
    assert min(spent) < 0.060


def test_what_an_expert_said_of_a_row_is_its_label():
    rows = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.1, 0.9]])
    labels = np.array([0, 0, 1, -1])  # the third contradicts its component
    found = propagate(rows, labels, ["a", "b"], SETTINGS, np.ones(4))
    assert found.label[:3].tolist() == [0, 0, 1]
    assert found.confidence[:3].tolist() == [1.0, 1.0, 1.0]
    np.testing.assert_allclose(found.probabilities, rows @ found.model.tau)  # the model's own view
    assert found.probabilities[2].argmax() == 0

import numpy as np
import pytest
from scipy import sparse

from genlab.errors import InputError
from genlab.labelling import from_stored, label_counts, label_probabilities, s_ood, tau, top


@pytest.fixture
def case():
    random = np.random.default_rng(0)
    responsibilities = random.dirichlet(np.full(7, 0.4), 50)
    labels = random.integers(-1, 4, 50)
    weights = random.uniform(0.5, 2, 50)
    return responsibilities, labels, weights


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_counts_equal_the_sum_written_out(case, kind):
    responsibilities, labels, weights = case
    expected = np.zeros((7, 4))
    for row, label, weight in zip(responsibilities, labels, weights, strict=True):
        if label >= 0:
            for c in range(7):
                expected[c, label] += weight * row[c]
    found = label_counts(kind(responsibilities), labels, 4, weights)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert label_counts(kind(responsibilities), labels, 4).sum() == pytest.approx(
        (labels >= 0).sum()
    )


def test_tau_by_hand():
    found = tau(np.array([[3.0, 1.0], [0.0, 0.0]]), 0.5)
    np.testing.assert_allclose(found, [[3.5 / 5, 1.5 / 5], [0.5, 0.5]])


def test_nothing_labelled_and_no_labels_at_all(case):
    responsibilities, _, _ = case
    nobody = np.full(50, -1)
    assert not label_counts(responsibilities, nobody, 4).any()
    empty = tau(label_counts(responsibilities, nobody, 0), 0.1)
    assert empty.shape == (7, 0)
    assert label_probabilities(responsibilities, empty).shape == (50, 0)
    assert (s_ood(responsibilities, empty) == 1).all()


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_probabilities_and_s_ood_written_out(case, kind):
    responsibilities, labels, _ = case
    table = tau(label_counts(responsibilities, labels, 4), 0.01)
    probabilities = label_probabilities(kind(responsibilities), table)
    scores = s_ood(kind(responsibilities), table)
    for i, row in enumerate(responsibilities):
        for y in range(4):
            assert probabilities[i, y] == pytest.approx(
                sum(row[c] * table[c, y] for c in range(7)), abs=1e-9
            )
        assert scores[i] == pytest.approx(1 - max(row[c] * max(table[c]) for c in range(7)))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_stored_top_few_keep_s_ood_and_normalised_rows(case):
    responsibilities, labels, _ = case
    indices, values = top(responsibilities, 3)
    np.testing.assert_allclose(values, np.sort(responsibilities, axis=1)[:, :-4:-1], rtol=1e-6)
    stored = from_stored(indices, values, 7)
    table = tau(label_counts(responsibilities, labels, 4), 0.01)
    probabilities = label_probabilities(stored, table)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    dropped = 1 - values.sum(axis=1)  # what was not stored can move a probability by this at most
    gap = np.abs(probabilities - label_probabilities(responsibilities, table)).max(axis=1)
    assert (gap <= dropped + 1e-6).all()


def test_padding_is_no_entry():
    stored = from_stored(np.array([[2, -1], [0, 1]]), np.array([[1.0, 0.0], [0.7, 0.3]]), 3)
    expected = np.array([[0, 0, 1], [0.7, 0.3, 0]])
    np.testing.assert_allclose(stored.toarray(), expected, rtol=1e-6)
    empty = from_stored(np.full((2, 1), -1), np.zeros((2, 1)), 3)
    np.testing.assert_allclose(label_probabilities(empty, np.full((3, 2), 0.5)), 0.5)
    np.testing.assert_allclose(s_ood(empty, np.full((3, 2), 0.5)), 1)


@pytest.mark.parametrize(
    ("labels", "rows", "says"),
    [
        (np.array([0, 4]), np.eye(2), "from 0 to 4"),
        (np.array([0]), np.eye(2), "expected \\(2,\\)"),
        (np.array([0, 1]), np.array([[np.nan, 1], [0, 1]]), "NaN"),
        (np.array([0, 1]), np.ones(2), "expected \\(N, K\\)"),
    ],
)
def test_wrong_input_is_named(labels, rows, says):
    with pytest.raises(InputError, match=says):
        label_counts(rows, labels, 3)


def test_tau_needs_smoothing():
    with pytest.raises(InputError, match="above 0"):
        tau(np.ones((2, 2)), 0.0)


def test_component_of_another_version_is_refused():
    with pytest.raises(InputError, match="below K = 3"):
        from_stored(np.array([[5]]), np.array([[1.0]]), 3)

"""Oracle: wrong labels planted among right ones, on handwritten digits."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

from genlab.config import load_settings
from genlab.labelling import NO_LABEL, CrossFitted, fit_labels, lay_ground
from genlab.labelling.audit import doubts

LABELLED, WRONG = 300, 30


@pytest.fixture(scope="module")
def audited():
    """300 labelled digits of 1,797, one label in ten wrong: (doubts, rows that are wrong)."""
    digits = load_digits()
    vectors = digits.data.astype(np.float32)
    rng = np.random.default_rng(0)
    near = KMeans(60, n_init=1, random_state=0).fit_predict(vectors)
    ground = lay_ground(vectors, np.eye(60, dtype=np.float32)[near])
    labelled = rng.choice(len(vectors), LABELLED, replace=False)
    wrong = labelled[:WRONG]
    given = np.full(len(vectors), NO_LABEL)
    given[labelled] = digits.target[labelled]
    given[wrong] = (given[wrong] + rng.integers(1, 10, WRONG)) % 10
    model = fit_labels(ground, given, 10, load_settings().labelling)
    return doubts(model.cross_fitted), wrong


def test_planted_errors_are_found_first(audited) -> None:
    found, wrong = audited
    planted = np.isin(found.rows, wrong)
    precision = planted[:WRONG].mean()
    recall = planted.sum() / WRONG
    print(f"precision@{WRONG} {precision:.2f}, recall {recall:.2f} of {len(found.rows)} listed")
    assert found.judged == LABELLED
    assert precision > 0.8  # chance: 0.1; measured below
    assert recall > 0.9
    assert len(found.rows) < 2 * WRONG  # most right labels are not brought up at all
    assert (np.diff(found.given_probability) >= 0).all()


def test_what_is_called_likelier_is_the_truth(audited) -> None:
    found, wrong = audited
    truth = load_digits().target[found.rows]
    planted = np.isin(found.rows, wrong)
    assert (found.likelier[planted] == truth[planted]).mean() > 0.85


def test_only_beaten_labels_are_listed_the_least_believed_first() -> None:
    judged = CrossFitted(
        np.array([4, 7, 9]),
        np.array([0, 1, 1]),
        np.array([[0.4, 0.6], [0.2, 0.8], [0.9, 0.1]]),
    )
    found = doubts(judged)
    assert found.rows.tolist() == [9, 4]
    assert found.given.tolist() == [1, 0]
    assert found.likelier.tolist() == [0, 1]
    np.testing.assert_allclose(found.given_probability, [0.1, 0.4])
    np.testing.assert_allclose(found.likelier_probability, [0.9, 0.6])


@pytest.mark.parametrize("labels", [0, 3])
def test_nothing_judged_is_nothing_doubted(labels: int) -> None:
    none = CrossFitted(np.zeros(0, int), np.zeros(0, int), np.zeros((0, labels)))
    found = doubts(none)
    assert (len(found.rows), found.judged) == (0, 0)

"""Oracle: scikit-learn's NearestNeighbors on the same unit vectors."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from genlab.errors import InputError
from genlab.labelling import neighbours
from genlab.labelling.neighbours import directions, nearest


@pytest.fixture
def vectors() -> np.ndarray:
    return np.random.default_rng(0).normal(3.0, 1.0, (300, 12)).astype(np.float32)


def test_nearest_agrees_with_scikit_learn(vectors: np.ndarray, monkeypatch) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", 7 * len(vectors))  # several blocks
    unit = directions(vectors, vectors.mean(0))
    found = nearest(unit[:50], unit, 8)
    distance, index = NearestNeighbors(n_neighbors=8).fit(unit).kneighbors(unit[:50])
    assert (found.rows == index).all()
    np.testing.assert_allclose(found.cosine, 1 - distance**2 / 2, atol=1e-6)


def test_a_row_is_not_its_own_neighbour(vectors: np.ndarray) -> None:
    unit = directions(vectors, vectors.mean(0))
    rows = np.arange(len(unit))
    found = nearest(unit, unit, 5, own=rows)
    assert (found.rows != rows[:, None]).all()
    np.testing.assert_array_equal(found.rows, nearest(unit, unit, 6).rows[:, 1:])


def test_few_and_equal_rows_and_wrong_shapes() -> None:
    assert nearest(np.ones((3, 2)), np.ones((2, 2)), 5).rows.shape == (3, 2)
    assert nearest(np.ones((3, 2)), np.ones((0, 2)), 5).rows.shape == (3, 0)
    assert nearest(np.ones((1, 2)), np.ones((1, 2)), 5, own=np.array([0])).rows.shape == (1, 0)
    assert (directions(np.ones((2, 3)), np.ones(3)) == 0).all()
    with pytest.raises(InputError, match="same encoder"):
        nearest(np.ones((3, 2)), np.ones((2, 3)), 1)

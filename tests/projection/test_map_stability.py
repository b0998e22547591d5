"""The map keeps its places and its neighbourhoods as data grow by a tenth, on real vectors."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestNeighbors

from genlab.projection import map_positions

GROWTH = 0.1
NEAR = 10


def neighbours(points: np.ndarray) -> np.ndarray:
    """(N, NEAR) the nearest other rows, by scikit-learn."""
    search = NearestNeighbors(n_neighbors=NEAR).fit(points)
    return search.kneighbors(return_distance=False)


def kept(before: np.ndarray, after: np.ndarray) -> float:
    """Mean share of the nearest that are still among the nearest."""
    shared = [len(np.intersect1d(a, b)) for a, b in zip(before, after, strict=True)]
    return float(np.mean(shared)) / NEAR


@pytest.fixture(scope="module")
def grown() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors, the map of the first, the map of all that started from it."""
    vectors = load_digits().data.astype(np.float32)
    vectors = vectors[np.random.default_rng(0).permutation(len(vectors))]
    old = round(len(vectors) / (1 + GROWTH))
    first = map_positions(vectors[:old])
    previous = np.full((len(vectors), 2), np.nan)
    previous[:old] = first
    return vectors, first, map_positions(vectors, previous)


def test_a_tenth_more_data_moves_the_map_by_less_than_a_twentieth(grown) -> None:
    _, first, second = grown
    moved = np.linalg.norm(second[: len(first)] - first, axis=1)
    share = float(np.median(moved) / np.ptp(first, axis=0).max())
    print(f"median movement {share:.3%} of the map's width")
    assert share < 0.05


def test_neighbours_on_the_map_stay_neighbours(grown) -> None:
    _, first, second = grown
    same = kept(neighbours(first), neighbours(second[: len(first)]))
    print(f"neighbours kept {same:.1%}")
    assert same > 0.5


def test_growth_costs_no_truth(grown) -> None:
    """The map that started from the last one shows as many true neighbours as one made anew."""
    vectors, _, second = grown
    truth = neighbours(vectors)
    true_grown = kept(truth, neighbours(second))
    true_anew = kept(truth, neighbours(map_positions(vectors)))
    print(f"true neighbours shown: grown {true_grown:.1%}, anew {true_anew:.1%}")
    assert true_grown > 0.9 * true_anew

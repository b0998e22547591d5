"""Oracles: scikit-learn's kappa, and tables worked out by hand."""

import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from genlab.labelling.agreement import agreements, cohen_kappa


@pytest.mark.parametrize("seed", range(5))
def test_kappa_is_that_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = np.array(["pump", "power", "net", "disk"])
    first = rng.choice(names, 80, p=[0.5, 0.3, 0.1, 0.1])
    second = np.where(rng.random(80) < 0.6, first, rng.choice(names, 80))
    assert cohen_kappa(first, second) == pytest.approx(cohen_kappa_score(first, second))


def test_kappa_at_its_ends() -> None:
    same = np.array(["a", "b", "a", "b"])
    assert cohen_kappa(same, same) == 1.0
    assert cohen_kappa(np.array(["a", "a", "b", "b"]), same) == 0.0  # as often as by chance
    assert cohen_kappa(np.array(["b", "a", "b", "a"]), same) == -1.0
    assert math.isnan(cohen_kappa(np.array(["a", "a"]), np.array(["a", "a"])))
    assert math.isnan(cohen_kappa(np.array([]), np.array([])))


def test_pairs_are_compared_on_what_both_labelled() -> None:
    opinions = [
        *(("1", "ann", "pump"), ("1", "bob", "pump"), ("1", "eve", "net")),
        *(("2", "ann", "pump"), ("2", "bob", "net")),
        ("3", "eve", "net"),
    ]
    found = agreements(*map(list, zip(*opinions, strict=True)))
    assert [(a.first, a.second, a.patterns, a.agreed) for a in found] == [
        ("ann", "bob", 2, 1),
        ("ann", "eve", 1, 0),
        ("bob", "eve", 1, 0),
    ]
    assert agreements([], [], []) == []

"""Groups of alike patterns: what must hold of any, and kinds that are really there."""

import numpy as np
import pytest

from genlab.labelling.likeness import ALIKE, gather


def directions(rng: np.random.Generator, kinds: int, each: int, spread: float) -> np.ndarray:
    centres = rng.normal(size=(kinds, 32))
    points = np.repeat(centres, each, axis=0) + spread * rng.normal(size=(kinds * each, 32))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@pytest.mark.parametrize("spread", [0.1, 0.5, 1.0, 3.0])
def test_everyone_is_near_the_own_leader_and_no_two_leaders_are(spread: float) -> None:
    unit = directions(np.random.default_rng(3), 12, 15, spread)
    leader = gather(unit)
    cosine = unit @ unit.T
    assert (cosine[np.arange(len(unit)), leader] >= ALIKE - 1e-9).all()
    own = np.unique(leader)
    between = cosine[np.ix_(own, own)][~np.eye(len(own), dtype=bool)]
    assert (between < ALIKE).all()
    assert (leader[own] == own).all()
    nearest = own[cosine[:, own].argmax(axis=1)]
    assert (leader == nearest).all()


def test_kinds_that_are_apart_are_found() -> None:
    rng = np.random.default_rng(0)
    leader = gather(directions(rng, 9, 20, 0.2))
    kind = np.repeat(np.arange(9), 20)
    assert len(np.unique(leader)) == 9
    assert all(len(np.unique(leader[kind == k])) == 1 for k in range(9))


def test_a_chain_does_not_become_one_group() -> None:
    angles = np.linspace(0, np.pi, 40)  # each next to the last, the ends opposite
    leader = gather(np.column_stack([np.cos(angles), np.sin(angles)]))
    assert leader[0] != leader[-1]
    assert len(np.unique(leader)) > 2


def test_the_first_leads_and_what_has_no_direction_stands_alone() -> None:
    unit = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    assert gather(unit).tolist() == [0, 0, 2, 3]
    assert gather(np.zeros((0, 2))).tolist() == []

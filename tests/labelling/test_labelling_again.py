"""Walks after a change of labels: the same as walking everything anew, for less."""

import numpy as np
import pytest
from scipy import sparse

from genlab.labelling.graph import absorbed, absorbed_again, walk


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("gesture", ["given", "taken back", "changed", "all at once"])
def test_walking_again_is_walking_anew(seed: int, gesture: str) -> None:
    rng = np.random.default_rng(seed)
    blocks = [sparse.random_array((60, 60), density=0.1, rng=rng) for _ in range(3)]
    weights = sparse.block_diag(blocks).tocsr()
    steps = walk(weights + weights.T)
    before = np.where(rng.random(180) < 0.1, rng.integers(0, 3, 180), -1)
    given, free = np.flatnonzero(before[:60] >= 0), np.flatnonzero(before[:60] < 0)
    after = before.copy()
    if gesture in ("given", "all at once"):
        after[free[:12]] = 2
    if gesture in ("taken back", "all at once"):
        after[given[::2]] = -1
    if gesture in ("changed", "all at once"):
        after[given[1::2]] = (before[given[1::2]] + 1) % 3
    reached = absorbed(steps, before, 3)
    rows = absorbed_again(steps, steps.T.tocsr(), reached, before, after)
    np.testing.assert_allclose(reached, absorbed(steps, after, 3), atol=5e-5)
    assert rows.max() < 60, "walks of other blocks never come here"
    assert np.isin(np.flatnonzero(before != after), rows).all()

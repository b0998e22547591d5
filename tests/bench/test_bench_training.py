"""The bench of training costs: a real run, small."""

import numpy as np
import pytest

from genlab.bench.training import training_bench, vectors_of
from genlab.config import Settings
from genlab.models.component_vae import choose_components


def test_vectors_are_of_unit_length_and_nearer_within_a_kind():
    vectors, kind = vectors_of(1000)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    cosine, same = vectors @ vectors.T, kind[:, None] == kind
    np.fill_diagonal(same, False)
    assert cosine[same].mean() > 0.4 > 0.1 > abs(cosine[kind[:, None] != kind].mean())


@pytest.mark.slow
def test_one_row_a_size_and_every_cost_measured(settings: Settings):
    said: list[str] = []
    found = training_bench(settings, [1000], said.append)
    (row,) = found["rows"]
    assert row["patterns"] == 1000
    assert row["components"] == choose_components(1000)
    assert row["epochs"] > 0
    for name, value in row.items():
        assert value > 0, name
    assert row["usable_s"] > row["epoch_s"] * row["epochs"] * 0.5
    assert len(said) == 3

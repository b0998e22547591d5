"""The stream of the growth bench is what it says; and ten runs on digits, slowly."""

import numpy as np
import pytest

from genlab.bench.datasets import load
from genlab.bench.growth import PER_KIND, RUNS, growth_bench, stream
from genlab.config import load_settings


def test_half_of_the_kinds_come_later_each_at_once_and_nothing_is_lost():
    given = stream(load("digits", None, load_settings()), seed=0)
    coming = {kind: run for kind, run in given.first_run.items() if run}
    assert len(given.first_run) == 10
    assert len(coming) == 5
    assert set(coming.values()) <= set(range(1, RUNS + 1))
    assert len(np.unique(given.vectors, axis=0)) == len(given.vectors)
    for kind, run in given.first_run.items():
        at = given.arrives[given.labels == kind]
        assert len(at) == PER_KIND
        assert set(at) == {run}  # labels come with a kind's first patterns
    assert set(given.arrives) == set(range(RUNS + 1))
    assert set(given.truth) == set(given.first_run)


@pytest.mark.slow
def test_after_ten_runs_new_kinds_have_room_and_the_old_are_as_good_as_trained_anew():
    found = growth_bench(load_settings(), ["digits"], None, seeds=1)
    first, last, anew = found["rows"]
    assert last["components"] > 3 * first["components"]
    assert last["kinds"] == 10
    assert last["owned"] > 0.5  # a new kind's own components, in the run that brings it
    assert last["accuracy"] > anew["accuracy"] - 0.03
    assert last["old"] > anew["old"] - 0.03
    assert last["old_among_old"] > first["old_among_old"] - 0.03

"""Which component is which: told by hand-made memberships whose history is known."""

import numpy as np
import pytest
from scipy import sparse

from genlab.pipeline.identities import Before, Identities, continued, first_identities, matched

ALL = np.ones(3, bool)


def rows(owner: list[int], k: int, sure: float = 0.9) -> sparse.csr_matrix:
    """(N, k): ``sure`` of each row to its owner, the rest to the next component."""
    r = np.zeros((len(owner), k))
    r[np.arange(len(owner)), owner] = sure
    r[np.arange(len(owner)), (np.array(owner) + 1) % k] += 1 - sure
    return sparse.csr_matrix(r)


def told(found: Identities) -> dict[int | None, tuple[str, set[str]]]:
    return {e.component: (e.event, set(e.from_ids)) for e in found.events if e.event != "retired"}


def test_the_first_version_bears_all_that_is_active() -> None:
    found = first_identities(np.array([True, False, True]))
    assert told(found) == {0: ("born", set()), 2: ("born", set())}
    assert len(set(found.ids)) == 3


def test_reordered_components_keep_their_identities() -> None:
    before = Before(["a", "b", "c"], ALL, rows([0] * 5 + [1] * 5 + [2] * 5, 3))
    found = matched(before, rows([2] * 5 + [0] * 5 + [1] * 5, 3), ALL)
    assert found.ids == ["b", "c", "a"]
    assert {e.event for e in found.events} == {"kept"}
    assert [e.overlap for e in found.events] == pytest.approx([1.0] * 3)


def test_one_that_falls_in_two_split_and_the_larger_part_is_it() -> None:
    before = Before(["a", "b"], ALL[:2], rows([0] * 10 + [1] * 5, 2, 1.0))
    found = matched(before, rows([0] * 4 + [1] * 6 + [2] * 5, 3, 1.0), ALL)
    assert found.ids[1:] == ["a", "b"]
    assert told(found) == {0: ("split", {"a"}), 1: ("split", {"a"}), 2: ("kept", {"b"})}
    assert [e.overlap for e in found.events] == pytest.approx([0.4, 0.6, 1.0])


def test_two_that_fall_together_merged_and_the_smaller_retired() -> None:
    before = Before(["a", "b", "c"], ALL, rows([0] * 4 + [1] * 6 + [2] * 5, 3, 1.0))
    found = matched(before, rows([0] * 10 + [1] * 5, 2, 1.0), ALL[:2])
    assert found.ids == ["b", "c"]
    assert told(found) == {0: ("merged", {"a", "b"}), 1: ("kept", {"c"})}
    assert found.events[0].from_ids[0] == "b"
    assert [(e.component_id, e.component) for e in found.events if e.event == "retired"] == [
        ("a", None)
    ]


def test_what_shares_nothing_is_born_and_the_old_retire() -> None:
    before = Before(["a", "b"], ALL[:2], rows([0, 0, 1, 1], 2, 1.0))
    found = matched(before, sparse.csr_matrix((4, 2)), ALL[:2])
    assert told(found) == {0: ("born", set()), 1: ("born", set())}
    assert not set(found.ids) & {"a", "b"}
    assert {e.component_id for e in found.events if e.event == "retired"} == {"a", "b"}


def test_continued_components_are_what_their_index_says() -> None:
    """Index 1 fell asleep into 0; 2 was spare and opened; 3 relieves 0; 4 is new and unused."""
    before = Before(["a", "b", "s"], np.array([True, True, False]), rows([0] * 6 + [1] * 4, 3, 1.0))
    after = rows([0] * 3 + [3] * 3 + [0] * 4, 5, 1.0)
    active = np.array([True, False, True, True, False])
    found = continued(before, after, active, opened=[2], split={3: 0})
    assert found.ids[:2] == ["a", "b"]
    assert "s" not in found.ids
    assert told(found) == {0: ("merged", {"a", "b"}), 2: ("opened", set()), 3: ("split", {"a"})}
    assert [e.component_id for e in found.events if e.event == "retired"] == ["b"]


@pytest.mark.parametrize("seed", range(3))
def test_shares_are_those_of_the_definition(seed: int) -> None:
    """Against a loop over patterns and pairs."""
    rng = np.random.default_rng(seed)
    r = rng.dirichlet(np.full(4, 0.3), 30) * (rng.random((30, 4)) < 0.7)
    s = rng.dirichlet(np.full(3, 0.3), 30) * (rng.random((30, 3)) < 0.7)
    before = Before([*"abcd"], np.ones(4, bool), sparse.csr_matrix(r))
    for event in matched(before, sparse.csr_matrix(s), ALL).events:
        if event.component is None or not event.from_ids:
            continue
        a, b = "abcd".index(event.from_ids[0]), event.component
        low = sum(min(r[i, a], s[i, b]) for i in range(30))
        high = sum(max(r[i, a], s[i, b]) for i in range(30))
        assert event.overlap == pytest.approx(low / high)

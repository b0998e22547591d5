import numpy as np

from genlab.config import load_settings
from genlab.labelling import from_stored, propagate, suggest

SETTINGS = load_settings().labelling


def blocks(sizes):
    """Patterns that belong to one component each, ``sizes`` patterns per component."""
    owner = np.repeat(np.arange(len(sizes)), sizes)
    return from_stored(owner[:, None], np.ones((len(owner), 1)), len(sizes)), owner


def test_the_biggest_unsettled_kinds_first_one_each():
    rows, owner = blocks([5, 30, 10, 20])
    messages = np.ones(65)
    labels = np.full(65, -1)
    labels[owner == 1] = 0  # the biggest kind is labelled already
    found = propagate(rows, labels, ["a"], SETTINGS, np.ones(65))
    chosen = suggest(rows, messages, labels >= 0, found, 3)
    assert [owner[s.index] for s in chosen] == [3, 2, 0]
    np.testing.assert_allclose([s.would_settle for s in chosen], [20, 10, 5])
    assert len(suggest(rows, messages, labels >= 0, found, 50)) == 3  # no near-twins to fill up


def test_messages_count_and_not_patterns():
    rows, owner = blocks([3, 3])
    labels = np.full(6, -1)
    found = propagate(rows, labels, [], SETTINGS, np.ones(6))
    chosen = suggest(rows, np.array([1, 1, 1, 100, 1, 1]), labels >= 0, found, 1)
    assert owner[chosen[0].index] == 1
    assert chosen[0].would_settle == 102


def test_what_is_promised_happens():
    """Answering the question settles the promised number of messages."""
    rows, _ = blocks([8, 25, 12])
    labels = np.full(45, -1)
    messages = np.arange(45) + 1.0
    before = propagate(rows, labels, ["a"], SETTINGS, np.ones(45))
    first = suggest(rows, messages, labels >= 0, before, 1)[0]
    labels[first.index] = 0
    after = propagate(rows, labels, ["a"], SETTINGS, np.ones(45))
    settled = messages[(before.verdict != "known") & (after.verdict == "known")].sum()
    assert settled == first.would_settle


def test_a_novel_pattern_settles_only_itself():
    rows, owner = blocks([10, 4])
    p = np.ones(14)
    p[owner == 0] = 0.0001
    labels = np.full(14, -1)
    found = propagate(rows, labels, [], SETTINGS, p)
    chosen = suggest(rows, np.ones(14), labels >= 0, found, 3)
    assert owner[chosen[0].index] == 1
    assert [s.would_settle for s in chosen] == [4, 1, 1]
    assert "unlike" in chosen[1].reason


def test_nothing_left_to_ask():
    rows, _ = blocks([4])
    labels = np.zeros(4, int)
    found = propagate(rows, labels, ["a"], SETTINGS, np.ones(4))
    assert suggest(rows, np.ones(4), labels >= 0, found, 5) == []

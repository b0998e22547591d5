from itertools import combinations

import numpy as np
import pytest

from genlab.config import load_settings
from genlab.errors import InputError
from genlab.labelling import NO_LABEL, from_stored, lay_ground, propagate, suggest
from genlab.labelling.neighbours import Neighbours, directions, nearest
from genlab.labelling.suggest import outlook

SETTINGS = load_settings().labelling


def blocks(sizes):
    """Patterns that belong to one component each, ``sizes`` patterns per component."""
    owner = np.repeat(np.arange(len(sizes)), sizes)
    return from_stored(owner[:, None], np.ones((len(owner), 1)), len(sizes)), owner


def judged(rows, labels, names, settings, p):
    """The whole label stage over patterns whose vectors are their responsibilities."""
    return propagate(lay_ground(rows.toarray(), rows), labels, names, settings, p)


def believed(confidence, verdict=None):
    """A propagation whose doubt is 1 - ``confidence``."""
    n = len(confidence)
    rows, _ = blocks([n])
    none = judged(rows, np.full(n, NO_LABEL), [], SETTINGS, np.ones(n))
    return none._replace(
        confidence=np.asarray(confidence, float),
        evidence=np.ones(n),
        verdict=np.full(n, "unnamed") if verdict is None else np.asarray(verdict),
    )


def reach(likeness, n):
    """b (N, N) from its definition, pair by pair."""
    b = np.eye(n)
    for i in range(n):
        if isinstance(likeness, Neighbours):
            for j, cosine in zip(likeness.rows[i], likeness.cosine[i], strict=True):
                b[i, j] = b[j, i] = max(b[i, j], max(cosine, 0.0) ** 2)
        else:
            rows = likeness.toarray()
            for j in range(n):
                if i != j:
                    b[i, j] = np.sqrt(rows[i] * rows[j]).sum()
    return b


def taken_off(b, messages, doubt, questions):
    """Doubt in messages that a set of questions takes off."""
    left = np.prod([1 - b[i] for i in questions], axis=0)
    return float(messages @ (doubt * (1 - left)))


@pytest.mark.parametrize("kind", ["components", "neighbours"])
@pytest.mark.parametrize("seed", range(5))
def test_greedy_is_within_its_bound_of_the_best_set(kind, seed):
    """Every set of three is tried: the greedy one takes off at least 1 - 1/e of the best."""
    rng = np.random.default_rng(seed)
    n = 14
    if kind == "components":
        dense = rng.dirichlet(np.full(5, 0.3), n)
        likeness = from_stored(np.tile(np.arange(5), (n, 1)), dense, 5)
    else:
        unit = directions(rng.normal(size=(n, 3)), np.zeros(3))
        likeness = nearest(unit, unit, 4, own=np.arange(n))
    messages, confidence = rng.integers(1, 50, n), rng.random(n)
    b = reach(likeness, n)
    found = suggest(likeness, messages, np.zeros(n, bool), believed(confidence), 3)
    best = max(taken_off(b, messages, 1 - confidence, each) for each in combinations(range(n), 3))
    greedy = taken_off(b, messages, 1 - confidence, [s.index for s in found])
    assert (1 - 1 / np.e) * best <= greedy <= best * (1 + 1e-9)
    first = max(range(n), key=lambda i: taken_off(b, messages, 1 - confidence, [i]))
    assert first in [s.index for s in found]
    # Before the first label the promise is the messages that b reaches, question after question.
    covered = taken_off(b, messages, np.ones(n), [s.index for s in found])
    assert sum(s.would_settle for s in found) == pytest.approx(covered, rel=1e-5)


def test_no_near_twins():
    """Ten directions, thirty twins each: ten questions, one in each."""
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(10), 30)
    unit = directions(np.eye(10)[owner] + 0.02 * rng.normal(size=(300, 10)), np.full(10, 0.1))
    near = nearest(unit, unit, 29, own=np.arange(300))
    found = suggest(near, np.ones(300), np.zeros(300, bool), believed(np.zeros(300)), 10)
    assert sorted(owner[s.index] for s in found) == list(range(10))


def test_the_biggest_unsettled_kinds_first_one_each():
    rows, owner = blocks([15, 30, 20, 25])
    messages = np.ones(90)
    labels = np.full(90, NO_LABEL)
    labels[np.flatnonzero(owner == 1)[0]] = 0  # the biggest kind is labelled already
    found = judged(rows, labels, ["a"], SETTINGS, np.ones(90))
    chosen = suggest(rows, messages, labels >= 0, found, 3)
    assert [owner[s.index] for s in chosen] == [3, 2, 0]
    np.testing.assert_allclose([s.would_settle for s in chosen], [25, 20, 15])
    # No near-twins to fill up: what is left to ask lies in the labelled kind, not quite settled.
    more = suggest(rows, messages, labels >= 0, found, 50)
    assert sorted(owner[s.index] for s in more if owner[s.index] != 1) == [0, 2, 3]


def test_messages_count_and_not_patterns():
    rows, owner = blocks([3, 3])
    found = judged(rows, np.full(6, NO_LABEL), [], SETTINGS, np.ones(6))
    chosen = suggest(rows, np.array([1, 1, 1, 100, 1, 1]), np.zeros(6, bool), found, 1)
    assert owner[chosen[0].index] == 1
    assert chosen[0].would_settle == 102


def test_what_is_promised_happens():
    """Answering the question settles the promised number of messages."""
    rows, _ = blocks([8, 25, 12])
    labels = np.full(45, NO_LABEL)
    messages = np.arange(45) + 1.0
    before = judged(rows, labels, ["a"], SETTINGS, np.ones(45))
    first = suggest(rows, messages, labels >= 0, before, 1)[0]
    labels[first.index] = 0
    after = judged(rows, labels, ["a"], SETTINGS, np.ones(45))
    settled = messages[(before.verdict != "known") & (after.verdict == "known")].sum()
    assert settled == first.would_settle


def test_promises_shrink_to_what_earlier_answers_settled():
    """Two answers whose eleven twins each stayed unknown but three: three elevenths from now on."""
    rows, owner = blocks([12, 12, 12])
    labelled, verdict = np.zeros(36, bool), np.full(36, "unnamed")
    labelled[[0, 12]] = True
    verdict[[0, 12, *range(1, 4), *range(13, 16)]] = "known"
    found = suggest(rows, np.ones(36), labelled, believed(np.zeros(36), verdict), 1)
    assert owner[found[0].index] == 2
    assert found[0].would_settle == pytest.approx(1 + 11 * 3 / 11)
    share = 3 / 11
    assert found[0].deviation == pytest.approx(11 * np.sqrt(share * (1 - share)))


def test_a_novel_pattern_settles_only_itself():
    rows, owner = blocks([10, 4])
    p = np.ones(14)
    p[owner == 0] = 0.0001
    found = judged(rows, np.full(14, NO_LABEL), [], SETTINGS, p)
    chosen = suggest(rows, np.ones(14), np.zeros(14, bool), found, 3)
    assert owner[chosen[0].index] == 1
    assert [s.would_settle for s in chosen] == [4, 1, 1]
    assert "unlike" in chosen[1].reason


def test_a_novel_neighbour_neither_settles_nor_is_settled():
    near = Neighbours(np.array([[1], [0], [1]], np.int32), np.ones((3, 1), np.float32))
    now = believed(np.zeros(3), ["unnamed", "novel", "unnamed"])
    found = suggest(near, np.array([5, 9, 2]), np.zeros(3, bool), now, 3)
    assert [(s.index, s.would_settle) for s in found] == [(1, 9), (0, 5), (2, 2)]


def test_nothing_left_to_ask():
    rows, _ = blocks([4])
    labels = np.zeros(4, int)
    found = judged(rows, labels, ["a"], SETTINGS, np.ones(4))
    assert suggest(rows, np.ones(4), labels >= 0, found, 5) == []
    assert not outlook([], np.ones(4), found).pays


def simulated(seed, labels_per_kind):
    """Four clear kinds of 50 patterns, 10 messages each, and what is believed about them."""
    rng = np.random.default_rng(seed)
    rows, owner = blocks([50, 50, 50, 50])
    labels = np.full(200, NO_LABEL)
    for kind in range(4):
        labels[rng.permutation(np.flatnonzero(owner == kind))[:labels_per_kind]] = kind
    now = judged(rows, labels, list("abcd"), SETTINGS, np.ones(200))
    return rows, np.full(200, 10.0), labels >= 0, now


@pytest.mark.parametrize("labels_per_kind", [0, 1, 5])
def test_more_labels_pay_only_while_something_is_unsettled(labels_per_kind):
    rows, messages, labelled, now = simulated(0, labels_per_kind)
    ahead = outlook(suggest(rows, messages, labelled, now, 4), messages, now)
    assert ahead.pays == (labels_per_kind == 0)
    assert ahead.known == (0 if labels_per_kind == 0 else 2000)
    assert ahead.threshold == pytest.approx(2.0)
    if labels_per_kind == 0:
        assert (ahead.questions, ahead.per_question) == (4, 500)
    else:
        assert ahead.upper < ahead.threshold


def test_the_interval_is_that_of_independent_questions():
    rows, _ = blocks([12, 12, 12, 12])
    labelled, verdict = np.zeros(48, bool), np.full(48, "unnamed")
    labelled[[0, 12]] = True
    verdict[[0, 12, *range(1, 4), *range(13, 16)]] = "known"
    now = believed(np.zeros(48), verdict)
    found = suggest(rows, np.ones(48), labelled, now, 2)
    ahead = outlook(found, np.ones(48), now)
    answers = np.random.default_rng(0).random((200_000, 2)) < 3 / 11  # each for all eleven
    settled = (1 + 11 * answers).mean(axis=1)
    assert ahead.per_question == pytest.approx(settled.mean(), rel=0.01)
    assert ahead.upper - ahead.per_question == pytest.approx(1.645 * settled.std(), rel=0.01)


def test_shapes_that_do_not_fit_are_named():
    rows, _ = blocks([4])
    with pytest.raises(InputError, match="4 rows"):
        suggest(rows, np.ones(3), np.zeros(3, bool), believed(np.zeros(3)), 1)

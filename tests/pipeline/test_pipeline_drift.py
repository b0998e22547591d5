"""Noise stays quiet at the rate promised, changes are heard; counts of a stream built by hand."""

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from helpers import MESSAGE, PATTERN, POSITION, REJECTED
from scipy import stats

from genlab.pipeline.drift import drift, is_news, paired_p, share_p
from genlab.store import Store

SLOTS, TRIALS = 24, 4000
NEWEST = datetime(2026, 3, 8, 12)


def bursts(rng: np.random.Generator, rate: float) -> np.ndarray:
    """(TRIALS, SLOTS) counts with a daily rhythm and bursts: variance many times the mean."""
    rhythm = 1 + 0.8 * np.sin(np.linspace(0, 2 * np.pi, SLOTS, endpoint=False))
    return rng.negative_binomial(1.0, 1 / (1 + rate * rhythm), (TRIALS, SLOTS))


def changed(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    squares = ((now - before) ** 2).sum(axis=1)
    return paired_p(before.sum(axis=1), now.sum(axis=1), squares, SLOTS)


@pytest.mark.parametrize("rate", [0.1, 2.0, 40.0])
def test_bursts_and_rhythm_are_called_news_as_rarely_as_promised(rate: float) -> None:
    rng = np.random.default_rng(1)
    before, now = bursts(rng, rate), bursts(rng, rate)
    assert (changed(before, now) <= 0.05).mean() < 0.07
    b, n = before.sum(axis=1), now.sum(axis=1)
    naive = np.abs(n - b) / np.sqrt(np.maximum(n + b, 1)) > 1.96  # as if counts were Poisson
    assert rate < 1 or naive.mean() > 0.2


def test_a_true_rise_is_heard() -> None:
    rng = np.random.default_rng(2)
    assert (changed(bursts(rng, 5.0), bursts(rng, 20.0)) <= 0.05).mean() > 0.9
    steady = np.full((1, SLOTS), 3)
    assert changed(steady, steady + 2)[0] < 0.05  # 72 messages, then 120, hour by hour
    assert changed(steady, steady)[0] == 1.0


def test_it_is_the_paired_t_test_of_scipy() -> None:
    rng = np.random.default_rng(3)
    before, now = bursts(rng, 30.0)[:200], bursts(rng, 30.0)[:200]
    ours = changed(before, now)
    theirs = stats.ttest_rel(now, before, axis=1).pvalue
    wide = (now - before).var(axis=1, ddof=1) * SLOTS > now.sum(axis=1) + before.sum(axis=1)
    assert wide.sum() > 190  # where the differences spread as Poisson counts would, or more
    np.testing.assert_allclose(ours[wide], theirs[wide], rtol=1e-6)


def test_many_patterns_without_a_change_make_no_news() -> None:
    rng = np.random.default_rng(4)
    p = changed(bursts(rng, 2.0), bursts(rng, 2.0))
    assert is_news(p).sum() <= 1
    assert is_news(np.array([1e-9, *p]))[0]
    assert not len(is_news(np.zeros(0)))


def test_shares_that_come_in_clumps_are_not_news() -> None:
    rng = np.random.default_rng(5)
    found = []
    for _ in range(1500):
        every = rng.poisson(50, (2, SLOTS)) + 1
        share = rng.beta(0.5, 4.5, (2, SLOTS))  # an hour has many of them or none
        part = rng.binomial(every, share)
        found.append(share_p(part[0], every[0], part[1], every[1])[2])
    assert np.mean(np.array(found) <= 0.05) < 0.08
    even = np.full(SLOTS, 100)
    before, now, p = share_p(even * 0.02, even, even * 0.05, even)
    assert (before, now) == (pytest.approx(0.02), pytest.approx(0.05))
    assert p < 0.001
    assert share_p(even * 0, even, even * 0, even)[2] == 1.0
    assert share_p(even * 0, even * 0, even, even)[2] == 1.0


def put(store: Store, stream: list[tuple[str, str, datetime]]) -> None:
    """Store (pattern, source, time) triples."""
    texts = sorted({text for text, _, _ in stream})
    rows = [
        {"message_id": f"m{i}", "source": source, "occurred_at": at, "text": text,
         "pattern_id": f"p-{text}"}
        for i, (text, source, at) in enumerate(stream)
    ]  # fmt: skip
    patterns = [{"pattern_id": f"p-{t}", "canonical_text": t, "sample_text": t} for t in texts]
    store.write(
        "messages.ingest_batch",
        inputs={
            "in_messages": pa.Table.from_pylist(rows, schema=MESSAGE),
            "in_patterns": pa.Table.from_pylist(patterns, schema=PATTERN),
            "in_rejected": REJECTED.empty_table(),
            "in_position": POSITION.empty_table(),
        },
    )


def hourly(text: str, source: str, first: float, last: float, each: int = 1) -> list:
    """``each`` messages an hour from ``first`` to ``last`` hours before the newest."""
    return [
        (text, source, NEWEST - timedelta(hours=h))
        for h in np.arange(last, first, 1.0)
        for _ in range(each)
    ]


def test_causes_are_told_apart(store: Store) -> None:
    put(
        store,
        [
            *hourly("steady", "a", 80, 0, 4),
            *hourly("louder", "b", 80, 24, 1),
            *hourly("louder", "b", 24, 0, 5),
            *hourly("reworded", "b", 24, 0, 2),
            *hourly("once", "b", 4, 3, 1),
        ],
    )
    found = drift(store, "day")
    assert {each.key: (each.before, each.now, each.news) for each in found.sources} == {
        "a": (96, 96, False),
        "b": (24, 24 * 7 + 1, True),
    }
    news = {each.key: (each.before, each.now) for each in found.patterns}
    assert news == {"p-louder": (24, 120), "p-reworded": (0, 48)}
    assert found.texts == {"p-louder": "louder", "p-reworded": "reworded"}
    assert found.wording.before == 0.0
    assert found.wording.now == pytest.approx(49 / (96 + 120 + 48 + 1))
    assert found.wording.news
    assert [(each.text, each.messages) for each in found.fresh] == [("reworded", 48), ("once", 1)]
    assert (found.novelty.messages, found.flagged) == (0, [])  # nothing is judged yet


def test_too_few_days_say_nothing(store: Store) -> None:
    assert drift(store, "day").sources is None  # not one message
    put(store, hourly("steady", "a", 60, 0))
    day = drift(store, "day")
    assert day.sources is not None
    assert day.wording is None  # every pattern would be new in the window before
    assert drift(store, "week").sources is None

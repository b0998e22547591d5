"""Noise stays quiet at the rate promised, changes are heard; counts of a stream built by hand."""

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from helpers import MESSAGE, PATTERN, POSITION, REJECTED
from scipy import stats

from genlab.pipeline.burst import burst_p
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
    assert found.texts == {
        "p-louder": ("louder", "volume"),
        "p-reworded": ("reworded", "wording"),
    }
    assert found.wording.before == 0.0
    assert found.wording.now == pytest.approx(49 / (96 + 120 + 48 + 1))
    assert found.wording.news
    assert [(each.text, each.messages) for each in found.fresh] == [("reworded", 48), ("once", 1)]
    assert (found.novelty.messages, found.flagged) == (0, [])  # nothing is judged yet


def largest_hour(counts: np.ndarray) -> np.ndarray:
    """p-values of (TRIALS, 2 * SLOTS) counts, the last window first."""
    peak, total = counts[:, :SLOTS].max(axis=1), counts.sum(axis=1)
    return burst_p(peak, total, (counts.astype(float) ** 2).sum(axis=1), 2 * SLOTS, SLOTS)


@pytest.mark.parametrize("rate", [0.02, 0.5, 2.0, 40.0])
def test_usual_bursts_are_called_one_as_rarely_as_promised(rate: float) -> None:
    rng = np.random.default_rng(6)
    both = np.concatenate([bursts(rng, rate), bursts(rng, rate)], axis=1)
    p = largest_hour(both)
    assert (p <= 0.05).mean() < 0.05
    assert (p <= 1e-3).mean() < 3e-3
    again = largest_hour(rng.poisson(rate, (TRIALS, 2 * SLOTS)))
    assert (again <= 0.05).mean() < 0.01


@pytest.mark.parametrize(("rate", "level"), [(1.0, 0.05), (5.0, 1e-4), (40.0, 1e-6)])
def test_an_hour_of_twenty_times_is_heard_among_steady_ones(rate: float, level: float) -> None:
    rng = np.random.default_rng(7)
    counts = rng.poisson(rate, (TRIALS, 2 * SLOTS))
    counts[:, 5] = rng.poisson(20 * rate, TRIALS)
    assert (largest_hour(counts) <= level).mean() > 0.9
    # the same hour every day is no burst
    counts[:, 5 + SLOTS] = rng.poisson(20 * rate, TRIALS)
    assert (largest_hour(counts) <= 0.05).mean() < 0.07


def test_nothing_in_the_window_is_no_burst() -> None:
    counts = np.zeros((2, 2 * SLOTS))
    counts[1, SLOTS] = 50  # long ago
    assert largest_hour(counts).tolist() == [1.0, 1.0]


def traffic(rng: np.random.Generator) -> list:
    """More than three days of two sources and 60 kinds, each with its rate and a daily rhythm."""
    found = []
    for kind, rate in enumerate(np.geomspace(0.2, 20, 60)):
        for hour in range(80):
            rhythm = 1 + 0.5 * np.sin(2 * np.pi * hour / 24)
            found += hourly(
                f"kind {kind}", f"s{kind % 2}", hour + 1, hour, rng.poisson(rate * rhythm)
            )
    return found


def test_a_quiet_day_stays_quiet(store: Store) -> None:
    put(store, traffic(np.random.default_rng(8)))
    found = drift(store, "day")
    assert (found.patterns, found.bursts) == ([], [])
    assert not any(each.news or each.burst.news for each in found.sources)
    assert not found.wording.news
    assert not found.wording.burst.news


def test_a_burst_of_a_known_kind_is_volume_and_tells_its_hour(store: Store) -> None:
    rng = np.random.default_rng(9)
    put(store, [*traffic(rng), *hourly("kind 40", "s0", 7, 6, 100)])  # of some 5 an hour
    found = drift(store, "day")
    assert [each.key for each in found.bursts] == ["p-kind 40"]
    assert found.texts["p-kind 40"] == ("kind 40", "volume")
    burst = found.bursts[0].burst
    assert burst.began_at == NEWEST - timedelta(hours=7)
    assert 100 <= burst.messages <= 125
    assert burst.usual == pytest.approx(np.geomspace(0.2, 20, 60)[40], rel=0.25)
    assert found.patterns == []  # the day as a whole is within noise
    assert not found.wording.burst.news


def judged(store: Store, verdicts: dict[str, str]) -> None:
    """A version in force that says this of the patterns."""
    version = store.write(
        "model_versions.add", parent=None, job_id=None, encoder_version="e", prior="mixture",
        components=1, latent_dim=1, epochs=1, folder="none", configuration="{}", metrics="{}",
    )["version"]  # fmt: skip
    n = len(verdicts)
    one = pa.array([[1.0]] * n, pa.list_(pa.float32()))
    numbers = ("log_px", "confidence", "s_ood", "evidence", "map_x", "map_y", "novelty_p")
    rows = {
        "pattern_id": [f"p-{text}" for text in verdicts],
        "components": pa.array([[0]] * n, pa.list_(pa.int32())),
        **dict.fromkeys(("responsibilities", "latent_mean", "latent_logvar"), one),
        **dict.fromkeys(numbers, [0.5] * n),
        "held_out": [False] * n,
        "label": pa.nulls(n, pa.string()),
        "verdict": list(verdicts.values()),
    }
    store.write("assignments.put", {"in_assignments": pa.table(rows)}, version=version)
    store.write("model_versions.promote", version=version)


def test_an_hour_of_a_kind_that_is_not_known_is_novelty(store: Store) -> None:
    rng = np.random.default_rng(12)
    rare = [*hourly("strange", "s1", 79, 78), *hourly("strange", "s1", 5, 4, 40)]
    put(store, [*traffic(rng), *rare])
    judged(store, {**{f"kind {k}": "known" for k in range(60)}, "strange": "novel"})
    found = drift(store, "day")
    assert [found.texts[each.key] for each in found.bursts] == [("strange", "novelty")]
    assert found.novelty.burst.news
    assert found.novelty.burst.messages == 40
    assert not found.novelty.news
    assert not found.wording.burst.news


def test_an_hour_of_a_new_kind_is_wording(store: Store) -> None:
    rng = np.random.default_rng(10)
    put(store, [*traffic(rng), *hourly("never seen", "s1", 4, 3, 30)])
    found = drift(store, "day")
    assert [each.key for each in found.bursts] == ["p-never seen"]
    assert found.texts["p-never seen"].cause == "wording"
    assert found.wording.burst.news
    assert (found.wording.burst.messages, found.wording.burst.usual) == (30, 0.0)
    assert not found.wording.news  # one hour of a day


def test_an_hour_of_new_kinds_of_one_message_each_is_wording(store: Store) -> None:
    rng = np.random.default_rng(11)
    many = [row for i in range(40) for row in hourly(f"one of its own {i}", "s0", 4, 3)]
    put(store, [*traffic(rng), *many])
    found = drift(store, "day")
    assert found.bursts == []  # none of them alone
    assert found.wording.burst.news
    assert found.wording.burst.messages == 40


def test_too_few_days_say_nothing(store: Store) -> None:
    assert drift(store, "day").sources is None  # not one message
    put(store, hourly("steady", "a", 60, 0))
    day = drift(store, "day")
    assert day.sources is not None
    assert day.wording is None  # every pattern would be new in the window before
    assert drift(store, "week").sources is None

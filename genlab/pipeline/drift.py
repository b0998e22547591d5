"""What changed since the window before, by cause: volume, wording, novelty; and what is only noise.

Messages come in bursts, so counts are not held against a Poisson law: like hours of the two windows
are paired and the spread of their differences says how much is usual.  One hour far above the
others hardly moves that, so it is looked for by itself (:mod:`genlab.pipeline.burst`).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from genlab.pipeline.burst import burst_p, usual
from genlab.store import Store

LEVEL = 0.05  # chance that a change is called one where there is none
LEADING = 5
WINDOWS = {"day": (24, 24), "week": (168, 28)}
"""Hours of a window, and the slots it is cut into: hours of a day, quarter days of a week."""


class Burst(NamedTuple):
    """The largest hour of the last window."""

    began_at: datetime
    messages: int
    usual: float  # messages of the other hours of both windows, on average
    p: float  # burst_p
    news: bool  # as the p of what it is of


class Moved(NamedTuple):
    """Messages of one source or pattern."""

    key: str  # its name or id
    before: int
    now: int
    p: float  # paired t-test over the slots; two-sided
    news: bool  # p passes LEVEL after Benjamini & Hochberg (1995) over all sources or patterns
    burst: Burst


class Share(NamedTuple):
    """A share of the messages."""

    before: float
    now: float
    messages: int  # that it is a share of, now
    p: float  # t-test, slots as clusters; two-sided
    news: bool  # p <= LEVEL
    burst: Burst


class Told(NamedTuple):
    """What a pattern says, and why it may have come more often."""

    text: str
    cause: str  # "wording": new in the window, "novelty": not known, else "volume"


class Leading(NamedTuple):
    """A pattern that makes up much of a share now."""

    pattern_id: str
    text: str
    messages: int


class Drift(NamedTuple):
    """The last window against the one before it; None: too few days are stored to tell."""

    hours: int
    sources: list[Moved] | None  # most moved first
    patterns: list[Moved] | None  # only those that are news
    bursts: list[Moved] | None  # only patterns whose burst is news, the least likely first
    texts: dict[str, Told]  # of the first LEADING of both
    wording: Share | None  # share of messages whose pattern was first seen in the window
    novelty: Share | None  # share of judged messages that are not known
    fresh: list[Leading]  # the largest new patterns
    flagged: list[Leading]  # the largest patterns not known


def paired_p(before: np.ndarray, now: np.ndarray, squares: np.ndarray, slots: int) -> np.ndarray:
    """(G,) two-sided p-values that counts ``now`` (G,) and ``before`` (G,) are of one rate.

    ``squares`` (G,): sum over the slots of (now - before)^2.  t = sum of differences / its standard
    deviation over the slots, which is taken as at least that of Poisson counts.
    """
    moved = now - before
    seen = slots / (slots - 1) * (squares - moved**2 / slots)
    variance = np.maximum(np.maximum(seen, before + now), 1e-12)
    return 2 * stats.t.sf(np.abs(moved) / np.sqrt(variance), slots - 1)


def share_p(
    part_before: np.ndarray, all_before: np.ndarray, part_now: np.ndarray, all_now: np.ndarray
) -> tuple[float, float, float]:
    """Shares before and now, and the p-value of their difference; each argument one number a slot.

    The variance is that of a ratio estimate with slots as clusters (Cochran 1977, 6.3), at least
    binomial.  NaN shares, p = 1 where a window holds nothing.
    """
    if not all_before.sum() or not all_now.sum():
        return float("nan"), float("nan"), 1.0
    shares: list[float] = []
    variance = 0.0
    for part, every in ((part_before, all_before), (part_now, all_now)):
        share, total, slots = part.sum() / every.sum(), every.sum(), len(every)
        spread = slots / (slots - 1) * ((part - share * every) ** 2).sum() / total**2
        both = (part_before.sum() + part_now.sum()) / (all_before.sum() + all_now.sum())
        variance += max(spread, both * (1 - both) / total)
        shares.append(float(share))
    before, now = shares
    if not variance:
        return before, now, 1.0
    t = abs(now - before) / np.sqrt(variance)
    return before, now, float(2 * stats.t.sf(t, len(all_now) + len(all_before) - 2))


def is_news(p: np.ndarray, level: float = LEVEL) -> np.ndarray:
    """(G,) bool: what stays after a false discovery rate of ``level`` (Benjamini & Hochberg)."""
    return stats.false_discovery_control(p) <= level if len(p) else np.zeros(0, bool)


def drift(store: Store, window: str) -> Drift:
    """Compare the last ``window`` ("day" or "week") before the newest message with the one before.

    Volume and novelty need two windows of messages; wording three, or every pattern would be new.
    """
    hours, slots = WINDOWS[window]
    span = store.rows("messages.span")[0]
    stored = 0.0
    if span["earliest"] is not None:
        stored = (span["latest"] - span["earliest"]).total_seconds() / 3600
    if stored < 2 * hours:
        return Drift(hours, None, None, None, {}, None, None, [], [])
    newest = span["latest"]
    sources = _moved(store, "source", newest, hours, slots)
    found = _moved(store, "pattern", newest, hours, slots, only_news=True)
    patterns = [each for each in found if each.news]
    bursts = sorted((each for each in found if each.burst.news), key=lambda each: each.burst.p)
    shown = [each.key for each in (*patterns[:LEADING], *bursts[:LEADING])]
    since = newest - timedelta(hours=hours)
    rows = store.rows("drift.shares", hours=hours)
    wording = (
        _share(rows, "fresh", "messages", newest, hours, slots) if stored >= 3 * hours else None
    )
    return Drift(
        hours,
        sources,
        patterns,
        bursts,
        {r["pattern_id"]: _told(r, since) for r in store.rows("drift.texts", pattern_ids=shown)},
        wording,
        _share(rows, "flagged", "judged", newest, hours, slots),
        _leading(store, "fresh", hours) if wording else [],
        _leading(store, "flagged", hours),
    )


def _moved(
    store: Store, by: str, newest: datetime, hours: int, slots: int, only_news: bool = False
) -> list[Moved]:
    table = store.read("drift.volume", by=by, hours=hours, bins=slots)
    before, now, squares, hourly_squares, peak, hour = (
        table[name].to_numpy()
        for name in ("before", "now", "squares", "hourly_squares", "peak", "peak_hour")
    )
    total = before + now
    p = paired_p(before, now, squares, slots)
    p_burst = burst_p(peak, total, hourly_squares, 2 * hours, hours)
    news, burst_news = is_news(p), is_news(p_burst)
    mean = usual(peak, total, 2 * hours)
    rows = np.flatnonzero(news | burst_news) if only_news else np.arange(len(p))
    return [
        Moved(
            key,
            int(before[i]),
            int(now[i]),
            float(p[i]),
            bool(news[i]),
            Burst(
                _start(newest, hour[i]),
                int(peak[i]),
                float(mean[i]),
                float(p_burst[i]),
                bool(burst_news[i]),
            ),
        )
        for key, i in zip(table["key"].take(rows).to_pylist(), rows, strict=True)
    ]


def _share(
    rows: Sequence[dict[str, Any]], part: str, every: str, newest: datetime, hours: int, slots: int
) -> Share:
    counts = np.zeros((2, 2 * hours))
    for row in rows:
        counts[:, row["hour"]] = row[part], row[every]
    (part_now, part_before), (all_now, all_before) = counts.reshape(2, 2, slots, -1).sum(axis=3)
    before, now, p = share_p(part_before, all_before, part_now, all_now)
    burst = _burst(counts[0], newest, hours)
    return Share(before, now, int(all_now.sum()), p, p <= LEVEL, burst)


def _burst(counts: np.ndarray, newest: datetime, hours: int) -> Burst:
    """Of one series, its hours counted backwards."""
    hour = int(counts[:hours].argmax())
    peak, total = counts[hour : hour + 1], counts.sum(keepdims=True)
    p = float(burst_p(peak, total, (counts**2).sum(keepdims=True), 2 * hours, hours)[0])
    mean = float(usual(peak, total, 2 * hours)[0])
    return Burst(_start(newest, hour), int(peak[0]), mean, p, p <= LEVEL)


def _start(newest: datetime, hour: int) -> datetime:
    """When an hour began, hours counted backwards."""
    return newest - timedelta(hours=int(hour) + 1)


def _told(row: dict[str, Any], since: datetime) -> Told:
    if row["first_seen"] > since:
        return Told(row["canonical_text"], "wording")
    known = row["verdict"] in ("known", None)
    return Told(row["canonical_text"], "volume" if known else "novelty")


def _leading(store: Store, only: str, hours: int) -> list[Leading]:
    rows = store.rows("drift.leading", only=only, hours=hours, limit=LEADING)
    return [Leading(r["pattern_id"], r["canonical_text"], r["messages"]) for r in rows]

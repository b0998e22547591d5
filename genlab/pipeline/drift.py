"""What changed since the window before, by cause: volume, wording, novelty; and what is only noise.

Messages come in bursts, so counts are not held against a Poisson law: like hours of the two windows
are paired and the spread of their differences says how much is usual.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from genlab.store import Store

LEVEL = 0.05  # chance that a change is called one where there is none
LEADING = 5
WINDOWS = {"day": (24, 24), "week": (168, 28)}
"""Hours of a window, and the slots it is cut into: hours of a day, quarter days of a week."""


class Moved(NamedTuple):
    """Messages of one source or pattern."""

    key: str  # its name or id
    before: int
    now: int
    p: float  # paired t-test over the slots; two-sided
    news: bool  # p passes LEVEL after Benjamini & Hochberg (1995) over all sources or patterns


class Share(NamedTuple):
    """A share of the messages."""

    before: float
    now: float
    messages: int  # that it is a share of, now
    p: float  # t-test, slots as clusters; two-sided
    news: bool  # p <= LEVEL


class Leading(NamedTuple):
    """A pattern that makes up much of a share now."""

    pattern_id: str
    text: str
    messages: int


class Drift(NamedTuple):
    """The last window against the one before it; None: too few days are stored to tell."""

    hours: int
    sources: list[Moved] | None  # most moved first
    patterns: list[Moved] | None  # only those that are news, and their texts
    texts: dict[str, str]
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
        return Drift(hours, None, None, {}, None, None, [], [])
    sources = _moved(store, "source", hours, slots)
    patterns = _moved(store, "pattern", hours, slots, only_news=True)
    shown = [each.key for each in patterns[:LEADING]]
    texts = {
        r["pattern_id"]: r["canonical_text"] for r in store.rows("drift.texts", pattern_ids=shown)
    }
    rows = store.rows("drift.shares", hours=hours, bins=slots)
    wording = _share(rows, "fresh", "messages", slots) if stored >= 3 * hours else None
    return Drift(
        hours,
        sources,
        patterns,
        texts,
        wording,
        _share(rows, "flagged", "judged", slots),
        _leading(store, "fresh", hours) if wording else [],
        _leading(store, "flagged", hours),
    )


def _moved(store: Store, by: str, hours: int, slots: int, only_news: bool = False) -> list[Moved]:
    table = store.read("drift.volume", by=by, hours=hours, bins=slots)
    before, now, squares = (table[name].to_numpy() for name in ("before", "now", "squares"))
    p = paired_p(before, now, squares, slots)
    news = is_news(p)
    rows = np.flatnonzero(news) if only_news else np.arange(len(p))
    keys = table["key"].take(rows).to_pylist()
    return [
        Moved(key, int(before[i]), int(now[i]), float(p[i]), bool(news[i]))
        for key, i in zip(keys, rows, strict=True)
    ]


def _share(rows: Sequence[dict], part: str, every: str, slots: int) -> Share:
    counts = np.zeros((2, 2 * slots))
    for row in rows:
        counts[:, row["bin"]] = row[part], row[every]
    (part_now, part_before), (all_now, all_before) = (np.split(c, 2) for c in counts)
    before, now, p = share_p(part_before, all_before, part_now, all_now)
    return Share(before, now, int(all_now.sum()), p, p <= LEVEL)


def _leading(store: Store, only: str, hours: int) -> list[Leading]:
    rows = store.rows("drift.leading", only=only, hours=hours, limit=LEADING)
    return [Leading(r["pattern_id"], r["canonical_text"], r["messages"]) for r in rows]

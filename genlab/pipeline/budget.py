"""How many known messages a day look novel, the p-value that keeps them within a budget, and what
of each day lies within it."""

from typing import NamedTuple

import numpy as np

from genlab.config import LabellingSettings
from genlab.labelling import flag_threshold
from genlab.store import Store

DAYS = 7  # that arrivals are averaged over


class Budget(NamedTuple):
    """False alarms on average, as long as messages keep coming as they did."""

    messages_per_day: float  # distinct texts, of the last DAYS days with messages
    false_flags_per_day: float  # at most, at the present novel_p
    flags_per_day: float  # what the settings allow
    novel_p: float  # the setting that keeps to it, in [0, 1]


def flag_budget(store: Store, settings: LabellingSettings) -> Budget:
    """What ``settings.novel_p`` costs, and what ``settings.flags_per_day`` asks it to be."""
    arrivals = float(store.rows("messages.distinct_per_day", days=DAYS)[0]["messages"])
    return Budget(
        arrivals,
        settings.novel_p * arrivals,
        settings.flags_per_day,
        flag_threshold(settings.flags_per_day, arrivals),
    )


def within_budget(days: np.ndarray, flags_per_day: float) -> np.ndarray:
    """(G,) bool: the first ``flags_per_day`` flags of each day, of ``days`` (G,) strangest first.

    By rank and not by p-value: whatever comes, a day has no more flags and hides none of its
    strangest.
    """
    order = np.argsort(days, kind="stable")
    sorted_days = days[order]
    starts = np.searchsorted(sorted_days, sorted_days, side="left")
    above = np.empty(len(days), bool)
    above[order] = np.arange(len(days)) - starts < np.floor(flags_per_day)
    return above

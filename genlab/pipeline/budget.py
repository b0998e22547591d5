"""How many known messages a day look novel, and the p-value that keeps them within a budget."""

from typing import NamedTuple

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

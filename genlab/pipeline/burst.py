"""Whether the largest hour of a window stands out of the hours around it."""

import numpy as np
from scipy import stats

_CLUMP = 5.0  # lines that one event writes, where next to nothing was seen
_CLUMP_MESSAGES = 10.0  # what was seen outweighs that from so many messages on
_DOUBT = 2.0  # a variance of some fifty hours may well be half the true one


def burst_p(
    peak: np.ndarray, total: np.ndarray, squares: np.ndarray, hours: int, window: int
) -> np.ndarray:
    """(G,) p-values that the largest of ``window`` hours is one of the rest, one-sided.

    ``total`` and ``squares`` (G,): counts of all ``hours``, and squared counts, summed; ``peak``
    (G,) is left out of both.  A negative binomial law of the other hours' mean and variance
    (doubled, for few hours tell it badly) says how likely so large an hour is; Bonferroni over the
    window.  Rhythm and usual bursts are in that variance.
    """
    others = hours - 1
    messages = total - peak
    mean = (messages + 1) / others
    seen = (squares - peak**2 - messages**2 / others) / (others - 1)
    ratio = np.maximum(seen * others / np.maximum(messages, 1), 1)  # variance to mean
    ratio = (messages * _DOUBT * ratio + _CLUMP_MESSAGES * _CLUMP) / (messages + _CLUMP_MESSAGES)
    p = window * stats.nbinom.sf(peak - 1, mean / (ratio - 1), 1 / ratio)
    return np.where(peak > 0, np.minimum(p, 1.0), 1.0)


def usual(peak: np.ndarray, total: np.ndarray, hours: int) -> np.ndarray:
    """(G,) messages of an hour on average, the largest left out."""
    return (total - peak) / (hours - 1)

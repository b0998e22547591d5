"""Conformal p-values over messages: what is kept back, how often chance does it, flags in a budget.

The unit is the distinct message: a new one of a known kind mostly has a pattern seen before, so a
pattern counts for as many messages as it has.
"""

import numpy as np
from scipy import stats

from genlab.errors import InputError


def hold_out(messages: np.ndarray, uniforms: np.ndarray, share: float) -> np.ndarray:
    """(P,) how many messages of each pattern are kept back: Binomial(messages, share) draws.

    ``messages`` (P,) distinct messages; ``uniforms`` (P,) in [0, 1), for instance the pattern's
    hash.  A pattern is trained on when fewer than all are kept back, so that the messages kept back
    and new ones are exchangeable.  Never falls as a pattern's messages grow.
    """
    return stats.binom.ppf(uniforms, messages, share).astype(np.int64).clip(0)


def new_kind_share(messages: np.ndarray) -> float:
    """Share of messages that are the only one of their kind, in [0, 1], without labels.

    q = f1 / N estimates the mass of unseen patterns (Good and Turing, 1953; f1 patterns of one
    message among N).  Where patterns never repeat (q near 1) an unseen one is a variation; where
    they do, it is a new kind.  Taken as: the chance that of three messages most repeat,
    c^2 (3 - 2c) with c = 1 - q.
    """
    total = messages.sum()
    q = float((messages == 1).sum() / total) if total else 0.0
    return q * (1 - q) ** 2 * (1 + 2 * q)


def conformal_p(
    calibration_scores: np.ndarray,
    scores: np.ndarray,
    weights: np.ndarray | None = None,
    uniforms: np.ndarray | None = None,
) -> np.ndarray:
    """p = (#{calibration > score} + u (1 + #{calibration = score})) / (M + 1): (N,) in (0, 1].

    ``calibration_scores``: higher is stranger, of what was kept out of training; ``weights``: how
    many each stands for (1), M their sum; ``scores`` (N,); ``uniforms`` u (N,) in (0, 1] break ties
    and make p uniform; 1 when None.  For scores exchangeable with the calibration P(p <= a) <= a
    (Vovk, Gammerman, Shafer 2005; Bates et al. 2023).  With M = 0 and u = 1 every p is 1: nothing
    can be flagged.
    """
    calibration = _scores(calibration_scores, "calibration scores")
    queries = _scores(scores, "scores")
    order = np.argsort(calibration, kind="stable")
    each = np.ones(len(order)) if weights is None else np.asarray(weights, float)[order]
    up_to = np.concatenate([[0.0], np.cumsum(each)])
    ranked = calibration[order]
    at_least = up_to[-1] - up_to[np.searchsorted(ranked, queries, side="left")]
    above = up_to[-1] - up_to[np.searchsorted(ranked, queries, side="right")]
    u = 1.0 if uniforms is None else np.asarray(uniforms, float)
    p: np.ndarray = (above + u * (at_least - above + 1)) / (up_to[-1] + 1)
    return p


def flag_threshold(flags_per_day: float, arrivals_per_day: float) -> float:
    """The p-value below which to flag, for at most ``flags_per_day`` false alarms on average.

    ``arrivals_per_day``: new messages that get a p-value.  P(p <= a) <= a for each known one, so
    flags / arrivals is enough, however they depend on each other; in [0, 1].
    """
    if flags_per_day < 0 or arrivals_per_day < 0:
        raise InputError(f"found {flags_per_day} flags of {arrivals_per_day} a day, expected >= 0")
    return min(1.0, flags_per_day / arrivals_per_day) if arrivals_per_day else 1.0


def _scores(values: np.ndarray, name: str) -> np.ndarray:
    scores = np.asarray(values, dtype=np.float64)
    if scores.ndim != 1 or np.isnan(scores).any():
        raise InputError(
            f"{name}: found shape {scores.shape} with {int(np.isnan(scores).sum())} NaN, expected "
            "one number per pattern; score them with a model version that did not diverge"
        )
    return scores

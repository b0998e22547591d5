"""Three views of a label and how far each is trusted: tau, the graph and the head.

p(y|x) is proportional to prod_e p_e(y|x)^w_e, a log-linear pool (Genest & Zidek 1986) that is as
sure as its exponents say: they are fitted together on labels kept back (stacking, Wolpert 1992),
drawn to what the views' agreement lets expect: all that one label per kind has to go by, and soon
outweighed by many.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import optimize

PRIOR = (0.3, 0.6, 0.6)  # exponents of tau, graph and head where no label can be kept back
PULL = 3.0  # of PRIOR, in nats per squared unit of an exponent
FLOOR = 0.01  # of probability each view spreads over the labels: no view can veto
_LARGEST = 3.0  # exponent
_BLOCK = 100_000  # numbers
_SCALES = (0.3, 2.0)  # of PRIOR


class Views(NamedTuple):
    """Label probabilities of Q patterns, rows sum to 1."""

    tau: np.ndarray  # (Q, Y) sum_c r_c(x) tau[c, y]
    graph: np.ndarray  # (Q, Y) share of the walks from x that each label absorbs
    head: np.ndarray  # (Q, Y) of the linear head


def pooled(views: Views, exponents: np.ndarray) -> np.ndarray:
    """(Q, Y) float32 label probabilities, rows sum to 1."""
    size = max(views.tau.shape[1], 1)
    floor = np.float32(FLOOR / size)
    ones = np.ones(views.tau.shape[1], np.float32)
    result = np.empty(views.tau.shape, np.float32)
    block = max(1, _BLOCK // size)  # rows at a time that stay in the processor's cache
    for first in range(0, len(result) if result.size else 0, block):
        rows = slice(first, first + block)
        logits = result[rows]
        # From the middle of what logits can be, exp stays in float32 without each row's maximum.
        logits[:] = -0.5 * np.sum(exponents) * np.log(floor)
        for view, exponent in zip(views, exponents, strict=True):
            if exponent:
                said = np.add(view[rows], floor, dtype=np.float32)
                np.log(said, out=said)
                said *= np.float32(exponent)
                logits += said
        np.exp(logits, out=logits)
        logits *= (1.0 / (logits @ ones))[:, None]
    return result


def expected_exponents(views: Views, alone: np.ndarray) -> np.ndarray:
    """(3,) PRIOR, made as sure as two ways to the same answer agree.

    ``views`` (M, Y) of unlabelled patterns, and ``alone`` (M, Y) what a head that learnt from the
    labels only says of them.  How often it names what all views together name stands in for the
    unknown accuracy (agreement of classifiers, Platanios et al. 2014).  It is too low, for the
    views together are better than it, as the confidence under PRIOR is too high: the mean
    confidence is set to their geometric mean, all there is to go by while no label can be kept
    back.
    """
    prior = np.array(PRIOR)
    if not alone.size:
        return prior
    believed = pooled(views, prior)
    agreed = float((believed.argmax(axis=1) == alone.argmax(axis=1)).mean())
    expected = np.sqrt(agreed * float(believed.max(axis=1).mean()))

    def excess(scale: float) -> float:
        return float(pooled(views, scale * prior).max(axis=1).mean() - expected)

    low, high = _SCALES
    if excess(low) >= 0:
        return prior * low
    if excess(high) <= 0:
        return prior * high
    return prior * float(optimize.brentq(excess, low, high, xtol=0.01))


def fit_exponents(
    views: Views, labels: np.ndarray, prior: Sequence[float] | np.ndarray = PRIOR
) -> np.ndarray:
    """(3,) exponents from 0 that maximise the likelihood of ``labels`` (M,), drawn to ``prior``.

    ``views`` (M, Y) of patterns each seen without its own label.
    """
    prior = np.array(prior)
    if not len(labels):
        return prior
    n_labels = views.tau.shape[1]
    logs = np.stack([np.log(view + FLOOR / n_labels) for view in views]).astype(np.float64)
    truth = logs[:, np.arange(len(labels)), labels]  # (3, M)

    def loss(exponents: np.ndarray) -> tuple[float, np.ndarray]:
        logits = np.tensordot(exponents, logs, 1)
        top = logits.max(axis=1, keepdims=True)
        weight = np.exp(logits - top)
        total = weight.sum(axis=1, keepdims=True)
        weight /= total
        value = (top + np.log(total)).sum() - exponents @ truth.sum(axis=1)
        slope = np.einsum("emy,my->e", logs, weight) - truth.sum(axis=1)
        off = exponents - prior
        return value + PULL * off @ off, slope + 2 * PULL * off

    found = optimize.minimize(
        loss, prior, jac=True, method="L-BFGS-B", bounds=[(0.0, _LARGEST)] * len(prior)
    )
    return np.asarray(found.x)

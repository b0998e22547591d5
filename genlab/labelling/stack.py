"""Three views of a label and how far each is trusted: tau, the graph and the head.

p(y|x) is proportional to prod_e p_e(y|x)^w_e, a log-linear pool (Genest & Zidek 1986) that is as
sure as its exponents say: they are fitted together on labels kept back (stacking, Wolpert 1992),
drawn to PRIOR, so that one label per kind rests on PRIOR alone and many decide for themselves.
"""

from typing import NamedTuple

import numpy as np
from scipy import optimize

PRIOR = (0.3, 0.6, 0.6)  # exponents of tau, graph and head where no label can be kept back
PULL = 3.0  # of PRIOR, in nats per squared unit of an exponent
FLOOR = 0.01  # of probability each view spreads over the labels: no view can veto
_LARGEST = 3.0  # exponent


class Views(NamedTuple):
    """Label probabilities of Q patterns, rows sum to 1."""

    tau: np.ndarray  # (Q, Y) sum_c r_c(x) tau[c, y]
    graph: np.ndarray  # (Q, Y) share of the walks from x that each label absorbs
    head: np.ndarray  # (Q, Y) of the linear head


def pooled(views: Views, exponents: np.ndarray) -> np.ndarray:
    """(Q, Y) float32 label probabilities, rows sum to 1."""
    n_labels = max(views.tau.shape[1], 1)
    floor = np.float32(FLOOR / n_labels)
    # From the middle of what logits can be, exp stays within float32 without each row's maximum.
    logits = np.full(views.tau.shape, -0.5 * np.sum(exponents) * np.log(floor), np.float32)
    for view, exponent in zip(views, exponents, strict=True):
        logits += np.float32(exponent) * np.log(view + floor)
    np.exp(logits, out=logits)
    if not logits.size:
        return logits
    logits *= (1.0 / (logits @ np.ones(logits.shape[1], np.float32)))[:, None]
    return logits


def fit_exponents(views: Views, labels: np.ndarray) -> np.ndarray:
    """(3,) exponents from 0 that maximise the likelihood of ``labels`` (M,) under PRIOR's pull.

    ``views`` (M, Y) of patterns each seen without its own label.
    """
    prior = np.array(PRIOR)
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

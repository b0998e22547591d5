"""Novelty scores one would use instead, each in several variants; the best counts, in its favour.

All see every pattern of the pool (ours keeps some back) and, where they need them, the same labels.
"""

import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import LocalOutlierFactor

from genlab.labelling.neighbours import nearest

STRENGTHS = (1.0, 10.0, 100.0)  # C of the logistic regression
LOF_NEIGHBOURS = (5, 20, 50)
MIXTURES = (("diag", 50), ("full", 10))
PRINCIPAL = 64  # dimensions left for densities that would not fit otherwise

Scorer = Callable[[np.ndarray], np.ndarray]  # (Q, D) -> (Q,), higher is stranger


class Known(NamedTuple):
    """What a peer may learn from; unit vectors, centred on the patterns of the pool."""

    patterns: np.ndarray  # (P, D)
    messages: np.ndarray  # (P,) distinct messages of each
    labelled: np.ndarray  # (n, D)
    labels: np.ndarray  # (n,) indices


class Peer(NamedTuple):
    """Scores of one variant."""

    name: str
    known: np.ndarray  # (T,) of the test
    strange: np.ndarray  # (M,)
    seconds: float  # learning and scoring
    memory_mb: float  # peak above what was there before


def without_labels(known: Known, test: np.ndarray, strange: np.ndarray) -> Iterator[Peer]:
    """Peers that need no label: (T, D) and (M, D) unit vectors are scored."""
    base = known.patterns
    repeated = np.repeat(base, np.minimum(known.messages, 5), axis=0)
    variants: list[tuple[str, Callable[[], Scorer]]] = [
        ("1-NN distance", partial(_neighbours, base, 1)),
        ("5-NN distance", partial(_neighbours, base, 5)),
        ("5-NN distance", partial(_neighbours, repeated, 5)),
        ("Mahalanobis", partial(_mahalanobis, base)),
        *(("GMM likelihood", partial(_mixture, base, *each)) for each in MIXTURES),
        *(("LOF", partial(_lof, base, k)) for k in LOF_NEIGHBOURS),
        ("isolation forest", partial(_forest, base)),
        ("isolation forest", partial(_principal, base, _forest)),
    ]
    for name, learn in variants:
        yield timed(name, learn, test, strange)


def with_labels(known: Known, test: np.ndarray, strange: np.ndarray) -> Iterator[Peer]:
    """Peers that learn from the labels."""
    for c in STRENGTHS:
        head = partial(fit_head, known.labelled, known.labels, c)
        yield timed("maximum softmax", partial(_of_logits, head, _softmax), test, strange)
        yield timed("energy", partial(_of_logits, head, _energy), test, strange)
    for relative in (False, True):
        learn = partial(_class_mahalanobis, known, relative)
        yield timed("Mahalanobis to classes", learn, test, strange)


def fit_head(vectors: np.ndarray, labels: np.ndarray, strength: float) -> Scorer:
    """Logits of a logistic regression: (Q, D) -> (Q, Y)."""
    with warnings.catch_warnings():  # as many classes as rows, with one label each
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", UserWarning)
        head = LogisticRegression(C=strength, max_iter=300).fit(vectors, labels)

    def logits(queries: np.ndarray) -> np.ndarray:
        found = head.decision_function(queries)
        return found if found.ndim > 1 else np.column_stack([-found, found])

    return logits


def timed(name: str, learn: Callable[[], Scorer], test: np.ndarray, strange: np.ndarray) -> Peer:
    """The scores of one variant, what they took, learning and scoring."""
    before = _restart_peak()
    started = time.perf_counter()
    scorer = learn()
    known, odd = scorer(test), scorer(strange)
    seconds = time.perf_counter() - started
    return Peer(name, known, odd, seconds, _memory("VmHWM") - before)


def _restart_peak() -> float:
    """Resident MB now, from which the peak is counted anew; NaN where the system cannot tell."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return float("nan")
    return _memory("VmRSS")


def _memory(field: str) -> float:
    """MB of this process: VmRSS now, VmHWM at its peak; NaN where the system cannot tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return float(next(line.split()[1] for line in lines if line.startswith(field))) / 1024


def _neighbours(base: np.ndarray, k: int) -> Scorer:
    return lambda queries: 1.0 - nearest(queries, base, k).cosine.mean(axis=1)


def _mahalanobis(base: np.ndarray) -> Scorer:
    return LedoitWolf().fit(base).mahalanobis


def _class_mahalanobis(known: Known, relative: bool) -> Scorer:
    """To the nearest class under one covariance (Lee et al. 2018), which the pool helps estimate
    where labels are few; relative: less that to the whole pool (Ren et al. 2021)."""
    classes = np.unique(known.labels)
    means = np.stack([known.labelled[known.labels == y].mean(axis=0) for y in classes])
    within = known.patterns - means[(known.patterns @ means.T).argmax(axis=1)]
    root = np.linalg.cholesky(LedoitWolf(assume_centered=True).fit(within).precision_)
    pool = LedoitWolf().fit(known.patterns)
    targets = means @ root

    def scores(queries: np.ndarray) -> np.ndarray:
        moved = queries @ root
        far = (moved**2).sum(axis=1, keepdims=True) - 2 * moved @ targets.T
        least: np.ndarray = (far + (targets**2).sum(axis=1)).min(axis=1)
        return least - pool.mahalanobis(queries) if relative else least

    return scores


def _mixture(base: np.ndarray, kind: str, components: int) -> Scorer:
    def learn(reduced: np.ndarray) -> Scorer:
        k = min(components, max(1, len(reduced) // 10))
        mixture = GaussianMixture(k, covariance_type=kind, reg_covar=1e-5, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            mixture.fit(reduced)
        return lambda queries: -mixture.score_samples(queries)

    return _principal(base, learn)


def _principal(base: np.ndarray, learn: Callable[[np.ndarray], Scorer]) -> Scorer:
    axes = PCA(min(PRINCIPAL, *base.shape), random_state=0).fit(base)
    scorer = learn(axes.transform(base))
    return lambda queries: scorer(axes.transform(queries))


def _lof(base: np.ndarray, k: int) -> Scorer:
    factor = LocalOutlierFactor(min(k, len(base) - 1), novelty=True).fit(base)
    return lambda queries: -factor.score_samples(queries)


def _forest(base: np.ndarray) -> Scorer:
    forest = IsolationForest(random_state=0).fit(base)
    return lambda queries: -forest.score_samples(queries)


def _of_logits(fit: Callable[[], Scorer], score: Scorer) -> Scorer:
    head = fit()
    return lambda queries: score(head(queries))


def _softmax(logits: np.ndarray) -> np.ndarray:
    least: np.ndarray = -np.exp(logits.max(axis=1) - logsumexp(logits, axis=1))
    return least


def _energy(logits: np.ndarray) -> np.ndarray:
    energy: np.ndarray = -logsumexp(logits, axis=1)
    return energy

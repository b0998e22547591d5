"""``genlab bench classics``: mixtures and hidden Markov models beside scikit-learn and hmmlearn.

Every pair starts from the same parameters on the same data; seconds are of CPU and per iteration,
taken in turns, the median of a few; a speed claim is the ratio within a row.
"""

import logging
import os
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from genlab.errors import NotReady
from genlab.models import gmm, hmm, hmm_fit
from genlab.models.gaussian_family import KINDS, Gaussians, Kind
from genlab.models.hmm_emissions import KINDS as EMISSIONS
from genlab.models.hmm_emissions import Categorical, EmissionKind, Normal

SYMBOLS, DIMENSION = 20, 4  # what the states of the hidden Markov models show
STATES = 5
REPEATS = 3
STEPS = 2  # iterations whose time is told from that of one
_SKLEARN = {"spherical": "spherical", "diagonal": "diag", "tied": "tied", "full": "full"}


def classics_bench(
    points: int,
    dimension: int,
    components: int,
    sequences: int,
    steps: int,
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """``rows``: one a model and peer; ``clusters``: groups found by k-means and by EM after it.

    ``difference`` is ours less the peer's log-likelihood after as many steps: the mean per point
    for mixtures, the sum over all sequences for hidden Markov models, in nats.
    """
    rng = np.random.default_rng(0)
    x, _ = _groups(points, dimension, components, rng)
    rows = []
    for kind in KINDS:
        say(f"mixture, {kind} covariance")
        rows.append(_mixture(x, components, kind))
    for emission in EMISSIONS:
        rows += _hidden(emission, sequences, steps, rng, say)
    say("groups found")
    return {
        "points": points, "dimension": dimension, "components": components,
        "sequences": sequences, "steps": steps, "states": STATES, "cores": os.cpu_count(),
        "rows": rows, "clusters": [_clusters(kind) for kind in KINDS],
    }  # fmt: skip


def _mixture(x: np.ndarray, k: int, kind: Kind) -> dict[str, Any]:
    """One EM iteration beside GaussianMixture's, from the same k-means clusters."""
    start = gmm.kmeans_start(x, k, kind)
    covariances = start.gaussians.covariances
    inverse = np.linalg.inv(covariances) if kind in ("tied", "full") else 1 / covariances

    def ours(iterations: int) -> gmm.Mixture:
        mixture = start
        for _ in range(iterations):
            mixture, _ = gmm.em_step(x, mixture)
        return mixture

    def theirs(iterations: int) -> GaussianMixture:
        peer = GaussianMixture(
            k, covariance_type=_SKLEARN[kind], tol=0.0, max_iter=iterations,
            weights_init=start.weights, means_init=start.gaussians.means, precisions_init=inverse,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # stopped on purpose
            return peer.fit(x)

    gap = float(gmm.log_likelihood(x, ours(1 + STEPS)).mean() - theirs(1 + STEPS).score(x))
    return {
        "model": f"GMM {kind}",
        "peer": "scikit-learn",
        **_times(ours, theirs),
        "difference": gap,
    }


def _hidden(
    kind: EmissionKind, n: int, steps: int, rng: np.random.Generator, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """One step of Baum-Welch beside both of hmmlearn's, from the same clusters."""
    sequences, _ = hmm.sample(_truth(kind, rng), [steps] * n, rng)
    start = hmm_fit.initial(sequences, STATES, kind)
    lengths = np.diff(sequences.begins)
    rows = sequences.x.reshape(len(sequences.x), -1)

    def ours(iterations: int) -> hmm.HMM:
        model = start
        for _ in range(iterations):
            model, _ = hmm.baum_welch_step(sequences, model, regularisation=0.0)
        return model

    def theirs(implementation: str) -> Callable[[int], Any]:
        return lambda iterations: _hmmlearn(start, iterations, implementation).fit(rows, lengths)

    found = []
    for implementation in ("scaling", "log"):
        say(f"hidden Markov model, {kind} emissions, hmmlearn's {implementation}")
        peer = theirs(implementation)
        total = hmm.log_likelihood(sequences, ours(1 + STEPS)).sum()
        gap = float(total - peer(1 + STEPS).score(rows, lengths))
        timed = _times(ours, peer)
        named = {"model": f"HMM {kind}", "peer": f"hmmlearn, {implementation}"}
        found.append({**named, **timed, "difference": gap})
    return found


def _times(ours: Callable[[int], Any], theirs: Callable[[int], Any]) -> dict[str, float]:
    """CPU seconds per iteration: of 1 + STEPS less that of 1, so that set-up does not count."""
    taken: tuple[list[float], list[float]] = [], []
    for _ in range(REPEATS):
        for run, seconds in zip((ours, theirs), taken, strict=True):
            few = _cpu(run, 1)
            seconds.append((_cpu(run, 1 + STEPS) - few) / STEPS)
    own, peer = (float(np.median(seconds)) for seconds in taken)
    return {"ours_s": own, "peer_s": peer, "times_faster": peer / own}


def _cpu(run: Callable[[int], Any], iterations: int) -> float:
    started = time.process_time()
    run(iterations)
    return time.process_time() - started


def _hmmlearn(start: hmm.HMM, iterations: int, implementation: str) -> Any:
    """hmmlearn's model with these parameters and no prior of its own."""
    try:
        from hmmlearn.hmm import CategoricalHMM, GaussianHMM
    except ImportError:
        raise NotReady(
            "found no hmmlearn, expected it as a peer; run pip install hmmlearn"
        ) from None
    logging.getLogger("hmmlearn").setLevel(logging.ERROR)  # it warns of rounding in its monitor
    options = {
        "n_iter": iterations, "tol": -np.inf, "init_params": "", "implementation": implementation,
    }  # fmt: skip
    if isinstance(start.emission, Categorical):
        peer = CategoricalHMM(len(start.start), **options)
        peer.emissionprob_ = start.emission.probabilities
    else:
        means, covariances, kind = start.emission.gaussians
        type_ = "diag" if kind == "diagonal" else kind
        peer = GaussianHMM(len(means), type_, covars_prior=0, covars_weight=1, **options)
        peer.means_, peer.covars_ = means, covariances
    peer.startprob_, peer.transmat_ = start.start, start.transition
    return peer


def _truth(kind: EmissionKind, rng: np.random.Generator) -> hmm.HMM:
    start = rng.dirichlet(np.ones(STATES))
    transition = 0.7 * np.eye(STATES) + 0.3 * rng.dirichlet(np.ones(STATES), STATES)
    if kind == "categorical":
        emission = Categorical(rng.dirichlet(np.ones(SYMBOLS), STATES))
        return hmm.HMM(start, transition, emission)
    means = rng.normal(scale=1.5, size=(STATES, DIMENSION))
    spread = np.ones((STATES, DIMENSION))
    covariances = spread if kind == "diagonal" else spread[:, None] * np.eye(DIMENSION)
    return hmm.HMM(start, transition, Normal(Gaussians(means, covariances, kind)))


def _groups(n: int, d: int, k: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """n points of k long, tilted groups in d dimensions, and their groups."""
    factors = rng.normal(size=(k, d, d)) / np.sqrt(d)
    tilted = 2 * factors @ factors.swapaxes(1, 2) + 0.1 * np.eye(d)
    gaussians = Gaussians(rng.normal(scale=1.5, size=(k, d)), tilted, "full")
    return gmm.sample(gmm.Mixture(np.full(k, 1 / k), gaussians), n, rng)


def _clusters(kind: Kind) -> dict[str, Any]:
    """Agreement with the true groups (adjusted Rand index): k-means, and EM that starts from it."""
    scores: tuple[list[float], list[float]] = [], []
    for seed in range(3):
        x, group = _groups(2000, 6, 6, np.random.default_rng(seed))
        cluster = gmm.kmeans(x, 6, np.ones(len(x)), seed)
        fitted = gmm.fit(x, 6, kind, seed=seed, tolerance=1e-4).mixture
        found = gmm.responsibilities(x, fitted).argmax(axis=1)
        for truth, score in zip((cluster, found), scores, strict=True):
            score.append(adjusted_rand_score(group, truth))
    means = (float(np.mean(score)) for score in scores)
    return dict(zip(("covariance", "kmeans_ari", "em_ari"), (kind, *means), strict=True))

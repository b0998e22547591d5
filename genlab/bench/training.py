"""``genlab bench training``: what an epoch, a score and a label cost, as data grow.

Every figure of a row comes from one run on the same vectors; speed claims are ratios within it.
"""

import os
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from genlab.config import Settings
from genlab.labelling.ground import Ground, lay_ground, themselves
from genlab.labelling.neighbours import partners
from genlab.labelling.propagation import apply_labels, fit_labels, update_labels
from genlab.labelling.responsibilities import from_stored
from genlab.models.component_vae import ComponentVAE, make_config
from genlab.pipeline.scored import score_vectors
from genlab.training.curriculum import load_curriculum
from genlab.training.loop import new_state, train

DIMENSION = 384
LABELS = 14
PER_LABEL = 10
_KIND = 20  # patterns of a kind, in the mean
_WHOLE = 10_000  # patterns up to which the whole curriculum is run; beyond, a few epochs of it
_FEW = 5
_ITERATIONS = 3
_NEW_LABELS = 10


def training_bench(
    settings: Settings, sizes: Sequence[int], say: Callable[[str], None]
) -> dict[str, Any]:
    """One row a size; ``sizes`` in patterns.  ``say`` hears progress."""
    return {
        "dimension": DIMENSION,
        "cores": os.cpu_count(),
        "threads": settings.training.threads,
        "rows": [_one_size(settings, size, say) for size in sizes],
    }


def vectors_of(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(n, DIMENSION) unit vectors of n / 20 kinds of long-tailed sizes, and their kinds (n,)."""
    rng = np.random.default_rng(seed)
    kinds = max(LABELS, n // _KIND)
    share = 1.0 / np.arange(10, 10 + kinds)
    kind = rng.choice(kinds, n, p=share / share.sum())
    centres = rng.normal(size=(kinds, DIMENSION)).astype(np.float32)
    vectors = centres[kind] + rng.normal(size=(n, DIMENSION)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), kind


def _one_size(settings: Settings, n: int, say: Callable[[str], None]) -> dict[str, Any]:
    vectors, kind = vectors_of(n)
    say(f"{n:,} patterns: component VAE")
    started, cpu = time.perf_counter(), time.process_time()
    near = partners(vectors)
    neighbours = time.perf_counter() - started
    model, epochs = _trained(settings, vectors, near)
    usable = usable_cpu = None
    if n <= _WHOLE:
        usable, usable_cpu = time.perf_counter() - started, time.process_time() - cpu
    k = model.config.components
    say(f"{n:,} patterns: k-means and GaussianMixture of as many components")
    kmeans, gmm = _peers(vectors, k)
    say(f"{n:,} patterns: scoring and a label's effect")
    started = time.perf_counter()
    scored = score_vectors(model, vectors, settings.labelling.stored_responsibilities)
    scoring = time.perf_counter() - started
    ground = lay_ground(vectors, from_stored(scored.components, scored.responsibilities, k))
    return {
        "patterns": n,
        "components": k,
        "neighbours_s": neighbours,
        "epoch_s": float(np.median(epochs)),
        "kmeans_iteration_s": kmeans,
        "gmm_iteration_s": gmm,
        "epochs": len(epochs),
        "usable_s": usable,
        "usable_cpu_s": usable_cpu,
        "scored_per_s": n / scoring,
        **_label_cost(settings, ground, kind % LABELS),
    }


def _trained(
    settings: Settings, vectors: np.ndarray, near: np.ndarray
) -> tuple[ComponentVAE, list[float]]:
    """The settings' curriculum, and the seconds of its epochs with components placed."""
    config = make_config(settings.model, vectors.shape[1], len(vectors))
    state = new_state(config, vectors, settings.training.learning_rate, settings.training.seed)
    curriculum = load_curriculum(settings.training.curriculum)
    if len(vectors) > _WHOLE:
        curriculum = curriculum.within(_FEW)
    plan = curriculum, settings.weights, settings.training
    seconds = []
    for report in train(state, vectors, None, *plan, neighbours=near):
        if report.active_components > 1:
            seconds.append(report.seconds)
    return state.model, seconds


def _peers(vectors: np.ndarray, k: int) -> tuple[float, float]:
    """Seconds of one iteration of k-means (Lloyd) and of a GaussianMixture (diagonal)."""
    start = vectors[np.random.default_rng(0).choice(len(vectors), k, replace=False)]
    lloyd = KMeans(k, init=start, n_init=1, max_iter=_ITERATIONS, tol=0.0, algorithm="lloyd")
    mixture = GaussianMixture(
        k, covariance_type="diag", init_params="random_from_data", means_init=start,
        max_iter=_ITERATIONS, tol=0.0, reg_covar=1e-4, random_state=0,
    )  # fmt: skip
    seconds = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # stopped on purpose
        for peer in (lloyd, mixture):
            started = time.perf_counter()
            peer.fit(vectors)
            seconds.append((time.perf_counter() - started) / peer.n_iter_)
    return seconds[0], seconds[1]


def _label_cost(settings: Settings, ground: Ground, truth: np.ndarray) -> dict[str, float]:
    """Milliseconds until one more label has reached every pattern, and the full fit's seconds."""
    rng = np.random.default_rng(0)
    labels = np.full(len(truth), -1)
    for y in range(LABELS):
        labels[rng.permutation(np.flatnonzero(truth == y))[:PER_LABEL]] = y
    started = time.perf_counter()
    model = fit_labels(ground, labels, LABELS, settings.labelling)
    fitting = time.perf_counter() - started
    wall, cpu = [], []
    for row in rng.choice(np.flatnonzero(labels < 0), _NEW_LABELS, replace=False):
        after = labels.copy()
        after[row] = truth[row]
        started, spent = time.perf_counter(), time.process_time()
        now = update_labels(ground, model, after, LABELS, settings.labelling.alpha0)
        apply_labels(themselves(ground), now, settings.labelling, np.ones(len(truth)), after)
        wall.append(time.perf_counter() - started)
        cpu.append(time.process_time() - spent)
    return {
        "label_ms": 1000 * float(np.median(wall)),
        "label_cpu_ms": 1000 * float(np.median(cpu)),
        "fit_labels_s": fitting,
    }

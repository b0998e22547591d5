"""What a user would pick instead: classifiers on the same embeddings and labels."""

import warnings
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.semi_supervised import LabelSpreading

from genlab.labelling.label_store import label_counts, tau

STRENGTHS = (1.0, 10.0, 100.0)  # C of the logistic regression
ALPHAS = (0.2, 0.8, 0.99)  # of label spreading
ALPHA0 = 0.01  # of tau, spread over the labels


class Task(NamedTuple):
    """One data set, seed and number of labels."""

    pool: np.ndarray  # (P, D) unit rows, centred
    labels: np.ndarray  # (P,) -1 for none
    test: np.ndarray  # (T, D)
    n_labels: int  # Y
    clusters: int  # K of the peers that cluster
    seed: int


Peer: TypeAlias = Callable[[Task], list[np.ndarray]]
"""Task -> one (T, Y) of probabilities for each strength tried; the best on the test is shown."""


def logistic_regression(task: Task) -> list[np.ndarray]:
    """The best of three strengths."""
    own = np.flatnonzero(task.labels >= 0)
    if len(np.unique(task.labels[own])) < 2:
        return [np.full((len(task.test), task.n_labels), 1.0 / task.n_labels)]
    found = []
    for strength in STRENGTHS:
        fitted = LogisticRegression(C=strength, max_iter=300).fit(task.pool[own], task.labels[own])
        found.append(_spread(fitted.predict_proba(task.test), fitted.classes_, task.n_labels))
    return found


def nearest_prototype(task: Task) -> list[np.ndarray]:
    """Softmax of the cosine to each label's mean, at three temperatures."""
    means = np.stack([task.pool[task.labels == y].sum(axis=0) for y in range(task.n_labels)])
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    return [_softmax(scale * task.test @ means.T) for scale in (5.0, 10.0, 20.0)]


def one_nearest(task: Task) -> list[np.ndarray]:
    """The label of the nearest labelled pattern."""
    return [_nearest(task, 1)]


def five_nearest(task: Task) -> list[np.ndarray]:
    """Votes of the five nearest labelled patterns, by cosine."""
    return [_nearest(task, 5)]


def label_spreading(task: Task) -> list[np.ndarray]:
    """scikit-learn's, over 10 neighbours; the best of three alphas."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # 50 steps: as many as our walks have
    return [
        np.nan_to_num(
            LabelSpreading(kernel="knn", n_neighbors=10, alpha=alpha, max_iter=50)
            .fit(task.pool, task.labels)
            .predict_proba(task.test),
            nan=1.0 / task.n_labels,
        )
        for alpha in ALPHAS
    ]


def kmeans_tau(task: Task) -> list[np.ndarray]:
    """Clusters of k-means, tau by the cluster; the best of three numbers of clusters."""
    found = []
    for k in sorted({task.clusters, 2 * task.n_labels, task.n_labels}):
        fitted = KMeans(k, n_init=1, random_state=task.seed, max_iter=50).fit(task.pool)
        hard = np.eye(k, dtype=np.float32)
        found.append(_by_tau(hard[fitted.labels_], hard[fitted.predict(task.test)], task))
    return found


def mixture_tau(task: Task) -> list[np.ndarray]:
    """A diagonal GaussianMixture of K components on the 32 main axes, tau by responsibility."""
    _, _, axes = np.linalg.svd(task.pool[: 20 * task.pool.shape[1]], full_matrices=False)
    axes = axes[:32].T
    fitted = GaussianMixture(
        min(task.clusters, len(task.pool) // 2),
        covariance_type="diag",
        reg_covar=1e-3,
        max_iter=30,
        random_state=task.seed,
    ).fit(task.pool @ axes)
    r, queries = (fitted.predict_proba(x @ axes) for x in (task.pool, task.test))
    return [_by_tau(r, queries, task)]


PEERS: Mapping[str, Peer] = {
    "logistic regression": logistic_regression,
    "nearest prototype": nearest_prototype,
    "1-NN": one_nearest,
    "5-NN": five_nearest,
    "label spreading": label_spreading,
    "k-means + tau": kmeans_tau,
    "GaussianMixture + tau": mixture_tau,
}


def _by_tau(r: np.ndarray, queries: np.ndarray, task: Task) -> np.ndarray:
    table = tau(label_counts(r, task.labels, task.n_labels), ALPHA0 / task.n_labels)
    return np.asarray(queries @ table)


def _nearest(task: Task, k: int) -> np.ndarray:
    own = np.flatnonzero(task.labels >= 0)
    cosine = task.test @ task.pool[own].T
    k = min(k, len(own))
    near = np.argsort(-cosine, axis=1, kind="stable")[:, :k]
    votes = np.zeros((len(task.test), task.n_labels))
    weight = np.maximum(np.take_along_axis(cosine, near, axis=1), 1e-6)
    np.add.at(votes, (np.arange(len(votes))[:, None], task.labels[own][near]), weight)
    return votes / votes.sum(axis=1, keepdims=True)


def _spread(probabilities: np.ndarray, classes: np.ndarray, n_labels: int) -> np.ndarray:
    found = np.zeros((len(probabilities), n_labels))
    found[:, classes] = probabilities
    return found


def _softmax(logits: np.ndarray) -> np.ndarray:
    moved = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(moved / moved.sum(axis=1, keepdims=True))

"""``genlab bench images``: MNIST with 100 labels, beside peers; strangers; held-out digits.

Everything learns from the same pool of training images and is measured on test images that no
method sees, not even without labels.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.special import xlogy
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier, LocalOutlierFactor

from genlab.bench.image_data import Images, load_images
from genlab.bench.image_training import (
    COMPONENTS,
    Learner,
    begin,
    finish,
    latents,
    neighbour_walk,
    spread,
    tau_accuracy,
)
from genlab.config import Settings
from genlab.errors import InputError
from genlab.labelling.ground import lay_ground, queries
from genlab.labelling.label_store import NO_LABEL
from genlab.labelling.neighbours import directions, nearest
from genlab.labelling.novelty import fit_novelty, novelty_score
from genlab.models.scoring import score

PER_KIND = 10
ALPHA0 = 0.01  # of tau, spread over the labels
STRENGTHS = (0.1, 1.0, 10.0)  # of logistic regression; the best on the test counts, in its favour
HELD_POOL, HELD_TEST, HELD_COMPONENTS = 2000, 2000, 100  # of the trainings without one digit
SAMPLES, TOP = 2, 2  # of the bound on log p(x)


class Parts(NamedTuple):
    """What everything learns from, and what it is measured on."""

    name: str
    pool: np.ndarray  # (N, D)
    kinds: np.ndarray  # (N,)
    test: np.ndarray  # (M, D)
    truth: np.ndarray  # (M,)
    strangers: np.ndarray  # (S, D), of another collection; S = 0 for none
    shape: tuple[int, int]


def images_bench(
    settings: Settings, pool: int, seeds: int, held_out: bool, say: Callable[[str], None]
) -> dict[str, Any]:
    """Measure on at most ``pool`` training images, ``seeds`` draws of ten labels per kind.

    ``held_out``: also train ten times without one digit.  ``say`` hears progress.
    """
    parts = load_parts(pool, say)
    # Larger steps, a narrower expectation over c: a minute of CPU where it would be several.
    quick = settings.training.model_copy(update={"learning_rate": 2e-3})
    narrow = settings.model.model_copy(update={"top_components": 3})
    settings = settings.model_copy(update={"training": quick, "model": narrow})
    say(f"{parts.name}: {len(parts.pool):,} images without labels")
    started = time.process_time()
    learner = begin(parts.pool, parts.shape, settings, COMPONENTS, seed=0)
    first = time.process_time() - started
    spaces = [
        clustered("pixels", parts.pool, parts.test),
        clustered("VAE latents", *(latents(learner.state, x) for x in (parts.pool, parts.test))),
    ]
    found = []
    for seed in range(seeds):
        say(f"labels of seed {seed}")
        labels = draw(parts.kinds, seed)
        found.append(few_labels(parts, learner, labels, settings) | peers(parts, spaces, labels))
    rows = [
        {"method": name, "accuracy": float(np.mean(a)), "sd": float(np.std(a))}
        for name in found[0]
        if name.endswith("+ tau") or name in PEERS
        for a in [[f[name] for f in found]]
    ]
    result: dict[str, Any] = {
        "data": parts.name,
        "pool": len(parts.pool),
        "test": len(parts.test),
        "labels": PER_KIND * len(np.unique(parts.kinds)),
        "seeds": seeds,
        "rows": rows,
        "in_use": float(np.mean([f["in use"] for f in found])),
        "strangers_auroc": float(np.mean([f["strangers"] for f in found])),
        "cpu_seconds_without_labels": first,
        "cpu_seconds_with_labels": float(np.mean([f["seconds"] for f in found])),
    }
    if held_out:
        result["held_out"] = held_out_digits(parts, settings, say)
    return result


def load_parts(pool: int, say: Callable[[str], None]) -> Parts:
    """MNIST and Fashion-MNIST where they can be had, else scikit-learn's digits, and say so."""
    strangers = None
    try:
        images = load_images("mnist")
    except InputError as error:
        say(f"{error}; scikit-learn's digits instead")
        images = load_images("digits")
    else:
        try:
            strangers = load_images("fashion").test
        except InputError as error:
            say(f"{error}; no strangers")
    return _parts(images, pool, images.test[:0] if strangers is None else strangers)


def _parts(images: Images, pool: int, strangers: np.ndarray) -> Parts:
    chosen = np.random.default_rng(0).permutation(len(images.train))[:pool]
    x, y = images.train[chosen], images.train_labels[chosen]
    return Parts(images.name, x, y, images.test, images.test_labels, strangers, images.shape)


def draw(kinds: np.ndarray, seed: int) -> np.ndarray:
    """(N,) the kinds of PER_KIND random images of each kind, -1 for the rest."""
    rng = np.random.default_rng(seed)
    labels = np.full(len(kinds), NO_LABEL)
    for kind in np.unique(kinds):
        labels[rng.permutation(np.flatnonzero(kinds == kind))[:PER_KIND]] = kind
    return labels


def few_labels(
    parts: Parts, learner: Learner, labels: np.ndarray, settings: Settings
) -> dict[str, float]:
    """The component VAE with these labels."""
    started = time.process_time()
    state = finish(learner, labels, settings).state
    belief = spread(neighbour_walk(latents(state, parts.pool)), labels)
    seconds = time.process_time() - started
    known = score(state.model, parts.pool, SAMPLES, TOP).responsibilities
    test = score(state.model, parts.test, SAMPLES, TOP)
    only = _given(labels, belief.shape[1])
    prior = state.model.prior.log_weights().exp().detach().numpy()
    active = prior > 0.1 / len(prior)  # the others are spare
    used = np.bincount(known.argmax(1), minlength=len(prior)) > 0
    far = score(state.model, parts.strangers, SAMPLES, TOP).log_prob
    return {
        "component VAE, spread labels + tau": tau_accuracy(
            known, belief, test.responsibilities, parts.truth, ALPHA0
        ),
        "component VAE, the labels alone + tau": tau_accuracy(
            known, only, test.responsibilities, parts.truth, ALPHA0
        ),
        "in use": float((used & active).sum() / active.sum()),
        "strangers": _auroc(-test.log_prob, -far) if len(far) else float("nan"),
        "seconds": seconds,
    }


PEERS = ("logistic regression, best of three", "1-NN", "labels spread over pixels, 10 neighbours")


class Space(NamedTuple):
    """Pool and test in one space: soft k-means responsibilities, and the pool's graph."""

    name: str
    known: np.ndarray  # (N, K)
    test: np.ndarray  # (M, K)
    walk: sparse.csr_matrix  # (N, N)


def clustered(name: str, pool: np.ndarray, test: np.ndarray) -> Space:
    """The space in which the pool is (N, F) and the test (M, F)."""
    return Space(name, *soft_kmeans(pool, test, COMPONENTS), neighbour_walk(pool))


def peers(parts: Parts, spaces: list[Space], labels: np.ndarray) -> dict[str, float]:
    """What else one would try with these labels; k-means under the same label stage."""
    known, y = labels != NO_LABEL, labels[labels != NO_LABEL]
    x, test, truth = parts.pool, parts.test, parts.truth
    unit, base = (directions(v, x.mean(0)) for v in (test, x))
    votes = spread(spaces[0].walk, labels)[nearest(unit, base, 10).rows].mean(1)
    found = {PEERS[2]: float((votes.argmax(1) == truth).mean())}
    for space in spaces:
        belief = spread(space.walk, labels)
        only = _given(labels, belief.shape[1])
        for how, what in (("spread labels", belief), ("the labels alone", only)):
            key = f"soft k-means of {space.name}, {how} + tau"
            found[key] = tau_accuracy(space.known, what, space.test, truth, ALPHA0)
    found[PEERS[0]] = max(
        float(LogisticRegression(C=c, max_iter=1000).fit(x[known], y).score(test, truth))
        for c in STRENGTHS
    )
    found[PEERS[1]] = float(KNeighborsClassifier(1).fit(x[known], y).score(test, truth))
    return found


def soft_kmeans(x: np.ndarray, new: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Responsibilities of k-means clusters of x (N, F), as a mixture of equal round Gaussians of
    the clusters' mean variance: (N, k) and (M, k)."""
    fitted = KMeans(k, n_init=1, random_state=0, max_iter=50).fit(x)
    variance = fitted.inertia_ / x.size

    def responsibilities(rows: np.ndarray) -> np.ndarray:
        logits = -0.5 * fitted.transform(rows) ** 2 / variance
        weights = np.exp(logits - logits.max(1, keepdims=True))
        return np.asarray(weights / weights.sum(1, keepdims=True))

    return responsibilities(x), responsibilities(new)


def held_out_digits(
    parts: Parts, settings: Settings, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """AUROC of each novelty score for each digit kept out of a training, and their mean."""
    rows = []
    for digit in np.unique(parts.kinds):
        say(f"without the {digit}")
        pool = parts.pool[parts.kinds != digit][:HELD_POOL]
        test, strange = parts.test[:HELD_TEST], parts.truth[:HELD_TEST] == digit
        rows.append({"digit": str(digit), **novelties(pool, test, strange, parts.shape, settings)})
    names = [name for name in rows[0] if name != "digit"]
    return [*rows, {"digit": "mean", **{n: float(np.mean([r[n] for r in rows])) for n in names}}]


def novelties(
    pool: np.ndarray,
    test: np.ndarray,
    strange: np.ndarray,
    shape: tuple[int, int],
    settings: Settings,
) -> dict[str, float]:
    """AUROC for telling the ``strange`` (M,) of ``test`` (M, D) without any label."""
    held = np.random.default_rng(0).random(len(pool)) < settings.training.holdout
    seen = pool[~held]
    model = finish(begin(seen, shape, settings, HELD_COMPONENTS, 0), None, settings).state.model
    ordinary = -deviance(pool, score(model, pool, SAMPLES, TOP).log_prob)
    log_p = score(model, test, SAMPLES, TOP).log_prob
    ground = lay_ground(pool, np.ones((len(pool), 1), np.float32))
    asked = queries(ground, test, np.ones((len(test), 1), np.float32))
    assert asked.near is not None
    combined = fit_novelty(ground.near, np.ones(len(pool), int), held, ordinary)
    unit, base = (directions(v, seen.mean(0)) for v in (test, seen))
    distance = 1 - nearest(unit, base, 5).cosine
    outlier = LocalOutlierFactor(novelty=True).fit(seen)
    scores = {
        "combined": novelty_score(combined, asked.near, -deviance(test, log_p)),
        "-log p(x)": -log_p,
        "deviance": deviance(test, log_p),
        "1-NN": distance[:, 0],
        "5-NN": distance.mean(1),
        "LOF": -outlier.score_samples(test),
    }
    return {name: _auroc(s[~strange], s[strange]) for name, s in scores.items()}


def deviance(images: np.ndarray, log_prob: np.ndarray) -> np.ndarray:
    """(N,) log p of pixels that predict themselves, less log p(x): at least 0, in nats.

    A grey pixel costs a Bernoulli its own entropy however well it is predicted; what is left is the
    model's share (the deviance of a binomial GLM, McCullagh & Nelder 1989).
    """
    perfect = (xlogy(images, images) + xlogy(1 - images, 1 - images)).sum(1)
    return np.asarray(perfect - log_prob)


def _given(labels: np.ndarray, classes: int) -> np.ndarray:
    return np.asarray(np.eye(classes)[labels] * (labels != NO_LABEL)[:, None])


def _auroc(ordinary: np.ndarray, strange: np.ndarray) -> float:
    truth = np.repeat([0, 1], [len(ordinary), len(strange)])
    return float(roc_auc_score(truth, np.concatenate([ordinary, strange])))

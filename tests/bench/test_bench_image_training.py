"""Distorted copies, labels spread over a graph, and the whole path on small digits."""

import numpy as np
import pytest
from scipy.stats import bernoulli
from sklearn.semi_supervised import LabelPropagation

from genlab.bench.image_data import load_images
from genlab.bench.image_training import (
    begin,
    distorted,
    latents,
    neighbour_walk,
    spread,
    tau_accuracy,
)
from genlab.bench.images import (
    _parts,
    clustered,
    deviance,
    draw,
    few_labels,
    novelties,
    peers,
    soft_kmeans,
)
from genlab.config import Settings, load_settings

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def quick() -> Settings:
    return load_settings(
        overrides=[
            "model.hidden=64",
            "model.latent_dim=12",
            "model.top_components=2",
            "training.learning_rate=0.003",
            "training.batch_size=64",
        ]
    )


def test_a_distorted_image_is_the_image_moved_a_little():
    image = np.zeros((50, 28, 28), np.float32)
    image[:, 10:18, 10:18] = 1
    moved = distorted(image.reshape(50, -1), (28, 28), 0).reshape(50, 28, 28)
    assert 0 <= moved.min() < moved.max() <= 1
    mass = moved.sum((1, 2))
    np.testing.assert_allclose(mass, 64, rtol=0.3)
    rows, columns = np.mgrid[:28, :28]
    for place in (rows, columns):
        middle = (moved * place).sum((1, 2)) / mass
        assert np.abs(middle - 13.5).max() < 2.2  # 1.5 pixels of shift, and the shear
        assert middle.std() > 0.4
    np.testing.assert_array_equal(
        moved, distorted(image.reshape(50, -1), (28, 28), 0).reshape(moved.shape)
    )


def test_a_walk_goes_to_neighbours_of_the_same_blob():
    kind = np.arange(60) % 3
    x = (5 * np.eye(3)[kind] + 0.1 * RNG.normal(size=(60, 3))).astype(np.float32)
    walk = neighbour_walk(x)
    np.testing.assert_allclose(walk.sum(1), 1, rtol=1e-6)
    start, end = walk.nonzero()
    assert bool((kind[start] == kind[end]).all())
    assert walk.diagonal().max() == 0


def test_spreading_agrees_with_scikit_learn_on_blobs():
    kind = np.arange(120) % 3
    x = (4 * np.eye(3)[kind] + 0.6 * RNG.normal(size=(120, 3))).astype(np.float32)
    labels = np.where(np.arange(120) < 6, kind, -1)
    theirs = LabelPropagation(kernel="knn", n_neighbors=10).fit(x, labels).transduction_
    ours = spread(neighbour_walk(x), labels).argmax(1)
    assert (ours == theirs).mean() > 0.97


def test_tau_accuracy_is_the_sum_over_components():
    known, test = RNG.dirichlet(np.ones(4), 30), RNG.dirichlet(np.ones(4), 20)
    belief, truth = RNG.dirichlet(np.ones(3), 30), RNG.integers(3, size=20)
    tau = np.zeros((4, 3))
    for c in range(4):
        for y in range(3):
            tau[c, y] = 0.1 + sum(known[i, c] * belief[i, y] * belief[i].max() for i in range(30))
        tau[c] /= tau[c].sum()
    right = sum(int(np.argmax(test[j] @ tau) == truth[j]) for j in range(20)) / 20
    assert tau_accuracy(known, belief, test, truth, 0.3) == pytest.approx(right)


def test_soft_kmeans_follows_its_clusters():
    kind = np.arange(80) % 4
    x = 6 * np.eye(4)[kind] + 0.3 * RNG.normal(size=(80, 4))
    near, far = soft_kmeans(x, np.array([[3.0, 3.0, 0, 0], [6.0, 0, 0, 0]]), 4)
    np.testing.assert_allclose(near.sum(1), 1)
    assert len({(k, c) for k, c in zip(kind, near.argmax(1), strict=True)}) == 4
    assert near.max(1).min() > 0.99
    assert far[1].max() > 0.99


def test_the_deviance_of_a_perfect_prediction_is_zero():
    x = np.concatenate([RNG.uniform(size=(5, 6)), [[0.0, 1, 0, 1, 0.5, 0.5]]])
    perfect = -np.vectorize(lambda p: bernoulli(p).entropy())(x).sum(1)
    np.testing.assert_allclose(deviance(x, perfect), 0, atol=1e-12)
    np.testing.assert_allclose(deviance(x, perfect - 3), 3)


@pytest.mark.slow
def test_the_whole_path_on_small_digits(quick: Settings):
    """A hundred labels; what was begun stays as it was; strangers are told apart."""
    digits = load_images("digits")
    noise = RNG.uniform(size=(200, 64)).astype(np.float32)
    parts = _parts(digits, 1200, noise)
    labels = draw(parts.kinds, 0)
    assert (np.bincount(labels[labels >= 0]) == 10).all()
    learner = begin(parts.pool, parts.shape, quick, 60, 0)
    before = latents(learner.state, parts.pool)
    found = few_labels(parts, learner, labels, quick)
    np.testing.assert_array_equal(before, latents(learner.state, parts.pool))  # begun once, kept
    others = peers(parts, [clustered("pixels", parts.pool, parts.test)], labels)
    assert found["component VAE, spread labels + tau"] > 0.85
    assert others["soft k-means of pixels, spread labels + tau"] > 0.85
    assert 0.5 < found["in use"] <= 1
    assert found["strangers"] > 0.99


def test_a_digit_held_out_is_told_from_the_others(quick: Settings):
    digits = load_images("digits")
    pool = digits.train[digits.train_labels != 6][:500]
    found = novelties(pool, digits.test, digits.test_labels == 6, (8, 8), quick)
    assert min(found.values()) > 0.7
    assert set(found) == {"combined", "-log p(x)", "deviance", "1-NN", "5-NN", "LOF"}

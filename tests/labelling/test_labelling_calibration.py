import numpy as np
import pytest
from scipy import stats

from genlab.errors import InputError
from genlab.labelling import accept_threshold, ece, reliability


def draw(random, n, classes, sharpness):
    """Probabilities, and labels really drawn from them."""
    logits = random.normal(size=(n, classes)) * sharpness
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return p, (p.cumsum(axis=1) > random.random((n, 1))).argmax(axis=1)


def test_reliability_and_ece_by_hand():
    confidence = np.array([0.05, 0.95, 0.95, 1.0, 0.0])
    correct = np.array([False, True, False, True, False])
    bins = reliability(confidence, correct, bins=10)
    assert list(bins.counts) == [2, 0, 0, 0, 0, 0, 0, 0, 0, 3]
    assert bins.accuracy[9] == pytest.approx(2 / 3)
    assert bins.confidence[9] == pytest.approx(2.9 / 3)
    assert ece(bins) == pytest.approx((2 * 0.025 + 3 * (2.9 / 3 - 2 / 3)) / 5)
    assert ece(reliability(np.empty(0), np.empty(0))) == 0


def test_calibrated_predictions_have_a_small_ece():
    p, labels = draw(np.random.default_rng(3), 20000, 4, 1.5)
    confidence = p.max(axis=1)
    assert ece(reliability(confidence, p.argmax(axis=1) == labels)) < 0.015
    assert ece(reliability(confidence**0.3, p.argmax(axis=1) == labels)) > 0.1


def test_accept_threshold_keeps_its_promise():
    """True precision above the threshold is at least 0.9 in at least 95 % of repetitions."""
    random = np.random.default_rng(4)
    broken = accepted = 0
    for _ in range(300):
        confidence = random.random(2000)
        found = accept_threshold(confidence, random.random(2000) < confidence, 0.9)
        if np.isfinite(found.threshold):
            accepted += 1
            broken += (1 + found.threshold) / 2 < 0.9  # mean of confidence above it, exactly
            assert found.checked == (confidence >= found.threshold).sum()
            assert found.precision >= 0.9
    assert broken <= stats.binom.ppf(0.999, 300, 0.05)
    assert accepted > 150  # and it is no empty promise


def test_accept_all_or_nothing():
    sure = np.linspace(0.5, 1, 200)
    everything = accept_threshold(sure, np.ones(200, bool), 0.95)
    assert everything.threshold == 0.5
    assert everything.checked == 200
    assert accept_threshold(sure, np.zeros(200, bool), 0.95).threshold == np.inf
    assert accept_threshold(sure[:20], np.ones(20, bool), 0.95).threshold == np.inf  # too few
    assert accept_threshold(np.empty(0), np.empty(0, bool), 0.95).threshold == np.inf
    with pytest.raises(InputError, match="between 0 and 1"):
        accept_threshold(sure, np.ones(200, bool), 1.0)
    with pytest.raises(InputError, match="in \\[0, 1\\]"):
        accept_threshold(np.array([np.nan]), np.ones(1, bool), 0.9)

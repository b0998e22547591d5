"""The spreader against full fits: at once nearly the same, after a lesson the very same."""

import threading
import time

import numpy as np
import pytest

from genlab.config import Settings
from genlab.labelling import fit_labels, update_labels
from genlab.pipeline import spreading
from genlab.pipeline.assigned import Assigned, AssignedCache, Labels, load_labels
from genlab.pipeline.labels import give_label, propagate_labels, take_back
from genlab.pipeline.spreading import Spreader, stored
from genlab.store import Store


@pytest.fixture
def assigned(fitted: Store) -> Assigned:
    return AssignedCache(fitted).get(1, fitted.rows("model_versions.active")[0]["components"])


def label_kinds(store: Store, assigned: Assigned, each: int = 6) -> Labels:
    """The first patterns of the two largest components, by component."""
    winner = np.asarray(assigned.responsibilities.argmax(axis=1)).ravel()
    for name, c in zip("ab", np.argsort(-np.bincount(winner))[:2], strict=True):
        rows = np.flatnonzero(winner == c)[:each]
        give_label(store, [str(p) for p in assigned.pattern_ids[rows]], name, "lasso", "ann")
    return load_labels(store, assigned)


def test_walks_follow_at_once_and_a_lesson_is_the_full_fit(
    fitted: Store, quick: Settings, assigned: Assigned
) -> None:
    spreader = Spreader(quick.labelling)
    spreader.prepare(assigned, load_labels(fitted, assigned))
    labels = label_kinds(fitted, assigned)
    full = fit_labels(assigned.ground, labels.given, len(labels.names), quick.labelling)
    first = spreader.follow(assigned, labels)
    np.testing.assert_allclose(first.model.reached, full.reached, atol=1e-4)
    np.testing.assert_allclose(first.model.tau, full.tau, atol=1e-3)
    assert not first.learnt
    after = spreader.learn(assigned, labels)
    np.testing.assert_allclose(after.model.exponents, full.exponents)
    np.testing.assert_allclose(after.model.taught, full.taught)
    assert spreader.follow(assigned, labels).model is after.model, "nothing changed: nothing to do"
    assert after.learnt
    take_back(fitted, "ann")
    undone = load_labels(fitted, assigned)
    moved = spreader.follow(assigned, undone)
    assert moved.model.head is after.model.head, "the head waits for a lesson"
    assert (moved.model.labels == undone.given).all()
    take_back(fitted, "ann", "redo")
    again = spreader.follow(assigned, load_labels(fitted, assigned))
    assert again.model is after.model, "what was learnt from these labels is at hand"


def test_accepted_predictions_prove_nothing(
    fitted: Store, quick: Settings, assigned: Assigned
) -> None:
    label_kinds(fitted, assigned)
    free = np.flatnonzero(load_labels(fitted, assigned).given < 0)[:4]
    give_label(fitted, [str(p) for p in assigned.pattern_ids[free]], "a", "accept", "ann")
    taught = Spreader(quick.labelling).learn(assigned, load_labels(fitted, assigned))
    assert not set(taught.proof.cross_fitted.rows) & set(free)
    assert set(taught.lesson.cross_fitted.rows) & set(free)


def test_what_was_previewed_is_not_computed_again(
    fitted: Store, quick: Settings, assigned: Assigned, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = label_kinds(fitted, assigned)
    spreader = Spreader(quick.labelling)
    spreader.learn(assigned, labels)
    free = np.flatnonzero(labels.given < 0)
    wished = labels._replace(given=labels.given.copy())
    wished.given[free[:5]] = 0
    other = labels._replace(given=labels.given.copy())
    other.given[free[:5]] = 1
    moves = []
    monkeypatch.setattr(
        spreading, "update_labels", lambda *given: moves.append(1) or update_labels(*given)
    )
    imagined = spreader.imagine(assigned, wished)
    done = spreader.spread(assigned, wished)
    assert len(moves) == 1
    np.testing.assert_array_equal(done.probabilities, imagined.probabilities)
    otherwise = spreader.spread(assigned, other)
    assert len(moves) == 2
    assert (otherwise.probabilities != done.probabilities).any()
    spreader.imagine(assigned, wished)
    assert len(moves) == 2
    spreader.learn(assigned, other)  # what was imagined came of an older lesson
    spreader.spread(assigned, wished)
    assert len(moves) == 3


def test_lessons_wait_for_quiet_and_then_come_once(
    fitted: Store, quick: Settings, assigned: Assigned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreading, "QUIET_SECONDS", 0.3)
    learnt = threading.Semaphore(0)
    spreader = Spreader(quick.labelling, learnt.release)
    spreader.prepare(assigned, load_labels(fitted, assigned))
    assert learnt.acquire(timeout=20), "the first lesson waits for nothing"
    fits = []
    monkeypatch.setattr(
        spreading, "fit_labels", lambda *given: fits.append(1) or fit_labels(*given)
    )
    labels = label_kinds(fitted, assigned)
    for n in range(4):  # more label events, the same labels
        spreader.follow(assigned, labels._replace(seq=labels.seq + n))
        time.sleep(0.05)
    assert not fits
    assert learnt.acquire(timeout=20)
    assert spreader.taught.seq == labels.seq + 3
    assert len(fits) == 1


def test_the_first_look_is_what_the_tables_hold(
    fitted: Store, quick: Settings, assigned: Assigned
) -> None:
    labels = label_kinds(fitted, assigned)
    found = propagate_labels(fitted, quick.labelling)[2]
    fresh = AssignedCache(fitted).get(1, assigned.components)
    blank = Spreader(quick.labelling).prepare(fresh, labels).model
    look = stored(fresh, labels, blank)
    assert (look.verdict == found.verdict).all()
    assert (look.label == found.label).all()
    np.testing.assert_allclose(look.confidence, found.confidence)
    np.testing.assert_allclose(look.probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(look.model.counts, found.model.counts, atol=1e-5)

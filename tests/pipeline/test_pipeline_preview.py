"""The preview of a gesture is what the gesture then does; renames and merges forget nothing."""

import numpy as np
import pytest

from genlab.config import Settings
from genlab.pipeline.assigned import Assigned, AssignedCache, Labels, load_labels
from genlab.pipeline.labels import give_label, propagate_labels
from genlab.pipeline.preview import preview
from genlab.pipeline.spreading import Spreader
from genlab.store import Store


@pytest.fixture
def assigned(fitted: Store) -> Assigned:
    return AssignedCache(fitted).get(1, fitted.rows("model_versions.active")[0]["components"])


def members(assigned: Assigned, place: int) -> list[str]:
    """The patterns of the component that is ``place``-th by size."""
    winner = np.asarray(assigned.responsibilities.argmax(axis=1)).ravel()
    c = np.argsort(-np.bincount(winner))[place]
    return [str(p) for p in assigned.pattern_ids[winner == c]]


@pytest.mark.parametrize("label", ["a", "new", None])
def test_a_preview_is_what_happens(
    fitted: Store, quick: Settings, assigned: Assigned, label: str | None
) -> None:
    first, second = members(assigned, 0), members(assigned, 1)
    give_label(fitted, first[:4], "a", "lasso", "ann")
    give_label(fitted, second[:3], "b", "lasso", "bob")
    spreader, cache = Spreader(quick.labelling), AssignedCache(fitted)
    held, labels, now, _ = propagate_labels(fitted, quick.labelling, cache, spreader=spreader)
    before = spreader.taught
    chosen = [*first[2:6], *second[1:5]]
    told = preview(fitted, spreader, held, labels, now, chosen, label)
    assert spreader.taught is before, "nothing of a preview is kept"
    assert load_labels(fitted, held).seq == labels.seq
    rows = held.rows_of(chosen)
    assert (told.patterns, told.messages) == (len(rows), held.message_counts[rows].sum())
    assert told.same == (2 if label == "a" else 0)
    assert told.replaced == ({"bob": 2} if label == "a" else {"ann": 2, "bob": 2})

    give_label(fitted, chosen, label, "lasso", "eve")
    settled = propagate_labels(fitted, quick.labelling, cache, spreader=spreader)[3]
    did = settled.settled_messages - settled.unsettled_messages
    assert told.settled_own + told.settled_others == did
    if label == "new":
        assert told.settled_own > 0


def labelled(store: Store, assigned: Assigned) -> Labels:
    for place, name in enumerate("abc"):
        give_label(store, members(assigned, place)[:5], name, "lasso", "ann")
    return load_labels(store, assigned)


def define(store: Store, label_id: str, name: str, merged_into: str | None = None) -> None:
    store.write(
        "labels.define", label_id=label_id, name=name, merged_into=merged_into, colour=None,
        description=None, annotator="ann",
    )  # fmt: skip


def test_a_rename_forgets_nothing(fitted: Store, quick: Settings, assigned: Assigned) -> None:
    labels = labelled(fitted, assigned)
    spreader = Spreader(quick.labelling)
    taught = spreader.learn(assigned, labels)
    define(fitted, labels.ids[1], "bearing")
    renamed = load_labels(fitted, assigned)
    assert renamed.names == ["a", "bearing", "c"]
    after = spreader.follow(assigned, renamed)
    assert after.model is taught.model


def test_a_merge_keeps_what_was_learnt_of_both(
    fitted: Store, quick: Settings, assigned: Assigned
) -> None:
    labels = labelled(fitted, assigned)
    spreader = Spreader(quick.labelling)
    before = spreader.learn(assigned, labels).model
    define(fitted, labels.ids[1], "b", merged_into=labels.ids[0])
    merged = load_labels(fitted, assigned)
    assert merged.names == ["a", "c"]
    after = spreader.follow(assigned, merged).model
    assert (after.labels == merged.given).all()
    np.testing.assert_allclose(after.exponents, before.exponents)
    np.testing.assert_allclose(after.head.weight[:, 1], before.head.weight[:, 2], rtol=1e-5)
    # each of the two directions still speaks for the label that took both over
    joint = after.head.weight[:, 0]
    for y in (0, 1):
        alone = before.head.weight[:, y]
        assert joint @ alone > 0.3 * np.linalg.norm(joint) * np.linalg.norm(alone)
    # the head alone, no walks: patterns of a, b and c that nobody labelled
    said = after.taught.argmax(axis=1)
    for place, y in ((0, 0), (1, 0), (2, 1)):
        others = assigned.rows_of(members(assigned, place)[5:])
        assert (said[others] == y).mean() > 0.5, f"place {place}"

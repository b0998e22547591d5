"""Gestures of several people: taken back in any order, never overwriting what was not seen."""

import random

import pytest
from helpers import batch

from genlab.errors import InputError
from genlab.pipeline.labels import Overtaken, give_label, remark, take_back
from genlab.store import Store


@pytest.fixture
def stocked(store: Store) -> Store:
    store.write("messages.ingest_batch", batch(["1", "2", "3", "4"]))
    return store


def current(store: Store) -> dict[str, str]:
    return {row["pattern_id"]: row["label"] for row in store.rows("labels.current")}


def seen(store: Store) -> int:
    return store.rows("labels.seq")[0]["seq"]


def unsure(store: Store) -> set[str]:
    return {row["pattern_id"] for row in store.rows("remarks.unsure")}


def test_the_second_of_two_sees_what_the_first_said(stocked: Store) -> None:
    shown = seen(stocked)
    give_label(stocked, ["p-1", "p-2"], "pump", "key", "anna", shown)
    with pytest.raises(Overtaken, match="anna labelled 1 of these") as told:
        give_label(stocked, ["p-2", "p-3"], "power", "key", "bob", shown)
    assert [(r["pattern_id"], r["label"]) for r in told.value.rows] == [("p-2", "pump")]
    assert current(stocked) == {"p-1": "pump", "p-2": "pump"}, "p-3 waits for the answer as well"
    assert [r["name"] for r in stocked.rows("labels.list")] == ["pump"]
    give_label(stocked, ["p-2"], "pump", "key", "bob", shown)  # agreeing is no conflict
    give_label(stocked, ["p-1"], "fan", "key", "anna", shown)  # nor is changing one's own mind
    give_label(stocked, ["p-1"], "power", "key", "bob", seen(stocked))  # nor one that was seen
    assert current(stocked) == {"p-1": "power", "p-2": "pump"}


def test_a_label_put_back_since_is_news_too(stocked: Store) -> None:
    group = give_label(stocked, ["p-1"], "pump", "key", "anna")
    take_back(stocked, "anna")
    shown = seen(stocked)
    take_back(stocked, "carl", "redo", group)
    with pytest.raises(Overtaken):
        give_label(stocked, ["p-1"], "power", "key", "bob", shown)
    assert current(stocked) == {"p-1": "pump"}


def test_anybody_takes_back_any_gesture_in_any_order(stocked: Store) -> None:
    """Random walk of three people; the oracle replays a plain list of gestures."""
    rng = random.Random(7)
    people, patterns = ("ann", "bob", "eve"), ["p-1", "p-2", "p-3", "p-4"]
    done: dict[str, dict] = {}
    for step in range(80):
        who = rng.choice(people)
        if done and rng.random() < 0.4:
            group = rng.choice(list(done))
            action = rng.choice(["undo", "redo"])
            before = stocked.rows("labels.gestures", before=None, group_id=None, limit=100)
            taken = take_back(stocked, who, action, group)
            assert (taken is not None) == (done[group]["stands"] == (action == "undo"))
            if taken is None:
                after = stocked.rows("labels.gestures", before=None, group_id=None, limit=100)
                assert after == before, f"step {step}: nothing to do, nothing stored"
            done[group]["stands"] = action == "redo"
        else:
            chosen = rng.sample(patterns, rng.randint(1, 3))
            said = rng.choice(["red", "green", None, "unsure", "note"])
            if said in ("unsure", "note"):
                text = "look at the valve" if said == "note" else ""
                group = remark(stocked, chosen, said, text, "key", who)
            else:
                group = give_label(stocked, chosen, said, "key", who)
            done[group] = {"who": who, "said": said, "on": chosen, "stands": True}
        labels: dict[str, str] = {}
        doubts: set[str] = set()
        for each in done.values():
            if not each["stands"] or each["said"] == "note":
                continue
            for p in each["on"]:
                doubts.discard(p)
                if each["said"] == "unsure":
                    doubts.add(p)
                    continue
                labels.pop(p, None)
                if each["said"]:
                    labels[p] = each["said"]
        assert current(stocked) == labels, f"step {step}"
        assert unsure(stocked) == doubts, f"step {step}"
    rows = stocked.rows("labels.gestures", before=None, group_id=None, limit=1000)
    assert [r["group_id"] for r in rows] == list(reversed(done))
    for row in rows:
        each = done[row["group_id"]]
        assert (row["annotator"], row["patterns"], row["stands"]) == (
            each["who"], len(each["on"]), each["stands"],
        )  # fmt: skip
        assert row["labels"] == ([each["said"]] if each["said"] in ("red", "green") else None)
        on = stocked.rows("labels.of_gesture", group_id=row["group_id"])
        assert sorted(r["pattern_id"] for r in on) == sorted(each["on"])
    older = stocked.rows("labels.gestures", before=rows[4]["seq"], group_id=None, limit=3)
    assert older == rows[5:8]


def test_notes_stay_with_their_pattern_until_taken_back(stocked: Store) -> None:
    remark(stocked, ["p-1", "no such pattern"], "note", "  <b>ask the plant</b> ", "key", "ann")
    give_label(stocked, ["p-1"], "pump", "key", "ann")
    assert [(r["action"], r["label"], r["text"]) for r in history(stocked, "p-1")] == [
        ("label", "pump", None),
        ("note", None, "<b>ask the plant</b>"),
    ]
    assert [r["text"] for r in notes(stocked, "p-1")] == ["<b>ask the plant</b>"]
    take_back(stocked, "ann")
    take_back(stocked, "ann")
    assert notes(stocked, "p-1") == []
    assert [r["taken_back"] for r in history(stocked, "p-1")] == [True, True]
    for text in ("  ", "x" * 2001):
        with pytest.raises(InputError, match="expected 1 to 2,000"):
            remark(stocked, ["p-1"], "note", text, "key", "ann")


def history(store: Store, pattern: str) -> list[dict]:
    return store.rows("labels.history", pattern_id=pattern, limit=99)


def notes(store: Store, pattern: str) -> list[dict]:
    return store.rows("remarks.notes", pattern_id=pattern, limit=9)

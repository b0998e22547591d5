"""Renames, merges and splits lose nothing and can be taken back; agreement counts opinions."""

import pytest
from helpers import batch

from genlab.errors import InputError, StoreError
from genlab.pipeline.label_names import agreement, change, merge, revert, split
from genlab.pipeline.labels import export_labels, give_label, import_labels, take_back
from genlab.store import Store

TEXTS = [f"text {i}" for i in range(6)]


@pytest.fixture
def named(store: Store) -> Store:
    """Six patterns: four pump, two net."""
    store.write("messages.ingest_batch", inputs=batch([*TEXTS, TEXTS[0]]))
    give_label(store, [f"p-{t}" for t in TEXTS[:4]], "pump", "lasso", "ann")
    give_label(store, [f"p-{t}" for t in TEXTS[4:]], "net", "click", "bob")
    return store


def id_of(store: Store, name: str) -> str:
    return next(r["label_id"] for r in store.rows("label_names.list") if r["name"] == name)


def standing(store: Store) -> dict[str, str]:
    return {r["pattern_id"][2:]: r["label"] for r in store.rows("labels.current")}


def test_the_list_counts_what_stands(named: Store) -> None:
    pump, net = named.rows("label_names.list")
    assert (pump["name"], pump["patterns"], pump["messages"], pump["annotators"]) == (
        *("pump", 4, 5, 1),
    )
    assert (net["name"], net["patterns"]) == ("net", 2)
    take_back(named, "bob")
    assert named.rows("label_names.list")[1]["patterns"] == 0


def test_a_rename_keeps_what_was_said_and_can_be_taken_back(named: Store) -> None:
    pump = id_of(named, "pump")
    assert change(named, pump, "ann", name="  pumps ") == "pumps"
    change(named, pump, "ann", colour=7)
    change(named, pump, "bob", description="what moves water")
    assert standing(named)["text 0"] == "pumps"
    rows = named.rows("label_names.changes", label_id=pump, limit=9)
    assert [(r["name"], r["colour"], r["annotator"]) for r in rows] == [
        ("pumps", 7, "bob"),
        ("pumps", 7, "ann"),
        ("pumps", rows[3]["colour"], "ann"),
        ("pump", rows[3]["colour"], "ann"),
    ]
    revert(named, rows[2]["seq"], "eve")  # the rename, two changes ago: those stay
    (now,) = (r for r in named.rows("label_names.list") if r["label_id"] == pump)
    assert (now["name"], now["colour"], now["description"]) == ("pump", 7, "what moves water")
    with pytest.raises(InputError, match="begins with it"):
        revert(named, rows[3]["seq"], "eve")


def test_names_are_checked(named: Store) -> None:
    pump = id_of(named, "pump")
    with pytest.raises(InputError, match="merge the two"):
        change(named, pump, "ann", name="net")
    with pytest.raises(InputError, match="1 to 120 characters"):
        change(named, pump, "ann", name=" \n ")
    with pytest.raises(InputError, match="at most 500"):
        change(named, pump, "ann", description="x" * 501)
    with pytest.raises(InputError, match="not in use"):
        change(named, "nobody", "ann", name="x")


def test_a_merge_moves_every_pattern_and_back(named: Store) -> None:
    pump, net = id_of(named, "pump"), id_of(named, "net")
    before = standing(named)
    merge(named, net, pump, "ann")
    assert set(standing(named).values()) == {"pump"}
    assert [r["name"] for r in named.rows("label_names.list")] == ["pump"]
    last = named.rows("label_names.changes", label_id=pump, limit=1)[0]
    assert (last["name"], last["into_name"]) == ("net", "pump")  # told of the label it went into
    with pytest.raises(InputError, match="not in use"):
        merge(named, pump, net, "ann")
    with pytest.raises(InputError, match="itself"):
        merge(named, pump, pump, "ann")
    revert(named, last["seq"], "bob")
    assert standing(named) == before


def test_what_cannot_be_taken_back_is_refused(named: Store) -> None:
    pump, net = id_of(named, "pump"), id_of(named, "net")
    merge(named, net, pump, "ann")
    merged = named.rows("label_names.changes", label_id=pump, limit=1)[0]["seq"]
    give_label(named, ["p-text 5"], "net", "click", "bob")  # a new label of the old name
    with pytest.raises(StoreError, match="rename that one first"):
        revert(named, merged, "ann")
    change(named, id_of(named, "net"), "bob", name="network")
    revert(named, merged, "ann")
    merge(named, pump, net, "ann")
    unmerged = named.rows("label_names.changes", label_id=net, limit=2)[1]["seq"]
    with pytest.raises(StoreError, match="merged into another itself"):
        revert(named, unmerged, "ann")  # net into pump again, which is part of net: a circle
    assert set(standing(named).values()) == {"net", "network"}


def test_a_split_takes_some_patterns_along(named: Store) -> None:
    pump = id_of(named, "pump")
    split(named, pump, ["p-text 0", "p-text 1"], "valve", "ann")
    assert [standing(named)[t] for t in TEXTS[:3]] == ["valve", "valve", "pump"]
    with pytest.raises(InputError, match="1 of 2 patterns are not"):
        split(named, pump, ["p-text 0", "p-text 2"], "other", "ann")
    with pytest.raises(InputError, match="is the label they have"):
        split(named, pump, ["p-text 2"], "pump", "ann")
    (gesture,) = named.rows("label_names.gestures", label_id=pump, limit=9)
    assert (gesture["patterns"], gesture["standing"], gesture["how"]) == (4, 2, "lasso")
    take_back(named, "ann")
    assert standing(named)["text 0"] == "pump"


def test_agreement_counts_the_last_word_of_each(named: Store) -> None:
    assert agreement(named) == ([], [])
    give_label(named, ["p-text 0", "p-text 4"], "net", "key", "eve")
    give_label(named, ["p-text 0"], "pump", "key", "eve")  # she thought again
    give_label(named, ["p-text 1"], "net", "key", "eve")
    give_label(named, ["p-text 2"], "net", "accept", "eve")  # not looked at
    give_label(named, ["p-text 3"], "net", "audit", "eve")  # looked at with the other's label
    pairs, disputed = agreement(named)
    assert [(p.first, p.second, p.patterns, p.agreed) for p in pairs] == [
        ("ann", "eve", 2, 1),
        ("bob", "eve", 1, 1),
    ]
    (one,) = disputed
    assert (one.text, one.said, one.current) == ("text 1", {"ann": "pump", "eve": "net"}, "net")
    take_back(named, "eve")  # the audit
    take_back(named, "eve")  # what was accepted
    take_back(named, "eve")  # text 1: ann's word alone
    assert agreement(named)[1] == []
    merge(named, id_of(named, "net"), id_of(named, "pump"), "ann")
    assert all(pair.agreed == pair.patterns for pair in agreement(named)[0])


def test_what_was_accepted_in_bulk_is_listed_until_it_is_answered(named: Store) -> None:
    store = named
    store.write("messages.ingest_batch", inputs=batch(["new 1", "new 2"], start=50))
    group = give_label(store, ["p-new 1", "p-new 2"], "pump", "accept", "ann")
    (row,) = store.rows("label_names.accepted", limit=5)
    assert (row["group_id"], row["patterns"], row["standing"], row["messages"]) == (group, 2, 2, 2)
    give_label(store, ["p-new 1"], None, "click", "ann")
    assert store.rows("label_names.accepted", limit=5)[0]["standing"] == 1
    give_label(store, ["p-new 2"], "pump", "audit", "ann")
    assert store.rows("label_names.accepted", limit=5) == []
    assert store.rows("label_names.audited") == [{"pattern_id": "p-new 2"}]


def test_hostile_names_come_out_of_a_csv_as_they_went_in(named: Store, tmp_path) -> None:
    hostile = ["=1+1", "+cmd|' /C calc'!A0", "-2", "@SUM(A1)", "'=1", "<script>", 'a,b"c']
    path = tmp_path / "labels.csv"
    for name in hostile:
        give_label(named, ["p-text 0"], name, "key", "=ann")
        export_labels(named, path)
        cells = path.read_text().splitlines()[-1]
        assert not cells.split(",")[1].startswith(tuple("=+-@")), name
        give_label(named, ["p-text 0"], None, "key", "ann")
        assert "text 0" not in standing(named)
        import_labels(named, path, "bob")
        assert standing(named)["text 0"] == name

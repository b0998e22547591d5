"""Every named query, on a real DuckDB: contracts and the label arithmetic."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from helpers import batch, events

from genlab.errors import SchemaError, StoreError
from genlab.store import Store
from genlab.store.engine import Engine
from genlab.store.migrations import known_migrations
from genlab.store.named_sql import named_queries, parse

PLACEHOLDERS = {
    "days": 7,
    "limit": 5,
    "hours": 24.0,
    "bucket_seconds": 3600,
    "words": ["x"],
    "texts": ["x"],
    "message_ids": ["x"],
    "pattern_ids": ["x"],
    "labelled_only": True,
    "states": ["new"],
    "verdicts": ["novel"],
    "version": 1,
    "version_a": 1,
    "version_b": 2,
    "bins": 4,
    "narrow": False,
    "new_only": True,
}


@pytest.mark.parametrize("name", [n for n, q in named_queries().items() if not q.writes])
def test_every_read_runs_on_an_empty_database(store: Store, name: str) -> None:
    query = named_queries()[name]
    params = {p: PLACEHOLDERS.get(p, "x") for p in query.parameters}
    table = store.read(name, **params)
    assert table.num_columns > 0
    assert query.doc, "the comment is the documentation"


def test_every_table_and_column_has_a_comment(store: Store, tmp_path) -> None:
    engine = Engine(tmp_path / "c.duckdb")
    engine.close()
    with duckdb.connect(str(tmp_path / "c.duckdb")) as con:
        bare = con.execute(
            "SELECT table_name, column_name FROM duckdb_columns() WHERE comment IS NULL "
            "AND table_name IN (SELECT table_name FROM duckdb_tables()) "
            "AND table_name <> 'schema_version'"
        ).fetchall()
    assert bare == []


def test_ingest_counts_each_message_once(store: Store) -> None:
    first = store.write("messages.ingest_batch", batch(["a", "b", "a"]))
    assert first == {"messages": 3, "patterns": 2, "rejected": 0}
    again = store.write("messages.ingest_batch", batch(["a", "b", "a"]))
    assert again == {"messages": 0, "patterns": 0, "rejected": 0}
    grown = store.write("messages.ingest_batch", batch(["a", "c"], start=3))
    assert grown == {"messages": 2, "patterns": 1, "rejected": 0}
    counts = {r["canonical_text"]: r["message_count"] for r in store.rows("patterns.all")}
    assert counts == {"a": 3, "b": 1, "c": 1}
    assert store.rows("checks.wrong_counts") == []


def test_one_id_twice_in_a_batch_is_one_message(store: Store) -> None:
    doubled = batch(["a", "b"])
    ids = doubled["in_messages"].column_names.index("message_id")
    doubled["in_messages"] = doubled["in_messages"].set_column(
        ids, "message_id", pa.array(["same", "same"])
    )
    assert store.write("messages.ingest_batch", doubled) == {
        "messages": 1,
        "patterns": 1,
        "rejected": 1,
    }
    assert store.rows("messages.quarantine_list", limit=9)[0]["reason"] == "duplicate_id"
    assert store.rows("checks.wrong_counts") == []


def test_a_repeated_write_is_answered_and_not_doubled(store: Store) -> None:
    first = store.write("messages.ingest_batch", batch(["a"]), key="k")
    again = store.write("messages.ingest_batch", batch(["a"]), key="k")
    assert first == again == {"messages": 1, "patterns": 1, "rejected": 0}


def test_labels_undo_redo_against_a_list_of_states(store: Store) -> None:
    """A random walk of gestures; the oracle replays a plain Python history."""
    random.seed(4)
    patterns = [f"p-{i}" for i in range(6)]
    store.write("messages.ingest_batch", batch([str(i) for i in range(6)]))
    gestures: list[tuple[str, dict[str, str | None]]] = []
    undone: set[str] = set()
    for step in range(60):
        if gestures and random.random() < 0.4:
            group = random.choice(gestures)[0]
            action = "redo" if group in undone else "undo"
            (undone.discard if action == "redo" else undone.add)(group)
            store.write("labels.take_back", action=action, group_id=group, annotator="ann")
        else:
            chosen = random.sample(patterns, random.randint(1, 3))
            change = {p: random.choice(["red", "green", None]) for p in chosen}
            group = f"g{step}"
            gestures.append((group, change))
            gesture = {"group_id": group, "how": "key", "annotator": "ann", "seen": None}
            store.write("labels.append", events(change, group), **gesture)
        expected: dict[str, str] = {}
        for group, change in gestures:
            if group in undone:
                continue
            for pattern, label in change.items():
                expected.pop(pattern, None)
                if label is not None:
                    expected[pattern] = label
        found = {r["pattern_id"]: r["label"] for r in store.rows("labels.current")}
        assert found == expected, f"step {step}"


def test_merge_and_rename_keep_every_pattern(store: Store) -> None:
    store.write("messages.ingest_batch", batch(["1", "2", "3"]))
    store.write(
        "labels.append",
        events({"p-1": "pump", "p-2": "Pump", "p-3": "net"}),
        group_id="g",
        how="import",
        annotator="ann",
        seen=None,
    )
    ids = {r["name"]: r["label_id"] for r in store.rows("labels.list")}
    change: dict[str, Any] = {"colour": None, "description": None, "annotator": "ann"}
    store.write(
        "labels.define", label_id=ids["Pump"], name="Pump", merged_into=ids["pump"], **change
    )
    store.write("labels.define", label_id=ids["pump"], name="pumps", merged_into=None, **change)
    found = {r["pattern_id"]: r["label"] for r in store.rows("labels.current")}
    assert found == {"p-1": "pumps", "p-2": "pumps", "p-3": "net"}
    assert {r["name"] for r in store.rows("labels.list")} == {"pumps", "net"}
    # a used name is refused, a rename of a merged label leaves it merged
    with pytest.raises(StoreError, match='"net" exists already: choose another name'):
        store.write("labels.define", label_id=ids["pump"], name="net", merged_into=None, **change)
    with pytest.raises(StoreError, match="exists already"):
        store.write("labels.define", label_id="new", name="net", merged_into=None, **change)
    store.write("labels.define", label_id=ids["net"], name="net", merged_into=None, **change)
    store.write("labels.define", label_id=ids["Pump"], name="PUMP", merged_into=None, **change)
    assert {r["pattern_id"]: r["label"] for r in store.rows("labels.current")} == found
    store.write(
        "labels.append",
        events({"p-1": "net"}, "f"),
        group_id="h",
        how="key",
        annotator="a",
        seen=None,
    )
    assert len(store.rows("labels.current")) == 3


def test_wrong_calls_say_what_was_expected(store: Store) -> None:
    with pytest.raises(StoreError, match=r"no operation 'labels.nope'; known: labels\."):
        store.read("labels.nope")
    with pytest.raises(StoreError, match="expected \\['limit'\\]"):
        store.read("jobs.list")
    with pytest.raises(StoreError, match="call write"):
        store.read("messages.ingest_batch")
    with pytest.raises(StoreError, match="found inputs \\[\\]"):
        store.write("model_versions.add_epoch")


def test_hostile_text_is_data(store: Store) -> None:
    text = "'); DROP TABLE message; -- <script>alert(1)</script> \x00 ‮"
    store.write("messages.ingest_batch", batch([text]))
    store.write(
        "labels.append",
        events({f"p-{text}": text}),
        group_id=text,
        how="key",
        annotator=text,
        seen=None,
    )
    assert store.rows("labels.current")[0]["label"] == text
    assert store.rows("messages.totals")[0]["messages"] == 1


def test_backup_opens_and_its_sequence_goes_on(store: Store, tmp_path) -> None:
    store.write("messages.ingest_batch", batch(["1", "2"]))
    store.write(
        "labels.append", events({"p-1": "a"}), group_id="g", how="key", annotator="ann", seen=None
    )
    store.backup(tmp_path / "copy.duckdb")
    copy = Engine(tmp_path / "copy.duckdb")
    assert copy.read("labels.current").num_rows == 1
    copy.write(
        "labels.append",
        {"group_id": "h", "how": "key", "annotator": "ann", "seen": None},
        events({"p-1": "b"}, "later"),
    )
    assert copy.read("labels.current").to_pylist()[0]["label"] == "b"
    copy.close()


def test_a_newer_database_is_refused(tmp_path) -> None:
    path = tmp_path / "new.duckdb"
    Engine(path).close()
    with duckdb.connect(str(path)) as con:
        con.execute("INSERT INTO schema_version VALUES (9999, 'later', now()::TIMESTAMP)")
    with pytest.raises(SchemaError, match=r"schema 9999.*install the newer genlab"):
        Engine(path)
    assert [m.number for m in known_migrations()] == list(range(1, len(known_migrations()) + 1)), (
        "migrations are numbered without gaps"
    )


def test_a_block_without_kind_or_with_a_used_name_is_refused() -> None:
    with pytest.raises(StoreError, match="kind"):
        parse("x", "-- name: a\nSELECT 1;")
    with pytest.raises(StoreError, match="twice"):
        parse("x", "-- name: a\n-- kind: read\nSELECT 1;\n-- name: a\n-- kind: read\nSELECT 1;")


def test_of_two_labels_in_one_gesture_the_later_row_stands(store: Store) -> None:
    store.write("messages.ingest_batch", batch([str(i) for i in range(50)]))
    rng = random.Random(7)
    rows = [(f"p-{rng.randrange(50)}", f"label {rng.randrange(40)}") for _ in range(5000)]
    many = pa.table(
        {
            "event_id": [f"e{i}" for i in range(len(rows))],
            "pattern_id": [pattern for pattern, _ in rows],
            "label": [label for _, label in rows],
            "created_at": pa.array([None] * len(rows), pa.timestamp("us")),
        }
    )
    answer = store.write(
        "labels.append", {"in_events": many}, group_id="g", how="import", annotator="ann", seen=None
    )
    assert answer == {"events": 5000, "offered": 5000, "overtaken": 0}
    found = {r["pattern_id"]: r["label"] for r in store.rows("labels.current")}
    assert found == dict(rows)


def test_an_event_id_is_stored_once(store: Store) -> None:
    store.write("messages.ingest_batch", batch(["a"]))
    one = events({"p-a": "x"})["in_events"]
    doubled = {"in_events": pa.concat_tables([one, one])}
    gesture = {"group_id": "g", "how": "key", "annotator": "ann", "seen": None}
    assert store.write("labels.append", doubled, **gesture)["events"] == 1
    again = {"in_events": events({"p-a": "y"})["in_events"]}
    assert store.write("labels.append", again, **gesture)["events"] == 0
    assert [r["label"] for r in store.rows("labels.current")] == ["x"]
    assert [r["name"] for r in store.rows("labels.list")] == ["x"], "no label without an event"


def test_writes_with_nothing_to_write(store: Store) -> None:
    assert store.write("messages.ingest_batch", batch([])) == {
        "messages": 0,
        "patterns": 0,
        "rejected": 0,
    }
    gesture = {"group_id": "g", "how": "key", "annotator": "ann", "seen": None}
    nothing = {"events": 0, "offered": 0, "overtaken": 0}
    assert store.write("labels.append", events({}), **gesture) == nothing
    assert store.rows("labels.list") == []


def test_times_are_utc_there_and_back(store: Store) -> None:
    at = datetime(2026, 3, 29, 1, 30, 0, 123456)  # a time that Berlin's clocks skip
    timed = batch(["a"])
    column = timed["in_messages"].column_names.index("occurred_at")
    timed["in_messages"] = timed["in_messages"].set_column(
        column, "occurred_at", pa.array([at], pa.timestamp("us"))
    )
    before = datetime.now(UTC).replace(tzinfo=None)
    store.write("messages.ingest_batch", timed)
    after = datetime.now(UTC).replace(tzinfo=None)
    row = store.rows("messages.of_pattern", pattern_id="p-a", limit=1)[0]
    assert row["occurred_at"] == at
    assert before <= row["received_at"] <= after, "in UTC, whatever the zone of the machine"


def scored(store: Store, verdicts: dict[str, str]) -> None:
    """One message per pattern; version 1, in force, gives each its verdict."""
    store.write("messages.ingest_batch", batch([p.removeprefix("p-") for p in verdicts]))
    texts = ("encoder_version", "prior", "folder", "configuration", "metrics")
    numbers = dict.fromkeys(("components", "latent_dim", "epochs"), 1)
    given: dict[str, Any] = {
        **dict.fromkeys(texts, "{}"),
        **numbers,
        "parent": None,
        "job_id": None,
    }
    store.write("model_versions.add", **given)
    store.write("model_versions.promote", version=1)
    n = len(verdicts)
    one = pa.array([[1.0]] * n, pa.list_(pa.float32()))
    zero = [0.0] * n
    rows = {
        "pattern_id": list(verdicts),
        "components": pa.array([[0]] * n, pa.list_(pa.int32())),
        **dict.fromkeys(("responsibilities", "latent_mean", "latent_logvar"), one),
        **dict.fromkeys(("log_px", "confidence", "s_ood", "evidence", "map_x", "map_y"), zero),
        "held_out": [False] * n,
        "novelty_p": [i / n for i in range(n)],
        "label": pa.nulls(n, pa.string()),
        "verdict": list(verdicts.values()),
    }
    store.write("assignments.put", {"in_assignments": pa.table(rows)}, version=1)


def queue(store: Store, states: tuple[str, ...] = (), verdicts: tuple[str, ...] = ()) -> list[str]:
    asked = {"states": list(states), "verdicts": list(verdicts), "limit": 2}
    return [row["pattern_id"] for row in store.rows("review.queue", **asked)]


def test_the_queue_is_filtered_before_it_is_cut(store: Store) -> None:
    kinds = ["novel", "between", "known", "novel", "unnamed", "between", "unnamed"]
    scored(store, {f"p-{i}": kind for i, kind in enumerate(kinds)})
    decide: dict[str, Any] = dict.fromkeys(("muted_until", "muted_rate"))
    decide |= {"note": "", "annotator": "ann"}
    store.write("review.set_state", pattern_ids=["p-0", "p-5"], state="ongoing", **decide)
    assert queue(store) == ["p-0", "p-1"]
    assert queue(store, verdicts=("unnamed",)) == ["p-4", "p-6"]
    assert queue(store, ("ongoing",)) == ["p-0", "p-5"]
    assert queue(store, ("ongoing", "muted"), ("between", "unnamed")) == ["p-5"]
    assert queue(store, ("resolved",)) == []
    counts = {
        (r["verdict"], r["state"]): (r["patterns"], r["messages"])
        for r in store.rows("review.queue_counts")
    }
    assert counts == {
        ("novel", "ongoing"): (1, 1),
        ("novel", "new"): (1, 1),
        ("between", "new"): (1, 1),
        ("between", "ongoing"): (1, 1),
        ("unnamed", "new"): (2, 2),
    }


@pytest.mark.parametrize("year", [2001, 2099], ids=["clock behind", "clock ahead"])
def test_resolved_until_it_comes_in_again_whatever_the_sender_s_clock(
    store: Store, year: int
) -> None:
    def came(start: int) -> None:
        timed = batch(["a"], start)
        column = timed["in_messages"].column_names.index("occurred_at")
        timed["in_messages"] = timed["in_messages"].set_column(
            column, "occurred_at", pa.array([datetime(year, 1, 1)], pa.timestamp("us"))
        )
        store.write("messages.ingest_batch", timed)

    scored(store, {"p-a": "novel"})
    came(10)
    decide: dict[str, Any] = dict.fromkeys(("muted_until", "muted_rate"))
    decide |= {"note": "", "annotator": "ann"}
    store.write("review.set_state", pattern_ids=["p-a"], state="resolved", **decide)
    assert queue(store, ("resolved",)) == ["p-a"]
    came(20)
    assert queue(store, ("regressed",)) == ["p-a"]


def test_a_mute_ends(store: Store) -> None:
    scored(store, {"p-a": "novel", "p-b": "novel"})
    now = datetime.now(UTC).replace(tzinfo=None)
    for pattern, until in (("p-a", now - timedelta(hours=1)), ("p-b", now + timedelta(hours=1))):
        store.write(
            "review.set_state",
            pattern_ids=[pattern],
            state="muted",
            muted_until=until,
            muted_rate=None,
            note="",
            annotator="ann",
        )
    assert queue(store, ("ongoing",)) == ["p-a"]
    assert queue(store, ("muted",)) == ["p-b"]

"""Labels on a real store: what they spread to, taken back, brought in and out."""

import csv
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from genlab.config import Settings
from genlab.errors import InputError
from genlab.labelling import lay_ground, propagate
from genlab.pipeline.assigned import load_assigned
from genlab.pipeline.labels import (
    export_labels,
    give_label,
    give_labels,
    import_labels,
    neutral,
    plain,
    propagate_labels,
    take_back,
)
from genlab.pipeline.tables import matrix
from genlab.store import Store


def labelled_by_component(store: Store, count: int = 4) -> dict[str, str]:
    """Pattern -> label: two patterns of each of the ``count`` largest components."""
    table = store.read("assignments.of_version", version=1)
    winner = matrix(table["components"])[:, 0]
    given = {}
    for name, c in zip("abcdefgh", np.argsort(-np.bincount(winner))[:count], strict=False):
        for i in np.flatnonzero(winner == c)[:2]:
            given[table["pattern_id"][int(i)].as_py()] = f"label {name}"
    return given


def give(store: Store, given: dict[str, str], annotator: str = "ann") -> None:
    for label in sorted(set(given.values())):
        give_label(store, [p for p, y in given.items() if y == label], label, "lasso", annotator)


def current(store: Store) -> dict[str, str]:
    return {row["pattern_id"]: row["label"] for row in store.rows("labels.current")}


def test_what_is_stored_is_what_the_labels_make_of_the_stored_rows(
    fitted: Store, quick: Settings
) -> None:
    """Responsibilities, vectors and neighbours as the tables hold them; tau by its formula."""
    given = labelled_by_component(fitted)
    give(fitted, given)
    found = propagate_labels(fitted, quick.labelling)[2]
    table = fitted.read("assignments.of_version", version=1)
    ids, names = table["pattern_id"].to_pylist(), sorted(set(given.values()))
    r = np.zeros((len(ids), 16), np.float32)
    np.put_along_axis(r, matrix(table["components"]), matrix(table["responsibilities"]), axis=1)
    vectors = matrix(fitted.read("assignments.ground", version=1, first="", last="~")["vector"])
    labels = np.array([names.index(given[p]) if p in given else -1 for p in ids])
    alone = propagate(
        lay_ground(vectors, r),
        labels,
        names,
        quick.labelling,
        table["novelty_p"].to_numpy(),
        acts=np.where(labels >= 0, labels, np.arange(len(ids)) + len(names)),  # a lasso for each
    )
    assert table["verdict"].to_pylist() == alone.verdict.tolist()
    reached = alone.label >= 0
    label = np.array([*names, None], dtype=object)[alone.label]
    assert (table["label"].to_numpy(zero_copy_only=False) == label)[reached].all()
    np.testing.assert_allclose(table["confidence"].to_numpy(), alone.confidence, atol=1e-4)
    np.testing.assert_allclose(table["evidence"].to_numpy(), alone.evidence, atol=1e-4)
    cell = quick.labelling.alpha0 / len(names)
    tau = (found.model.mass + cell) / (found.model.mass + cell).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        table["s_ood"].to_numpy(), 1 - (r * tau.max(axis=1)).max(axis=1), atol=1e-5
    )
    counts = np.zeros((16, len(names)))
    np.add.at(counts.T, labels[labels >= 0], r[labels >= 0])
    store_rows = fitted.rows("labels.label_store", version=1)
    for row in store_rows:
        s = counts[row["component"], names.index(row["label"])]
        assert row["s"] == pytest.approx(s, abs=1e-5)
    assert len(store_rows) == (counts > 0).sum()
    verdicts = dict(zip(ids, table["verdict"].to_pylist(), strict=True))
    assert {verdicts[p] for p in given} == {"known"}
    assert set(verdicts.values()) <= {"known", "unnamed", "between", "novel"}


def test_what_was_settled_is_counted_in_messages(fitted: Store, quick: Settings) -> None:
    counts = {r["pattern_id"]: r["message_count"] for r in fitted.rows("patterns.all")}

    def known() -> set[str]:
        rows = fitted.rows("assignments.labelled", version=1)
        return {row["pattern_id"] for row in rows if row["verdict"] == "known"}

    assert known() == set()
    give(fitted, labelled_by_component(fitted))
    settled = propagate_labels(fitted, quick.labelling)[3]
    first = known()
    assert settled.settled_messages == settled.known_messages == sum(counts[p] for p in first)
    assert settled.unsettled_messages == 0
    assert propagate_labels(fitted, quick.labelling)[3].changed == 0
    take_back(fitted, "ann")
    settled = propagate_labels(fitted, quick.labelling)[3]
    second = known()
    assert settled.unsettled_messages == sum(counts[p] for p in first - second) > 0
    assert settled.settled_messages == sum(counts[p] for p in second - first)


def test_undo_and_redo_bring_back_exactly_what_was(fitted: Store, quick: Settings) -> None:
    def table() -> list[dict]:
        propagate_labels(fitted, quick.labelling)
        return fitted.rows("assignments.labelled", version=1)

    first, second = sorted(labelled_by_component(fitted, 2))[:2]
    for name in ("one", "two", "three", None):  # the labels exist all the while: Y stays 3
        give_label(fitted, [first], name, "key", "zoe")
    empty = table()
    give_label(fitted, [first], "one", "key", "ann")
    one = table()
    give_label(fitted, [first, second], "two", "key", "ann")
    two = table()
    give_label(fitted, [second], None, "key", "ann")
    assert current(fitted) == {first: "two"}
    taken = take_back(fitted, "ann")
    assert taken is not None
    assert taken["patterns"] == 1
    assert table() == two
    assert take_back(fitted, "bob") is None
    take_back(fitted, "ann")
    assert table() == one
    take_back(fitted, "ann")
    assert current(fitted) == {}
    assert table() == empty
    assert take_back(fitted, "ann") is None
    take_back(fitted, "ann", "redo")
    assert table() == one
    take_back(fitted, "ann", "redo")
    assert table() == two
    give_label(fitted, [first], "three", "key", "ann")  # a new gesture: nothing to redo
    assert take_back(fitted, "ann", "redo") is None


def test_a_late_propagation_that_saw_less_changes_nothing(fitted: Store, quick: Settings) -> None:
    pattern = sorted(labelled_by_component(fitted))[0]
    give_label(fitted, [pattern], "old", "key", "ann")
    propagate_labels(fitted, quick.labelling)
    seq = fitted.rows("labels.seq")[0]["seq"]
    row = next(
        r for r in fitted.rows("assignments.labelled", version=1) if r["pattern_id"] == pattern
    )
    stale = pa.Table.from_pylist([{**row, "label": "stale", "confidence": 0.25}])
    for seen in (seq - 1, 0):
        fitted.write(
            "assignments.relabel", inputs={"in_relabelled": stale}, version=1, seq=seen, least=1e-6
        )
        assert row in fitted.rows("assignments.labelled", version=1)
    fitted.write(
        "assignments.relabel", inputs={"in_relabelled": stale}, version=1, seq=seq, least=1e-6
    )
    assert {**row, "label": "stale", "confidence": 0.25} in fitted.rows(
        "assignments.labelled", version=1
    )


def test_a_late_worker_never_puts_an_undone_label_back(fitted: Store, quick: Settings) -> None:
    """Worker 1 computes with a label; undo; worker 2 finds nothing to change; worker 1 writes."""
    stored = fitted.rows("assignments.labelled", version=1)
    give(fitted, labelled_by_component(fitted, 1))

    class Late:
        """A store whose owner hears of worker 1's result after worker 2 is done."""

        def __getattr__(self, name: str) -> Any:
            return getattr(fitted, name)

        def write(self, name: str, **given: Any) -> dict[str, Any]:
            take_back(fitted, "ann")
            propagate_labels(fitted, quick.labelling)
            return fitted.write(name, **given)

    settled = propagate_labels(cast(Store, Late()), quick.labelling)[3]
    assert (settled.changed, settled.settled_messages, settled.known_messages) == (0, 0, 0)
    after = fitted.rows("assignments.labelled", version=1)
    assert [row["label"] for row in after] == [row["label"] for row in stored]
    assert not any(row["verdict"] == "known" for row in after)


HOSTILE = [
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2",
    "@sum(a)",
    "'=quoted already",
    "''-twice",
    "it's plain",
    'commas, "quotes" and ; more',
    "<script>alert(1)</script>",
    "Ünïcode — 漢字 🙂",
]


@pytest.mark.parametrize("cell", [*HOSTILE, "", "'", "\t=x", "\r", "plain", "'plain"])
def test_neutral_is_undone_and_never_a_formula(cell: str) -> None:
    assert plain(neutral(cell)) == cell
    assert neutral(cell)[:1] not in set("=+-@\t\r")


def test_export_and_import_are_inverse(fitted: Store, quick: Settings, tmp_path: Path) -> None:
    patterns = [row["pattern_id"] for row in fitted.rows("patterns.all")][: len(HOSTILE)]
    given = dict(zip(patterns, HOSTILE, strict=True))
    for i, (pattern, label) in enumerate(given.items()):
        give_label(fitted, [pattern], label, "key", ["ann", "=bob"][i % 2])
    who = {r["pattern_id"]: r["annotator"] for r in fitted.rows("labels.current")}
    path = tmp_path / "labels.csv"
    assert export_labels(fitted, path) == len(given)
    with path.open(newline="", encoding="utf-8") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell[:1] in set("=+-@\t\r")]
    fitted.write("labels.append", **_clearing(patterns))
    assert current(fitted) == {}
    done = import_labels(fitted, path, "importer")
    assert (done.rows, done.labelled_patterns, done.unmatched) == (len(given), len(given), [])
    assert current(fitted) == given
    assert {r["pattern_id"]: r["annotator"] for r in fitted.rows("labels.current")} == who
    again = tmp_path / "again.csv"
    export_labels(fitted, again)
    assert sorted(again.read_text().splitlines()) == sorted(path.read_text().splitlines())


def _clearing(patterns: list[str]) -> dict:
    events = pa.table(
        {
            "event_id": [f"clear-{p}" for p in patterns],
            "pattern_id": patterns,
            "label": pa.array([None] * len(patterns), pa.string()),
            "created_at": pa.array([None] * len(patterns), pa.timestamp("us")),
        }
    )
    gesture = {"group_id": "all", "how": "key", "annotator": "x", "seen": None}
    return {"inputs": {"in_events": events}, **gesture}


def test_import_finds_patterns_by_id_text_and_canonical_text(fitted: Store, tmp_path: Path) -> None:
    patterns = fitted.rows("patterns.all")[:2]
    message = fitted.rows("messages.of_pattern", pattern_id=patterns[0]["pattern_id"], limit=1)[0]
    by_id, by_text = tmp_path / "ids.csv", tmp_path / "texts.csv"
    by_id.write_text(f"message_id,label,at\n{message['message_id']},x,2026-01-02T03:04:05+02:00\n")
    assert import_labels(fitted, by_id, "ann").labelled_patterns == 1
    row = fitted.rows("labels.current")[0]
    assert row["labelled_at"].isoformat() == "2026-01-02T01:04:05"
    with by_text.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [
                ["text", "label"],
                [message["text"], "y"],
                [patterns[1]["canonical_text"], "z"],
                ["no such message", "z"],
            ]
        )
    done = import_labels(fitted, by_text, "ann")
    assert done.unmatched == ["no such message"]
    assert current(fitted) == {patterns[0]["pattern_id"]: "y", patterns[1]["pattern_id"]: "z"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"id,name\n1,x\n", "expected message_id"),
        (b"text,label\nx,\n", "line 2: the label is empty"),
        (b"text,label\nx\n", "line 2: the label is empty"),
        (b"text,label\n\xff\xfe,x\n", "not a CSV file in UTF-8"),
        (b"", "expected message_id"),
    ],
)
def test_what_cannot_be_imported_is_named(
    fitted: Store, tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        import_labels(fitted, path, "ann")
    assert current(fitted) == {}


@pytest.mark.parametrize("label", ["", "  ", "two\nlines", "x" * 121, "tab\tinside"])
def test_labels_are_one_short_line(fitted: Store, label: str) -> None:
    pattern = fitted.rows("patterns.all")[0]["pattern_id"]
    with pytest.raises(InputError, match="1 to 120 characters"):
        give_label(fitted, [pattern], label, "key", "ann")
    assert current(fitted) == {}


def test_of_two_rows_for_one_pattern_the_later_counts(fitted: Store, tmp_path: Path) -> None:
    text = fitted.rows("patterns.all")[0]["canonical_text"]
    file = tmp_path / "twice.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["text", "label"], [text, "first"], [text, "second"]])
    assert import_labels(fitted, file, "ann").labelled_patterns == 1
    assert list(current(fitted).values()) == ["second"]


def test_a_bad_label_anywhere_stores_nothing(fitted: Store, tmp_path: Path) -> None:
    texts = [row["canonical_text"] for row in fitted.rows("patterns.all")[:3]]
    path = tmp_path / "labels.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "annotator"])
        writer.writerows(zip(texts, ["good", "good", "x" * 121], ["a", "b", "c"], strict=True))
    with pytest.raises(InputError, match="line 4: found the label 'xxx"):
        import_labels(fitted, path, "ann")
    assert current(fitted) == {}
    assert fitted.rows("labels.list") == []


def test_many_labels_are_one_gesture(fitted: Store) -> None:
    ids = [row["pattern_id"] for row in fitted.rows("patterns.all")[:3]]
    group = give_labels(fitted, ids, ["a", "b", "a"], "accept", "ann")
    assert current(fitted) == dict(zip(ids, ["a", "b", "a"], strict=True))
    taken = take_back(fitted, "ann")
    assert taken is not None
    assert (taken["group_id"], taken["patterns"], taken["how"]) == (group, 3, "accept")
    assert current(fitted) == {}


def test_a_version_read_in_parts_is_the_same(
    fitted: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = load_assigned(fitted, 1, 16)
    monkeypatch.setattr("genlab.pipeline.assigned._PART", 7)
    parts = load_assigned(fitted, 1, 16)
    assert len(parts.pattern_ids) > 3 * 7
    np.testing.assert_array_equal(parts.vectors, whole.vectors)
    np.testing.assert_array_equal(parts.ground.near.rows, whole.ground.near.rows)
    np.testing.assert_array_equal(parts.held, whole.held)

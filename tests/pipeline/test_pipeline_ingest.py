"""Ingest and embed against a real store: nothing lost, nothing doubled, nothing done twice."""

import gzip
import json
from collections import Counter
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genlab.config import Settings, load_settings
from genlab.encoders import Encoder
from genlab.errors import InputError
from genlab.ingest import IngestOptions
from genlab.pipeline.embed import embed
from genlab.pipeline.ingest import Ingested, ingest
from genlab.pipeline.tables import matrix, strings
from genlab.store import Store, connect

TEXT = IngestOptions(format="text", source="app")


def run(store: Store, settings: Settings, path: Path, options: IngestOptions = TEXT) -> Ingested:
    return ingest(store, [str(path)], options, settings.ingest)


def totals(store: Store) -> tuple[int, int, int]:
    row = store.rows("messages.totals")[0]
    return row["messages"], row["patterns"], row["quarantined"]


def test_messages_and_patterns_are_those_of_the_file(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "app.log"
    path.write_text("".join(f"pump {i} started\ndisk full on node {i}\n" for i in range(30)))
    done = run(store, settings, path)
    assert done == Ingested(lines=60, messages=60, patterns=2, quarantined=0)
    assert totals(store) == (60, 2, 0)
    assert sorted(row["message_count"] for row in store.rows("patterns.all")) == [30, 30]


def test_again_adds_nothing_and_growth_adds_the_rest(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "app.log"
    path.write_text("one\ntwo\nthree\n")
    run(store, settings, path)
    assert run(store, settings, path) == Ingested(0, 0, 0, 0)
    with path.open("a") as file:
        file.write("four\none\n")
    done = run(store, settings, path)
    assert (done.lines, done.messages, done.patterns) == (2, 2, 1)
    assert totals(store) == (5, 4, 0)
    assert not any(store.read(f"checks.{c}").num_rows for c in ("doubled_messages", "wrong_counts"))


def test_a_rotated_file_adds_nothing_its_successor_all(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "app.log"
    path.write_text("one\ntwo\n")
    run(store, settings, path)
    path.rename(tmp_path / "app.log.1")
    path.write_text("three\n")
    done = ingest(store, [str(tmp_path / "app.log*")], TEXT, settings.ingest)
    assert done.messages == 1
    assert totals(store) == (3, 3, 0)


def test_hostile_lines_go_to_quarantine_and_the_rest_goes_on(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    small = settings.ingest.model_copy(update={"max_line_bytes": 1000, "batch_lines": 3})
    good = [json.dumps({"message": f"valve {word} stuck"}).encode() for word in "abcde"]
    bad = [
        b'{"message": "half',
        b"\xff\xfe broken bytes",
        b'{"message": "nul \x00 inside"}',
        b'{"message": "' + b"x" * 5000 + b'"}',
        b'{"level": "info"}',
        b'{"message": "from the future", "time": "2999-01-01T00:00:00Z"}',
    ]
    lines = [line for pair in zip(bad, [*good, good[0]], strict=True) for line in pair]
    path = tmp_path / "mixed.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    options = IngestOptions(format="jsonl", text_field="message", source="mixed")
    done = ingest(store, [str(path)], options, small)
    assert (done.lines, done.messages, done.quarantined) == (12, 6, 6)
    assert done.messages + done.quarantined == done.lines
    refused = store.rows("messages.quarantine_list", limit=100)
    assert {row["position"] for row in refused} == {1, 3, 5, 7, 9, 11}
    assert len({row["reason"] for row in refused}) >= 5
    assert all(row["detail"] and row["path"] == str(path) for row in refused)
    again = ingest(store, [str(path)], options, small)
    assert (again.messages, again.quarantined) == (0, 0)
    assert totals(store)[::2] == (6, 6)


def test_given_ids_are_the_identity(store: Store, settings: Settings, tmp_path: Path) -> None:
    options = IngestOptions(id_field="id", text_field="text", source="ids")
    for name in ("first.jsonl", "second.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps({"id": i, "text": f"t {i}"}) + "\n" for i in range(4)))
        run(store, settings, path, options)
    assert totals(store)[0] == 4


Lines = st.lists(st.tuples(st.integers(0, 4), st.sampled_from("abc")), min_size=1, max_size=8)


@hypothesis.settings(max_examples=25, deadline=None)
@given(files=st.lists(Lines, min_size=1, max_size=4), grown=Lines, small=st.booleans())
def test_every_line_is_a_message_or_in_quarantine(
    tmp_path_factory: pytest.TempPathFactory,
    files: list[list[tuple[int, str]]],
    grown: list[tuple[int, str]],
    small: bool,
) -> None:
    """Ids taken by another file, another source or an earlier line; the oracle counts lines."""
    folder = tmp_path_factory.mktemp("files")
    chosen = load_settings().ingest.model_copy(update={"batch_lines": 2 if small else 1000})
    options = IngestOptions(format="jsonl")  # each file is its own source
    with connect(folder / "workspace") as store:
        for step, lines in enumerate([*files, grown]):
            path = folder / f"f{min(step, len(files) - 1)}.jsonl"  # the last one grows
            with path.open("a") as file:
                file.writelines(json.dumps({"id": i, "text": t}) + "\n" for i, t in lines)
            ingest(store, [str(path)], options, chosen)
        messages, _, quarantined = totals(store)
        # the same id, source and text in a later run is the same message (or refusal) again
        held: dict[int, tuple[int, str]] = {}
        offered: set[tuple[int, int, str]] = set()
        repeated = 0
        for step, lines in enumerate([*files, grown]):
            first = dict(reversed(lines))
            said = {(i, min(step, len(files) - 1), text) for i, text in first.items()}
            repeated += len(said & offered)
            offered |= said
            for i, source, text in said:
                held.setdefault(i, (source, text))
        assert messages == len(held)
        assert messages + quarantined + repeated == sum(map(len, [*files, grown]))
        reasons = {row["reason"] for row in store.rows("messages.quarantine_list", limit=100)}
        assert reasons <= {"duplicate_id"}
        again = ingest(store, [str(folder / "*.jsonl")], options, chosen)
        assert (again.messages, again.quarantined) == (0, 0)


def test_a_taken_id_is_explained(store: Store, settings: Settings, tmp_path: Path) -> None:
    for name in ("pumps", "doors"):
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps({"id": i, "text": f"{name} {i}"}) + "\n" for i in "xyz"))
        done = run(store, settings, path, IngestOptions())
    assert (done.lines, done.messages, done.quarantined) == (3, 0, 3)
    row = store.rows("messages.quarantine_list", limit=9)[0]
    assert (row["source"], row["reason"], row["path"]) == ("doors", "duplicate_id", str(path))
    assert "pumps" in row["detail"]
    assert "--id-field" in row["detail"]
    assert "doors" in row["raw"]


def test_refused_input_without_a_position_is_kept_apart(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.log.gz").write_bytes(gzip.compress(b"line\n" * 99)[:20])
    for expected in (2, 0):
        done = ingest(store, [str(tmp_path / "*.gz")], IngestOptions(), settings.ingest)
        assert (done.lines, done.quarantined) == (2, expected)


def test_bad_records_of_one_line_are_each_refused(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    record = {"severityNumber": 9}  # no body
    request = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record] * 3}]}]}
    path = tmp_path / "request.otlp"
    path.write_text(json.dumps(request) + "\n")
    done = run(store, settings, path, IngestOptions(format="otlp"))
    assert (done.lines, done.messages, done.quarantined) == (3, 0, 3)
    assert totals(store)[2] == done.quarantined


def test_stops_after_the_batch_and_goes_on_from_there(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "app.log"
    path.write_text("".join(f"line {'abcdefghij'[i]}\n" for i in range(10)))
    small = settings.ingest.model_copy(update={"batch_lines": 4})
    seen: list[Ingested] = []
    done = ingest(store, [str(path)], TEXT, small, seen.append, lambda: bool(seen))
    assert done.messages == 4
    assert ingest(store, [str(path)], TEXT, small).messages == 6
    assert totals(store) == (10, 10, 0)


def test_a_missing_file_is_named(store: Store, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.log"):
        run(store, settings, tmp_path / "nowhere.log")


class Counting:
    """An encoder of its own version: D letter counts of a text, normalised."""

    def __init__(self, version: str = "letters-1", dimension: int = 8):
        self.name, self.version, self.dimension = "letters", version, dimension
        self.encoded: Counter[str] = Counter()

    def encode(self, texts, progress=None):
        self.encoded.update(texts)
        rows = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for letter in text:
                row[ord(letter) % self.dimension] += 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def filled(store: Store, settings: Settings, folder: Path, count: int = 30) -> list[str]:
    path = folder / "texts.log"
    letters = "abcdefghijklmnopqrstuvwxyz"
    texts = [
        f"{letters[i % 26]} failed in {letters[i // 26]}{letters[i % 7]}" for i in range(count)
    ]
    path.write_text("\n".join(texts) + "\n")
    run(store, settings, path)
    return texts


def test_vectors_are_the_encoders_own(
    store: Store, settings: Settings, tmp_path: Path, encoder: Encoder
) -> None:
    filled(store, settings, tmp_path)
    assert embed(store, encoder, 8) == 30
    stored = store.read("embeddings.all", encoder_version=encoder.version)
    direct = encoder.encode(stored["canonical_text"].to_pylist())
    # bfloat16 batches differ in their padding: cosine rather than equality
    assert (matrix(stored["vector"]) * direct).sum(axis=1).min() > 0.999
    assert embed(store, encoder, 8) == 0


def test_a_stopped_embedding_goes_on_and_repeats_nothing(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    filled(store, settings, tmp_path)
    letters = Counting()
    steps: list[tuple[int, int]] = []
    first = embed(store, letters, 10, lambda d, t: steps.append((d, t)), lambda: bool(steps))
    assert (first, steps) == (10, [(10, 30)])
    assert embed(store, letters, 10) == 20
    assert len(letters.encoded) == 30
    assert set(letters.encoded.values()) == {1}


def test_each_encoder_version_has_its_own_vectors(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    filled(store, settings, tmp_path)
    old, new = Counting("letters-1", 8), Counting("letters-2", 5)
    assert embed(store, old, 100) == embed(store, new, 100) == 30
    counts = {r["encoder_version"]: r for r in store.rows("embeddings.count")}
    assert {v: (r["dimension"], r["vectors"]) for v, r in counts.items()} == {
        "letters-1": (8, 30),
        "letters-2": (5, 30),
    }
    for each in (old, new):
        table = store.read("embeddings.all", encoder_version=each.version)
        expected = Counting(dimension=each.dimension).encode(list(strings(table["canonical_text"])))
        np.testing.assert_array_equal(matrix(table["vector"]), expected)

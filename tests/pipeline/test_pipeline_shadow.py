"""Two versions compared, and a candidate in shadow: counted by hand on a small store."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from helpers import batch

from genlab.cli import genlab
from genlab.config import Settings
from genlab.encoders import Encoder
from genlab.errors import InputError, NotReady
from genlab.ingest import IngestOptions
from genlab.pipeline.ingest import ingest
from genlab.pipeline.jobs import Job
from genlab.pipeline.labels import give_label, propagate_labels
from genlab.pipeline.score import score_new
from genlab.pipeline.shadow import begin_shadow, drop_shadow, shadow_report, summarise
from genlab.pipeline.train import train_version
from genlab.pipeline.versions import Node, compare, event_counts, promote, roll_back, tree
from genlab.store import Store, connect

NEW = ["quench valve iced over on the cryostat", "telescope dome failed to close before rain"]
Says = dict[str, tuple[str | None, str]]  # text -> label, verdict


def add_version(store: Store, says: Says, encoder: str = "e") -> int:
    """A candidate that says this, written by hand."""
    version = store.write(
        "model_versions.add", parent=None, job_id=None, encoder_version=encoder, prior="mixture",
        components=1, latent_dim=1, epochs=1, folder="none", configuration="{}", metrics="{}",
    )["version"]  # fmt: skip
    put(store, version, says)
    return version


def put(store: Store, version: int, says: Says) -> None:
    n = len(says)
    one = pa.array([[1.0]] * n, pa.list_(pa.float32()))
    rows = {
        "pattern_id": [f"p-{text}" for text in says],
        "components": pa.array([[0]] * n, pa.list_(pa.int32())),
        **dict.fromkeys(("responsibilities", "latent_mean", "latent_logvar"), one),
        **dict.fromkeys(("log_px", "confidence", "s_ood", "evidence", "map_x", "map_y"), [0.0] * n),
        "held_out": [False] * n,
        "novelty_p": [0.5] * n,
        "label": pa.array([label for label, _ in says.values()], pa.string()),
        "verdict": [verdict for _, verdict in says.values()],
    }
    store.write("assignments.put", {"in_assignments": pa.table(rows)}, version=version)


ACTIVE: Says = {
    "a": ("pump", "known"),
    "b": ("pump", "known"),
    "c": (None, "novel"),
    "d": ("disk", "known"),
    "only active": ("disk", "known"),
}
CANDIDATE: Says = {
    "a": ("pump", "known"),
    "b": ("disk", "known"),
    "c": ("disk", "between"),
    "d": ("pump", "known"),
}


@pytest.fixture
def two(store: Store) -> Store:
    """See fill_two."""
    fill_two(store)
    return store


def fill_two(store: Store) -> None:
    """Version 1 in force, 2 a candidate; a once, b twice, c three times, d once."""
    store.write("messages.ingest_batch", batch(["a", "b", "b", "c", "c", "c", "d", "only active"]))
    assert add_version(store, ACTIVE) == 1
    store.write("model_versions.promote", version=1)
    assert add_version(store, CANDIDATE) == 2


def differences(store: Store, new_only: bool, narrow: tuple = ()) -> list[tuple]:
    names = ("label_a", "verdict_a", "label_b", "verdict_b")
    given = dict(zip(names, narrow or (None,) * 4, strict=True))
    rows = store.rows(
        "assignments.differences", version_a=1, version_b=2, new_only=new_only,
        narrow=bool(narrow), limit=10, **given,
    )  # fmt: skip
    return [(row["canonical_text"], row["messages"]) for row in rows]


def test_a_difference_is_counted_by_messages(two: Store) -> None:
    found = compare(two, 1, 2)
    assert found[:6] == (4, 7, 3, 6, 4, 4)  # only what both scored; known: a, b and d of each
    moves = [
        (r["label_a"], r["verdict_a"], r["label_b"], r["verdict_b"], r["patterns"], r["messages"])
        for r in found.transitions
    ]
    assert moves == [
        (None, "novel", "disk", "between", 1, 3),
        ("pump", "known", "disk", "known", 1, 2),
        ("disk", "known", "pump", "known", 1, 1),
    ]
    assert differences(two, False) == [("c", 3), ("b", 2), ("d", 1)]
    assert differences(two, False, (None, "novel", "disk", "between")) == [("c", 3)]
    assert differences(two, False, ("pump", "known", "disk", "known")) == [("b", 2)]
    same = compare(two, 1, 1)
    assert (same.changed_patterns, same.transitions) == (0, [])


def test_in_shadow_only_messages_since_then_count(two: Store) -> None:
    assert compare(two, 1, 2, new_only=True).messages == 0
    begin_shadow(two, 2)
    begin_shadow(two, 2)  # again: it runs since the first time
    new = ["b", "b", "b", "a", "new 1", "new 1", "new 2", "late"]
    two.write("messages.ingest_batch", batch(new, start=100))
    put(two, 1, {"new 1": ("pump", "novel"), "new 2": ("pump", "unnamed")})
    put(two, 2, {"new 1": ("pump", "known"), "new 2": ("pump", "unnamed")})
    found = compare(two, 1, 2, new_only=True)
    assert (found.messages, found.changed_messages, found.changed_patterns) == (7, 5, 2)
    assert differences(two, True) == [("b", 3), ("new 1", 2)]
    now = datetime.now(UTC).replace(tzinfo=None)
    report = shadow_report(two, 2, now + timedelta(days=2))
    assert (report.messages, report.waiting, report.agree) == (7, 1, 2)  # agree: a, new 2
    assert (report.known_a, report.known_b) == (4, 6)
    # new 1 and new 2 flagged by version 1, new 2 alone by 2; b and a are not new
    assert report.flagged_per_day_a == pytest.approx(2 / 2, abs=0.01)
    assert report.flagged_per_day_b == pytest.approx(1 / 2, abs=0.01)
    give_label(two, ["p-new 1"], "valve", "key", "ann")
    flagged = shadow_report(two, 2, now).days
    assert (flagged[0]["flagged_a"], flagged[0]["flagged_b"]) == (1, 1)


def test_a_shadow_run_outlives_the_owner_and_ends_once(tmp_path: Path) -> None:
    with connect(tmp_path / "w") as store:
        store.write("messages.ingest_batch", batch(["a"]))
        for _ in range(3):
            add_version(store, {"a": (None, "unnamed")})
        store.write("model_versions.promote", version=1)
        begin_shadow(store, 2)
        begin_shadow(store, 3)
    with connect(tmp_path / "w") as store:
        assert [row["version"] for row in store.rows("shadow_runs.running")] == [2, 3]
        since = {row["version"]: row["shadow_since"] for row in store.rows("model_versions.list")}
        assert since[1] is None
        assert since[2] is not None
        drop_shadow(store, 2)
        with pytest.raises(InputError, match="not in shadow"):
            drop_shadow(store, 2)
        with pytest.raises(InputError, match="not in shadow"):
            shadow_report(store, 2, datetime(2026, 1, 1))
        store.write("model_versions.promote", version=3)
        assert store.rows("shadow_runs.running") == []


def test_only_a_candidate_of_the_same_encoder_goes_into_shadow(two: Store) -> None:
    with pytest.raises(InputError, match="version 1 is active"):
        begin_shadow(two, 1)
    with pytest.raises(InputError, match="no version 9; known: 1, 2"):
        begin_shadow(two, 9)
    assert add_version(two, CANDIDATE, encoder="other") == 3
    with pytest.raises(NotReady, match="encoder other"):
        begin_shadow(two, 3)
    assert add_version(two, {}) == 4
    with pytest.raises(NotReady, match="scored no pattern"):
        begin_shadow(two, 4)
    assert two.rows("shadow_runs.running") == []


def test_the_command_starts_tells_and_stops(tmp_path: Path) -> None:
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(genlab, ["shadow", *arguments, "--workspace", str(tmp_path)])

    with connect(tmp_path) as store:
        fill_two(store)
    assert run("list").stdout.split() == [
        "version", "began_at", "messages", "waiting", "agree", "known_a", "known_b",
        "flagged_per_day_a", "flagged_per_day_b",
    ]  # fmt: skip
    started = run("start", "2")
    assert (started.exit_code, started.stdout) == (0, "")
    with connect(tmp_path) as store:
        store.write("messages.ingest_batch", batch(["b", "b", "a", "late"], start=100))
    (listed,) = json.loads(run("list", "--json").stdout)
    counted = {"version": 2, "messages": 3, "waiting": 1, "agree": 1, "known_a": 3, "known_b": 3}
    assert counted.items() <= listed.items()
    told = json.loads(run("compare", "2", "--json").stdout)
    assert counted.items() <= told.items()
    assert (told["active"], len(told["days"])) == (1, 1)
    change = {"label_a": "pump", "verdict_a": "known", "label_b": "disk", "verdict_b": "known",
              "patterns": 1, "messages": 2}  # fmt: skip
    assert told["changes"] == [change]
    text = run("compare", "2").stdout
    assert "version 2 in shadow of version 1" in text
    assert "3 new messages scored by both, 1 with the same" in text
    assert text.splitlines()[-1].split() == ["pump", "known", "disk", "known", "1", "2"]
    assert run("stop", "2").exit_code == 0
    for command in (("stop", "2"), ("compare", "2")):
        refused = run(*command).exception
        assert isinstance(refused, InputError)
        assert "in shadow: none; `genlab shadow start 2`" in str(refused)
    assert "no version 9" in str(run("start", "9").exception)


def test_rates_are_per_day_and_over_a_day_at_least() -> None:
    day = dict.fromkeys(("messages", "waiting", "agree", "known_a", "known_b"), 0)
    days = [{**day, "flagged_a": 6, "flagged_b": 3}, {**day, "flagged_a": 2, "flagged_b": 0}]
    began = datetime(2026, 5, 1)
    after = summarise(2, began, began + timedelta(days=4), days)
    assert (after.flagged_per_day_a, after.flagged_per_day_b) == (2.0, 0.75)
    at_once = summarise(2, began, began + timedelta(minutes=1), days)
    assert (at_once.flagged_per_day_a, at_once.flagged_per_day_b) == (8.0, 3.0)


def test_the_tree_keeps_a_line_in_its_lane() -> None:
    """1 -> 2 -> 4 and 1 -> 3, 5 from nothing, 6 of 4."""
    parents = {6: 4, 5: None, 4: 2, 3: 1, 2: 1, 1: None}
    nodes = tree([{"version": v, "parent": p} for v, p in parents.items()])
    assert nodes == [
        Node(6, 0, [], [0]),
        Node(5, 1, [0], [0]),
        Node(4, 0, [0], [0]),
        Node(3, 1, [0], [0, 1]),
        Node(2, 0, [0, 1], [0, 1]),
        Node(1, 0, [0, 1], []),
    ]
    assert tree([{"version": 2, "parent": 1}]) == [Node(2, 0, [], [])]  # its parent is unknown


def test_a_candidate_in_shadow_scores_what_comes_in_and_nobody_sees_it(
    fitted: Store, quick: Settings, encoder: Encoder
) -> None:
    with Job(fitted, "train") as job:
        assert not train_version(fitted, quick, encoder.version, job).promoted
    begin_shadow(fitted, 2)
    path = fitted.workspace.folder / "more.log"
    path.write_text("\n".join(NEW) + "\n")
    ingest(fitted, [str(path)], IngestOptions(format="text", source="more"), quick.ingest)
    done = score_new(fitted, encoder, quick)
    assert (done.version, done.scored, done.shadows, done.problems) == (1, 2, {2: 2}, [])
    rows = {v: fitted.rows("assignments.of_version", version=v) for v in (1, 2)}
    assert [r["pattern_id"] for r in rows[1]] == [r["pattern_id"] for r in rows[2]]
    again = score_new(fitted, encoder, quick)
    assert (again.scored, again.shadows) == (0, {2: 0})
    assert rows == {v: fitted.rows("assignments.of_version", version=v) for v in (1, 2)}
    report = shadow_report(fitted, 2, datetime.now(UTC).replace(tzinfo=None))
    assert (report.messages, report.waiting) == (2, 0)
    # the same rows counted without SQL
    shown = [{r["pattern_id"]: r for r in rows[v]} for v in (1, 2)]
    new = [r["pattern_id"] for r in fitted.rows("patterns.of_sources", source="more")]
    flagged = [sum(side[p]["verdict"] != "known" for p in new) for side in shown]
    assert (report.flagged_per_day_a, report.flagged_per_day_b) == tuple(flagged)
    assert fitted.rows("model_versions.active")[0]["version"] == 1

    # labels reach it too, and a candidate that cannot be read does not stop the scoring
    give_label(fitted, [new[0]], "cold", "key", "ann")
    score_new(fitted, encoder, quick)
    labelled = {
        r["pattern_id"]: r["label"] for r in fitted.rows("assignments.of_version", version=2)
    }
    assert labelled[new[0]] == "cold"
    folder = fitted.workspace.folder / fitted.rows("model_versions.list")[0]["folder"]
    folder.rename(folder.with_name("gone"))
    path.write_text("\n".join([*NEW, "a third kind of thing nobody saw"]) + "\n")
    ingest(fitted, [str(path)], IngestOptions(format="text", source="more"), quick.ingest)
    broken = score_new(fitted, encoder, quick)
    assert (broken.scored, broken.shadows) == (1, {})
    assert "version 2 in shadow" in broken.problems[0]


def test_promoting_brings_labels_in_line_and_counts_of_components_are_kept(
    fitted: Store, quick: Settings, encoder: Encoder
) -> None:
    with Job(fitted, "train") as job:
        train_version(fitted, quick, encoder.version, job)
    pattern = fitted.rows("assignments.of_version", version=2)[0]["pattern_id"]
    give_label(fitted, [pattern], "pump", "key", "ann")
    propagate_labels(fitted, quick.labelling)
    promote(fitted, 2, quick.labelling)
    assert compare(fitted, 1, 2).patterns == len(fitted.rows("assignments.of_version", version=1))
    assert fitted.rows("assignments.of_version", version=2)[0]["label"] == "pump"
    assert roll_back(fitted, quick.labelling) == 1
    events = fitted.rows("model_versions.component_events", version=2)
    counted = {
        name: sum(e["event"] == name for e in events) for name in {e["event"] for e in events}
    }
    assert event_counts(fitted)[2] == counted
    ledger = fitted.rows("model_versions.ledger", version=2, limit=1000)
    assert len(ledger) == sum(e["event"] != "kept" for e in events)

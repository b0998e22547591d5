"""The whole road in processes of its own: demo, status, suggest, label, retrain, promote, rollback.

What the commands claim is counted again here from the files the demo wrote.
"""

import csv
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genlab.store import connect

MESSAGES = 1500
SMALL = ["--set", "model.hidden=48", "--set", "model.latent_dim=16"]

Command = Callable[..., subprocess.CompletedProcess[str]]


def command_on(home: Path) -> Command:
    def run(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "genlab.cli", *map(str, arguments)],
            env={**os.environ, "GENLAB_HOME": str(home), "OMP_NUM_THREADS": "1"},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done

    return run


def records(home: Path) -> list[dict[str, Any]]:
    """Every message the demo wrote, read from its files."""
    found = []
    for name in ("fleet-first.jsonl", "fleet-second.jsonl"):
        with (home / "demo" / name).open(encoding="utf-8") as file:
            found += [json.loads(line) for line in file]
    return found


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A workspace after `genlab demo`, and what the command said."""
    home = tmp_path_factory.mktemp("path") / "workspace"
    arguments = ["demo", "--no-serve", "--messages", MESSAGES, "--labels", 1, *SMALL]
    return home, command_on(home)(*map(str, arguments)).stderr


def stored(home: Path) -> dict[str, dict[str, Any]]:
    """Message id -> the message and what the version in force says of it, as it is stored."""
    with connect(home) as store:
        return {row["message_id"]: row for row in store.rows("messages.predictions")}


def test_the_road(walked: tuple[Path, str], tmp_path: Path) -> None:
    home, said = walked
    run = command_on(home)
    truth = {record["message_id"]: record for record in records(home)}
    assert len(truth) == MESSAGES

    # Every message is there once, with its text, device and a verdict; the counts agree.
    status = json.loads(run("status", "--json").stdout)
    assert status["messages"] + status["quarantined"] == status["lines_read"] == MESSAGES
    rows = stored(home)
    assert {i: (r["text"], r["device"]) for i, r in rows.items()} == {
        i: (r["text"], r["device"]) for i, r in truth.items()
    }
    patterns = {row["pattern_id"] for row in rows.values()}
    assert status["patterns"] == len(patterns) < MESSAGES / 2
    per_text: dict[str, set[str]] = {}
    for row in rows.values():
        per_text.setdefault(row["text"], set()).add(row["pattern_id"])
    assert all(len(each) == 1 for each in per_text.values())
    verdicts = Counter(row["verdict"] for row in rows.values())
    assert {row["verdict"]: row["messages"] for row in status["verdicts"]} == verdicts
    assert set(verdicts) <= {"known", "unnamed", "between", "novel"}
    assert status["known_messages_share"] == pytest.approx(verdicts["known"] / MESSAGES)

    # Labels: one pattern of each kind of the first ten days, and the label is the true one.
    first = {json.loads(line)["message_id"] for line in (home / "demo/fleet-first.jsonl").open()}
    kinds = {truth[i]["truth_kind"] for i in first}
    given = {row["pattern_id"]: row["given_label"] for row in rows.values() if row["given_label"]}
    assert status["labelled_patterns"] == len(given)
    assert 0.9 * len(kinds) <= len(given) <= len(kinds)
    true_labels: dict[str, set[str]] = {}
    for i, row in rows.items():
        true_labels.setdefault(row["pattern_id"], set()).add(truth[i]["truth_label"])
    assert all(label in true_labels[pattern] for pattern, label in given.items())
    known = [(i, row) for i, row in rows.items() if row["verdict"] == "known"]
    right = sum(row["label"] == truth[i]["truth_label"] for i, row in known) / len(known)
    assert f"{right:.1%} of the {len(known):,} messages called known" in said
    assert right > 0.5  # more labels than 30: chance is below 0.05

    # Export and prediction of stored messages say what is stored.
    run("export", "predictions", tmp_path / "predictions.jsonl")
    with (tmp_path / "predictions.jsonl").open(encoding="utf-8") as file:
        listed = {row["message_id"]: row for row in map(json.loads, file)}
    assert {i: r["label"] for i, r in listed.items()} == {i: r["label"] for i, r in rows.items()}
    some = list(rows.values())[::150]
    asked = "".join(
        json.dumps({"text": r["text"], "message_id": r["message_id"]}) + "\n" for r in some
    )
    answers = [json.loads(line) for line in run("predict", stdin=asked).stdout.splitlines()]
    for row, answer in zip(some, answers, strict=True):
        for key in ("message_id", "pattern_id", "label", "verdict", "component"):
            assert answer[key] == row[key], key
        assert answer["confidence"] == pytest.approx(row["confidence"], abs=1e-4)

    # Answering what is suggested settles messages, at once.
    suggested = json.loads(run("suggest", "-n", "12", "--json").stdout)["questions"]
    assert not {each["pattern_id"] for each in suggested} & set(given)
    labels = tmp_path / "labels.csv"
    with labels.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["message_id", "label", "annotator"])
        for each in suggested:
            i = next(i for i, r in rows.items() if r["pattern_id"] == each["pattern_id"])
            writer.writerow([i, truth[i]["truth_label"], "expert"])
    done = json.loads(run("label", "import", labels, "--json").stdout)
    assert (done["rows"], done["labelled_patterns"], done["unmatched"]) == (12, 12, [])
    after = stored(home)
    answered = {each["pattern_id"] for each in suggested}
    assert all(r["verdict"] == "known" for r in after.values() if r["pattern_id"] in answered)
    newly = sum(after[i]["verdict"] == "known" != rows[i]["verdict"] for i in rows)
    assert done["settled_messages"] == newly > 0

    # A retraining is a candidate; promotion changes what is in force, rollback brings it back.
    trained = json.loads(run("train", "--epochs", "2", "--json", *SMALL).stdout)
    assert (trained["version"], trained["promoted"]) == (2, False)
    assert trained["metrics"]["labelled_patterns"] == len(given) + 12
    assert stored(home) == after
    run("promote", "2")
    promoted = stored(home)
    assert promoted.keys() == after.keys()
    assert all(row["verdict"] is not None for row in promoted.values())
    assert promoted != after
    versions = {v["version"]: v for v in json.loads(run("versions", "--json").stdout)}
    assert {v: versions[v]["status"] for v in versions} == {1: "retired", 2: "active"}
    assert versions[2]["parent"] == 1
    run("rollback")
    assert stored(home) == after
    assert run("doctor").stdout.strip() == "all is well"


@pytest.mark.slow
def test_the_demo_again_changes_nothing(walked: tuple[Path, str]) -> None:
    home, _ = walked
    run = command_on(home)
    before = json.loads(run("status", "--json").stdout)
    rows = stored(home)
    run("demo", "--no-serve", "--messages", str(MESSAGES), "--labels", "1", *SMALL)
    after = json.loads(run("status", "--json").stdout)
    for key in ("messages", "patterns", "labelled_patterns", "active_version", "verdicts"):
        assert after[key] == before[key], key
    assert stored(home) == rows

"""Jobs, backups and checks on a real store."""

import os
import socket
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from genlab.config import Settings
from genlab.errors import InputError
from genlab.pipeline.care import backup, problems, restore, status
from genlab.pipeline.jobs import Job, JobCancelled, JobRefused, reconcile
from genlab.pipeline.labels import give_label, propagate_labels
from genlab.pipeline.predict import Predictor
from genlab.store import Store, Workspace, connect


def jobs(store: Store) -> dict[str, dict]:
    return {row["job_id"]: row for row in store.rows("jobs.list", limit=100)}


def test_a_job_tells_how_it_ended(store: Store) -> None:
    with Job(store, "embed", total=4) as done:
        done.progress(3, "three of four", force=True)
        row = jobs(store)[done.job_id]
        assert (row["status"], row["done"], row["total"]) == ("running", 3.0, 4.0)
        assert (row["pid"], row["host"]) == (os.getpid(), socket.gethostname())
    with pytest.raises(ZeroDivisionError), Job(store, "embed") as failed:
        raise ZeroDivisionError("of zero")
    with pytest.raises(KeyboardInterrupt), Job(store, "embed") as stopped:
        raise KeyboardInterrupt
    rows = jobs(store)
    ended = [(rows[j.job_id]["status"], rows[j.job_id]["detail"]) for j in (done, failed, stopped)]
    assert ended == [
        ("done", "three of four"),
        ("failed", "of zero"),
        ("cancelled", "cancelled on request"),
    ]
    assert all(row["finished_at"] is not None for row in rows.values())
    assert store.rows("jobs.running") == []


def test_a_request_to_stop_reaches_the_job(store: Store) -> None:
    job = Job(store, "embed")
    job.raise_if_cancelled()
    store.write("jobs.cancel", job_id=job.job_id)
    job.progress(1, force=True)
    assert job.should_stop()
    with pytest.raises(JobCancelled), job:
        job.raise_if_cancelled()
    assert jobs(store)[job.job_id]["status"] == "cancelled"


def test_one_training_at_a_time_whoever_starts_it(store: Store) -> None:
    with Job(store, "train", detail="first") as first:
        for kind in ("train", "retrain"):
            with pytest.raises(JobRefused, match=first.job_id[:8]):
                Job(store, kind)
        with Job(store, "score"):
            pass
    assert len(jobs(store)) == 2
    with Job(store, "retrain"):
        pass


def test_jobs_of_dead_processes_are_ended_and_no_others(store: Store) -> None:
    script = (
        "import os, sys\n"
        "from genlab.pipeline.jobs import Job\n"
        "from genlab.store import connect\n"
        "store = connect(sys.argv[1])\n"
        "print(Job(store, sys.argv[2]).job_id, flush=True)\n"
        "os._exit(9)\n"
    )
    dead = [
        subprocess.run(
            [sys.executable, "-c", script, str(store.workspace.folder), kind],
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout.strip()
        for kind in ("train", "ingest")
    ]
    with Job(store, "embed") as alive:
        store.write(
            "jobs.start",
            job_id="far",
            kind="score",
            total=None,
            detail="",
            flow_run_id=None,
            pid=1 << 22,
            host="another-machine",
        )
        assert set(reconcile(store)) == set(dead)
        rows = jobs(store)
        assert {rows[each]["status"] for each in dead} == {"failed"}
        assert all("start it again" in rows[each]["detail"] for each in dead)
        assert rows[alive.job_id]["status"] == rows["far"]["status"] == "running"
        assert reconcile(store) == []
        with Job(store, "train"):  # the dead training blocks nobody
            pass


def test_a_restored_workspace_answers_the_same(
    fitted: Store, quick: Settings, tmp_path: Path
) -> None:
    text = fitted.rows("messages.predictions")[0]["text"]
    unseen = "the quick brown fox declines to jump"
    pattern = Predictor(fitted, quick).predict([text])[0]["pattern_id"]
    give_label(fitted, [pattern], "kept", "key", "ann")
    propagate_labels(fitted, quick.labelling)
    (fitted.workspace.folder / "genlab.toml").write_text("[labelling]\nnovel_p = 0.01\n")
    before = Predictor(fitted, quick).predict([text, unseen])
    totals = fitted.rows("messages.totals")
    archive = tmp_path / "sub" / "monday.tar"
    assert backup(fitted, archive) == archive.stat().st_size
    with pytest.raises(InputError, match="exists already"):
        backup(fitted, archive)
    assert list(fitted.workspace.backups.iterdir()) == []
    assert list(archive.parent.iterdir()) == [archive]
    give_label(fitted, [pattern], "after the backup", "key", "ann")

    workspace = Workspace(tmp_path / "restored")
    restore(workspace, archive)
    with connect(workspace) as restored:
        assert restored.rows("messages.totals") == totals
        assert Predictor(restored, quick).predict([text, unseen]) == before
        assert list(problems(restored)) == []
        assert (workspace.folder / "genlab.toml").read_text().startswith("[labelling]")
        with pytest.raises(InputError, match="in use"):
            restore(workspace, archive, force=True)
    with pytest.raises(InputError, match="--force"):
        restore(workspace, archive)
    restore(workspace, archive, force=True)
    (aside,) = workspace.folder.glob("before-restore-*")
    assert {each.name for each in aside.iterdir()} == {"genlab.duckdb", "models", "genlab.toml"}
    with connect(workspace) as restored:
        assert Predictor(restored, quick).predict([text, unseen]) == before
    restore(workspace, archive, force=True)
    assert len(list(workspace.folder.glob("before-restore-*"))) == 2, "nothing put aside is lost"


def test_an_archive_brings_only_what_a_backup_holds(fitted: Store, tmp_path: Path) -> None:
    archive = tmp_path / "planted.tar"
    backup(fitted, archive)
    planted = tmp_path / "owner.token"
    planted.write_text("chosen by somebody else")
    with tarfile.open(archive, "a") as tar:
        tar.add(planted, "owner.token")
    workspace = Workspace(tmp_path / "fresh")
    restore(workspace, archive)
    assert workspace.token() != "chosen by somebody else"


def test_a_training_of_a_machine_that_is_no_more_blocks_only_for_a_while(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "another-machine")
    Job(store, "train", job_id="far")
    monkeypatch.undo()
    with pytest.raises(JobRefused):
        Job(store, "train")
    monkeypatch.setattr("genlab.pipeline.jobs.SILENT_SECONDS", 0.05)
    time.sleep(0.1)
    with Job(store, "train"):
        pass
    assert store.rows("jobs.get", job_id="far")[0]["status"] == "failed"


def test_a_working_job_says_that_it_lives(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genlab.pipeline.jobs._BEAT_SECONDS", 0.02)
    with Job(store, "train", job_id="long") as job:
        time.sleep(0.5)  # an epoch without a word
        assert store.rows("jobs.running")[0]["silent_seconds"] < 0.4
        store.write("jobs.cancel", job_id="long")
        deadline = time.monotonic() + 10
        while not job._stop:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_what_is_no_backup_changes_nothing(fitted_folder: Path, tmp_path: Path) -> None:
    workspace = Workspace(fitted_folder)
    text, empty = tmp_path / "text.tar", tmp_path / "empty.tar"
    text.write_text("no archive")
    with tarfile.open(empty, "w"):
        pass
    outside = tmp_path / "outside.tar"
    (tmp_path / "genlab.duckdb").write_text("x")
    with tarfile.open(outside, "w") as archive:
        archive.add(tmp_path / "genlab.duckdb", "../../escaped.duckdb")
    before = workspace.database.read_bytes()
    for bad in (text, empty, outside, tmp_path / "missing.tar"):
        with pytest.raises(InputError, match=bad.name):
            restore(workspace, bad, force=True)
    assert workspace.database.read_bytes() == before
    assert (workspace.folder / "models").is_dir()
    assert not list(tmp_path.rglob("escaped*"))


def test_status_counts_what_the_tables_hold(fitted: Store) -> None:
    found = status(fitted)
    lines = len((fitted.workspace.folder / "fleet.jsonl").read_text().splitlines())
    assert found["messages"] + found["quarantined"] == found["lines_read"] == lines == 400
    assert found["patterns"] == len(fitted.rows("patterns.all"))
    assert found["active_version"] == 1
    assert sum(row["messages"] for row in found["verdicts"]) == 400
    assert found["known_messages_share"] == 0.0
    assert found["services"] == {"up": False, "owner": False, "scorer": False}
    assert [row["source"] for row in found["by_source"]] == ["fleet"]


def test_problems_are_found(fitted: Store, store: Store) -> None:
    assert list(problems(store)) == []
    assert list(problems(fitted)) == []
    version = fitted.rows("model_versions.active")[0]
    (fitted.workspace.folder / version["folder"]).rename(fitted.workspace.folder / "moved")
    (found,) = problems(fitted)
    assert "missing" in found.advice

"""The flows' work called as functions (no Prefect server), and what the runner serves."""

import importlib
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from desk import write_lines
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.exceptions import TerminationSignal

from flows.alerts import alerts
from flows.ingest import find_source, read_source
from flows.maintain import maintain, prune_backups
from flows.runner import deployments
from flows.score import score_new_patterns
from flows.stage import run_stage
from flows.train import retrain, train
from genlab.config import Settings, load_settings
from genlab.errors import ConfigError
from genlab.pipeline.alerts import add_rule
from genlab.pipeline.jobs import Job, JobRefused
from genlab.store import Store, connect

SETTINGS = """
[training]
threads = 1
[model]
components = 6
latent_dim = 4
hidden = 16
[flows]
backups_kept = 2
[[flows.sources]]
name = "plant/one"
paths = ["{folder}/*.log"]
format = "text"
every_seconds = 90
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "genlab.toml").write_text(SETTINGS.format(folder=tmp_path))
    write_lines(tmp_path / "a.log", 0, 200)
    monkeypatch.setenv("GENLAB_HOME", str(workspace))
    return workspace


def test_the_whole_road_and_again(folder: Path) -> None:
    first = read_source.fn("plant/one")
    assert (first["lines"], first["messages"]) == (200, 200)
    assert read_source.fn("plant/one")["messages"] == 0
    assert score_new_patterns() is None  # no version yet: nothing loads torch
    made = train.fn(epochs=2, prior="standard_normal")
    assert made["promoted"]
    (folder.parent / "b.log").write_text("something else entirely\n")
    read_source.fn("plant/one")
    scored = score_new_patterns()
    assert isinstance(scored, dict)
    assert scored["scored"] == 1
    assert score_new_patterns() is None
    again = retrain.fn(epochs=1, weights={"kl_weight": 0.5})
    assert not again["promoted"]
    with connect(folder) as store:
        versions = store.rows("model_versions.list")
        assert [(v["version"], v["status"], v["parent"]) for v in versions] == [
            (2, "candidate", 1),  # a short run goes on with the model as it is
            (1, "active", None),
        ]
        assert {job["status"] for job in store.rows("jobs.list", limit=20)} == {"done"}
        assert '"kl_weight":0.5' in versions[0]["configuration"].replace(" ", "")


def test_a_scoring_tells_the_alert_rules(folder: Path) -> None:
    read_source.fn("plant/one")
    train.fn(epochs=2, prior="standard_normal")
    with connect(folder) as store:
        add_rule(store, "share", "known-share", 99.0, "file:alerts.jsonl", 60.0, "test")
    (folder.parent / "b.log").write_text("something else entirely\n")
    read_source.fn("plant/one")
    assert isinstance(score_new_patterns(), dict)
    told = (folder / "alerts.jsonl").read_text().splitlines()
    assert [json.loads(line)["rule"] for line in told] == ["share"]
    assert alerts.fn() == {"fired": 0, "delivered": 0, "failed": 0}  # its cooldown runs


def test_maintain_twice_keeps_what_is_configured(folder: Path) -> None:
    backups = folder / "backups"
    backups.mkdir()
    for name in ("maintain-20200101T000000Z.tar", "maintain-20200102T000000Z.tar", "mine.tar"):
        (backups / name).touch()
    done = maintain.fn()
    assert Path(done["backup"]).stat().st_size > 0
    assert done["problems"] == []
    kept = sorted(path.name for path in backups.glob("*.tar"))
    assert kept == [
        "maintain-20200102T000000Z.tar",
        Path(done["backup"]).name,
        "mine.tar",
    ]
    assert prune_backups(backups, 2) == []


def test_a_dead_training_does_not_block_the_next(store: Store) -> None:
    with Job(store, "retrain") as first:
        with pytest.raises(JobRefused, match=f"cannot train: retrain job {first.job_id[:8]}"):
            Job(store, "train")
        with Job(store, "ingest"):
            pass  # other stages run beside it
    gone = os.fork()
    if gone == 0:
        os._exit(0)
    os.waitpid(gone, 0)
    store.write(
        "jobs.start",
        job_id="killed",
        kind="train",
        total=None,
        detail="",
        flow_run_id=None,
        pid=gone,
        host=os.uname().nodename,
    )
    with Job(store, "train"):
        assert store.rows("jobs.get", job_id="killed")[0]["status"] == "failed"


@contextmanager
def termination_after(seconds: float) -> Iterator[None]:
    """As Prefect does it: a signal whose handler raises in the main thread."""

    def terminate(number: int, frame: object) -> None:
        raise TerminationSignal(signal.SIGTERM)

    before = signal.signal(signal.SIGALRM, terminate)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    yield
    signal.signal(signal.SIGALRM, before)


def test_a_terminated_stage_ends_at_its_next_safe_point(folder: Path) -> None:
    steps: list[str] = []

    def work(store: Store, settings: Settings, job: Job) -> None:
        while True:
            steps.append("write")
            time.sleep(0.05)
            steps.append("written")
            job.raise_if_cancelled()

    with termination_after(0.3), pytest.raises(TerminationSignal):
        run_stage("embed", work)
    assert len(steps) > 2
    assert steps[-1] == "written"
    with connect(folder) as store:
        assert store.rows("jobs.list", limit=1)[0]["status"] == "cancelled"


def test_a_stage_past_its_last_safe_point_is_done(folder: Path) -> None:
    def work(store: Store, settings: Settings, job: Job) -> int:
        time.sleep(0.6)
        return 42

    with termination_after(0.2):
        assert run_stage("embed", work) == 42
    with connect(folder) as store:
        assert store.rows("jobs.list", limit=1)[0]["status"] == "done"


def test_a_stage_cancelled_in_the_tables_makes_a_cancelled_run(folder: Path) -> None:
    def work(store: Store, settings: Settings, job: Job) -> None:
        store.write("jobs.cancel", job_id=job.job_id)
        while True:
            time.sleep(0.05)
            job.raise_if_cancelled()

    assert run_stage("embed", work).is_cancelled()


def test_what_the_runner_serves_can_be_imported_anywhere(folder: Path) -> None:
    served = {d.full_name: d for d in deployments(load_settings(folder))}
    assert set(served) == {
        "embed/embed",
        "train/train",
        "score/score",
        "retrain/retrain",
        "maintain/maintain",
        "alerts/alerts",
        "ingest/plant-one",
    }
    for deployment in served.values():
        module, _, attribute = str(deployment.entrypoint).rpartition(".")
        assert hasattr(importlib.import_module(module), attribute)
    source = served["ingest/plant-one"]
    assert source.parameters == {"source": "plant/one"}
    (schedule,) = source.schedules or []
    assert isinstance(schedule.schedule, IntervalSchedule)
    assert schedule.schedule.interval == timedelta(seconds=90)


def test_an_unknown_source_is_refused_with_the_known_ones(folder: Path) -> None:
    with pytest.raises(ConfigError, match="known: plant/one"):
        find_source(load_settings(folder), "plant")

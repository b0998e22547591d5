"""Everything running for real: schedules, one training at a time, cancelling, restarts, the end."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from desk import RunningDesk, processes_of, wait_for, write_lines

from dashboard import trigger
from genlab.errors import GenlabError
from genlab.pipeline.jobs import Job, JobRefused
from genlab.scorer_client import ask
from genlab.store import Store
from genlab.supervisor import down, up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
SERVICES = ("owner", "prefect", "flows", "scorer", "dashboard")
LINES = 300


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDesk]:
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

    patched = pytest.MonkeyPatch()
    desk = RunningDesk(tmp_path_factory.mktemp("desk"))
    write_lines(desk.logs / "a.log", 0, LINES)
    desk.start()
    try:
        # 8-20 s on an idle machine; the limit is for a busy one.
        wait_for("everything up", 120, lambda: desk.ready(*SERVICES))
        api = desk.service("prefect")["address"] + "/api"
        patched.setenv("PREFECT_API_URL", api)
        # Other tests may have imported Prefect, which reads its settings once.
        with temporary_settings({PREFECT_API_URL: api, PREFECT_HOME: tmp_path_factory.mktemp("p")}):
            yield desk
    finally:
        patched.undo()
        desk.end()


@pytest.fixture
def tables(desk: RunningDesk) -> Iterator[Store]:
    with desk.connect() as store:
        yield store


def flow_run(run_id: str) -> Any:
    from prefect import get_client

    with get_client(sync_client=True) as client:
        return client.read_flow_run(UUID(run_id))


def completed_ingests() -> int:
    from prefect import get_client
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName

    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=["ingest"])))
    return sum(
        run.auto_scheduled and run.state is not None and run.state.is_completed() for run in runs
    )


def trainings(store: Store) -> list[dict[str, Any]]:
    return [job for job in store.rows("jobs.running") if job["kind"] in ("train", "retrain")]


def start_long_training(store: Store) -> tuple[str, dict[str, Any]]:
    """A training that would run for hours, in its third epoch or later."""
    run_id = trigger.start("train", {"epochs": 1_000_000})
    job = wait_for(
        "the training's job",
        90,
        lambda: [j for j in trainings(store) if j["flow_run_id"] == run_id],
    )[0]
    wait_for(
        "epochs", 90, lambda: store.read("model_versions.epochs", job_id=job["job_id"]).num_rows > 2
    )
    return run_id, job


def assert_cancelled(store: Store, run_id: str, job_id: str, folder: Path) -> None:
    def ended() -> bool:
        return store.rows("jobs.get", job_id=job_id)[0]["status"] == "cancelled"

    wait_for("the job cancelled", 30, ended)
    wait_for("the run cancelled", 60, lambda: flow_run(run_id).state.is_cancelled())
    assert all(row["job_id"] != job_id for row in store.rows("model_versions.list"))
    assert not (folder / "models" / job_id).exists()


def test_a_scheduled_ingest_runs_and_completes(desk: RunningDesk, tables: Store) -> None:
    wait_for("a completed run", 60, completed_ingests)
    assert tables.rows("messages.totals")[0]["messages"] == LINES
    done = completed_ingests()
    wait_for("two more runs", 60, lambda: completed_ingests() >= done + 2)
    assert tables.rows("messages.totals")[0]["messages"] == LINES  # reading again adds nothing
    write_lines(desk.logs / "a.log", LINES, 20)
    wait_for(
        "the new lines", 60, lambda: tables.rows("messages.totals")[0]["messages"] == LINES + 20
    )


def test_one_training_at_a_time_and_cancel(desk: RunningDesk, tables: Store) -> None:
    run_id, job = start_long_training(tables)
    other = trigger.start("retrain", {"epochs": 1})
    again = trigger.start("train", {"epochs": 1})
    with pytest.raises(JobRefused, match="one training runs at a time"):
        Job(tables, "train")
    wait_for("both ended", 90, lambda: all(flow_run(r).state.is_final() for r in (other, again)))
    assert flow_run(other).state.is_failed()
    assert "one training runs at a time" in flow_run(other).state.message
    assert flow_run(again).state.is_cancelled()  # Prefect's own limit
    assert [j["job_id"] for j in trainings(tables)] == [job["job_id"]]
    trigger.cancel(run_id)
    assert_cancelled(tables, run_id, job["job_id"], desk.workspace.folder)


def test_cancelled_in_the_tables(desk: RunningDesk, tables: Store) -> None:
    run_id, job = start_long_training(tables)
    tables.write("jobs.cancel", job_id=job["job_id"])
    assert_cancelled(tables, run_id, job["job_id"], desk.workspace.folder)


def test_cancel_after_prefects_server_was_killed(desk: RunningDesk, tables: Store) -> None:
    run_id, job = start_long_training(tables)
    runner = desk.service("flows")["pid"]

    def epochs() -> int:
        return tables.read("model_versions.epochs", job_id=job["job_id"]).num_rows

    desk.kill("prefect")
    seen = epochs()
    wait_for("the training goes on", 30, lambda: epochs() > seen)
    assert desk.service("flows")["pid"] == runner
    trigger.cancel(run_id)
    assert_cancelled(tables, run_id, job["job_id"], desk.workspace.folder)


def test_a_killed_runner_leaves_no_training_behind(desk: RunningDesk, tables: Store) -> None:
    run_id, job = start_long_training(tables)
    desk.kill("flows")
    assert not Path(f"/proc/{job['pid']}").exists()
    assert tables.rows("jobs.get", job_id=job["job_id"])[0]["status"] == "failed"
    assert flow_run(run_id).state.is_crashed()
    next_run = trigger.start("train", {"epochs": 1})
    wait_for("a training afterwards", 120, lambda: flow_run(next_run).state.is_final())
    assert flow_run(next_run).state.is_completed()
    assert [row["status"] for row in tables.rows("model_versions.list")] == ["active"]


@pytest.mark.parametrize("name", ["owner", "scorer", "dashboard"])
def test_a_killed_service_comes_back(desk: RunningDesk, tables: Store, name: str) -> None:
    messages = tables.rows("messages.totals")[0]["messages"]
    desk.kill(name)
    assert tables.rows("messages.totals")[0]["messages"] >= messages


def test_the_scorer_answers(desk: RunningDesk, tables: Store) -> None:
    assert tables.rows("model_versions.active")  # the training above made it
    (known, new) = ask(
        desk.workspace, [{"text": "fan stopped at gate value 4"}, {"text": "the moon is out"}]
    )
    stored = {row["pattern_id"]: row["canonical_text"] for row in tables.rows("patterns.all")}
    assert stored[known["pattern_id"]].startswith("fan stopped at gate")
    assert 0 <= new["novelty_p"] <= known["novelty_p"] <= 1
    with pytest.raises(GenlabError, match="text"):
        ask(desk.workspace, [{"no": "text"}])


def test_maintain_backs_up(desk: RunningDesk, tables: Store) -> None:
    run_id = trigger.start("maintain")
    wait_for("maintain", 60, lambda: flow_run(run_id).state.is_final())
    assert flow_run(run_id).state.is_completed()
    assert list(desk.workspace.backups.glob("maintain-*.tar"))


def test_the_way_down(desk: RunningDesk, tables: Store, settings: Any) -> None:
    with pytest.raises(GenlabError, match="already runs"):
        up(desk.workspace, settings)
    _, job = start_long_training(tables)
    started = time.monotonic()
    assert down(desk.workspace)
    assert time.monotonic() - started < 60
    assert desk.process is not None
    assert desk.process.wait(5) == 0
    assert processes_of(desk.workspace) == set()
    assert not down(desk.workspace)
    with pytest.raises(GenlabError, match="genlab up"):
        trigger.start("train")
    with connect_alone(desk) as store:
        assert store.rows("jobs.get", job_id=job["job_id"])[0]["status"] == "cancelled"


def test_a_killed_supervisor_leaves_nothing(desk: RunningDesk) -> None:
    desk.start()
    wait_for("up again", 120, lambda: desk.ready("owner", "prefect", "flows", "scorer"))
    assert desk.process is not None
    desk.process.send_signal(signal.SIGKILL)
    desk.process.wait()
    try:
        wait_for("nothing left", 90, lambda: not processes_of(desk.workspace))
    except AssertionError as error:
        left = [
            (Path("/proc") / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ")
            for pid in processes_of(desk.workspace)
        ]
        raise AssertionError(f"{error}: {left}") from None


def connect_alone(desk: RunningDesk) -> Store:
    from genlab.store import connect

    return connect(desk.workspace)

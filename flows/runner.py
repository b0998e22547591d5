"""``python -m flows.runner WORKSPACE``: deployments and schedules from the configuration, served.

Three flow runs at a time, each a process of its own.  Deployment names, for whoever starts one:
``train/train``, ``retrain/retrain``, ``embed/embed``, ``score/score``, ``maintain/maintain``,
``alerts/alerts`` and ``ingest/NAME`` for each source.
"""

import asyncio
import os
import re
import sys
from datetime import UTC, datetime, timedelta

from prefect import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import (
    ConcurrencyLimitConfig,
    ConcurrencyLimitStrategy,
    StateType,
)
from prefect.deployments.runner import EntrypointType, RunnerDeployment
from prefect.flows import Flow
from prefect.runner import Runner
from prefect.states import Cancelled, Crashed, State

from flows.alerts import alerts
from flows.ingest import ingest
from flows.maintain import maintain
from flows.score import embed, score
from flows.train import retrain, train
from genlab.config import Settings, load_settings
from genlab.pipeline.jobs import reconcile
from genlab.store import Workspace, connect
from genlab.store.workspace import write_service_file

_AT_ONCE = 3  # a training, an ingest and what somebody asks for meanwhile
_NOT_ALLOWED = re.compile(r"[/%&<>]")  # in a deployment's name


def deployments(settings: Settings) -> list[RunnerDeployment]:
    """What the runner serves: the flows, one ``ingest`` per source, their schedules."""
    listed = [_deployment(flow, flow.name) for flow in (embed, train, score, retrain)]
    every = timedelta(minutes=settings.flows.maintain_every_minutes)
    listed.append(_deployment(maintain, "maintain", every))
    every = timedelta(minutes=settings.alerts.every_minutes)
    listed.append(_deployment(alerts, "alerts", every))
    for source in settings.flows.sources:
        every = timedelta(seconds=source.every_seconds)
        name = _NOT_ALLOWED.sub("-", source.name)
        listed.append(_deployment(ingest, name, every, {"source": source.name}))
    return listed


def _deployment(
    flow: Flow,
    name: str,
    every: timedelta | None = None,
    parameters: dict[str, str] | None = None,
) -> RunnerDeployment:
    return RunnerDeployment.from_flow(
        flow,
        name,
        interval=every,
        parameters=parameters,
        # A run that comes while one runs has nothing to add: cancelled, not queued.
        concurrency_limit=ConcurrencyLimitConfig(
            limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
        ),
        # Found by import, not by file: an installed genlab has no checkout.
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


class EndingRunner(Runner):
    """Ends its flow runs before itself: Prefect's own handler does not await what it starts."""

    def handle_sigterm(self, *args: object) -> None:
        if self._loop is not None and not self.stopping:
            self.stopping = True
            self._loop.call_soon_threadsafe(lambda: asyncio.ensure_future(self.astop()))


async def drop_overdue_runs() -> int:
    """Forget what schedules asked for while nobody was there: the next run does its work too."""
    overdue = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        expected_start_time=FlowRunFilterExpectedStartTime.model_validate(
            {"before_": datetime.now(UTC)}
        ),
    )
    async with get_client() as client:
        runs = await client.read_flow_runs(flow_run_filter=overdue)
        scheduled = [run for run in runs if run.auto_scheduled]
        for run in scheduled:
            await client.delete_flow_run(run.id)
    return len(scheduled)


async def end_stale_runs() -> int:
    """End the flow runs of a runner that was killed, which frees their places; how many."""
    unfinished = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
    async with get_client() as client:
        runs = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=unfinished))
            )
        )
        for run in runs:
            cancelling = run.state is not None and run.state.is_cancelling()
            end = Cancelled if cancelling else Crashed
            state: State = end(message="the flow runner ended while this run was under way")
            await client.set_flow_run_state(run.id, state, force=True)
    return len(runs)


async def serve(workspace: Workspace, settings: Settings) -> None:
    """Serve the deployments until SIGTERM."""
    with connect(workspace, settings.store, may_own=False) as store:
        jobs = reconcile(store)
    runs, overdue = await end_stale_runs(), await drop_overdue_runs()
    print(
        f"ended {len(jobs)} stale jobs and {runs} stale flow runs, dropped {overdue} overdue ones",
        flush=True,
    )
    # A run is taken when its time comes, not seconds before: it holds its place from then on.
    runner = EndingRunner(
        name="genlab", limit=_AT_ONCE, prefetch_seconds=1, pause_on_shutdown=False
    )
    for deployment in deployments(settings):
        await runner.aadd_deployment(deployment)
    file = workspace.folder / "flows.json"
    write_service_file(file, deployments=[d.full_name for d in deployments(settings)])
    try:
        await runner.start()
    finally:
        file.unlink(missing_ok=True)


def main(folder: str) -> None:
    """Serve the workspace's flows."""
    os.nice(5)  # flow runs inherit it: people at the dashboard come first
    workspace = Workspace(folder)
    asyncio.run(serve(workspace, load_settings(workspace.folder)))


if __name__ == "__main__":
    main(sys.argv[1])

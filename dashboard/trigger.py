"""Starting and cancelling flow runs: the dashboard's only door to Prefect.

Prefect is imported inside the functions: it takes more than a second, and most pages need it not.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from genlab.errors import GenlabError


class Scheduled(NamedTuple):
    """A deployment that runs by itself."""

    name: str  # "flow/deployment"
    every: timedelta
    next_run: datetime | None  # naive, UTC; None while none is planned


class Line(NamedTuple):
    """One line of a flow run's log."""

    at: datetime  # naive, UTC
    level: int  # as in logging
    message: str


def start(deployment: str, parameters: dict[str, Any] | None = None) -> str:
    """Start a run of a deployment and return at once; the flow run's id.

    ``deployment``: "train", "retrain", "embed", "score", "maintain", or "ingest/NAME" for a
    source.  Raises GenlabError when Prefect's server is down or knows no such deployment.
    """
    from prefect.deployments import run_deployment
    from prefect.exceptions import ObjectNotFound

    name = deployment if "/" in deployment else f"{deployment}/{deployment}"
    with _server(f"start {deployment}"):
        try:
            # _sync: on a thread with a running event loop it would return a coroutine instead.
            options: Any = {"timeout": 0, "as_subflow": False, "_sync": True}
            run: Any = run_deployment(name, parameters=parameters or {}, **options)
        except ObjectNotFound:
            raise GenlabError(
                f"cannot start {deployment}: no deployment {name!r}; does the flow runner run? "
                "see `genlab status`"
            ) from None
    return str(run.id)


def cancel(flow_run_id: str) -> None:
    """Ask a flow run to stop; one that has not begun never begins, one that ended stays as it is.

    Raises GenlabError when Prefect's server is down or knows no such run.
    """
    from prefect import get_client
    from prefect.exceptions import ObjectNotFound
    from prefect.states import Cancelled, Cancelling

    with _server(f"cancel {flow_run_id}"), get_client(sync_client=True) as client:
        try:
            run = client.read_flow_run(UUID(flow_run_id))
        except ObjectNotFound:
            raise GenlabError(f"cannot cancel: no flow run {flow_run_id}") from None
        if run.state is None or run.state.is_final():
            return
        begun = not run.state.is_scheduled()
        client.set_flow_run_state(run.id, Cancelling() if begun else Cancelled())


def schedules() -> list[Scheduled]:
    """Deployments with a schedule and when each runs next, the soonest first."""
    from prefect import get_client
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.client.schemas.sorting import FlowRunSort

    waiting = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
    with _server("look up the schedules"), get_client(sync_client=True) as client:
        flows = {flow.id: flow.name for flow in client.read_flows(limit=200)}
        listed = client.read_deployments(limit=200)
        runs = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=waiting),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=200,
        )
    soonest = {run.deployment_id: run.expected_start_time for run in runs}  # the last one stands
    found = []
    for each in listed:
        intervals = [getattr(s.schedule, "interval", None) for s in each.schedules if s.active]
        if every := next((interval for interval in intervals if interval), None):
            at = soonest.get(each.id)
            name = f"{flows.get(each.flow_id, '?')}/{each.name}"
            found.append(Scheduled(name, every, _naive(at) if at else None))
    return sorted(found, key=lambda each: (each.next_run or datetime.max, each.name))


def log_of(flow_run_id: str, limit: int = 200) -> list[Line]:
    """The last lines that a flow run logged, oldest first."""
    from prefect import get_client
    from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
    from prefect.client.schemas.sorting import LogSort

    wanted = LogFilter(flow_run_id=LogFilterFlowRunId.model_validate({"any_": [flow_run_id]}))
    with _server("read the log"), get_client(sync_client=True) as client:
        lines = client.read_logs(wanted, limit=limit, sort=LogSort.TIMESTAMP_DESC)
    return [Line(_naive(line.timestamp), line.level, line.message) for line in reversed(lines)]


def _naive(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)


@contextmanager
def _server(what: str) -> Iterator[None]:
    if not os.environ.get("PREFECT_API_URL"):  # Prefect would start a server of its own
        raise GenlabError(f"cannot {what}: flows run under `genlab up`, which is not running")

    import httpx
    from prefect.exceptions import PrefectException

    try:
        yield
    except (httpx.HTTPError, PrefectException, RuntimeError, ValueError) as error:
        raise GenlabError(
            f"cannot {what}: Prefect's server does not answer as expected ({error}); "
            "is `genlab up` running?"
        ) from error

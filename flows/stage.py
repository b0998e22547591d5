"""What every flow shares: the workspace, the settings, a job, and an end that leaves no half."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from typing import Any

from prefect import runtime
from prefect.exceptions import TerminationSignal
from prefect.states import Cancelled, State

from genlab.config import Settings, load_settings, with_overrides
from genlab.pipeline.jobs import Job, JobCancelled
from genlab.store import Store, connect, default_workspace

# Prefect kills a cancelled run after 30 s; before that the job says how it ended.
_GRACE_SECONDS = 20.0

Work = Callable[[Store, Settings, Job], Any]


@contextmanager
def opened(given: Mapping[str, Any] | None = None) -> Iterator[tuple[Store, Settings]]:
    """Store and settings of the workspace GENLAB_HOME names.

    ``given``: settings that differ for this run, {"section.name": value}.  A run that a deployment
    started waits for the owner beside it; a flow called as a function may own the file itself.
    """
    folder = default_workspace()
    settings = with_overrides(load_settings(folder), given or {})
    with connect(folder, settings.store, may_own=runtime.deployment.id is None) as store:
        yield store, settings


def run_stage(kind: str, work: Work, given: Mapping[str, Any] | None = None) -> State | Any:
    """Run ``work`` as a job of this ``kind``; its answer, or Prefect's state of a cancelled run."""
    run_id = runtime.flow_run.id
    if runtime.deployment.id is not None:
        _end_with_the_runner()
    with opened(given) as (store, settings):
        try:
            with Job(store, kind, flow_run_id=str(run_id) if run_id else None) as job:
                return _until_safe(job, lambda: work(store, settings, job))
        except JobCancelled as error:
            return Cancelled(message=str(error))


def _end_with_the_runner() -> None:
    """A run whose runner is gone ends soon; Prefect's client would repeat its last words."""
    runner = os.getppid()

    def watch() -> None:
        while os.getppid() == runner:
            time.sleep(1)
        time.sleep(_GRACE_SECONDS)
        os._exit(1)

    Thread(target=watch, daemon=True, name="end with the runner").start()


def _until_safe(job: Job, work: Callable[[], Any]) -> Any:
    """Run ``work`` in a thread, so that a termination waits for its next safe point.

    Prefect raises TerminationSignal in the main thread, wherever that is; raised between two
    writes of the work itself, it would leave half a model version.
    """
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True, name=job.job_id).start()
    try:
        return future.result()
    except (TerminationSignal, KeyboardInterrupt) as termination:
        job.stop()
        try:
            return future.result(_GRACE_SECONDS)  # past its last safe point: done after all
        except Exception:  # how it ended matters less than that it was cancelled
            raise termination from None

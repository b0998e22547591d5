"""A job: one run of a stage, visible while it runs, cancellable, its end always told."""

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any

from genlab.errors import GenlabError, StoreError
from genlab.store import Store
from genlab.store.workspace import process_alive

ALONE = ("train", "retrain")  # one job of these kinds at a time, whoever starts it

_BEAT_SECONDS = 10.0
SILENT_SECONDS = 120.0  # a job without a sign of life for so long is over


class JobCancelled(GenlabError):
    """Somebody asked the job to stop."""


class JobRefused(GenlabError):
    """Another job runs that this one must not run beside."""


class Job:
    """``with Job(store, "embed") as job: ... job.progress(done, "...")``.

    Leaving the block ends the job: done, failed (with the error's text) or cancelled.  Progress is
    written at most twice a second; ``on_progress(done, total, detail)`` hears every step.  Inside
    the block a thread says every few seconds that the process lives.
    """

    def __init__(
        self,
        store: Store,
        kind: str,
        total: float | None = None,
        detail: str = "",
        flow_run_id: str | None = None,
        job_id: str | None = None,
        on_progress: Callable[..., None] = lambda done, total, detail: None,
    ):
        self.job_id = job_id or uuid.uuid4().hex
        self.version: int | None = None
        self._store = store
        self._on_progress = on_progress
        self._total = total
        self._last = 0.0
        self._stop = False
        self._ended = threading.Event()
        self._detail = detail
        job: dict[str, Any] = {
            "job_id": self.job_id,
            "kind": kind,
            "total": total,
            "detail": detail,
            "flow_run_id": flow_run_id,
            "pid": os.getpid(),
            "host": socket.gethostname(),
        }
        if kind not in ALONE:
            store.write("jobs.start", **job)
            return
        reconcile(store)  # a training that was killed must not block the next
        if not store.write("jobs.start_alone", **job, kinds=list(ALONE))["started"]:
            raise JobRefused(_refusal(store, kind))

    def progress(
        self, done: float, detail: str = "", total: float | None = None, force: bool = False
    ) -> None:
        """Say how far it is; notice a request to stop."""
        self._detail = detail or self._detail
        if total is not None:
            self._total = total
        self._on_progress(done, self._total, self._detail)
        if not force and time.monotonic() - self._last < 0.5:
            return
        self._last = time.monotonic()
        answer = self._store.write(
            "jobs.progress",
            job_id=self.job_id,
            done=float(done),
            total=self._total,
            detail=self._detail,
        )
        self._stop |= answer.get("status") != "running"

    def stop(self) -> None:
        """Ask this job to stop, from inside its process."""
        self._stop = True

    def should_stop(self) -> bool:
        """Whether somebody asked for an end; asks the store at most twice a second."""
        if not self._stop and time.monotonic() - self._last >= 0.5:
            self._last = time.monotonic()
            status = self._store.rows("jobs.get", job_id=self.job_id)[0]["status"]
            self._stop = status != "running"
        return self._stop

    def raise_if_cancelled(self) -> None:
        """JobCancelled when somebody asked for an end."""
        if self.should_stop():
            raise JobCancelled("cancelled on request")

    def _beat(self) -> None:
        while not self._ended.wait(_BEAT_SECONDS):
            with suppress(StoreError):  # the owner may be away for a while
                self._stop |= (
                    self._store.write("jobs.beat", job_id=self.job_id)["status"] != "running"
                )

    def __enter__(self) -> "Job":
        threading.Thread(target=self._beat, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        if error is None:
            status, detail = "done", self._detail
        elif isinstance(error, JobCancelled | KeyboardInterrupt) or (
            kind is not None and kind.__name__ == "TerminationSignal"  # Prefect's way to cancel
        ):
            status, detail = "cancelled", "cancelled on request"
        else:
            status, detail = "failed", str(error) or type(error).__name__
        self._store.write(
            "jobs.finish",
            job_id=self.job_id,
            status=status,
            detail=detail[:2000],
            version=self.version,
        )


def _refusal(store: Store, kind: str) -> str:
    for job in store.rows("jobs.running"):
        if job["kind"] in ALONE:
            return (
                f"cannot {kind}: {job['kind']} job {job['job_id'][:8]} runs since "
                f"{job['started_at']:%H:%M:%S} UTC ({job['detail'] or 'starting'}), and one "
                "training runs at a time: wait for it, or cancel it, then start again"
            )
    return f"cannot {kind}: another training ended just now; start again"


def reconcile(store: Store) -> list[str]:
    """End the jobs whose process is gone (killed, powered off, on a machine that is no more).

    Their ids.  A process of this machine is looked up; any other counts as gone after
    SILENT_SECONDS without a sign of life.
    """
    stale = []
    for job in store.rows("jobs.running"):
        dead = job["host"] == socket.gethostname() and not process_alive(job["pid"])
        if dead or job["silent_seconds"] > SILENT_SECONDS:
            store.write(
                "jobs.finish",
                job_id=job["job_id"],
                status="failed",
                detail=f"its process {job['pid']} ended without a word; start it again",
                version=None,
            )
            stale.append(job["job_id"])
    return stale

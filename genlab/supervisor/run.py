"""All services of a workspace together, under one supervisor process."""

import fcntl
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from genlab.config import Settings
from genlab.errors import GenlabError
from genlab.store import Workspace
from genlab.store.workspace import process_alive, read_service_file, write_service_file
from genlab.supervisor.process import Process
from genlab.supervisor.services import Service, services

_TICK_SECONDS = 0.2
_DOWN_SECONDS = 120.0


def up(workspace: Workspace, settings: Settings, say: Callable[[str], None] | None = None) -> int:
    """Run every service until SIGINT, SIGTERM or ``down``; the exit code.

    Raises GenlabError when a supervisor runs already, ConfigError when a port is taken.
    """
    with _alone(workspace):
        return supervise(workspace, services(workspace, settings), say or _print)


def supervise(workspace: Workspace, wanted: Sequence[Service], say: Callable[[str], None]) -> int:
    """Start ``wanted`` in order, restart what dies, end all in reverse order on a signal.

    What runs is told in the workspace's up.json: {"services": {name: {state, pid, restarts,
    address}}}.
    """
    workspace.logs.mkdir(exist_ok=True)
    stop = threading.Event()
    before = {
        number: signal.signal(number, _setter(stop)) for number in (signal.SIGINT, signal.SIGTERM)
    }
    processes = [Process(service, workspace.logs, say) for service in wanted]
    told: dict[str, object] = {}
    announced = False
    try:
        while not stop.is_set():
            ready = {p.service.name for p in processes if p.state == "ready"}
            for process in processes:
                process.step(ready)
            if told != (now := _state(processes)):
                write_service_file(workspace.up_file, services=now)
                told = now
            if not announced and all(p.state == "ready" for p in processes):
                announced = True
                say(_invitation(processes))
            stop.wait(_TICK_SECONDS)
        say("stopping")
    finally:
        _stop(processes)
        workspace.up_file.unlink(missing_ok=True)
        for number, handler in before.items():
            signal.signal(number, handler)
    say("stopped")
    return 0


def _stop(processes: Sequence[Process]) -> None:
    """End each service once nothing that needs it runs: the reverse of the start."""
    running = list(processes)
    while running:
        needed = {name for process in running for name in process.service.needs}
        ending = [process for process in running if process.service.name not in needed]
        gone = [process for process in ending if process.stop()]
        running = [process for process in running if process not in gone]
        if not gone:
            time.sleep(_TICK_SECONDS / 4)


def down(workspace: Workspace) -> bool:
    """End the supervisor of a workspace and wait for it; False when none runs.

    Raises GenlabError when it does not end within two minutes.
    """
    running = read_service_file(workspace.up_file)
    if running is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(running["pid"], signal.SIGTERM)
    deadline = time.monotonic() + _DOWN_SECONDS
    while process_alive(running["pid"]):
        if time.monotonic() > deadline:
            raise GenlabError(
                f"process {running['pid']} still runs {_DOWN_SECONDS:g} s after SIGTERM: "
                f"see {workspace.logs}, or end it with kill -9"
            )
        time.sleep(0.05)
    return True


@contextmanager
def _alone(workspace: Workspace) -> Iterator[None]:
    """Hold the workspace's lock; the kernel lets go of it however this process ends."""
    with (workspace.folder / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            running = read_service_file(workspace.up_file)
            who = f" (process {running['pid']})" if running else ""
            raise GenlabError(
                f"`genlab up` already runs on {workspace.folder}{who}: "
                "use it, end it with `genlab down`, or choose another --workspace"
            ) from None
        yield


def _state(processes: Sequence[Process]) -> dict[str, object]:
    return {
        p.service.name: {
            "state": p.state,
            "pid": p.pid,
            "restarts": p.restarts,
            "address": p.service.address,
        }
        for p in processes
    }


def _invitation(processes: Sequence[Process]) -> str:
    address = processes[-1].service.address
    return f"everything runs{f': open {address}' if address else ''}; Ctrl-C ends all"


def _setter(event: threading.Event) -> Callable[[int, FrameType | None], None]:
    return lambda number, frame: event.set()


def _print(line: str) -> None:
    print(line, flush=True)

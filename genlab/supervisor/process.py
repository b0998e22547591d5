"""One service as a process: start, notice its end, start again after a pause, stop."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from genlab.supervisor.services import Service

_PAUSES = (0.2, 1.0, 2.0, 5.0, 10.0, 30.0)  # seconds before the 1st, 2nd, ... restart in a row
_STEADY_SECONDS = 60.0  # after so long without an end, the count starts anew
_LOG_BYTES = 10_000_000  # a longer log becomes NAME.log.1 when the service starts
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class Process:
    """Keeps one service running; ``step`` is called again and again and never waits long."""

    def __init__(self, service: Service, logs: Path, say: Callable[[str], None]):
        self.service = service
        self.log = logs / f"{service.name}.log"
        self.state = "waiting"  # waiting, starting, ready, stopping
        self.restarts = 0
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._asked = 0.0  # when its health was last asked
        self._answered = 0.0  # when it was last good
        self._not_before = 0.0
        self._in_a_row = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def step(self, ready: set[str]) -> None:
        """Start it when what it needs is ``ready``, see whether it answers, notice its end."""
        now = time.monotonic()
        if self._process is None:
            if now >= self._not_before and ready.issuperset(self.service.needs):
                self._start()
        elif (code := self._process.poll()) is not None:
            self._ended(code)
        elif self.state == "starting" or now - self._asked > self.service.patience / 6:
            self._ask(self._process)

    def stop(self) -> bool:
        """Ask it to end, kill it after its grace; call again until it says that it is gone."""
        if self._process is None:
            return True
        if self.state != "stopping":
            self.state = "stopping"
            self._started = time.monotonic()
            self._process.terminate()
        overdue = time.monotonic() - self._started > self.service.grace
        if self._process.poll() is None and not overdue:
            return False
        self._kill_group()  # nothing of its process group stays
        self._process.wait()
        self._process = None
        return True

    def _ask(self, process: "subprocess.Popen[bytes]") -> None:
        """Note whether it answers; one that did and no longer does is frozen, and killed."""
        self._asked = time.monotonic()
        if self.service.healthy(process.pid):
            if self.state == "starting":
                self.state = "ready"
                where = f" at {self.service.address}" if self.service.address else ""
                self._say(
                    f"{self.service.name}: ready{where} ({self._asked - self._started:.1f} s)"
                )
            self._answered = self._asked
        elif self._asked - self._answered > self.service.patience:
            silence = f"{self.service.name}: no answer for {self.service.patience:g} s"
            self._answered = self._asked
            if self.state == "starting":
                self._say(f"{silence} since it started; see {self.log}")
            else:
                self._say(f"{silence}, killed")
                self._kill_group()

    def _start(self) -> None:
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            # Its own session: a Ctrl-C in the terminal reaches the supervisor only, which then
            # ends the services in their order.
            self._process = subprocess.Popen(
                self.service.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.service.environment},
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()),
            )
        self.state = "starting"
        self._started = self._answered = time.monotonic()

    def _ended(self, code: int) -> None:
        self._kill_group()  # workers and flow runs of a service that was killed
        if time.monotonic() - self._started > _STEADY_SECONDS:
            self._in_a_row = 0
        pause = _PAUSES[min(self._in_a_row, len(_PAUSES) - 1)]
        self._in_a_row += 1
        self.restarts += 1
        self._not_before = time.monotonic() + pause
        self._process = None
        self.state = "waiting"
        self._say(f"{self.service.name}: {_ending(code)}; starts again in {pause:g} s")
        if code > 0 and (last := _last_line(self.log)):
            self._say(f"{self.service.name}: {last} (more in {self.log})")

    def _kill_group(self) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


def _die_with(parent: int) -> Callable[[], None]:
    """Run in the child before its program: SIGTERM when the supervisor is gone, however it went."""

    def prepare() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def _ending(code: int) -> str:
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"ended with code {code}"


def _last_line(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4000))
        lines = file.read().decode(errors="replace").splitlines()
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")

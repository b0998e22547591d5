"""A workspace under a real ``up``, for the tests that need everything running."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from genlab.store import Store, Workspace, connect
from genlab.store.workspace import read_service_file

_Answer = TypeVar("_Answer")
SETTINGS = """
[serve]
dashboard_port = 0
prefect_port = 0
dashboard_workers = 1
[training]
threads = 1
[model]
components = 8
latent_dim = 4
hidden = 16
[[flows.sources]]
name = "plant"
paths = ["{folder}/*.log"]
format = "text"
every_seconds = 4
"""
_UP = """
import sys
from genlab.config import load_settings
from genlab.store import Workspace
from genlab.supervisor import up
workspace = Workspace(sys.argv[1])
sys.exit(up(workspace, load_settings(workspace.folder)))
"""
_WORDS = ("pump pressure low", "disk failure", "link down", "user login failed", "fan stopped")


def wait_for(what: str, seconds: float, ask: Callable[[], _Answer]) -> _Answer:
    """Ask until the answer is true; fails naming ``what`` after ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {seconds:g} s")


def write_lines(path: Path, start: int, count: int) -> None:
    """Append messages; with the second word varied they make some 50 patterns."""
    fillers = ("north", "south", "east", "west", "roof", "cellar", "yard", "hall", "gate", "dock")
    with path.open("a") as file:
        for i in range(start, start + count):
            file.write(f"{_WORDS[i % 5]} at {fillers[i // 5 % 10]} value {i}\n")


def processes_of(workspace: Workspace) -> set[int]:
    """Every process of this machine that was started for the workspace (a zombie is none)."""
    mark = f"GENLAB_HOME={workspace.folder}".encode()
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.add(int(folder.name))
        except OSError:
            continue
    return found


class RunningDesk:
    """``up`` as a process of its own."""

    def __init__(self, folder: Path):
        self.logs = folder / "in"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.workspace = Workspace(folder / "workspace")
        (self.workspace.folder / "genlab.toml").write_text(SETTINGS.format(folder=self.logs))
        self.output = folder / "up.txt"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _UP, str(self.workspace.folder)],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
                | {"GENLAB_HOME": str(self.workspace.folder)},
            )

    def service(self, name: str) -> dict[str, Any]:
        up = read_service_file(self.workspace.up_file)
        return up["services"][name] if up else {"state": "down", "pid": None}

    def ready(self, *names: str) -> bool:
        return all(self.service(name)["state"] == "ready" for name in names)

    def kill(self, name: str) -> int:
        """SIGKILL a service and wait until another process answers in its place; its pid."""
        before = self.service(name)["pid"]
        os.kill(before, signal.SIGKILL)

        def another() -> int:
            service = self.service(name)
            fresh = service["state"] == "ready" and service["pid"] != before
            return service["pid"] if fresh else 0

        return wait_for(f"{name} restarted", 90, another)

    def connect(self) -> Store:
        return connect(self.workspace, may_own=False)

    def end(self) -> None:
        """SIGKILL whatever is left; tests that check the way down do not need it."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        while left := processes_of(self.workspace):
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

"""A workspace as browsers see it: an owner process and the dashboard under gunicorn."""

import contextlib
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from desk import wait_for

from genlab.store import Store, connect


class Served(NamedTuple):
    """A served workspace: where it lies, and its address."""

    folder: Path
    address: str

    def store(self) -> Store:
        """The store through its owner."""
        return connect(self.folder, may_own=False)


@contextlib.contextmanager
def serve(folder: Path, workers: int = 1, threads: int = 6) -> Iterator[str]:
    """Serve a closed workspace; the address."""
    with owner(folder), web(folder, workers, threads) as address:
        yield address


@contextlib.contextmanager
def owner(folder: Path) -> Iterator[None]:
    """The owner process alone."""
    with _process("genlab.store", str(folder), folder=folder):
        yield


@contextlib.contextmanager
def web(folder: Path, workers: int = 1, threads: int = 6) -> Iterator[str]:
    """The dashboard alone; the address."""
    bind = f"127.0.0.1:{free_port()}"
    command = ("gunicorn", "dashboard.wsgi:server", "-w", str(workers), "--threads", str(threads),
               "--no-control-socket", "-b", bind)  # fmt: skip
    address = f"http://{bind}"
    with _process(*command, folder=folder):
        wait_for("the dashboard", 120, lambda: _answers(address))
        yield address


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def _process(*arguments: str, folder: Path) -> Iterator[None]:
    environment = {**os.environ, "GENLAB_HOME": str(folder), "OMP_NUM_THREADS": "1"}
    started = subprocess.Popen(
        [sys.executable, "-m", *arguments], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        started.terminate()
        started.wait(20)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address + "/_health", timeout=2) as response:
            return response.status == 200
    except OSError:
        return False

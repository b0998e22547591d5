"""A workspace as browsers see it: an owner process and the dashboard under gunicorn."""

import contextlib
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from desk import wait_for


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a closed workspace; the address."""
    with owner(folder), web(folder) as address:
        yield address


@contextlib.contextmanager
def owner(folder: Path) -> Iterator[None]:
    """The owner process alone."""
    with _process("genlab.store", str(folder), folder=folder):
        yield


@contextlib.contextmanager
def web(folder: Path) -> Iterator[str]:
    """The dashboard alone; the address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ("gunicorn", "dashboard.wsgi:server", "-w", "1", "--threads", "6",
               "--no-control-socket", "-b", f"127.0.0.1:{port}")  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    with _process(*command, folder=folder):
        wait_for("the dashboard", 90, lambda: _answers(address))
        yield address


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

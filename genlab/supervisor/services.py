"""The services of a workspace: command, environment, and how to ask each whether it answers."""

import json
import os
import socket
import sys
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pyarrow as pa
import pyarrow.flight as flight

from genlab.config import ServeSettings, Settings, load_settings
from genlab.errors import ConfigError
from genlab.resources import resource
from genlab.store import Workspace
from genlab.store.workspace import read_service_file

_LOOPBACK = "127.0.0.1"
_SECONDS = 2.0  # what a health check may take


class Service(NamedTuple):
    """One process to keep running."""

    name: str
    command: list[str]
    healthy: Callable[[int], bool]  # asked with the pid: does it answer?
    needs: tuple[str, ...] = ()  # services that must answer before it starts
    grace: float = 10.0  # seconds from SIGTERM to SIGKILL
    patience: float = 60.0  # seconds without an answer after which it counts as frozen
    address: str = ""  # where a person finds it
    environment: Mapping[str, str] = MappingProxyType({})  # on top of the supervisor's own


def services(workspace: Workspace, settings: Settings) -> list[Service]:
    """Owner, Prefect server, flow runner, scorer, dashboard, in the order they start.

    Raises ConfigError when a port is taken; a port of 0 becomes one that is free.
    """
    serve = settings.serve
    prefect_port = _port("prefect_port", _LOOPBACK, serve.prefect_port)
    dashboard_port = _port("dashboard_port", serve.host, serve.dashboard_port)
    prefect = f"http://{_LOOPBACK}:{prefect_port}"
    shown = _LOOPBACK if serve.host in ("0.0.0.0", "::") else serve.host  # noqa: S104
    dashboard = f"http://{shown}:{dashboard_port}"
    environment = _environment(workspace, settings, prefect)
    python, folder = sys.executable, str(workspace.folder)
    return [
        Service(
            "owner",
            [python, "-m", "genlab.store", folder],
            _answers_ping(workspace, workspace.owner_file),
            environment=environment,
        ),
        Service(
            "prefect",
            [
                *(python, "-m", "prefect", "server", "start"),
                *("--host", _LOOPBACK, "--port", str(prefect_port)),
            ],
            _answers_http(f"{prefect}/api/health"),
            address=prefect,
            environment=environment,
        ),
        Service(
            "flows",
            [python, "-m", "flows.runner", folder],
            _wrote(workspace.folder / "flows.json"),
            needs=("owner", "prefect"),
            grace=40.0,  # a training ends at its next safe point
            environment=environment,
        ),
        Service(
            "scorer",
            [python, "-m", "genlab.scorer", folder],
            _answers_ping(workspace, workspace.scorer_file),
            needs=("owner",),
            environment=environment,
        ),
        Service(
            "dashboard",
            _gunicorn(python, serve, dashboard_port),
            _answers_http(f"{dashboard}/"),
            needs=("owner",),
            address=dashboard,
            # Its products of matrices are small: a second thread costs more than it brings, and
            # labels are learnt beside answers (2,000 patterns, 500 labels: 0.3 CPU s, not 7).
            environment=environment | {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")},
        ),
    ]


def _gunicorn(python: str, serve: ServeSettings, port: int) -> list[str]:
    return [
        *(python, "-m", "gunicorn", "dashboard.wsgi:server"),
        *("--bind", f"{serve.host}:{port}"),
        *("--workers", str(serve.dashboard_workers)),
        *("--threads", str(serve.dashboard_threads)),
        *("--graceful-timeout", "5", "--no-control-socket"),
    ]


def _environment(workspace: Workspace, settings: Settings, prefect: str) -> dict[str, str]:
    """What the services inherit: the workspace, the settings in force, Prefect kept quiet."""
    return {
        "GENLAB_HOME": str(workspace.folder),
        "GENLAB_SET": "\n".join(_overrides(workspace, settings)),
        "PYTHONUNBUFFERED": "1",
        **_read_env(resource("config/prefect.env")),
        "PREFECT_API_URL": f"{prefect}/api",
        "PREFECT_HOME": str(workspace.folder / "prefect"),
        "PREFECT_RUNNER_POLL_FREQUENCY": str(settings.flows.runner_poll_seconds),
    }


def _read_env(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if line.strip() and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _overrides(workspace: Workspace, settings: Settings) -> list[str]:
    """The overrides that turn the workspace's own settings into the ones in force."""
    own = load_settings(workspace.folder).model_dump()
    inherited = os.environ.get("GENLAB_SET", "").splitlines()
    return inherited + [
        f"{section}.{name}={json.dumps(value)}"
        for section, values in settings.model_dump().items()
        for name, value in values.items()
        if value != own[section][name]
    ]


def _port(setting: str, host: str, port: int) -> int:
    """The port, or a free one for 0; ConfigError when somebody listens there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"serve.{setting} = {port}: cannot listen on {host}:{port} "
                f"({error.strerror or error}): stop what uses it, choose another port with "
                f"--set serve.{setting}=N, or 0 for a free one"
            ) from None
        return probe.getsockname()[1]


def _answers_ping(workspace: Workspace, file: Path) -> Callable[[int], bool]:
    def healthy(pid: int) -> bool:
        service = read_service_file(file)
        if service is None or service["pid"] != pid:
            return False
        headers = [(b"authorization", f"Bearer {workspace.token()}".encode())]
        options = flight.FlightCallOptions(timeout=_SECONDS, headers=headers)
        try:
            with flight.FlightClient(f"grpc://{_LOOPBACK}:{service['port']}") as client:
                return bool(list(client.do_action(flight.Action("ping", b""), options)))
        except (pa.ArrowException, OSError):
            return False

    return healthy


def _answers_http(url: str) -> Callable[[int], bool]:
    def healthy(pid: int) -> bool:
        try:
            with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310
                return answer.status == 200
        except OSError:
            return False

    return healthy


def _wrote(file: Path) -> Callable[[int], bool]:
    def healthy(pid: int) -> bool:
        service = read_service_file(file)
        return service is not None and service["pid"] == pid

    return healthy

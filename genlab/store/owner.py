"""The owner: the one process that holds the database file, serving it over Arrow Flight.

``python -m genlab.store WORKSPACE`` runs it alone; :func:`genlab.store.connect` makes one
inside a command when none runs.
"""

import contextlib
import json
import signal
import struct
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.flight as flight

from genlab.config import StoreSettings, load_settings
from genlab.errors import GenlabError
from genlab.store.engine import Engine
from genlab.store.wire import decode_request
from genlab.store.workspace import Workspace, write_service_file

_IDLE_SECONDS = 5.0


class TokenCheck(flight.ServerMiddlewareFactory):
    """Refuses calls without the workspace's bearer token."""

    def __init__(self, token: str):
        self._expected = f"Bearer {token}"

    def start_call(self, info: Any, headers: dict[str, list[str]]) -> None:
        found = headers.get("authorization", [""])[0]
        if found != self._expected:
            raise flight.FlightUnauthenticatedError("the bearer token is missing or wrong")


class _Server(flight.FlightServerBase):
    def __init__(self, engine: Engine, token: str):
        super().__init__("grpc://127.0.0.1:0", middleware={"token": TokenCheck(token)})
        self._engine = engine
        self.last_write = time.monotonic()

    def do_get(self, context: Any, ticket: flight.Ticket) -> flight.RecordBatchStream:
        with _as_flight_error():
            name, params, _, _ = decode_request(ticket.ticket)
            return flight.RecordBatchStream(self._engine.read(name, params))

    def do_action(self, context: Any, action: flight.Action) -> Iterator[bytes]:
        with _as_flight_error():
            if action.type == "ping":
                answer: dict[str, Any] = {"ok": True}
            elif action.type == "write":
                name, params, inputs, key = decode_request(action.body)
                answer = self._engine.write(name, params, inputs, key)
                self.last_write = time.monotonic()
            elif action.type == "backup":
                self._engine.backup(Path(json.loads(bytes(action.body))["target"]))
                answer = {"ok": True}
            else:
                raise GenlabError(f"no action {action.type!r}; known: ping, write, backup")
        return iter([json.dumps(answer, default=str).encode()])


class Owner:
    """An engine and its Flight server; ``close`` lets go of both."""

    def __init__(self, workspace: Workspace, settings: StoreSettings):
        self.engine = Engine(workspace.database, settings.checkpoint_threshold, workspace.backups)
        self._workspace = workspace
        self._server = _Server(self.engine, workspace.token())
        self._closing = threading.Event()
        write_service_file(workspace.owner_file, port=self._server.port)
        threading.Thread(target=self._checkpoint_when_idle, daemon=True).start()

    def _checkpoint_when_idle(self) -> None:
        while not self._closing.wait(_IDLE_SECONDS):
            if time.monotonic() - self._server.last_write > _IDLE_SECONDS:
                self.engine.checkpoint()

    def close(self) -> None:
        """Stop serving (calls under way finish), then fold the log in and release the file."""
        self._closing.set()
        self._workspace.owner_file.unlink(missing_ok=True)
        self._server.shutdown()
        self.engine.close()


@contextlib.contextmanager
def _as_flight_error() -> Iterator[None]:
    try:
        yield
    except GenlabError as error:
        raise flight.FlightServerError(str(error)) from None
    except (ValueError, KeyError, TypeError, struct.error, pa.ArrowException) as error:
        raise flight.FlightServerError(f"a malformed request: {error}") from None


def main(folder: str) -> None:
    """Own the workspace until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        workspace = Workspace(folder)
        owner = Owner(workspace, load_settings(workspace.folder).store)
    except GenlabError as error:
        sys.exit(str(error))
    print(f"owner of {workspace.database} ready", flush=True)
    stop.wait()
    owner.close()

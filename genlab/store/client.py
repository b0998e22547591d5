"""``Store``: what everyone else holds.  Finds the owner, or becomes it; repeats what got lost."""

import json
import random
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.flight as flight

from genlab.config import StoreSettings
from genlab.errors import StoreError, StoreUnavailable
from genlab.store.owner import Owner
from genlab.store.wire import encode_request
from genlab.store.workspace import Workspace, read_service_file

_Answer = TypeVar("_Answer")
# What a dying, dead or frozen owner looks like from here.
_LOST = (
    flight.FlightUnavailableError,
    flight.FlightTimedOutError,
    flight.FlightCancelledError,
    flight.FlightInternalError,
)


class Store:
    """Named reads and writes on a workspace.

    ``may_own``: when no owner runs (and no ``genlab up`` is there to restart one), become the
    owner until ``close``.  Usable from many threads.  Every call either answers, raises StoreError
    (the operation was refused), or StoreUnavailable after ``retry_seconds`` without an owner.
    """

    def __init__(self, workspace: Workspace, settings: StoreSettings, may_own: bool = True):
        self.workspace = workspace
        self._settings = settings
        self._may_own = may_own
        self._owner: Owner | None = None
        self._client: flight.FlightClient | None = None
        self._finding = threading.Lock()
        self._options = flight.FlightCallOptions(
            timeout=settings.timeout_seconds,
            headers=[(b"authorization", f"Bearer {workspace.token()}".encode())],
        )

    def read(self, name: str, /, **params: Any) -> pa.Table:
        """The rows a named read of sql/ answers, e.g. ``read("patterns.count")``."""

        def over_flight(client: flight.FlightClient) -> pa.Table:
            ticket = flight.Ticket(encode_request(name, params))
            return client.do_get(ticket, self._options).read_all()

        return self._call(lambda owner: owner.engine.read(name, params), over_flight)

    def rows(self, name: str, /, **params: Any) -> list[dict[str, Any]]:
        """The same as dictionaries: for small answers."""
        return self.read(name, **params).to_pylist()

    def write(
        self,
        name: str,
        /,
        inputs: Mapping[str, pa.Table] | None = None,
        key: str | None = None,
        **params: Any,
    ) -> dict[str, Any]:
        """Run a named write; what it answers.  Answered means on disk; repeated never doubles."""
        key = key or uuid.uuid4().hex

        def over_flight(client: flight.FlightClient) -> dict[str, Any]:
            body = encode_request(name, params, inputs, key)
            return self._action(client, "write", body)

        return self._call(lambda owner: owner.engine.write(name, params, inputs, key), over_flight)

    def backup(self, target: Path) -> None:
        """Copy the database, as of one moment, to ``target`` on the owner's machine."""
        body = json.dumps({"target": str(target)}).encode()
        self._call(
            lambda owner: owner.engine.backup(target),
            lambda client: self._action(client, "backup", body),
        )

    def owned_elsewhere(self) -> bool:
        """Whether another process owns the file."""
        self.read("checks.alive")
        return self._owner is None

    def close(self) -> None:
        """Let go of the connection and, when this process became the owner, of the file."""
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._owner is not None:
            self._owner.close()
            self._owner = None

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _action(self, client: flight.FlightClient, kind: str, body: bytes) -> dict[str, Any]:
        results = list(client.do_action(flight.Action(kind, body), self._options))
        return json.loads(results[0].body.to_pybytes())

    def _call(
        self,
        here: Callable[[Owner], _Answer],
        there: Callable[[flight.FlightClient], _Answer],
    ) -> _Answer:
        deadline = time.monotonic() + self._settings.retry_seconds
        lost = False
        client = None
        while True:
            try:
                if self._owner is not None:
                    return here(self._owner)
                client = self._client or self._find(deadline, lost)
                if client is None:
                    continue  # this process became the owner
                return there(client)
            except _LOST as error:
                with self._finding:
                    if self._client is client:
                        self._client = None
                lost = True
                if time.monotonic() > deadline:
                    raise StoreUnavailable(
                        f"the owner of {self.workspace.folder} does not answer ({_short(error)}): "
                        "is `genlab up` running? try `genlab doctor`"
                    ) from None
                time.sleep(0.05 + 0.1 * random.random())
            except flight.FlightUnauthenticatedError:
                raise StoreError(
                    f"the owner refuses the token in {self.workspace.folder}/owner.token: "
                    "was the workspace copied while it ran? run `genlab down`, then `genlab up`"
                ) from None
            except (flight.FlightServerError, pa.ArrowException) as error:
                raise StoreError(_short(error)) from None

    def _find(self, deadline: float, lost: bool) -> flight.FlightClient | None:
        """A client of the running owner; None when this process is or became the owner.

        ``lost``: the owner named in the workspace did not answer a moment ago, so its file may be
        stale; DuckDB's own lock on the database decides.
        """
        with self._finding:
            while True:
                if self._owner is not None or self._client is not None:
                    return self._client
                service = read_service_file(self.workspace.owner_file)
                if (service is None or lost) and self._may_own and not self.workspace.supervised():
                    try:
                        self._owner = Owner(self.workspace, self._settings)
                        return None
                    except StoreUnavailable:
                        pass  # another process holds the file; it will say where it listens
                if service is not None:
                    self._client = flight.FlightClient(f"grpc://127.0.0.1:{service['port']}")
                    return self._client
                if time.monotonic() > deadline:
                    raise StoreUnavailable(
                        f"no owner runs for {self.workspace.folder} and none appeared in "
                        f"{self._settings.retry_seconds:g} s: start `genlab up`, or `genlab doctor`"
                    )
                time.sleep(0.05)


def _short(error: Exception) -> str:
    # Flight appends client-side context that means nothing to a person.
    return str(error).split(". Detail:")[0].split(". gRPC client debug context")[0]

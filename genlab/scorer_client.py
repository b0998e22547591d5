"""Asking the scorer that ``genlab up`` keeps warm; torch is loaded only when there is none."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.flight as flight

from genlab.config import Settings
from genlab.errors import GenlabError, NotReady, StoreUnavailable
from genlab.store import Workspace, connect
from genlab.store.workspace import read_service_file

_SECONDS = 120.0  # the first question waits until encoder and model are loaded


def ask(
    workspace: Workspace, records: Sequence[dict[str, Any] | str], timeout: float = _SECONDS
) -> list[dict[str, Any]]:
    """The scorer's answers, one per record; see ``pipeline.predict.Predictor.predict``.

    Raises StoreUnavailable when no scorer answers within ``timeout`` seconds, NotReady before the
    first model version, GenlabError with the scorer's own words when it refuses a record.
    """
    service = read_service_file(workspace.scorer_file)
    if service is None:
        raise StoreUnavailable(f"no scorer runs for {workspace.folder}: start `genlab up`")
    headers = [(b"authorization", f"Bearer {workspace.token()}".encode())]
    options = flight.FlightCallOptions(timeout=timeout, headers=headers)
    body = json.dumps({"records": list(records)}, default=str).encode()
    try:
        with flight.FlightClient(f"grpc://127.0.0.1:{service['port']}") as client:
            (result,) = client.do_action(flight.Action("predict", body), options)
            answer = json.loads(result.body.to_pybytes())
    except (pa.ArrowException, OSError) as error:
        raise StoreUnavailable(
            f"the scorer of {workspace.folder} does not answer ({type(error).__name__}): "
            f"see {workspace.logs / 'scorer.log'}"
        ) from None
    if "error" in answer:
        kind = NotReady if answer["kind"] == NotReady.__name__ else GenlabError
        raise kind(answer["error"])
    return answer["predictions"]


@contextmanager
def predictor(
    workspace: Workspace, settings: Settings
) -> Iterator[Callable[[Sequence[dict[str, Any] | str]], list[dict[str, Any]]]]:
    """``with predictor(...) as predict``: asks the scorer; loads encoder and model in this process,
    once, when none runs."""
    if read_service_file(workspace.scorer_file) is not None:
        yield lambda records: ask(workspace, records)
        return
    from genlab.pipeline.predict import Predictor

    with connect(workspace, settings.store) as store:
        yield Predictor(store, settings).predict

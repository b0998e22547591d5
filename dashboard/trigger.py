"""Starting and cancelling flow runs: the dashboard's only door to Prefect.

Prefect is imported inside the functions: it takes more than a second, and most pages need it not.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from genlab.errors import GenlabError


def start(deployment: str, parameters: dict[str, Any] | None = None) -> str:
    """Start a run of a deployment and return at once; the flow run's id.

    ``deployment``: "train", "retrain", "embed", "score", "maintain", or "ingest/NAME" for a
    source.  Raises GenlabError when Prefect's server is down or knows no such deployment.
    """
    from prefect.deployments import run_deployment
    from prefect.exceptions import ObjectNotFound

    name = deployment if "/" in deployment else f"{deployment}/{deployment}"
    with _server(f"start {deployment}"):
        try:
            # _sync: on a thread with a running event loop it would return a coroutine instead.
            options: Any = {"timeout": 0, "as_subflow": False, "_sync": True}
            run: Any = run_deployment(name, parameters=parameters or {}, **options)
        except ObjectNotFound:
            raise GenlabError(
                f"cannot start {deployment}: no deployment {name!r}; does the flow runner run? "
                "see `genlab status`"
            ) from None
    return str(run.id)


def cancel(flow_run_id: str) -> None:
    """Ask a flow run to stop; one that has not begun never begins, one that ended stays as it is.

    Raises GenlabError when Prefect's server is down or knows no such run.
    """
    from prefect import get_client
    from prefect.exceptions import ObjectNotFound
    from prefect.states import Cancelled, Cancelling

    with _server(f"cancel {flow_run_id}"), get_client(sync_client=True) as client:
        try:
            run = client.read_flow_run(UUID(flow_run_id))
        except ObjectNotFound:
            raise GenlabError(f"cannot cancel: no flow run {flow_run_id}") from None
        if run.state is None or run.state.is_final():
            return
        begun = not run.state.is_scheduled()
        client.set_flow_run_state(run.id, Cancelling() if begun else Cancelled())


@contextmanager
def _server(what: str) -> Iterator[None]:
    if not os.environ.get("PREFECT_API_URL"):  # Prefect would start a server of its own
        raise GenlabError(f"cannot {what}: flows run under `genlab up`, which is not running")

    import httpx
    from prefect.exceptions import PrefectException

    try:
        yield
    except (httpx.HTTPError, PrefectException, RuntimeError, ValueError) as error:
        raise GenlabError(
            f"cannot {what}: Prefect's server does not answer as expected ({error}); "
            "is `genlab up` running?"
        ) from error

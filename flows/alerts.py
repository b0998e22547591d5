"""Alert rules, on a schedule and after each scoring."""

from typing import Any

from prefect import flow

from flows.stage import opened
from genlab.pipeline.alerts import run_alerts


@flow(name="alerts")
def alerts() -> dict[str, Any]:
    """Look at every rule, send what is due; no job of its own: mostly there is nothing to tell."""
    return tell_alerts()


def tell_alerts() -> dict[str, Any]:
    """The work of ``alerts``, as a part of other flows too."""
    with opened() as (store, settings):
        return run_alerts(store, settings)._asdict()

"""Jobs: what runs, what ran, how it ended, what comes next."""

from typing import Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.exceptions import PreventUpdate

from dashboard import ids, parts, trigger
from dashboard.foot import cancel_job
from dashboard.notes import note
from dashboard.pages.jobs_detail import (
    detail,
    is_settled,
    schedules_table,
    service_log,
    service_names,
)
from dashboard.pages.jobs_table import jobs_table, latest
from dashboard.selection import stepped
from dashboard.state import Desk
from genlab.errors import GenlabError

PATH, NAME = "/jobs", "Jobs"


def layout(desk: Desk, search: str) -> Any:
    """The latest jobs, the schedules, the services' logs; one job on the right."""
    names = service_names(desk)
    return html.Div(
        [
            dcc.Store(id=ids.JOBS_EVENT),
            dcc.Store(id=ids.JOBS_CHOSEN),
            html.Main(
                [
                    html.Div([html.H1("Jobs")], className="gl-head"),
                    html.Div(id=ids.JOBS_STATUS),
                    html.Section(jobs_table(latest(desk)), id=ids.JOBS_TABLE, className="gl-card"),
                    parts.card(
                        "Schedules",
                        html.Div(schedules_table(desk, None, ""), id=ids.JOBS_SCHEDULES),
                    ),
                    html.Section(
                        [
                            html.Div(
                                [
                                    html.H2("Service logs"),
                                    html.Div(
                                        dbc.RadioItems(names, names[0] if names else None,
                                                       inline=True, id=ids.JOBS_FILE),
                                        role="radiogroup",
                                        **parts.attributes({"aria-label": "which service"}),
                                    ),
                                ],
                                className="gl-between",
                            ),
                            html.Div(service_log(desk, names[0] if names else None),
                                     id=ids.JOBS_LOG),
                        ],
                        className="gl-card",
                    ),
                ],
                className="gl-main gl-stack",
            ),
            html.Aside(html.Section(id=ids.JOBS_DETAIL), className="gl-panel"),
        ],
        style={"display": "contents"},
        **parts.listens(ids.JOBS_EVENT),
    )  # fmt: skip


def register(app: Dash, desk: Desk) -> None:
    """Keep the table fresh; choose, cancel, start; logs."""

    @app.callback(
        Output(ids.JOBS_TABLE, "children"),
        Input(ids.TICK, "n_intervals"),
        Input(ids.JOBS_CHOSEN, "data"),
        prevent_initial_call=True,
    )
    def refresh(_: int, chosen: str | None) -> Any:
        return jobs_table(latest(desk), chosen=chosen)

    @app.callback(
        Output(ids.JOBS_STATUS, "children"),
        Output(ids.JOBS_CHOSEN, "data"),
        Input(ids.JOBS_EVENT, "data"),
        State(ids.JOBS_CHOSEN, "data"),
        prevent_initial_call=True,
    )
    def event(event: dict | None, chosen: str | None) -> tuple[Any, Any]:
        if not event:
            raise PreventUpdate
        if event.get("act") == "choose":
            return no_update, event["value"]
        if event.get("act") == "cancel":
            cancel_job(desk, event["value"])
            return note("Asked it to stop; it ends at its next batch."), event["value"]
        if event.get("act") == "start":
            trigger.start(event["value"])
            return note(f"Asked for a run of {event['value']}."), no_update
        if event.get("key") in ("j", "k"):
            return no_update, neighbour(desk, chosen, 1 if event["key"] == "j" else -1)
        raise PreventUpdate

    @app.callback(
        Output(ids.JOBS_DETAIL, "children"),
        Output(ids.JOBS_DETAIL, "data-settled"),
        Input(ids.JOBS_CHOSEN, "data"),
        Input(ids.TICK, "n_intervals"),
        State(ids.JOBS_DETAIL, "data-settled"),
    )
    def show(chosen: str | None, _: int, before: str | None) -> tuple[Any, Any]:
        found = desk.store.rows("jobs.get", job_id=chosen) if chosen else []
        if not found:
            return html.P("Choose a job to see what it said.", className="gl-hint"), None
        settled = chosen if is_settled(found[0]) else None
        if settled and settled == before:
            raise PreventUpdate  # it says nothing new
        return detail(found[0]), settled

    @app.callback(
        Output(ids.JOBS_SCHEDULES, "children"),
        Input(ids.JOBS_SCHEDULES, "id"),
        Input(ids.JOBS_STATUS, "children"),
    )
    def planned(_: str, __: Any) -> Any:
        try:
            return schedules_table(desk, trigger.schedules(), "")
        except GenlabError as error:
            return schedules_table(desk, None, str(error))

    @app.callback(
        Output(ids.JOBS_LOG, "children"),
        Input(ids.JOBS_FILE, "value"),
        Input(ids.TICK, "n_intervals"),
        prevent_initial_call=True,
    )
    def tail(name: str | None, _: int) -> Any:
        return service_log(desk, name)


def neighbour(desk: Desk, chosen: str | None, step: int) -> str:
    """The job under or over the chosen one."""
    known = [job["job_id"] for job in latest(desk)]
    if not known:
        raise PreventUpdate
    return stepped(known, chosen, step)

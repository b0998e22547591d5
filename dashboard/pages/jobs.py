"""Jobs: what runs, what ran, how it ended."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from dash import Dash, Input, Output, dcc, html
from dash.exceptions import PreventUpdate

from dashboard import ids, parts
from dashboard.foot import cancel_job
from dashboard.state import Desk

PATH, NAME = "/jobs", "Jobs"
_LATEST = 50

_STATUS = {
    "running": "known",
    "cancelling": "between",
    "done": "unnamed",
    "failed": "novel",
    "cancelled": "between",
}


def layout(desk: Desk, search: str) -> Any:
    """The latest jobs."""
    return html.Main(
        [
            dcc.Store(id=ids.JOBS_EVENT),
            html.Div([html.H1("Jobs")], className="gl-head"),
            html.Div(id=ids.JOBS_STATUS),
            html.Section(jobs_table(latest(desk)), id=ids.JOBS_TABLE, className="gl-card"),
        ],
        className="gl-main gl-stack",
        **parts.attributes({"data-genlab-events": ids.JOBS_EVENT}),
    )


def register(app: Dash, desk: Desk) -> None:
    """Keep the table fresh; cancel."""

    @app.callback(
        Output(ids.JOBS_TABLE, "children"),
        Input(ids.TICK, "n_intervals"),
        prevent_initial_call=True,
    )
    def refresh(_: int) -> Any:
        return jobs_table(latest(desk))

    @app.callback(
        Output(ids.JOBS_STATUS, "children"),
        Output(ids.JOBS_TABLE, "children", allow_duplicate=True),
        Input(ids.JOBS_EVENT, "data"),
        prevent_initial_call=True,
    )
    def event(event: dict | None) -> tuple[Any, Any]:
        if not event or event.get("act") != "cancel":
            raise PreventUpdate
        cancel_job(desk, event["value"])
        told = html.Div("Asked it to stop; it ends at its next batch.", className="gl-note")
        return told, jobs_table(latest(desk))


def latest(desk: Desk, limit: int = _LATEST) -> list[dict[str, Any]]:
    """The latest jobs, newest first."""
    return desk.store.rows("jobs.list", limit=limit)


def jobs_table(jobs: Sequence[dict[str, Any]], now: datetime | None = None) -> Any:
    """A row per job: kind, status, progress, duration, what it says."""
    if not jobs:
        return parts.empty("No job has run yet.", "genlab ingest PATH…")
    now = now or datetime.now(UTC).replace(tzinfo=None)
    return parts.table(
        ["job", "status", "progress", "", "started", "took", "what it says", ""],
        [
            [
                html.B(job["kind"]),
                html.Span(job["status"], className=f"gl-pill gl-pill-{_STATUS[job['status']]}"),
                html.Div(parts.progress(job["done"], job["total"]), className="gl-bar"),
                amount(job),
                parts.ago(job["started_at"], now),
                parts.elapsed(((job["finished_at"] or now) - job["started_at"]).total_seconds()),
                html.Div(job["detail"], className="gl-reason", title=job["detail"]),
                parts.button("cancel", "cancel", job["job_id"], "gl-button-danger")
                if job["status"] == "running"
                else "",
            ]
            for job in jobs
        ],
        numeric=(3, 5),
    )


def amount(job: dict[str, Any]) -> str:
    """Progress in figures: "3 / 5", "412" without a known total."""
    if job["total"]:
        return f"{job['done']:,.0f} / {job['total']:,.0f}"
    return f"{job['done']:,.0f}" if job["done"] else ""

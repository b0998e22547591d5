"""Jobs as a table: the Jobs page and the Overview show it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from dash import html

from dashboard import parts
from dashboard.state import Desk

_LATEST = 50

_STATUS = {
    "running": "known",
    "cancelling": "between",
    "done": "unnamed",
    "failed": "novel",
    "cancelled": "between",
}


def latest(desk: Desk, limit: int = _LATEST) -> list[dict[str, Any]]:
    """The latest jobs, newest first."""
    return desk.store.rows("jobs.list", limit=limit)


def status_pill(status: str) -> Any:
    """How a job stands."""
    return html.Span(status, className=f"gl-pill gl-pill-{_STATUS[status]}")


def jobs_table(
    jobs: Sequence[dict[str, Any]], now: datetime | None = None, chosen: str | None = None
) -> Any:
    """A row per job: kind, status, progress, duration, what it says."""
    if not jobs:
        return parts.empty("No job has run yet.", "genlab ingest PATH…")
    now = now or datetime.now(UTC).replace(tzinfo=None)
    heads = [("job", ""), ("status", ""), ("progress", ""), ("", "gl-num"), ("started", ""),
             ("took", "gl-num"), ("what it says", ""), ("", "")]  # fmt: skip
    return html.Table(
        [
            html.Thead(html.Tr([html.Th(name, className=style) for name, style in heads])),
            html.Tbody([_row(job, now, job["job_id"] == chosen) for job in jobs]),
        ],
        className="gl-table gl-choose",
    )


def _row(job: dict[str, Any], now: datetime, chosen: bool) -> Any:
    choose = parts.attributes({"data-act": "choose", "data-value": job["job_id"]})
    took = ((job["finished_at"] or now) - job["started_at"]).total_seconds()
    cancel = parts.button("cancel", "cancel", job["job_id"], "gl-button-danger")
    bar = parts.progress(job["done"], job["total"]) if job["total"] else ""
    return html.Tr(
        [
            html.Td(html.Button(html.B(job["kind"]), className="gl-plain", type="button",
                                **choose)),
            html.Td(status_pill(job["status"])),
            html.Td(html.Div(bar, className="gl-bar")),
            html.Td(amount(job), className="gl-num"),
            html.Td(parts.ago(job["started_at"], now)),
            html.Td(parts.elapsed(took), className="gl-num"),
            html.Td(html.Div(job["detail"], className="gl-reason", title=job["detail"]),
                    className="gl-wide"),
            html.Td(cancel if job["status"] == "running" else ""),
        ],
        **choose,
        **parts.attributes({"aria-selected": "true" if chosen else "false"}),
    )  # fmt: skip


def amount(job: dict[str, Any]) -> str:
    """Progress in figures: "3 / 5", "412" without a known total."""
    if job["total"]:
        return f"{job['done']:,.0f} / {job['total']:,.0f}"
    return f"{job['done']:,.0f}" if job["done"] else ""

"""One job with its log; what runs by itself; the logs of the services."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dash import dcc, html

from dashboard import parts, trigger
from dashboard.pages.jobs_table import amount, status_pill
from dashboard.state import Desk
from genlab.errors import GenlabError

_LINES, _TAIL_BYTES = 200, 32_000
_LATE = timedelta(seconds=15)  # Prefect sends log lines every few seconds


def is_settled(job: dict[str, Any]) -> bool:
    """Whether a job has ended, and so long ago that its last lines have arrived."""
    return job["finished_at"] is not None and _now() - job["finished_at"] > _LATE


def detail(job: dict[str, Any]) -> Any:
    """All that is known of a job."""
    version = job["version"]
    seconds = (job["finished_at"] or _now()) - job["started_at"]
    facts: list[tuple[str, Any]] = [
        ("status", status_pill(job["status"])),
        ("progress", amount(job) or "–"),
        ("started", parts.ago(job["started_at"])),
        ("took", parts.elapsed(seconds.total_seconds())),
        ("process", f"{job['pid']} on {job['host']}"),
        ("version", dcc.Link(f"v{version}", href="/train") if version else "–"),
        ("job", html.Code(job["job_id"])),
    ]
    return html.Div(
        [
            html.H2(job["kind"]),
            html.Dl(
                [each for name, value in facts for each in (html.Dt(name), html.Dd(value))],
                className="gl-definition",
            ),
            parts.text(job["detail"], 2_000) if job["detail"] else "",
            html.H3("log"),
            _log(job),
        ],
        className="gl-stack-small",
    )


def _log(job: dict[str, Any]) -> Any:
    if not job["flow_run_id"]:
        said = "Started from a command line: it printed there, and keeps no log here."
        return html.P(said, className="gl-hint")
    try:
        lines = trigger.log_of(job["flow_run_id"], _LINES)
    except GenlabError as error:
        return html.P(str(error), className="gl-hint")
    if not lines:
        return html.P("It logged nothing.", className="gl-hint")
    return _end_of(
        [
            html.Div(
                [
                    html.Span(f"{line.at:%H:%M:%S} ", title=f"{line.at:%Y-%m-%d %H:%M:%S} UTC"),
                    line.message,
                ],
                className="gl-alarm" if line.level >= logging.ERROR else None,
            )
            for line in lines
        ]
    )


def _end_of(lines: Any) -> Any:
    """A log that shows its last lines first of all."""
    inner = html.Div(lines, className="gl-text")
    return html.Div(inner, className="gl-log gl-log-end", tabIndex="0")


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def schedules_table(
    desk: Desk, found: Sequence[trigger.Scheduled] | None, problem: str
) -> list[Any]:
    """What runs by itself: as planned by the flow runner, else as configured."""
    if found is None:
        planned = [trigger.Scheduled(name, every, None) for name, every in configured(desk)]
    else:
        planned = list(found)
    rows = [
        [
            html.B(_short(each.name)),
            f"every {parts.elapsed(each.every.total_seconds())}",
            parts.ago(each.next_run) if each.next_run else html.Span("–", className="gl-hint"),
            parts.button("run now", "start", each.name) if found is not None else "",
        ]
        for each in planned
    ]
    table = parts.table(["flow", "runs", "next", ""], rows)
    return [table, html.P(problem, className="gl-hint")] if problem else [table]


def _short(name: str) -> str:
    """Of flow/deployment one, where both have one name."""
    flow, _, deployment = name.partition("/")
    return flow if flow == deployment else name


def configured(desk: Desk) -> list[tuple[str, timedelta]]:
    """The schedules that the settings ask for."""
    flows = desk.settings.flows
    listed = [(f"ingest/{each.name}", timedelta(seconds=each.every_seconds))
              for each in flows.sources]  # fmt: skip
    every = timedelta(minutes=flows.maintain_every_minutes)
    return [*listed, ("maintain/maintain", every)]


def service_names(desk: Desk) -> list[str]:
    """The services that `genlab up` keeps a log of."""
    return sorted(path.stem for path in desk.workspace.logs.glob("*.log"))


def service_log(desk: Desk, name: str | None) -> Any:
    """The end of a service's log, and where the whole of it is."""
    if name is None or name not in service_names(desk):
        said = f"None yet: genlab up writes them to {desk.workspace.logs}."
        return html.P(said, className="gl-hint")
    path = desk.workspace.logs / f"{name}.log"
    return [
        html.P([html.Code(str(path)), f", {path.stat().st_size:,} bytes"], className="gl-hint"),
        _end_of(tail(path)),
    ]


def tail(path: Path, most: int = _TAIL_BYTES) -> str:
    """The last whole lines of a file."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - most))
        cut = file.tell() > 0
        body = file.read().decode("utf-8", "replace")
    lines = body.splitlines()[1 if cut else 0 :]
    return "\n".join(lines[-_LINES:]) or "(empty)"

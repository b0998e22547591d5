"""The foot of every page: the model in force, what is known, the job that runs."""

from typing import Any

from dash import dcc, html

from dashboard import parts
from dashboard.state import NOTHING, Desk
from genlab.errors import NotReady


def cancel_job(desk: Desk, job_id: str) -> None:
    """Ask a job to stop, and Prefect to stop the flow run it belongs to."""
    found = desk.store.rows("jobs.get", job_id=job_id)
    desk.store.write("jobs.cancel", job_id=job_id)
    if found and found[0]["flow_run_id"]:
        from dashboard import trigger

        trigger.cancel(found[0]["flow_run_id"])


def foot(desk: Desk) -> tuple[list[Any], dict[str, int], bool]:
    """Children of the foot, the data key, whether a job runs."""
    jobs = desk.store.rows("jobs.running")
    try:
        view = desk.view()
    except NotReady:
        told: list[Any] = [html.Span("no model in force yet")]
        key = dict(NOTHING)
        key["patterns"] = desk.store.rows("patterns.count")[0]["patterns"]
    else:
        key = view.key
        counts = view.assigned.message_counts
        verdict = view.spread.verdict
        share = counts[verdict == "known"].sum() / max(counts.sum(), 1)
        unknown = int((verdict != "known").sum())
        told = [
            dcc.Link(
                [html.B(f"v{key['version']}"), " in force"], href="/train", className="gl-foot-link"
            ),
            html.Span(
                [html.B(parts.percent(float(share))), " known"],
                title=f"messages of known patterns, of {counts.sum():,}",
            ),
            dcc.Link(
                [html.B(parts.number(unknown)), " unknown patterns"],
                href="/unknowns",
                className="gl-foot-link",
            ),
        ]
    if jobs:
        job = jobs[-1]
        told += [
            html.Span(
                [html.B(job["kind"]), f" {parts.shorten(job['detail'], 60)}"],
                className="gl-push",
                title=job["detail"],
            ),
            parts.progress(job["done"], job["total"]),
            html.Span(
                f"{job['done']:,.0f} / {job['total']:,.0f}" if job["total"] else "",
                className="gl-num",
            ),
            parts.button(
                "cancelling" if job["status"] == "cancelling" else "cancel",
                "cancel",
                job["job_id"],
                "gl-button-quiet",
                disabled=job["status"] == "cancelling",
            ),
        ]
    else:
        told.append(html.Span("no job runs", className="gl-push gl-hint"))
    told.append(
        html.Button(
            [html.Kbd("?"), "help"],
            className="gl-button gl-button-quiet",
            type="button",
            **parts.attributes({"data-open-help": "1"}),
        )
    )
    return told, key, bool(jobs)

"""The training that runs, or ran last: its curves, how far it is, how long it takes."""

from typing import Any

import numpy as np
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.exceptions import PreventUpdate

from dashboard import ids, parts
from dashboard.figures import loss_curves
from dashboard.state import Desk

_RECENT = 3  # epochs that say how long the next one takes


def curves(job: dict[str, Any] | None, epochs: Any) -> Any:
    """The card."""
    return html.Section(
        [
            html.H2("Loss by epoch, nats per pattern"),
            html.Div(progress(job, epochs), id=ids.TRAIN_PROGRESS, className="gl-progress-line"),
            dcc.Graph(id=ids.TRAIN_CURVES, figure=loss_curves(epochs), className="gl-figure-tall",
                      config={"displayModeBar": False, "responsive": True}),
        ],
        className="gl-card",
    )  # fmt: skip


def register(app: Dash, desk: Desk) -> None:
    """Curves while a training runs; the versions when it ended."""

    @app.callback(
        Output(ids.TRAIN_CURVES, "figure"),
        Output(ids.TRAIN_PROGRESS, "children"),
        Output(ids.TRAIN_TICK, "disabled"),
        Output(ids.TRAIN_SEEN, "data"),
        Output(ids.TRAIN_DONE, "data", allow_duplicate=True),
        Output(ids.TRAIN_B, "value", allow_duplicate=True),
        Input(ids.TRAIN_TICK, "n_intervals"),
        Input(ids.TICK, "n_intervals"),
        State(ids.TRAIN_SEEN, "data"),
        prevent_initial_call=True,
    )
    def watch(_: int | None, __: int | None, seen: dict) -> tuple[Any, ...]:
        job, epochs = training(desk)
        now = what_is_shown(job, epochs)
        if now == seen and not runs(job):
            raise PreventUpdate  # nothing new, or asked for and not begun yet: keep looking
        moved = now["epochs"] != seen["epochs"] or now["job"] != seen["job"]
        curve = loss_curves(epochs) if moved else no_update
        done: Any = no_update
        newest: Any = no_update
        if now["status"] != seen["status"]:
            done = now
            if now["status"] == "done":
                newest = str(desk.store.rows("model_versions.list")[0]["version"])
        still = no_update if ctx.triggered_id == ids.TICK and runs(job) else not runs(job)
        return curve, progress(job, epochs), still, now, done, newest


def training(desk: Desk) -> tuple[dict[str, Any] | None, Any]:
    """The training that ran last and its epochs; None and None before the first."""
    found = desk.store.rows("model_versions.latest_training")
    if not found:
        return None, None
    return found[0], desk.store.read("model_versions.epochs", job_id=found[0]["job_id"])


def progress(job: dict[str, Any] | None, epochs: Any) -> list[Any]:
    """One line about the last training."""
    if job is None:
        return [html.Span("no training yet: start one, or run genlab train", className="gl-hint")]
    line: list[Any] = [html.B(job["kind"]), html.Span(job["status"], className="gl-pill")]
    if job["total"]:
        count = f"{job['done']:,.0f} / {job['total']:,.0f} epochs"
        line += [parts.progress(job["done"], job["total"]), html.Span(count, className="gl-num")]
    if job["status"] == "running":
        left = time_left(job["done"], job["total"], epochs["seconds"].to_numpy())
        if left:
            line.append(html.Span(f"about {parts.elapsed(left)} left", className="gl-num"))
    line.append(html.Span(job["detail"], className="gl-hint gl-reason", title=job["detail"]))
    if job["status"] == "running":
        line.append(parts.button("cancel", "cancel", job["job_id"], "gl-button-danger"))
    return line


def time_left(done: float, total: float | None, seconds: np.ndarray) -> float | None:
    """Seconds that the epochs not done yet take, if as long as the last few; None if unknown.

    ``seconds`` (E,): of the epochs done.
    """
    if not total or not len(seconds):
        return None
    return float((total - done) * np.median(seconds[-_RECENT:]))


def runs(job: dict[str, Any] | None) -> bool:
    """Whether the training has not ended."""
    return job is not None and job["finished_at"] is None


def what_is_shown(job: dict[str, Any] | None, epochs: Any) -> dict[str, Any]:
    """Differs when there is something new to draw."""
    if job is None:
        return {"job": None, "status": None, "epochs": 0}
    return {"job": job["job_id"], "status": job["status"], "epochs": epochs.num_rows}

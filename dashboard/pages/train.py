"""Train: the weights, short runs, live curves; versions, promote, roll back, differences."""

from typing import Any

import dash_bootstrap_components as dbc
from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.exceptions import PreventUpdate

from dashboard import ids, parts, trigger
from dashboard.figures import loss_curves
from dashboard.foot import cancel_job
from dashboard.pages.versions import differences_table, versions_table
from dashboard.state import Desk
from genlab.errors import GenlabError
from genlab.pipeline.versions import promote, roll_back

PATH, NAME = "/train", "Train"

WEIGHTS = {
    "reconstruction_weight": ("reconstruction", "how closely patterns are rebuilt", 3.0),
    "kl_weight": ("KL of the latent", "higher: a smoother latent", 3.0),
    "kl_c_weight": ("KL of the component", "higher: softer choices", 3.0),
    "sparsity_weight": ("sparsity", "higher: fewer components in use", 2.0),
    "neighbour_weight": ("neighbours", "higher: near patterns share a component", 5.0),
    "classification_weight": ("classification", "higher: bends to your labels", 5.0),
    "contrastive_weight": ("contrast", "higher: one label, one place", 2.0),
}
"""Each loss weight: caption, what it does, the slider's end."""

_MODES = {
    "continue": "continue the version in force",
    "fresh": "start from nothing, the whole curriculum",
}
_TRAINING = ("train", "retrain")
_DIFFERENCES = 50


def layout(desk: Desk, search: str) -> Any:
    """Controls left, curves right, versions below."""
    versions = desk.store.rows("model_versions.list")
    settings = desk.settings
    sliders = [
        _slider(name, getattr(settings.weights, name), *described)
        for name, described in WEIGHTS.items()
    ]
    controls = parts.card(
        "Retrain",
        html.Div(
            [
                _field("mode", dbc.RadioItems(
                    id=ids.TRAIN_MODE, options=parts.options(_MODES.items()),
                    value="continue" if versions else "fresh")),
                _field("epochs", dbc.RadioItems(
                    id=ids.TRAIN_EPOCHS, inline=True, value="3",
                    options=parts.options([*((str(n), str(n)) for n in range(1, 6)),
                                           ("0", "curriculum")]))),
                _field("prior", dbc.Select(
                    id=ids.TRAIN_PRIOR, value=_prior(versions, settings.model.prior), size="sm",
                    options=parts.options((p, p.replace("_", " "))
                                          for p in ("mixture", "standard_normal", "vamp")))),
            ],
            className="gl-stack-small",
        ),
        html.Div(sliders, className="gl-sliders"),
        html.Div(
            [
                parts.button("start training", "start", style="gl-button-primary"),
                parts.button("reset weights", "reset", style="gl-button-quiet"),
            ],
            className="gl-row gl-actions",
        ),
        html.Div(id=ids.TRAIN_STATUS, className="gl-status"),
    )  # fmt: skip
    job, epochs = training(desk)
    curves = html.Section(
        [
            html.H2("Loss by epoch, nats per pattern"),
            html.Div(progress(job), id=ids.TRAIN_PROGRESS, className="gl-progress-line"),
            dcc.Graph(id=ids.TRAIN_CURVES, figure=loss_curves(epochs), className="gl-figure-tall",
                      config={"displayModeBar": False, "responsive": True}),
        ],
        className="gl-card",
    )  # fmt: skip
    return html.Main(
        [
            dcc.Store(id=ids.TRAIN_EVENT),
            dcc.Store(id=ids.TRAIN_SEEN, data=_seen(job, epochs)),
            dcc.Interval(id=ids.TRAIN_TICK, interval=1000, disabled=not _runs(job)),
            html.Div([html.H1("Train")], className="gl-head"),
            html.Div([controls, curves], className="gl-train"),
            html.Section(versions_table(versions), id=ids.TRAIN_VERSIONS, className="gl-card"),
            parts.card(
                "What would change",
                html.Div(
                    [
                        dbc.Select(id=ids.TRAIN_A, size="sm", options=_numbers(versions),
                                   value=_active(versions)),
                        html.Span("against"),
                        dbc.Select(id=ids.TRAIN_B, size="sm", options=_numbers(versions),
                                   value=str(versions[0]["version"]) if versions else None),
                    ],
                    className="gl-row gl-compare",
                ),
                html.Div(id=ids.TRAIN_DIFFERENCES, className="gl-scroll"),
            ),
        ],
        className="gl-main gl-stack",
        **parts.attributes({"data-genlab-events": ids.TRAIN_EVENT}),
    )  # fmt: skip


def register(app: Dash, desk: Desk) -> None:
    """Start, cancel, promote, roll back; curves while a training runs; differences."""

    @app.callback(
        Output(ids.TRAIN_STATUS, "children"),
        Output(ids.TRAIN_VERSIONS, "children"),
        Output(ids.DATA_KEY, "data", allow_duplicate=True),
        Output(ids.TRAIN_TICK, "disabled", allow_duplicate=True),
        Output(ids.weight(ALL), "value"),
        Input(ids.TRAIN_EVENT, "data"),
        State(ids.TRAIN_MODE, "value"),
        State(ids.TRAIN_EPOCHS, "value"),
        State(ids.TRAIN_PRIOR, "value"),
        State(ids.weight(ALL), "value"),
        State(ids.weight(ALL), "id"),
        prevent_initial_call=True,
    )
    def event(
        event: dict | None, mode: str, epochs: str, prior: str, values: list, names: list
    ) -> tuple[Any, ...]:
        if not event:
            raise PreventUpdate
        same = [no_update] * len(values)
        act, value = event.get("act"), event.get("value")
        if act == "reset":
            given = desk.settings.weights
            return *[no_update] * 4, [getattr(given, each["name"]) for each in names]
        if act == "start":
            weights = {each["name"]: float(v) for each, v in zip(names, values, strict=True)}
            ordinary = prior == desk.settings.model.prior
            if busy := [j for j in desk.store.rows("jobs.running") if j["kind"] in _TRAINING]:
                said = f"Not started: a {busy[0]['kind']} runs already; wait for it or cancel it."
                return _note(said), no_update, no_update, False, same
            name, parameters = request(mode, int(epochs), prior, weights, ordinary)
            trigger.start(name, parameters)
            return _note("Asked for a training; its curve appears in a few seconds."), \
                no_update, no_update, False, same  # fmt: skip
        if act == "cancel":
            cancel_job(desk, str(value))
            return _note("Asked it to stop."), no_update, no_update, no_update, same
        if act == "promote":
            promote(desk.store, int(value or 0), desk.settings.labelling)
            said = f"Version {value} is in force. {score_the_rest(desk)}"
        elif act == "rollback":
            back = roll_back(desk.store, desk.settings.labelling)
            said = f"Back to version {back}. {score_the_rest(desk)}"
        else:
            raise PreventUpdate
        table = versions_table(desk.store.rows("model_versions.list"))
        return _note(said), table, desk.key(), no_update, same

    @app.callback(
        Output(ids.TRAIN_CURVES, "figure"),
        Output(ids.TRAIN_PROGRESS, "children"),
        Output(ids.TRAIN_TICK, "disabled"),
        Output(ids.TRAIN_SEEN, "data"),
        Output(ids.TRAIN_VERSIONS, "children", allow_duplicate=True),
        Output(ids.TRAIN_B, "options"),
        Output(ids.TRAIN_A, "options"),
        Output(ids.TRAIN_B, "value"),
        Input(ids.TRAIN_TICK, "n_intervals"),
        Input(ids.TICK, "n_intervals"),
        State(ids.TRAIN_SEEN, "data"),
        prevent_initial_call=True,
    )
    def watch(_: int | None, __: int | None, seen: dict) -> tuple[Any, ...]:
        job, epochs = training(desk)
        now = _seen(job, epochs)
        if now == seen and not _runs(job):
            if ctx.triggered_id == ids.TRAIN_TICK:  # just asked for, not begun yet: keep looking
                raise PreventUpdate
            return *[no_update] * 2, no_update, *[no_update] * 5
        moved = now["epochs"] != seen["epochs"] or now["job"] != seen["job"]
        curve = loss_curves(epochs) if moved else no_update
        over: list[Any] = [no_update] * 4
        if now["status"] != seen["status"]:
            versions = desk.store.rows("model_versions.list")
            newest = str(versions[0]["version"]) if versions else None
            over = [versions_table(versions), _numbers(versions), _numbers(versions), newest]
        return curve, progress(job), not _runs(job), now, *over

    @app.callback(
        Output(ids.TRAIN_DIFFERENCES, "children"),
        Input(ids.TRAIN_A, "value"),
        Input(ids.TRAIN_B, "value"),
        Input(ids.DATA_KEY, "data"),
    )
    def differences(a: str | None, b: str | None, _: dict) -> Any:
        if not a or not b or a == b:
            return html.P("Choose two versions to compare.", className="gl-hint")
        rows = desk.store.rows(
            "assignments.differences", version_a=int(a), version_b=int(b), limit=_DIFFERENCES
        )
        return differences_table(int(a), int(b), rows)


def request(
    mode: str, epochs: int, prior: str, weights: dict[str, float], ordinary: bool
) -> tuple[str, dict[str, Any]]:
    """The deployment and its parameters for what the page asks.

    ``ordinary``: the prior is that of the settings, which is the one retrain uses.
    """
    if mode == "continue" and epochs and ordinary:
        return "retrain", {"epochs": epochs, "weights": weights}
    fresh = mode == "fresh"  # the curriculum sets the epochs
    return "train", {
        "epochs": 0 if fresh else epochs,
        "weights": weights,
        "prior": prior,
        "fresh": fresh,
    }


def score_the_rest(desk: Desk) -> str:
    """Have patterns scored that came in while the version was not in force; what was done."""
    waiting = desk.store.read("checks.unscored_patterns").num_rows
    if not waiting:
        return ""
    count = parts.plural(waiting, "pattern")
    try:
        trigger.start("score")
    except GenlabError as error:
        return f"It has not scored {count} that came in since: run `genlab score` ({error})."
    return f"Scoring {count} that came in since."


def training(desk: Desk) -> tuple[dict[str, Any] | None, Any]:
    """The training that ran last and its epochs; None and None before the first."""
    found = desk.store.rows("model_versions.latest_training")
    if not found:
        return None, None
    return found[0], desk.store.read("model_versions.epochs", job_id=found[0]["job_id"])


def progress(job: dict[str, Any] | None) -> list[Any]:
    """One line about the last training."""
    if job is None:
        return [html.Span("no training yet: start one, or run genlab train", className="gl-hint")]
    line: list[Any] = [
        html.B(job["kind"]),
        html.Span(job["status"], className="gl-pill"),
        parts.progress(job["done"], job["total"]),
        html.Span(
            f"{job['done']:,.0f} / {job['total']:,.0f} epochs" if job["total"] else "",
            className="gl-num",
        ),
        html.Span(job["detail"], className="gl-hint gl-reason", title=job["detail"]),
    ]
    if job["status"] == "running":
        line.append(parts.button("cancel", "cancel", job["job_id"], "gl-button-danger"))
    return line


def _slider(name: str, value: float, caption: str, what: str, most: float) -> Any:
    field = ids.weight(name)
    return html.Div(
        [
            html.Div([html.B(caption), html.Span(what, className="gl-hint")],
                     className="gl-between"),
            dcc.Slider(id=field, min=0, max=max(most, value), step=0.05, value=value, marks=None,
                       tooltip={"placement": "bottom", "always_visible": False}),
        ],
        className="gl-slider",
    )  # fmt: skip


def _field(caption: str, child: Any) -> Any:
    return html.Div([html.Span(caption, className="gl-hint"), child], className="gl-field-row")


def _note(said: str) -> Any:
    return html.Div(said, className="gl-note", role="status")


def _numbers(versions: list[dict[str, Any]]) -> list[dict[str, str]]:
    return parts.options((str(v["version"]), f"v{v['version']} {v['status']}") for v in versions)


def _active(versions: list[dict[str, Any]]) -> str | None:
    return next((str(v["version"]) for v in versions if v["status"] == "active"), None)


def _prior(versions: list[dict[str, Any]], default: str) -> str:
    return next((v["prior"] for v in versions if v["status"] == "active"), default)


def _runs(job: dict[str, Any] | None) -> bool:
    return job is not None and job["finished_at"] is None


def _seen(job: dict[str, Any] | None, epochs: Any) -> dict[str, Any]:
    if job is None:
        return {"job": None, "status": None, "epochs": 0}
    return {"job": job["job_id"], "status": job["status"], "epochs": epochs.num_rows}

"""Train: the weights, short runs, live curves; versions, what they would change, shadow runs."""

from typing import Any

from dash import ALL, Dash, Input, Output, State, dcc, html, no_update
from dash.exceptions import PreventUpdate

from dashboard import ids, parts, trigger
from dashboard.foot import cancel_job
from dashboard.notes import note
from dashboard.pages import (
    train_form,
    train_watch,
    version_acts,
    version_compare,
    version_shadow,
)
from dashboard.pages.versions import versions_table
from dashboard.state import Desk
from genlab.pipeline.versions import event_counts

PATH, NAME = "/train", "Train"
_TRAINING = ("train", "retrain")


def layout(desk: Desk, search: str) -> Any:
    """Controls left, curves right; versions, shadow runs and differences below."""
    versions = desk.store.rows("model_versions.list")
    job, epochs = train_watch.training(desk)
    table = versions_table(versions, event_counts(desk.store))
    return html.Main(
        [
            dcc.Store(id=ids.TRAIN_EVENT),
            dcc.Store(id=ids.TRAIN_DONE),
            dcc.Store(id=ids.TRAIN_SEEN, data=train_watch.what_is_shown(job, epochs)),
            dcc.Interval(id=ids.TRAIN_TICK, interval=1000, disabled=not train_watch.runs(job)),
            html.Div([html.H1("Train")], className="gl-head"),
            html.Div(
                [train_form.form(desk, versions), train_watch.curves(job, epochs)],
                className="gl-train",
            ),
            html.Section(
                [
                    html.Div(id=ids.TRAIN_SAID, className="gl-said-line"),
                    html.Div(table, id=ids.TRAIN_VERSIONS),
                ],
                className="gl-card",
            ),
            html.Div(version_shadow.shadow_cards(desk), id=ids.TRAIN_SHADOW, className="gl-stack"),
            version_compare.comparison(versions),
        ],
        className="gl-main gl-stack",
        **parts.attributes({"data-genlab-events": ids.TRAIN_EVENT}),
    )


def register(app: Dash, desk: Desk) -> None:
    """Start and cancel a training, reset the weights; and what stands below."""
    train_form.register(app)
    train_watch.register(app, desk)
    version_acts.register(app, desk)
    version_compare.register(app, desk)
    version_shadow.register(app, desk)

    @app.callback(
        Output(ids.TRAIN_STATUS, "children"),
        Output(ids.TRAIN_TICK, "disabled", allow_duplicate=True),
        Output(ids.weight(ALL), "value"),
        Input(ids.TRAIN_EVENT, "data"),
        State(ids.TRAIN_MODE, "value"),
        State(ids.TRAIN_EPOCHS, "value"),
        State(ids.TRAIN_CURRICULUM, "value"),
        State(ids.TRAIN_MODEL, "value"),
        State(ids.TRAIN_PRIOR, "value"),
        State(ids.weight(ALL), "value"),
        State(ids.weight(ALL), "id"),
        prevent_initial_call=True,
    )
    def act(
        event: dict | None,
        mode: str,
        epochs: str,
        curriculum: str,
        model: str,
        prior: str,
        values: list,
        names: list,
    ) -> tuple[Any, ...]:
        same = [no_update] * len(values)
        act = (event or {}).get("act")
        if act == "reset":
            given = desk.settings.weights
            return no_update, no_update, [getattr(given, each["name"]) for each in names]
        if act == "cancel" and event:
            cancel_job(desk, str(event["value"]))
            return note("Asked it to stop."), no_update, same
        if act != "start":
            raise PreventUpdate
        if busy := [j for j in desk.store.rows("jobs.running") if j["kind"] in _TRAINING]:
            said = f"Not started: a {busy[0]['kind']} runs already; wait for it or cancel it."
            return note(said), False, same
        weights = {each["name"]: float(v) for each, v in zip(names, values, strict=True)}
        active = next(iter(desk.store.rows("model_versions.active")), None)
        name, parameters = train_form.request(
            mode, epochs, curriculum, model, prior, weights, active
        )
        trigger.start(name, parameters)
        return note("Asked for a training; its curve appears in a few seconds."), False, same

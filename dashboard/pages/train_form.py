"""What a training is asked for: where it starts, how long it runs, the weights of the loss."""

import json
from typing import Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, dcc, html

from dashboard import ids, parts
from dashboard.state import Desk
from genlab.resources import resource
from genlab.training.curriculum import Curriculum, load_curriculum

WEIGHTS = {
    "reconstruction_weight": ("reconstruction", "higher: patterns are rebuilt closely", 3.0),
    "kl_weight": ("KL of the latent", "higher: a smoother latent space", 3.0),
    "kl_c_weight": ("KL of the component", "higher: softer choices", 3.0),
    "sparsity_weight": ("sparsity", "higher: fewer components in use", 2.0),
    "neighbour_weight": ("neighbours", "higher: near patterns share components", 5.0),
    "classification_weight": ("classification", "higher: bends to your labels", 5.0),
    "contrastive_weight": ("contrast", "higher: one label, one place", 2.0),
}
"""Each loss weight: caption, what it does, the slider's end."""

KMEANS = "kmeans"
EPOCHS = ("1", "2", "3", "4", "5")
_PRIORS = ("mixture", "standard_normal", "vamp")


def form(desk: Desk, versions: list[dict[str, Any]]) -> Any:
    """The card that starts a training."""
    settings = desk.settings
    active = next((v for v in versions if v["status"] == "active"), None)
    modes = [("fresh", "start from nothing")]
    if active:
        modes.insert(0, ("continue", f"continue v{active['version']}"))
    named = settings.training.curriculum
    asked = str(settings.model.components)
    learnt = "auto" if asked == KMEANS else asked
    curricula = [each.stem for each in sorted(resource("config/curricula").glob("*.toml"))]
    listed = [*curricula, *([] if named in curricula else [named])]
    fields = [
        _field("start", dbc.RadioItems(
            id=ids.TRAIN_MODE, inline=True, options=parts.options(modes), value=modes[0][0])),
        _field("epochs", dbc.RadioItems(
            id=ids.TRAIN_EPOCHS, inline=True, value="3",
            options=parts.options([*((n, n) for n in EPOCHS), ("0", "a curriculum")])),
            ids.TRAIN_SHORT),
        _field("curriculum", [
            dbc.Select(id=ids.TRAIN_CURRICULUM, size="sm", value=named,
                       options=parts.options((name, name) for name in listed)),
            html.Div(id=ids.TRAIN_PHASES, className="gl-hint"),
        ], ids.TRAIN_LONG, ids.TRAIN_CURRICULUM),
        html.Div([
            _field("model", [
                dbc.RadioItems(id=ids.TRAIN_MODEL, inline=True, value=asked,
                               options=parts.options([(learnt, "component VAE"),
                                                      (KMEANS, "soft k-means")])),
                html.Div(id=ids.TRAIN_ABOUT, className="gl-hint"),
            ]),
            _field("prior", dbc.Select(
                id=ids.TRAIN_PRIOR, value=settings.model.prior, size="sm",
                options=parts.options((p, p.replace("_", " ")) for p in _PRIORS)),
                ids.TRAIN_PRIOR_FIELD, ids.TRAIN_PRIOR),
        ], id=ids.TRAIN_FRESH, className="gl-stack-small"),
    ]  # fmt: skip
    sliders = [
        _slider(name, getattr(settings.weights, name), *described)
        for name, described in WEIGHTS.items()
    ]
    return parts.card(
        "New version",
        html.Div(fields, className="gl-stack-small"),
        html.H3("Weights of the loss", className="gl-weights"),
        html.Div(sliders, className="gl-sliders"),
        html.Div(
            [
                parts.button("start training", "start", style="gl-button-primary"),
                parts.button("reset weights", "reset", style="gl-button-quiet"),
            ],
            className="gl-row gl-answers",
        ),
        html.Div(id=ids.TRAIN_STATUS, className="gl-status"),
    )


def register(app: Dash) -> None:
    """Show what the choice needs, and what it means."""

    @app.callback(
        Output(ids.TRAIN_SHORT, "hidden"),
        Output(ids.TRAIN_LONG, "hidden"),
        Output(ids.TRAIN_FRESH, "hidden"),
        Output(ids.TRAIN_PRIOR_FIELD, "hidden"),
        Output(ids.TRAIN_PHASES, "children"),
        Output(ids.TRAIN_ABOUT, "children"),
        Input(ids.TRAIN_MODE, "value"),
        Input(ids.TRAIN_EPOCHS, "value"),
        Input(ids.TRAIN_CURRICULUM, "value"),
        Input(ids.TRAIN_MODEL, "value"),
    )
    def shape(mode: str, epochs: str, name: str, model: str) -> tuple[Any, ...]:
        fresh = mode == "fresh"
        long = fresh or epochs == "0"
        lines = [html.Li(line) for line in phases(load_curriculum(name))]
        return (
            fresh,
            not long,
            not fresh,
            model == KMEANS,
            html.Ol(lines),
            about(model),
        )


def request(
    mode: str,
    epochs: str,
    curriculum: str,
    model: str,
    prior: str,
    weights: dict[str, float],
    active: dict[str, Any] | None,
) -> tuple[str, dict[str, Any]]:
    """The deployment and its parameters for what the page asks.

    ``active``: the version in force; a curriculum that continues it keeps its model.
    """
    if mode == "continue" and epochs != "0":
        return "retrain", {"epochs": int(epochs), "weights": weights}
    made = {"components": model, "prior": prior}
    if mode == "continue" and active is not None:
        stored = json.loads(active["configuration"]).get("model", {})
        made = {name: stored.get(name) for name in made}
    given = {"epochs": 0, "curriculum": curriculum, "weights": weights, "fresh": mode == "fresh"}
    return "train", given | made


def phases(curriculum: Curriculum) -> list[str]:
    """A line a phase: how long it is, and which weights are those of the sliders."""
    said = []
    for phase in curriculum.phase:
        free = [WEIGHTS[name][0] for name in WEIGHTS if name not in phase.weights]
        sliders = ", ".join(free) if phase.weights else "every weight"
        when = ", once there are labels" if phase.needs_labels else ""
        taken = f"the sliders set {sliders}" if free else "no slider counts"
        said.append(f"{phase.name}: {parts.plural(phase.epochs, 'epoch')}{when}; {taken}")
    return said


def about(model: str) -> str:
    """A line about what ``model.components`` asks for."""
    if model == KMEANS:
        return "As many components, left as soft k-means placed them: shows what learning adds."
    count = "one per 7 patterns" if model == "auto" else f"{int(model):,}"
    return f"The component VAE learns its components: {count} to begin with."


def _slider(name: str, value: float, caption: str, what: str, most: float) -> Any:
    return html.Div(
        [
            html.Div([html.B(caption), html.Span(what, className="gl-hint")],
                     className="gl-between"),
            dcc.Slider(id=ids.weight(name), min=0, max=max(most, value), step=0.05, value=value,
                       marks=None, updatemode="drag"),
        ],
        className="gl-slider",
    )  # fmt: skip


def _field(caption: str, child: Any, field: str | None = None, names: str | None = None) -> Any:
    """``field``: its id, where it comes and goes; ``names``: what the caption is the label of."""
    hint = html.Label(caption, htmlFor=names) if names else caption
    role = {} if names else {"role": "group", "aria-label": caption}
    inner = [html.Span(hint, className="gl-hint"), html.Div(child, **parts.attributes(role))]
    more = {"id": field} if field else {}
    return html.Div(html.Div(inner, className="gl-field-row"), **parts.attributes(more))

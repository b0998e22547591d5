"""Lab: the models of this workspace, and what the components of the one in force stand for."""

from typing import Any

from dash import Dash, Input, Output, dcc, html

from dashboard import ids, parts
from dashboard.pages.fields import search as search_field
from dashboard.pages.overview_span import pattern_link
from dashboard.state import Desk
from genlab.errors import NotReady

PATH, NAME = "/lab", "Lab"

_SHOWN = 60


def layout(desk: Desk, search: str) -> Any:
    """Versions, and components with the patterns they claim most surely."""
    versions = desk.store.rows("model_versions.list")
    if not versions:
        body: list[Any] = [parts.empty("No model yet.", "genlab train")]
    else:
        body = [
            parts.card("Models", models_table(versions)),
            html.Section(
                [
                    html.Div(
                        [
                            html.H2("Components of the model in force"),
                            search_field(ids.LAB_SEARCH, "search components"),
                        ],
                        className="gl-between",
                    ),
                    html.Div(components_table(desk, ""), id=ids.LAB_COMPONENTS),
                ],
                className="gl-card",
            ),
        ]  # fmt: skip
    return html.Main(
        [html.Div([html.H1("Lab")], className="gl-head"), *body], className="gl-main gl-stack"
    )


def register(app: Dash, desk: Desk) -> None:
    """Search."""

    @app.callback(
        Output(ids.LAB_COMPONENTS, "children"),
        Input(ids.LAB_SEARCH, "value"),
        Input(ids.DATA_KEY, "data"),
        prevent_initial_call=True,
    )
    def show(query: str | None, _: dict) -> Any:
        return components_table(desk, query or "")


def models_table(versions: list[dict[str, Any]]) -> Any:
    """Every version and what it is made of."""
    return parts.table(
        ["version", "", "prior", "components", "latent dimensions", "epochs", "from", "made"],
        [
            [
                dcc.Link(html.B(f"v{row['version']}"), href="/train"),
                html.Span(
                    "in force" if row["status"] == "active" else row["status"],
                    className="gl-pill" + (" gl-pill-known" if row["status"] == "active" else ""),
                ),
                row["prior"].replace("_", " "),
                parts.number(row["components"]),
                parts.number(row["latent_dim"]),
                parts.number(row["epochs"]),
                f"v{row['parent']}" if row["parent"] else "nothing",
                parts.ago(row["created_at"]),
            ]
            for row in versions
        ],
        numeric=(3, 4, 5),
    )


def components_table(desk: Desk, query: str) -> Any:
    """Active components, the heaviest first, with their exemplars."""
    try:
        view = desk.view()
    except NotReady as error:
        return parts.empty(str(error), "genlab train")
    rows = desk.store.rows("model_versions.components", version=view.assigned.version)
    active = [row for row in rows if row["status"] == "active"]
    if not rows:
        return parts.empty("This version has no components stored.")
    texts = dict(zip(map(str, view.assigned.pattern_ids), view.assigned.canonical_texts,
                     strict=True))  # fmt: skip
    words = query.lower().split()
    found = [
        row
        for row in active
        if all(
            word in f"{row['name']} {' '.join(str(texts.get(p, '')) for p in row['exemplars'])}"
            .lower()
            for word in words
        )
    ]  # fmt: skip
    spare = len(rows) - len(active)
    hint = f"{len(active):,} active, {spare:,} spare for kinds to come"
    if len(found) > _SHOWN:
        hint += f"; the heaviest {_SHOWN} of {len(found):,} are shown"
    if not found:
        return [html.P(hint, className="gl-hint"), parts.empty(f"No component holds “{query}”.")]
    table = parts.table(
        ["component", "weight", "patterns", "messages", "claims most surely"],
        [
            [
                html.B(row["name"], title=f"component {row['component']}"),
                parts.percent(row["weight"]),
                parts.number(row["patterns"]),
                parts.number(row["messages"]),
                html.Div(
                    [pattern_link(p, str(texts[p]), 110) for p in row["exemplars"] if p in texts]
                ),
            ]
            for row in found[:_SHOWN]
        ],
        numeric=(1, 2, 3),
    )
    return [html.P(hint, className="gl-hint"), table]

"""The right side of Labels: one label's name, colour, meaning; merge, split, history."""

from typing import Any

import dash_bootstrap_components as dbc
import numpy as np
from dash import Dash, Input, Output, State, html

from dashboard import ids, parts
from dashboard.figures.palette import LABEL_COLOURS
from dashboard.pages.labels_acts import patterns_of
from dashboard.pages.labels_history import history
from dashboard.routes import component_names
from dashboard.selection import winners
from dashboard.state import Desk
from genlab.errors import InputError, NotReady
from genlab.pipeline import label_names

_NOWHERE: tuple[Any, ...] = ([], "", "", [], [], None, [], [], "", [], True, [])


def layout() -> Any:
    """The fields stay while labels are chosen: what is typed is not lost when data come in."""
    return html.Aside(
        html.Div(
            [
                html.Section(id=ids.LABELS_HEAD),
                html.Section(
                    [
                        html.Label("name", htmlFor=ids.LABELS_NAME),
                        html.Div(
                            [
                                dbc.Input(id=ids.LABELS_NAME, type="text", maxLength=120,
                                          autoComplete="off", class_name="gl-field"),
                                parts.button("rename", "rename"),
                            ],
                            className="gl-labels-line",
                        ),
                        html.Label("means", htmlFor=ids.LABELS_DESCRIPTION),
                        html.Div(
                            [
                                dbc.Textarea(id=ids.LABELS_DESCRIPTION, rows=2,
                                             maxLength=label_names.MAX_DESCRIPTION,
                                             class_name="gl-field"),
                                parts.button("save", "describe"),
                            ],
                            className="gl-labels-line",
                        ),
                        html.Div(id=ids.LABELS_COLOURS, className="gl-labels-colours",
                                 role="group", **parts.attributes({"aria-label": "colour"})),
                    ]
                ),
                html.Section(
                    [
                        html.Label("merge into", htmlFor=ids.LABELS_INTO),
                        dbc.Select(id=ids.LABELS_INTO, size="sm"),
                        html.Div(id=ids.LABELS_MERGE, className="gl-labels-preview"),
                    ]
                ),
                html.Section(
                    [
                        html.H3("split: which of its components become another label?"),
                        dbc.Checklist(id=ids.LABELS_COMPONENTS, class_name="gl-labels-components"),
                        html.Datalist(id=ids.LABELS_NAMES),
                        dbc.Input(id=ids.LABELS_SPLIT_NAME, type="text", maxLength=120,
                                  placeholder="name of the other label", autoComplete="off",
                                  list=ids.LABELS_NAMES, debounce=False, class_name="gl-field"),
                        html.Div(id=ids.LABELS_SPLIT, className="gl-labels-preview"),
                    ]
                ),
                html.Section([html.H3("history"), html.Div(id=ids.LABELS_HISTORY)]),
            ],
            id=ids.LABELS_PANEL,
            className="gl-labels-panel",
            hidden=True,
        ),
        className="gl-panel",
    )  # fmt: skip


def register(app: Dash, desk: Desk) -> None:
    """The chosen label fills the fields; previews follow what is chosen in them."""

    @app.callback(
        Output(ids.LABELS_HEAD, "children"),
        Output(ids.LABELS_NAME, "value"),
        Output(ids.LABELS_DESCRIPTION, "value"),
        Output(ids.LABELS_COLOURS, "children"),
        Output(ids.LABELS_INTO, "options"),
        Output(ids.LABELS_INTO, "value"),
        Output(ids.LABELS_COMPONENTS, "options"),
        Output(ids.LABELS_COMPONENTS, "value"),
        Output(ids.LABELS_SPLIT_NAME, "value"),
        Output(ids.LABELS_HISTORY, "children"),
        Output(ids.LABELS_PANEL, "hidden"),
        Output(ids.LABELS_NAMES, "children"),
        Input(ids.LABELS_CHOSEN, "data"),
        Input(ids.LABELS_CHANGED, "data"),
        # Both above are outputs of a callback that does nothing at first: Dash would wait for it.
        Input(ids.LABELS_PANEL, "id"),
    )
    def fill(chosen: str | None, _: int, __: str) -> tuple[Any, ...]:
        rows = desk.store.rows("label_names.list")
        row = next((r for r in rows if r["label_id"] == chosen), None)
        if row is None:
            return _NOWHERE
        others = [(r["label_id"], r["name"]) for r in rows if r is not row]
        return (
            head(row),
            row["name"],
            row["description"],
            colours(row["colour"]),
            parts.options(others),
            None,
            component_options(desk, row),
            [],
            "",
            history(desk, row),
            False,
            [html.Option(value=name) for _, name in others],
        )

    @app.callback(
        Output(ids.LABELS_MERGE, "children"),
        Input(ids.LABELS_INTO, "value"),
        State(ids.LABELS_CHOSEN, "data"),
    )
    def merging(into: str | None, chosen: str | None) -> Any:
        if not into or not chosen:
            return []
        try:
            row, target = (label_names.found(desk.store, each) for each in (chosen, into))
        except InputError as error:
            return html.P(str(error), className="gl-hint")
        said = [
            html.B(parts.plural(row["patterns"], "pattern")),
            f" ({parts.plural(row['messages'], 'message')}) of ",
            parts.label(row["name"], row["colour"]), " become ",
            parts.label(target["name"], target["colour"]),
            f", which has {row['patterns'] + target['patterns']:,} then. "
            "Nothing is lost: it can be taken back below.",
        ]  # fmt: skip
        return [html.P(said), parts.button("merge", "merge", style="gl-button-primary")]

    @app.callback(
        Output(ids.LABELS_SPLIT, "children"),
        Input(ids.LABELS_COMPONENTS, "value"),
        Input(ids.LABELS_SPLIT_NAME, "value"),
        State(ids.LABELS_CHOSEN, "data"),
    )
    def splitting(components: list[int] | None, name: str | None, chosen: str | None) -> Any:
        if not components or not chosen:
            return []
        try:
            row, view = label_names.found(desk.store, chosen), desk.view()
        except (InputError, NotReady) as error:
            return html.P(str(error), className="gl-hint")
        moved = patterns_of(view, row, components)
        messages = int(view.assigned.message_counts[view.assigned.rows_of(moved)].sum())
        wanted = (name or "").strip()
        said = [
            html.B(parts.plural(len(moved), "pattern")),
            f" ({parts.plural(messages, 'message')}) of ",
            parts.label(row["name"], row["colour"]), " become ",
            html.B(f"“{wanted}”") if wanted else "what you type above",
            f"; {row['patterns'] - len(moved):,} stay.",
        ]  # fmt: skip
        act = parts.button("split", "split", style="gl-button-primary", disabled=not wanted)
        return [html.P(said), act]


def head(row: dict[str, Any]) -> list[Any]:
    """Which label, and where its patterns are."""
    return [
        html.H2(parts.label(row["name"], row["colour"])),
        html.Div(
            [html.B(parts.plural(row["patterns"], "pattern")), " · ",
             html.B(parts.plural(row["messages"], "message")), " labelled by people"],
            className="gl-hint",
        ),
    ]  # fmt: skip


def colours(chosen: int) -> list[Any]:
    """A button per colour of the palette."""
    return [
        html.Button(
            parts.swatch(k),
            className="gl-labels-colour",
            type="button",
            title=f"colour {k + 1}",
            **parts.attributes(
                {
                    "data-act": "colour",
                    "data-value": str(k),
                    "aria-label": f"colour {k + 1}",
                    "aria-pressed": "true" if k == chosen % len(LABEL_COLOURS) else "false",
                }
            ),
        )
        for k in range(len(LABEL_COLOURS))
    ]


def component_options(desk: Desk, row: dict[str, Any]) -> list[dict[str, Any]]:
    """The components that hold a label's patterns, those with most of them first."""
    try:
        view = desk.view()
    except NotReady:
        return []
    if row["name"] not in view.labels.names:
        return []
    names = component_names(desk, view)
    own = np.flatnonzero(view.labels.given == view.labels.names.index(row["name"]))
    found, counts = np.unique(winners(view)[own], return_counts=True)
    return [
        {
            "value": int(c),
            "label": f"{names.get(int(c), f'component {c}')}: {parts.plural(int(n), 'pattern')}",
        }
        for c, n in sorted(zip(found, counts, strict=True), key=lambda pair: -pair[1])
    ]

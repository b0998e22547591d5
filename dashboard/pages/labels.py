"""Labels: what they are called and mean; merge, split, history, agreement, import and export."""

from typing import Any

from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.exceptions import PreventUpdate

from dashboard import ids, parts
from dashboard.notes import note, undone_note
from dashboard.pages import labels_files, labels_panel
from dashboard.pages.labels_acts import Typed, brought_in_line, change, refused
from dashboard.pages.labels_agreement import agreement_card
from dashboard.selection import stepped
from dashboard.state import Desk
from genlab.errors import InputError, StoreError, StoreUnavailable

PATH, NAME = "/labels", "Labels"


def layout(desk: Desk, search: str) -> Any:
    """Labels in the middle, what one of them is and was on the right."""
    rows = desk.store.rows("label_names.list")
    return html.Div(
        [
            dcc.Store(id=ids.LABELS_EVENT),
            dcc.Store(id=ids.LABELS_CHOSEN, data=rows[0]["label_id"] if rows else None),
            dcc.Store(id=ids.LABELS_CHANGED, data=0),
            html.Main(
                [
                    html.Div(
                        [
                            html.H1("Labels"),
                            html.Span([html.Kbd("j"), " ", html.Kbd("k"), " move"],
                                      className="gl-hint gl-push"),
                            *labels_files.layout(),
                        ],
                        className="gl-head gl-labels-head",
                    ),
                    html.Div(id=ids.LABELS_STATUS, className="gl-labels-status"),
                    html.Section(labels_table(rows, None), id=ids.LABELS_TABLE,
                                 className="gl-card"),
                    html.Section(agreement_card(desk.store), id=ids.LABELS_AGREEMENT,
                                 className="gl-card"),
                ],
                className="gl-main gl-stack",
            ),
            labels_panel.layout(),
        ],
        style={"display": "contents"},
        **parts.listens(ids.LABELS_EVENT),
    )  # fmt: skip


def register(app: Dash, desk: Desk) -> None:
    """The table, agreement, the panel's fields and previews, and what buttons do."""
    labels_files.register(app, desk)
    labels_panel.register(app, desk)

    @app.callback(
        Output(ids.LABELS_TABLE, "children"),
        Output(ids.LABELS_AGREEMENT, "children"),
        Input(ids.LABELS_CHOSEN, "data"),
        Input(ids.LABELS_CHANGED, "data"),
        Input(ids.DATA_KEY, "data"),
    )
    def show(chosen: str | None, _: int, __: dict) -> tuple[Any, Any]:
        moved = ctx.triggered_id == ids.LABELS_CHOSEN
        agreed = no_update if moved else agreement_card(desk.store)
        return labels_table(desk.store.rows("label_names.list"), chosen), agreed

    @app.callback(
        Output(ids.LABELS_CHOSEN, "data"),
        Output(ids.LABELS_CHANGED, "data"),
        Output(ids.LABELS_STATUS, "children"),
        Output(ids.DATA_KEY, "data", allow_duplicate=True),
        Input(ids.LABELS_EVENT, "data"),
        Input(ids.LABELS_NAME, "n_submit"),
        State(ids.LABELS_CHOSEN, "data"),
        State(ids.LABELS_CHANGED, "data"),
        State(ids.LABELS_NAME, "value"),
        State(ids.LABELS_DESCRIPTION, "value"),
        State(ids.LABELS_INTO, "value"),
        State(ids.LABELS_COMPONENTS, "value"),
        State(ids.LABELS_SPLIT_NAME, "value"),
        State(ids.ANNOTATOR, "data"),
        prevent_initial_call=True,
    )
    def event(
        event: dict | None, _: int | None, chosen: str | None, changed: int, name: str | None,
        description: str | None, into: str | None, components: list[int] | None,
        split_name: str | None, who: str,
    ) -> tuple[Any, Any, Any, Any]:  # fmt: skip
        if ctx.triggered_id == ids.LABELS_NAME:
            event = {"act": "rename", "value": None}
        act, value = read_event(event)
        if act == "choose":
            return value, no_update, "", no_update
        if act == "move":
            return neighbour(desk, chosen, int(value)), no_update, "", no_update
        if act in ("undo", "redo"):
            taken = desk.take_back(who, act)
            if taken is None:
                said = note(f"No labelling of yours to {act}, {who}.")
                return no_update, no_update, said, no_update
            return no_update, changed + 1, undone_note(act, taken[0], taken[2]), taken[1].key
        if chosen is None:
            raise PreventUpdate
        typed = Typed(name or "", description or "", into, components or [], split_name or "")
        try:
            chosen, said = change(desk, chosen, act, value, typed, who)
        except StoreUnavailable:
            raise
        except (InputError, StoreError) as error:
            return no_update, no_update, refused(error), no_update
        return chosen, changed + 1, note(said), brought_in_line(desk)


def read_event(event: dict | None) -> tuple[str, Any]:
    """(act, value) of a click or a key."""
    if not event:
        raise PreventUpdate
    if "act" in event:
        return event["act"], event["value"]
    keys: dict[str, tuple[str, Any]] = {
        "j": ("move", 1), "k": ("move", -1), "u": ("undo", None), "U": ("redo", None),
    }  # fmt: skip
    if event["key"] not in keys:
        raise PreventUpdate
    return keys[event["key"]]


def neighbour(desk: Desk, chosen: str | None, step: int) -> str:
    """The label before or after the chosen one."""
    known = [row["label_id"] for row in desk.store.rows("label_names.list")]
    if not known:
        raise PreventUpdate
    return stepped(known, chosen, step)


def labels_table(rows: list[dict[str, Any]], chosen: str | None) -> Any:
    """A row per label in use."""
    if not rows:
        return parts.empty(
            "No label yet: give one on the map, or import a CSV file.",
            "genlab label import labels.csv",
        )
    heads = [("label", ""), ("means", ""), ("patterns", "gl-num"), ("messages", "gl-num"),
             ("people", "gl-num"), ("last given", "")]  # fmt: skip
    body = [
        html.Tr(
            [
                html.Td(
                    html.Button(
                        parts.label(row["name"], row["colour"]),
                        className="gl-plain",
                        type="button",
                        **parts.attributes({"data-act": "choose", "data-value": row["label_id"]}),
                    )
                ),
                html.Td(row["description"], className="gl-wide gl-hint", title=row["description"]),
                html.Td(parts.number(row["patterns"]), className="gl-num"),
                html.Td(parts.number(row["messages"]), className="gl-num"),
                html.Td(parts.number(row["annotators"]), className="gl-num"),
                html.Td(parts.ago(row["last_given"])),
            ],
            **parts.attributes(
                {
                    "data-act": "choose",
                    "data-value": row["label_id"],
                    "aria-selected": "true" if row["label_id"] == chosen else "false",
                }
            ),
        )
        for row in rows
    ]
    return html.Table(
        [
            html.Thead(html.Tr([html.Th(name, className=style) for name, style in heads])),
            html.Tbody(body),
        ],
        className="gl-table gl-choose",
    )

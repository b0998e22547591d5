"""What surrounds every page: navigation, foot, help, the problem of the moment; and routing."""

import getpass
import json
import logging
from types import ModuleType
from typing import Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update, set_props
from dash.exceptions import PreventUpdate

from dashboard import ids, parts
from dashboard.foot import cancel_job, foot
from dashboard.state import Desk
from genlab.errors import GenlabError, StoreUnavailable

_LOG = logging.getLogger("genlab.dashboard")
FAST, SLOW = 1000, 3000  # ms between looks at the store, while a job runs and else

_HELP = [
    ("1–9, a–z", "label what is selected (letters when digits ran out)"),
    ("Enter", "accept the suggestion; say yes to what is asked"),
    ("0", "unsure: looked at, not decided (Map)"),
    ("⌫", "clear the given label (Map)"),
    ("u", "undo your last gesture"),
    ("U", "redo what you undid last (shift u)"),
    ("n / N", "next / previous question worth asking (Map); an answer goes on by itself"),
    ("j / k", "next / previous row (Review, Unknowns), pattern or component (Map)"),
    ("↵ / n", "looks right / take the label off (Review: accepted and doubted labels)"),
    ("C / A", "the whole component / all the search and the filters leave (Map)"),
    ("L / M", "type a new or other label / a note (Map)"),
    ("o r m b", "ongoing, resolved, mute, new again (Unknowns; Enter names the label, n a note)"),
    ("x / s", "unfold the group / what is below the budget's line (Unknowns)"),
    ("/", "search; Enter selects what it finds (Map)"),
    ("Esc", "leave what is asked, clear the selection, close this"),
    ("drag", "lasso; shift-drag a box; space-drag moves; wheel zooms"),
    ("ctrl / alt", "add to / take from the selection"),
]


def layout(pages: list[ModuleType]) -> Any:
    """The frame, the same for every address and visitor."""
    return html.Div(
        [
            dcc.Location(id=ids.LOCATION),
            dcc.Interval(id=ids.TICK, interval=SLOW),
            dcc.Store(id=ids.DATA_KEY),
            dcc.Store(id=ids.OWNER_UP, data=True),
            dcc.Store(id=ids.ANNOTATOR, storage_type="local", data=_os_user()),
            dcc.Store(id=ids.FOOT_EVENT),
            dcc.Store(id="key-event"),
            html.Nav(
                [
                    dcc.Link(["gen", html.B("lab")], href="/", className="gl-brand"),
                    html.Div(_links(pages, ""), id=ids.NAV, style={"display": "contents"}),
                    _who(),
                ],
                className="gl-nav",
            ),
            html.Div(id=ids.PAGE, style={"display": "contents"}),
            html.Footer(
                id=ids.FOOT,
                className="gl-foot",
                **parts.attributes({"data-genlab-events": ids.FOOT_EVENT}),
            ),
            html.Div(id=ids.PROBLEM, className="gl-toast gl-note-alarm", role="alert"),
            _help(),
        ],
        className="gl-frame",
    )


def register(app: Dash, desk: Desk, pages: list[ModuleType]) -> None:
    """Routing, the foot, the annotator's name."""
    by_path = {page.PATH: page for page in pages}

    @app.callback(
        Output(ids.PAGE, "children"),
        Output(ids.NAV, "children"),
        Input(ids.LOCATION, "pathname"),
        Input(ids.OWNER_UP, "data"),
        State(ids.LOCATION, "search"),
    )
    def route(path: str, up: bool, search: str | None) -> tuple[Any, Any]:
        page = by_path.get(path or "/")
        nav = _links(pages, path)
        if page is None:
            return _main(parts.empty(f"There is no page {path}.")), nav
        if not up:
            return _main(parts.empty("The owner of the workspace is down, retrying.")), nav
        try:
            return page.layout(desk, search or ""), nav
        except StoreUnavailable as error:
            return _main(
                parts.empty("The owner of the workspace is down, retrying.", str(error))
            ), nav

    @app.callback(
        Output(ids.FOOT, "children"),
        Output(ids.DATA_KEY, "data"),
        Output(ids.OWNER_UP, "data"),
        Output(ids.TICK, "interval"),
        Input(ids.TICK, "n_intervals"),
        State(ids.DATA_KEY, "data"),
        State(ids.OWNER_UP, "data"),
        State(ids.TICK, "interval"),
        # A look that takes long (no owner) must not be overtaken: its answer would be dropped.
        running=[(Output(ids.TICK, "disabled"), True, False)],
    )
    def tick(_: int | None, key: dict | None, up: bool, interval: int) -> tuple[Any, Any, Any, Any]:
        try:
            children, now, running = foot(desk)
        except StoreUnavailable:
            down = [html.Span("the owner is down, retrying", className="gl-pill gl-pill-novel")]
            return down, no_update, False if up else no_update, no_update
        pace = FAST if running else SLOW
        if not up:
            set_props(ids.PROBLEM, {"children": []})
        return (
            children,
            now if now != key else no_update,
            no_update if up else True,
            pace if pace != interval else no_update,
        )

    @app.callback(
        Output(ids.FOOT, "children", allow_duplicate=True),
        Input(ids.FOOT_EVENT, "data"),
        prevent_initial_call=True,
    )
    def foot_event(event: dict | None) -> Any:
        if not event or event.get("act") != "cancel":
            raise PreventUpdate
        cancel_job(desk, event["value"])
        return foot(desk)[0]

    @app.callback(
        Output(ids.ANNOTATOR, "data"),
        Input(ids.ANNOTATOR_INPUT, "n_blur"),
        Input(ids.ANNOTATOR_INPUT, "n_submit"),
        State(ids.ANNOTATOR_INPUT, "value"),
        State(ids.ANNOTATOR, "data"),
        prevent_initial_call=True,
    )
    def name(_blur: int | None, _enter: int | None, value: str | None, before: str | None) -> str:
        chosen = (value or "").strip()[:80]
        if not chosen or chosen == before:
            raise PreventUpdate
        return chosen

    names = json.dumps({page.PATH: page.NAME for page in pages})
    app.clientside_callback(
        f"(path) => {{ const name = ({names})[path]; "
        "document.title = name ? `${name} · genlab` : 'genlab'; }",
        Input(ids.LOCATION, "pathname"),
    )

    app.clientside_callback(
        "(_, name) => name ?? window.dash_clientside.no_update",
        Output(ids.ANNOTATOR_INPUT, "value"),
        Input(ids.ANNOTATOR, "modified_timestamp"),
        State(ids.ANNOTATOR, "data"),
    )


def on_error(error: Exception) -> None:
    """Show an expected problem as a sentence; anything else goes to the log in full."""
    if isinstance(error, GenlabError):
        said = str(error)
    else:
        ctx_name = getattr(ctx, "triggered_id", None)
        _LOG.exception("callback %s failed", ctx_name, exc_info=error)
        said = f"{type(error).__name__}: {error} (the details are in the dashboard's log)"

    close = html.Button(
        "×",
        className="gl-toast-close",
        type="button",
        **parts.attributes({"data-dismiss-problem": "1"}),
    )
    set_props(ids.PROBLEM, {"children": [html.Span(said), close]})


def _links(pages: list[ModuleType], path: str) -> list[Any]:
    return [
        dcc.Link(
            [
                html.Span(className=f"gl-nav-icon gl-icon-{page.NAME.lower()}"),
                html.Span(page.NAME, className="gl-nav-text"),
            ],
            href=page.PATH,
            title=page.NAME,
            className="gl-nav-link" + (" active" if path == page.PATH else ""),
        )
        for page in pages
    ]


def _who() -> Any:
    return html.Div(
        [
            html.Label("labelling as", htmlFor=ids.ANNOTATOR_INPUT),
            dbc.Input(
                id=ids.ANNOTATOR_INPUT, value=_os_user(), maxLength=80, class_name="gl-field"
            ),
        ],
        className="gl-nav-foot",
    )


def _help() -> Any:
    return html.Div(
        html.Div(
            [
                html.H2("Keys"),
                html.Dl(
                    [
                        item
                        for key, what in _HELP
                        for item in (html.Dt(html.Kbd(key)), html.Dd(what))
                    ],
                    className="gl-definition",
                ),
                html.Button(
                    "close",
                    className="gl-button",
                    type="button",
                    **parts.attributes({"data-close-help": "1"}),
                ),
            ],
            className="gl-dialog gl-stack",
            role="dialog",
            **parts.attributes({"aria-label": "Keys"}),
        ),
        id=ids.HELP,
        className="gl-overlay",
        hidden=True,
    )


def _main(child: Any) -> Any:
    return html.Main(child, className="gl-main")


def _os_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "annotator"

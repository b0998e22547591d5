"""The Dash application: frame, pages, map routes."""

from dash import Dash

from dashboard import api, frame, routes
from dashboard.pages import PAGES
from dashboard.state import Desk
from genlab.config import Settings
from genlab.store import Store, Workspace


def create_app(workspace: Workspace, settings: Settings, store: Store | None = None) -> Dash:
    """Build the dashboard of a workspace; nothing is read before the first request.

    ``store``: an open one, for tests; else each server process opens its own as a client.
    """
    desk = Desk(workspace, settings, store)
    app = Dash(
        __name__,
        title="genlab",
        update_title="",
        suppress_callback_exceptions=True,  # pages come and go
        on_error=frame.on_error,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
        pages_folder="",
        enable_mcp=False,
        health_endpoint="_health",
    )
    app.index_string = app.index_string.replace("<html>", '<html lang="en">')
    app.layout = frame.layout(PAGES)
    routes.register(app.server, desk)
    frame.register(app, desk, PAGES)
    for page in PAGES:
        page.register(app, desk)
    api.mount(app.server, desk)
    # Dash finishes its set-up during the first request: one beside it would find no scripts.
    app.server.test_client().get("/")
    return app

"""The HTTP API: what the pages serve, for programs, at /api/v1."""

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from dashboard.api import label_routes, message_routes, queue_routes, shadow_routes, version_routes
from dashboard.api.application import PREFIX, Application, application
from dashboard.state import Desk

__all__ = ["PREFIX", "create_api", "mount"]


def create_api(desk: Desk) -> Application:
    """The API of a workspace as a Flask application of its own."""
    app = application(desk)
    for routes in (message_routes, label_routes, queue_routes, version_routes, shadow_routes):
        routes.register(app, desk)
    return app


def mount(server: Flask, desk: Desk) -> None:
    """Answer what is below /api/v1 of ``server`` by the API, all else as before."""
    server.wsgi_app = DispatcherMiddleware(server.wsgi_app, {PREFIX: create_api(desk)})  # type: ignore[method-assign]

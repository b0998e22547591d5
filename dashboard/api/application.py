"""The Flask application behind /api/v1: strict JSON in, typed answers out."""

from typing import Any

import flask
from flask_openapi3 import Info, OpenAPI, Server
from pydantic import BaseModel
from pydantic_core import from_json

from dashboard.api import access, problems
from dashboard.state import Desk
from genlab.version import __version__

PREFIX = "/api/v1"

_DESCRIPTION = """What the pages of the desk serve, for programs.

Send `Authorization: Bearer TOKEN`; `genlab token add NAME --role viewer|annotator|admin` makes one.
On loopback, as long as no token was ever made, calls need none.  Every operation names its role in
`x-role`.

Writes may carry an `Idempotency-Key`: the same request sent again under the same key, within a day,
changes nothing and is answered as the first time.

Lists come in pages: `next` of one answer is the `cursor` of the next request, null at the end.
What changes meanwhile neither repeats nor hides what stays.

Errors are RFC 9457 problem details.  Times are UTC."""

# Swagger's page brings its script inside; nothing may come from or go to another host.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; frame-ancestors 'none'"
)
_INDEX = (
    '<!DOCTYPE html><title>genlab API</title><meta http-equiv="refresh" content="0;url=swagger">'
)


class _StrictRequest(flask.Request):
    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """The body; a Problem where it is not JSON: no NaN, no half characters, no deep nesting."""
        try:
            value = from_json(self.get_data(), allow_inf_nan=False)
        except ValueError as error:
            raise problems.Problem(400, f"the body is not JSON: {error}") from None
        if isinstance(value, str):  # flask-openapi3 would read JSON in it
            raise problems.Problem(422, "body: found a string, expected an object or a list")
        return value


class Application(OpenAPI):
    """Routes declare pydantic models: they check what comes in and describe what goes out."""

    request_class = _StrictRequest

    def make_response(self, rv: Any) -> flask.Response:
        """A view may answer a model."""
        if isinstance(rv, BaseModel):
            rv = flask.Response(rv.model_dump_json(), mimetype="application/json")
        return super().make_response(rv)


def application(desk: Desk) -> Application:
    """An application without routes: access, limits, errors, the description and its page."""
    app = Application(
        __name__,
        info=Info(title="genlab", version=__version__, description=_DESCRIPTION),
        servers=[Server(url=PREFIX)],
        security_schemes={"token": {"type": "http", "scheme": "bearer"}},
        validation_error_callback=problems.invalid,
        validation_error_model=problems.ProblemDetails,
        doc_prefix="",
    )
    app.config["MAX_CONTENT_LENGTH"] = desk.settings.api.max_body_bytes
    app.config["OPENAPI_HTML_STRING"] = _INDEX
    app.config["SWAGGER_CONFIG"] = {"layout": "BaseLayout"}  # without a field for other addresses
    app.json.sort_keys = False  # type: ignore[attr-defined]
    problems.register(app)
    access.register(app, desk)

    @app.after_request
    def finish(response: flask.Response) -> flask.Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return app

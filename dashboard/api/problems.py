"""Errors as RFC 9457 problem details: what was found, what was expected, what to do."""

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import flask
from pydantic import BaseModel, Field, ValidationError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from genlab.errors import GenlabError, InputError, NotReady, StoreUnavailable
from genlab.pipeline.labels import Overtaken

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 2  # a restarted owner or scorer needs about that

_LOG = logging.getLogger("genlab.api")


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    where: str = Field(description="Where it is, e.g. labels/0/label")
    detail: str = Field(description="What was expected")


class ProblemDetails(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field("about:blank", description="Always about:blank: the status says the kind")
    title: str = Field(description="The status in words")
    status: int
    detail: str = Field(description="What was found, what was expected, what to do next")
    errors: list[Fault] = Field([], description="Every fault of a request that is not valid")


class Problem(Exception):
    """Ends a request with problem details."""

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ):
        super().__init__(detail)
        title = HTTPStatus(status).phrase
        self.details = ProblemDetails(
            type="about:blank", title=title, status=status, detail=detail, errors=list(errors)
        )
        self.headers = dict(headers or {})

    def response(self) -> flask.Response:
        """The answer."""
        body = self.details.model_dump()
        return flask.Response(
            json.dumps(body), self.details.status, self.headers, mimetype=MEDIA_TYPE
        )


def invalid(error: ValidationError) -> flask.Response:
    """The answer to a request that does not fit its description."""
    faults = [
        Fault(
            where="/".join(str(part) for part in each["loc"]) or "body",
            detail=str(each["msg"]).removeprefix("Value error, "),
        )
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    first = faults[0]
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return Problem(422, f"{first.where}: {first.detail}{more}", faults).response()


def register(app: flask.Flask) -> None:
    """Answer every exception of ``app`` with problem details."""

    @app.errorhandler(Problem)
    def said(error: Problem) -> flask.Response:
        return error.response()

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> flask.Response:
        if error.response is not None:  # an answer that was ready
            return error.response  # type: ignore[return-value]
        detail = error.description or ""
        if isinstance(error, RequestEntityTooLarge):
            limit = app.config["MAX_CONTENT_LENGTH"]
            detail = (
                f"the body is larger than {limit:,} bytes: send less in one request, or raise "
                "api.max_body_bytes"
            )
        kept = {k: v for k, v in error.get_headers() if k.lower() == "allow"}
        return Problem(error.code or 500, detail, headers=kept).response()

    @app.errorhandler(GenlabError)
    def expected(error: GenlabError) -> flask.Response:
        problem = of_genlab(error)
        if problem.details.status == 500:
            _LOG.error("%s %s: %s", flask.request.method, flask.request.path, error)
        return problem.response()

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> flask.Response:
        _LOG.exception("%s %s failed", flask.request.method, flask.request.path, exc_info=error)
        return Problem(
            500, f"{type(error).__name__}: the details are in the dashboard's log"
        ).response()


def of_genlab(error: GenlabError) -> Problem:
    """The problem that one of genlab's own errors stands for."""
    if isinstance(error, StoreUnavailable):
        return Problem(503, str(error), headers={"Retry-After": str(RETRY_SECONDS)})
    if isinstance(error, NotReady | Overtaken):
        return Problem(409, str(error))
    if isinstance(error, InputError) or type(error) is GenlabError:
        return Problem(422, str(error))
    return Problem(500, str(error))


def described(*statuses: int) -> dict[Any, Any]:
    """How the OpenAPI description says that a route may answer with these problems."""
    reference = {"$ref": "#/components/schemas/ProblemDetails"}
    return {
        str(status): {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": reference}},
        }
        for status in statuses
    }

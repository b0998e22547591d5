"""How a view becomes an operation: its role, its models, the problems it may answer with."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask_openapi3 import Tag
from pydantic import BaseModel

from dashboard.api.access import requires
from dashboard.api.application import Application
from dashboard.api.problems import Problem, described


def operation(
    app: Application,
    method: str,
    path: str,
    role: str | None,
    answer: type[BaseModel],
    problems: Sequence[int] = (),
    extensions: Mapping[str, Any] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers a view; its docstring is the description, ``role`` None lets everyone in."""
    writes = method != "GET"
    known = {429, 500, 503, *problems}
    known |= {401, 403} if role else set()
    known |= {400, 411, 413, 415, 422} if writes else {422}
    tag = path.split("/")[1]

    def add(view: Callable[..., Any]) -> Callable[..., Any]:
        _, _, description = (inspect.getdoc(view) or "").partition("\n")
        register = app.post if writes else app.get
        return register(
            path,
            tags=[Tag(name=tag)],
            description=description.strip() or None,
            operation_id=view.__name__,
            responses={200: answer, **described(*sorted(known))},
            security=[{"token": []}] if role else [],
            openapi_extensions={"x-role": role or "none", **(extensions or {})},
        )(requires(role)(view))

    return add


def at_most(found: int, limit: int, what: str) -> None:
    """A Problem where a request holds more items than the settings allow."""
    if found > limit:
        raise Problem(
            422,
            f"found {found:,} {what} in one request, expected at most {limit:,}: send several, or "
            "raise api.max_items",
        )

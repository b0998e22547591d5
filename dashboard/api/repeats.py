"""``Idempotency-Key``: a request that is sent twice is done once and answered twice."""

import hashlib
import json
import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

import flask
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.problems import Problem
from dashboard.state import Desk


class Repeatable(BaseModel):
    """The header of a write that may be sent again."""

    model_config = ConfigDict(populate_by_name=True)

    idempotency_key: str | None = Field(
        None, alias="Idempotency-Key", min_length=1, max_length=255, pattern="^[!-~]+$",
        description="Chosen by the client, new for each write",
    )  # fmt: skip


def once(desk: Desk) -> Callable[[Callable[..., BaseModel]], Callable[..., Any]]:
    """Wraps a view with a parameter ``header: Repeatable``.

    ``flask.g.request_id`` is one and the same for all that is one request: the view's writes use it
    as their key, so that not even two at the same moment are done twice.
    """

    def wrap(view: Callable[..., BaseModel]) -> Callable[..., Any]:
        @wraps(view)
        def answer(header: Repeatable, **others: Any) -> Any:
            if header.idempotency_key is None:
                flask.g.request_id = uuid.uuid4().hex
                return view(header=header, **others)
            request = flask.request
            key = _hash(flask.g.caller.name, request.endpoint or "", header.idempotency_key)
            print_ = _hash(request.full_path, request.mimetype, request.get_data())
            before = desk.store.rows("api.answered", key=f"answer-{key}")
            if before:
                held = json.loads(before[0]["result"])
                if held["fingerprint"] != print_:
                    raise Problem(
                        422,
                        "this Idempotency-Key came with another request before: choose a new key "
                        "for each write",
                    )
                repeated = {"Idempotent-Replayed": "true"}
                return flask.Response(held["body"], 200, repeated, mimetype="application/json")
            flask.g.request_id = _hash(key, print_)[:32]
            body = view(header=header, **others).model_dump_json()
            desk.store.write("api.answer", key=f"answer-{key}", fingerprint=print_, body=body)
            return flask.Response(body, mimetype="application/json")

        return answer

    return wrap


def _hash(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(b"%d:" % len(data) + data)
    return digest.hexdigest()

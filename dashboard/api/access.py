"""Who calls, and what they may do.

A call carries ``Authorization: Bearer TOKEN``.  Without any token made, on loopback, whoever can
reach the port may do everything, as on the pages; web pages of other sites are kept out of that.
"""

import ipaddress
import math
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import flask

from dashboard.api.limits import Buckets
from dashboard.api.problems import Problem
from dashboard.state import Desk
from genlab.config import is_loopback
from genlab.pipeline.tokens import Caller, any_token, recognise

LOCAL = Caller("api", "admin")
"""Who calls without a token, where that is allowed."""

_View = TypeVar("_View", bound=Callable[..., Any])
_PUBLIC = ("openapi.", "swagger.")  # the description and its page, of flask-openapi3
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "Via")


def requires(role: str | None) -> Callable[[_View], _View]:
    """Declares the role a view asks for; None for everyone."""

    def declare(view: _View) -> _View:
        view.role = role  # type: ignore[attr-defined]
        return view

    return declare


def register(app: flask.Flask, desk: Desk) -> None:
    """Let no request of ``app`` pass whose caller may not make it; ``flask.g.caller`` says who."""
    buckets = Buckets(desk.settings.api.requests_per_minute)

    def count(key: str) -> None:
        if wait := buckets.wait(key):
            seconds = math.ceil(wait)
            raise Problem(
                429,
                f"more than {desk.settings.api.requests_per_minute:,} requests a minute: wait "
                f"{seconds} s, send more in one request, or raise api.requests_per_minute",
                headers={"Retry-After": str(seconds)},
            )

    @app.before_request
    def admit() -> None:
        request = flask.request
        if request.url_rule is None:  # 404 or 405, said later
            return
        view = app.view_functions[request.endpoint or ""]
        public = (request.endpoint or "").startswith(_PUBLIC)
        needed = None if public else getattr(view, "role", "admin")
        if needed is not None:
            address = f"address {request.remote_addr}"
            try:
                caller = who(request, desk)
            except Problem:
                count(address)
                raise
            count(address if caller is LOCAL else f"token {caller.name}")
            if not caller.may(needed):
                raise Problem(
                    403,
                    f"{caller.name} is {caller.role}, this needs {needed}: ask an admin for "
                    f"`genlab token add NAME --role {needed}`",
                )
            flask.g.caller = caller
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            _check_body(request, getattr(view, "accepts", ("application/json",)))


def who(request: flask.Request, desk: Desk) -> Caller:
    """The caller of a request; a Problem of status 401 for nobody known."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        caller = recognise(desk.store, token.strip())
        if caller is None:
            raise _unknown(
                "the token is unknown, revoked or expired: see `genlab token list`",
                'Bearer error="invalid_token"',
            )
        return caller
    if scheme:
        raise _unknown(f"found the scheme {scheme[:20]!r}, expected Authorization: Bearer TOKEN")
    if not desk.settings.serve.open_to_the_network and not any_token(desk.store):
        if fault := _foreign(request):
            raise _unknown(f"{fault}: send a token, made with `genlab token add NAME`")
        return LOCAL
    raise _unknown(
        "expected Authorization: Bearer TOKEN; make one with `genlab token add NAME --role ROLE`"
    )


def _unknown(detail: str, challenge: str = "Bearer") -> Problem:
    return Problem(401, detail, headers={"WWW-Authenticate": challenge})


def _foreign(request: flask.Request) -> str:
    """Why a request without a token is not taken for one of this machine's own; "" when it is.

    The name in Host is checked because a site's name may be made to point to 127.0.0.1 (DNS
    rebinding): its pages then are of the same origin, but the browser still sends that name.
    """
    if not _loopback_address(request.remote_addr):
        return f"the request comes from {request.remote_addr}, not from this machine"
    if any(name in request.headers for name in _FORWARDED):
        return "the request came through a proxy"
    host = urlsplit(f"//{request.host}").hostname or ""
    if not is_loopback(host):
        return f"the request is for the host {host[:80]!r}, not for this machine"
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        return f"the request was made by a page of {origin[:80]!r}"
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        return "the request was made by a page of another site"
    return ""


def _loopback_address(address: str | None) -> bool:
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False


def _check_body(request: flask.Request, accepted: tuple[str, ...]) -> None:
    # No accepted type can be sent by a form or a "simple" request of another site's page.
    if request.mimetype not in accepted:
        raise Problem(
            415, f"found Content-Type {request.content_type!r}, expected {' or '.join(accepted)}"
        )
    # Werkzeug would cut a body of unknown length off at the limit and say nothing.
    if request.content_length is None:
        raise Problem(411, "found a body without Content-Length: send it in one piece")

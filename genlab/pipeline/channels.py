"""Where alerts go: a webhook, a mailbox or a file.  Secrets come from the environment alone."""

import json
import os
import re
import smtplib
import ssl
import urllib.error
import urllib.request
from email.message import EmailMessage
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from genlab.config import AlertSettings
from genlab.errors import GenlabError, InputError

PASSWORD = "GENLAB_SMTP_PASSWORD"  # noqa: S105  (the name of the variable, not the password)
_EXPECTED = (
    "expected https://HOST/..., http://HOST/..., mailto:NAME@HOST or file:PATH; write ${NAME} for "
    "what must stay secret, to be filled in from the environment"
)
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_ADDRESS = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+")


class DeliveryFailed(GenlabError):
    """An alert did not arrive: why, and what to do."""


class Target(NamedTuple):
    """Where to."""

    kind: str  # webhook, mail or file
    address: str


def parse_target(text: str) -> Target:
    """What a rule's target means; InputError for another scheme or an address that is none."""
    kind = {"http": "webhook", "https": "webhook", "mailto": "mail", "file": "file"}.get(
        text.partition(":")[0].lower()
    )
    address = text if kind == "webhook" else text.partition(":")[2]
    if kind == "file":
        address = address.removeprefix("//")
    plain = not any(ord(c) <= 32 for c in text)
    good = {
        "webhook": plain and bool(_host(text)),
        "mail": plain and _ADDRESS.fullmatch(unquote(address)) is not None,
        "file": bool(address) and not any(ord(c) < 32 for c in address),
    }
    if kind is None or not good[kind]:
        raise InputError(f"found the target {masked(text)!r}, {_EXPECTED}")
    return Target(kind, unquote(address) if kind == "mail" else address)


def masked(target: str) -> str:
    """A target as it may be shown: of a web address only scheme and host."""
    scheme, _, rest = target.partition("://")
    if scheme.lower() not in ("http", "https"):
        return target
    bare = f"{scheme}://{_host(target)}"
    host = rest.partition("/")[0]
    return bare + ("/…" if rest.strip("/") != _host(target) or "@" in host else "")


def deliver(target: str, payload: dict[str, Any], settings: AlertSettings, folder: Path) -> None:
    """Send an alert; relative files lie in ``folder``.  Raises DeliveryFailed."""
    try:
        to = parse_target(_filled(target))
    except InputError as error:
        raise DeliveryFailed(str(error)) from None
    try:
        if to.kind == "webhook":
            _post(to.address, payload, settings.timeout_seconds)
        elif to.kind == "mail":
            _mail(to.address, payload, settings)
        else:
            _append(folder / to.address, payload)
    except (OSError, HTTPException, smtplib.SMTPException, ValueError) as error:
        raise DeliveryFailed(f"{masked(target)}: {_reason(error)}") from None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """An alert goes where the rule says, and nowhere else."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _post(address: str, payload: dict[str, Any], timeout: float) -> None:
    request = urllib.request.Request(  # noqa: S310  (parse_target lets http and https pass alone)
        address,
        data=json.dumps(payload).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "genlab"},
        method="POST",
    )
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        opener.open(request, timeout=timeout).close()
    except urllib.error.HTTPError as error:
        error.close()
        where = ": give the rule the address it moved to" if 300 <= error.code < 400 else ""
        raise OSError(f"answered {error.code} {error.reason}, expected 2xx{where}") from None


def _mail(to: str, payload: dict[str, Any], settings: AlertSettings) -> None:
    if not settings.smtp_host:
        raise ValueError("no mail server is set: set alerts.smtp_host in genlab.toml")
    message = EmailMessage()
    message["Subject"] = payload["text"]
    message["From"] = settings.smtp_from
    message["To"] = to
    lines = [payload["text"], "", *(f"{d['messages']:>6}  {d['text']}" for d in payload["details"])]
    message.set_content("\n".join([*lines, "", f"rule {payload['rule']}, {payload['fired_at']}"]))
    tls = ssl.create_default_context()
    where = (settings.smtp_host, settings.smtp_port)
    patience = settings.timeout_seconds
    with (
        smtplib.SMTP_SSL(*where, timeout=patience, context=tls)
        if settings.smtp_security == "tls"
        else smtplib.SMTP(*where, timeout=patience)
    ) as server:
        if settings.smtp_security == "starttls":
            server.starttls(context=tls)
        if settings.smtp_user:
            server.login(settings.smtp_user, _variable(PASSWORD))
        server.send_message(message)


def _append(path: Path, payload: dict[str, Any]) -> None:
    line = json.dumps(payload, ensure_ascii=False) + "\n"
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, line.encode())  # one write: lines of two processes do not mix
    finally:
        os.close(handle)


def _filled(target: str) -> str:
    return _VARIABLE.sub(lambda found: _variable(found.group(1)), target)


def _variable(name: str) -> str:
    if name not in os.environ:
        raise DeliveryFailed(
            f"the environment has no {name}: set it where `genlab up` (or this command) is started"
        )
    return os.environ[name]


def _host(address: str) -> str:
    try:
        parsed = urlsplit(address)
        return (parsed.hostname or "") + (f":{parsed.port}" if parsed.port else "")
    except ValueError:
        return ""


def _reason(error: Exception) -> str:
    inner = getattr(error, "reason", None)
    said = str(inner if isinstance(inner, Exception) else error) or type(error).__name__
    return f"{' '.join(said.split())}; check the address, and try `genlab alert test`"

"""Tokens of programs that use the HTTP API: made, listed, revoked, recognised."""

import hashlib
import secrets
from collections.abc import Iterable
from typing import Any, NamedTuple

from genlab.errors import InputError
from genlab.store import Store

ROLES = ("viewer", "annotator", "admin")  # each may do what those before it may
MAX_NAME_LENGTH = 80
_PREFIX = "genlab_"  # so that scanners for leaked secrets can know one
_USED_SECONDS = 60.0  # last_used_at is written at most this often


class Caller(NamedTuple):
    """Who calls."""

    name: str
    role: str  # one of ROLES

    def may(self, role: str) -> bool:
        """Whether this caller may do what ``role`` may."""
        return ROLES.index(self.role) >= ROLES.index(role)


def add_token(store: Store, name: str, role: str, days: float | None = None) -> str:
    """Make a token, valid for ``days`` (None: until it is revoked); it is stored nowhere.

    Raises InputError for a name that has a token, and for a name, role or time that is none.
    """
    name = name.strip()
    if not name or len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise InputError(
            f"found the name {name[:40]!r}, expected 1 to {MAX_NAME_LENGTH} printable characters"
        )
    if role not in ROLES:
        raise InputError(f"found the role {role!r}, expected one of {', '.join(ROLES)}")
    if days is not None and not 0 < days < 36_500:
        raise InputError(
            f"found {days:g} days until it expires, expected more than 0, up to 36,500"
        )
    token = _PREFIX + secrets.token_urlsafe(32)
    done = store.write("tokens.add", name=name, token_hash=_hash(token), role=role, days=days)
    if not done["added"]:
        raise InputError(f"{name} has a token: `genlab token revoke {name}` first, or another name")
    return token


def list_tokens(store: Store) -> list[dict[str, Any]]:
    """Tokens that were not revoked: name, role, created_at, expires_at, last_used_at, expired."""
    return store.rows("tokens.list")


def revoke_token(store: Store, name: str) -> None:
    """End a token at once; InputError when there is none of that name."""
    if not store.write("tokens.revoke", name=name)["revoked"]:
        known = _names(list_tokens(store))
        raise InputError(f"no token {name!r}; known: {known}")


def recognise(store: Store, token: str) -> Caller | None:
    """Whose token it is; None for one that is unknown, revoked or expired."""
    token_hash = _hash(token)
    found = store.rows("tokens.find", token_hash=token_hash)
    if not found:
        return None
    idle = found[0]["idle_seconds"]
    if idle is None or idle > _USED_SECONDS:
        store.write("tokens.used", token_hash=token_hash)
    return Caller(found[0]["name"], found[0]["role"])


def any_token(store: Store) -> bool:
    """Whether a token was ever made: revoking the last one must not open what it closed."""
    return bool(store.rows("tokens.count")[0]["tokens"])


def _hash(token: str) -> str:
    # One fast hash is right here: 256 random bits cannot be guessed, so there is nothing that salt
    # or a slow hash, meant for passwords, would add; and it is looked up with every call.
    return hashlib.sha256(token.encode()).hexdigest()


def _names(rows: Iterable[dict[str, Any]]) -> str:
    return ", ".join(row["name"] for row in rows) or "none"

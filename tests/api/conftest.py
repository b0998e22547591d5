"""The API over a synthetic desk, in this process."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from synthetic_desk import fill

from dashboard.api import create_api
from dashboard.state import Desk
from genlab.config import Settings, load_settings, with_overrides
from genlab.store import Store

PATTERNS, KINDS, COMPONENTS = 240, 4, 12


@pytest.fixture(scope="session")
def roomy() -> Settings:
    """Settings that no test runs into by asking often."""
    return with_overrides(load_settings(), {"api.requests_per_minute": 1_000_000})


@pytest.fixture
def empty_client(store: Store, roomy: Settings) -> FlaskClient:
    """The API of a workspace with nothing in it, and no token made."""
    return create_api(Desk(store.workspace, roomy, store)).test_client()


@pytest.fixture
def filled(store: Store) -> Store:
    """240 patterns of 4 kinds, version 1 in force, no label."""
    fill(store, PATTERNS, KINDS, COMPONENTS)
    return store


@pytest.fixture
def client(filled: Store, roomy: Settings) -> FlaskClient:
    """The API of the filled workspace; no token made."""
    return create_api(Desk(filled.workspace, roomy, filled)).test_client()


def walk(client: FlaskClient, path: str, between: Callable[[], Any] = lambda: None) -> list[dict]:
    """Every item of a list, page by page; ``between`` is called once, after the first page."""
    items, cursor, pages = [], "", 0
    while True:
        answer = client.get(path + (f"&cursor={cursor}" if cursor else ""))
        assert answer.status_code == 200, answer.text
        items += answer.json["items"]
        cursor = answer.json["next"]
        pages += 1
        if cursor is None:
            return items
        if pages == 1:
            between()

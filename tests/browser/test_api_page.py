"""The API's own page: readable without any other host, and its button works."""

import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from synthetic_desk import fill
from werkzeug.serving import make_server

from dashboard.api import PREFIX, mount
from dashboard.state import Desk
from genlab.config import load_settings
from genlab.store import Store

pytestmark = pytest.mark.browser


@pytest.fixture
def address(store: Store) -> Iterator[str]:
    fill(store, 40, 2, 4)
    app = Flask("desk")
    mount(app, Desk(store.workspace, load_settings(), store))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_the_page_is_readable_and_asks_no_other_host(page, address: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    said: list[str] = []
    page.on("console", lambda each: said.append(each.text))
    page.goto(f"{address}{PREFIX}/")
    page.wait_for_url(f"**{PREFIX}/swagger")
    page.click("#operations-status-status button")
    page.click("text=Try it out")
    page.click("button.execute")
    page.wait_for_selector("text=/known_messages_share/")
    assert len(asked) > 4
    assert [url for url in asked if not url.startswith((address, "data:"))] == []
    assert not any("Content Security Policy" in each for each in said)

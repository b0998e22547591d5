"""While the owner of the workspace is away every page says so, and comes back by itself."""

from pathlib import Path

import pytest
from serving import owner, web
from synthetic_desk import fill
from visits import visit

from dashboard.pages import PAGES
from genlab.store import connect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DOWN = "text=The owner of the workspace is down, retrying."


def test_every_page_says_that_the_owner_is_down_and_comes_back(page, tmp_path: Path) -> None:
    folder = tmp_path / "workspace"
    with connect(folder) as store:
        fill(store, 120, 6, 12)
    with web(folder) as address:
        tabs = {each: page.context.new_page() for each in PAGES}
        with owner(folder):
            for each, tab in tabs.items():
                visit(tab, address, each.PATH)
                tab.evaluate("window.loadedOnce = true")
        for each, tab in tabs.items():
            tab.wait_for_selector(f"main >> {DOWN}", timeout=60_000)
            assert tab.title() == f"{each.NAME} · genlab"
        with owner(folder):
            for each, tab in tabs.items():
                tab.wait_for_selector(
                    f"h1:text-is('{each.NAME}')", state="attached", timeout=60_000
                )
                tab.wait_for_selector(DOWN, state="detached")
                assert tab.evaluate("window.loadedOnce"), each.NAME  # no reload

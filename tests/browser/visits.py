"""What the tests of every page share: the pages, when one has come to rest, what it looks like."""

from typing import Any

from dashboard.pages import PAGES

PATHS = [page.PATH for page in PAGES]
AT_REST = """() => document.querySelector("main")
  && document.querySelector("#foot").childElementCount
  && !document.querySelector('[data-dash-is-loading="true"]')
  && (!document.querySelector("#map-canvas") || genlabMap.get())"""


def visit(page: Any, address: str, path: str) -> None:
    """Open a page and wait until it is drawn and asks for nothing more."""
    page.goto(address + path, wait_until="networkidle")
    page.wait_for_function(AT_REST, timeout=30_000)

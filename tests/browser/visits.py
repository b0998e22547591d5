"""What the tests of every page share: the pages, when one has come to rest, what it looks like."""

from typing import Any

from dashboard.pages import PAGES

PATHS = [page.PATH for page in PAGES]
AT_REST = """() => document.querySelector("main")
  && document.querySelector("#foot").childElementCount
  && !document.querySelector('[data-dash-is-loading="true"]')
  && (!document.querySelector("#map-canvas") || genlabMap.get())"""

OUTSIDE = """() => {
  const wide = document.documentElement.scrollWidth - innerWidth;
  const said = wide > 0 ? [`the document is ${wide} px too wide`] : [];
  for (const box of document.querySelectorAll(".gl-panel, .gl-toolbar, .gl-foot, .gl-nav")) {
    const edge = box.getBoundingClientRect();
    for (const node of box.querySelectorAll("button, input, select, a, [role=tab]")) {
      const at = node.getBoundingClientRect();
      if (!at.width || getComputedStyle(node).position === "absolute") continue;
      if (at.left < edge.left - 1 || at.right > edge.right + 1 || at.right > innerWidth + 1)
        said.push(`${box.className}: ${node.outerHTML.slice(0, 120)}`);
    }
  }
  return said;
}"""
"""What is cut off at the right, or stands outside of the part of the page it is in."""


def visit(page: Any, address: str, path: str) -> None:
    """Open a page and wait until it is drawn and asks for nothing more."""
    page.goto(address + path, wait_until="networkidle")
    page.wait_for_function(AT_REST, timeout=30_000)

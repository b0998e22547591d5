"""What browser tests share: the pages, when one has come to rest, what it looks like."""

from typing import Any

from dashboard.pages import PAGES
from genlab.store import Store

PATHS = [page.PATH for page in PAGES]
AT_REST = """() => document.querySelector("main")
  && document.querySelector("#foot").childElementCount
  && !document.querySelector('[data-dash-is-loading="true"]')
  && (!document.querySelector("#map-canvas") || genlabMap.get())"""
MAP_LOADED = "genlabMap.get()?.stats().points > 0 && genlabMap.get().colours"
LEARNT = """() => { const at = new URLSearchParams(document.querySelector("#map-canvas")
  .dataset.coloursUrl.split("?")[1]);
  return at.get("seq") === at.get("learnt") || at.get("seq") === "0"; }"""
"""On the map: nothing that the labels teach is still to come."""

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


def open_map(page: Any, address: str) -> None:
    """Open the map and wait until its points and their colours are there."""
    page.goto(address + "/map")
    page.wait_for_function(MAP_LOADED, timeout=30_000)


def training_ended(store: Store, before: str) -> dict[str, Any] | None:
    """The latest training once it has ended, if it came after the job ``before``."""
    job = store.rows("model_versions.latest_training")[0]
    return job if job["job_id"] != before and job["finished_at"] else None

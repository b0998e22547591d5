"""The desk in a real Chromium: how long a person waits for each action, and what is sent for it."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from genlab.bench.dashboard_desk import Served, memory_mb
from genlab.errors import GenlabError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
PATIENCE = 300_000.0  # ms an action may take
CORNERS = 24  # mouse moves of a lasso
_VISITS = 3
_FRAMES = 9

DRAWN = "(m => m && m.x.length > 0 && m.colours && !m.pending)(window.genlabMap?.get())"
_RECOLOURED = f"{DRAWN} && genlabMap.get().colours !== coloursBefore"
_ASKED = "!!document.querySelector('.gl-asking [data-act=confirm]')"
_QUIET = """({ seconds }) => {
  const url = document.getElementById('map-canvas').dataset.coloursUrl;
  const at = new URLSearchParams(url.split('?')[1]);
  if (window.quietUrl !== url) [window.quietUrl, window.quietSince] = [url, performance.now()];
  return at.get('seq') === at.get('learnt') && performance.now() - quietSince > 1000 * seconds;
}"""
_RING = """({ count, corners }) => {
  const m = genlabMap.get(), v = m.view(), box = m.top.getBoundingClientRect();
  const sx = Float64Array.from(m.x, (x) => v.x0 + v.scale * x);
  const sy = Float64Array.from(m.y, (y) => v.y0 - v.scale * y);
  const middle = (a) => Float64Array.from(a).sort()[a.length >> 1];
  const cx = middle(sx), cy = middle(sy);
  const far = Float64Array.from(sx, (x, i) => Math.hypot(x - cx, sy[i] - cy)).sort();
  const r = far[Math.min(count, far.length - 1)] + 0.5;
  return Array.from({ length: corners }, (_, k) => {
    const a = (2 * Math.PI * k) / corners, q = r / Math.cos(Math.PI / corners / 2);
    return [box.x + cx + q * Math.cos(a), box.y + cy + q * Math.sin(a)]; });
}"""
_FRAME = """(count) => {
  const m = genlabMap.get();
  return Array.from({ length: count }, () => { m.draw(); return m.stats().drawMs; });
}"""
_HOVER = """(count) => {
  const m = genlabMap.get(), spent = [];
  for (let k = 0; k < count; k++) {
    const x = (m.width * ((k * 0.618) % 1)), y = (m.height * ((k * 0.755) % 1));
    const started = performance.now();
    m.hover(m.pick(x, y), x, y);
    spent.push(performance.now() - started);
  }
  return spent;
}"""


_STEADY_MS = 200.0
_SETTLED = """({ path, ms }) => {
  const busy = location.pathname !== path || !document.querySelector('main')
    || document.querySelector('[data-dash-is-loading=true]');
  window.settledSince = busy ? null : window.settledSince ?? performance.now();
  return settledSince !== null && performance.now() - settledSince > ms && settledSince;
}"""


class Sent(NamedTuple):
    """What went over the wire, bodies and headers both ways."""

    colours: int  # bytes of answers that hold colours
    first: int  # of the first of them
    all: int


@contextmanager
def wire(page: "Page") -> Iterator[Callable[[], Sent]]:
    """Counts the requests of a page; call it for what they came to."""
    finished: list[Request] = []

    def note(request: "Request") -> None:
        finished.append(request)

    def count() -> Sent:
        sizes: list[tuple[str, Any]] = [(each.url, each.sizes()) for each in finished]
        colours = [
            s["responseBodySize"] + s["responseHeadersSize"] for u, s in sizes if "/colours" in u
        ]
        return Sent(
            sum(colours), next(iter(colours), 0), sum(sum(map(int, s.values())) for _, s in sizes)
        )

    page.on("requestfinished", note)
    yield count
    page.remove_listener("requestfinished", note)


@contextmanager
def chromium() -> Iterator["Browser"]:
    """A headless browser; GenlabError that says what to install where there is none."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise GenlabError(
            "`genlab bench dashboard` drives a browser: pip install playwright, then run it again"
        ) from None
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        raise GenlabError(
            f"found none of {', '.join(_NAMES)}: install Chromium (apt-get install chromium)"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def tab(browser: "Browser") -> Iterator["Page"]:
    """A fresh page of 1440 x 900 without anything cached."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    yield page
    context.close()


def browser_mb(browser: "Browser") -> float:
    """Memory of all its processes."""
    session = browser.new_browser_cdp_session()
    found = session.send("SystemInfo.getProcessInfo")["processInfo"]
    return memory_mb([process["id"] for process in found if process["type"] == "browser"])


def measure(browser: "Browser", served: Served, patterns: int) -> dict[str, Any]:
    """One row: seconds a person waits, bytes sent, megabytes held."""
    row: dict[str, Any] = {"patterns": patterns, "with": "genlab"}
    count = min(5000, patterns // 4)
    with tab(browser) as page:
        row["first_view_cold_s"] = first_view(page, served.address)
        wait_quiet(page)
    visits = []
    for _ in range(_VISITS):
        with tab(browser) as page:
            visits.append(first_view(page, served.address))
    row["first_view_s"] = median(visits)
    with tab(browser) as page:
        first_view(page, served.address)
        row["draw_ms"] = median(page.evaluate(_FRAME, _FRAMES))
        row["hover_ms"] = float(np.percentile(page.evaluate(_HOVER, 200), 95))
        wait_quiet(page)
        row["lasso_s"] = lasso(page, count)
        row["selected"] = page.evaluate("genlabMap.get().stats().selected")
        page.wait_for_function(_panel(row["selected"]))
        row |= lasso_to_label(page, count, "1")
        wait_quiet(page)
        links = page.locator(".gl-nav-link").all()
        paths = [path for link in links if (path := link.get_attribute("href")) != "/map"]
        waits = {str(path): change_page(page, str(path)) for path in paths}
        slowest = max(waits, key=lambda path: waits[path])
        row["page_change_s"] = median(waits.values())
        row |= {"slowest_page": slowest, "slowest_page_s": waits[slowest]}
        page.click(".gl-nav a[href='/map']")
        started = time.perf_counter()
        page.wait_for_function(DRAWN)
        row["back_to_map_s"] = time.perf_counter() - started
        row["browser_mb"] = browser_mb(browser)
    row["dashboard_mb"] = memory_mb([served.pids["dashboard"]])
    row["owner_mb"] = memory_mb([served.pids["owner"]])
    return row


def first_view(page: "Page", address: str) -> float:
    """Seconds from the address to the drawn, coloured map."""
    page.goto(address + "/map", wait_until="commit")
    return float(page.wait_for_function(f"{DRAWN} && performance.now()").json_value()) / 1000


def wait_quiet(page: "Page", seconds: float = 8.0) -> None:
    """Until every server process has learnt from the labels."""
    # By the clock: a page that stands still may draw no frames to poll at.
    page.wait_for_function(_QUIET, arg={"seconds": seconds}, polling=200)


def lasso(page: "Page", count: int) -> float:
    """Seconds from the press of the button to the selection of about ``count`` on the screen."""
    ring = page.evaluate(_RING, {"count": count, "corners": CORNERS})
    started = time.perf_counter()
    drag(page, ring)
    page.wait_for_function(f"{DRAWN} && genlabMap.get().anySelected")
    return time.perf_counter() - started


def drag(page: "Page", ring: list[list[float]]) -> None:
    """Press, move along, let go."""
    page.mouse.move(*ring[0])
    page.mouse.down()
    for corner in ring[1:]:
        page.mouse.move(*corner)
    page.mouse.up()


def lasso_to_label(page: "Page", count: int, key: str) -> dict[str, float]:
    """From the release of the lasso to what is stored and redrawn.

    The key is pressed at once, and Enter as soon as the preview asks for it.
    """
    page.keyboard.press("Escape")
    page.wait_for_function("!genlabMap.get().anySelected")
    ring = page.evaluate(_RING, {"count": count, "corners": CORNERS})
    page.evaluate("window.coloursBefore = genlabMap.get().colours")
    found: dict[str, float] = {}
    with wire(page) as count_sent:
        drag(page, ring)
        started = time.perf_counter()
        page.keyboard.press(key)
        page.wait_for_function(f"{_ASKED} || {_RECOLOURED}")
        found["preview_s"] = time.perf_counter() - started
        if page.evaluate(_ASKED):
            page.keyboard.press("Enter")
        page.wait_for_function(_RECOLOURED)
        found["lasso_to_recoloured_s"] = time.perf_counter() - started
        wait_quiet(page)
        sent = count_sent()
    return found | {
        "recolour_kb": sent.first / 1e3,
        "recolours_kb": sent.colours / 1e3,
        "traffic_kb": sent.all / 1e3,
    }


def change_page(page: "Page", path: str) -> float:
    """Seconds from a click in the navigation to the page with all that it loads."""
    page.evaluate("window.settledSince = null")
    started = page.evaluate("performance.now()")
    page.click(f".gl-nav a[href='{path}']")
    ready = page.wait_for_function(_SETTLED, arg={"path": path, "ms": _STEADY_MS})
    return float(ready.json_value() - started) / 1000


def _panel(selected: int) -> str:
    return f"document.getElementById('map-head').innerText.includes('{selected:,}')"

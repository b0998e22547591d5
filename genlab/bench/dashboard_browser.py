"""The desk in a real Chromium: how long a person waits for each action, and what is sent for it."""

import time
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from genlab.bench.dashboard_desk import Served, memory_mb
from genlab.bench.dashboard_tab import Tab, browser_mb, tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CORNERS = 24  # mouse moves of a lasso
_VISITS = 3
_FRAMES = 9
_QUIET_SECONDS = 8.0
_STEADY_MS = 200.0

DRAWN = "(m => m && m.x.length > 0 && m.colours && !m.pending)(window.genlabMap?.get())"
_RECOLOURED = f"{DRAWN} && genlabMap.get().colours !== coloursBefore"
_ASKED = "genlabDesk.pending()"
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
_PANEL = "(count) => document.getElementById('map-head')?.innerText.includes(count)"
_PAGES = "() => [...document.querySelectorAll('.gl-nav-link')].map((a) => a.getAttribute('href'))"
_SETTLED = """({ path, ms }) => {
  const busy = location.pathname !== path || !document.querySelector('main')
    || document.querySelector('[data-dash-is-loading=true]');
  window.settledSince = busy ? null : window.settledSince ?? performance.now();
  return settledSince !== null && performance.now() - settledSince > ms && settledSince;
}"""


def measure(browser: "Browser", served: Served, patterns: int) -> dict[str, Any]:
    """One row: seconds a person waits, bytes sent, megabytes held."""
    row: dict[str, Any] = {"patterns": patterns, "with": "genlab"}
    count = min(5000, patterns // 4)
    with tab(browser) as desk:
        row["first_view_cold_s"] = first_view(desk, served.address)
        wait_quiet(desk)
    visits = []
    for _ in range(_VISITS):
        with tab(browser) as desk:
            visits.append(first_view(desk, served.address))
    row["first_view_s"] = median(visits)
    with tab(browser) as desk:
        first_view(desk, served.address)
        row["draw_ms"] = median(desk.ask("frames to be drawn", _FRAME, _FRAMES))
        row["hover_ms"] = float(np.percentile(desk.ask("points to be hovered", _HOVER, 200), 95))
        wait_quiet(desk)
        row |= lasso(desk, count)
        row |= lasso_to_label(desk, count, "1")
        row |= change_pages(desk)
        row["browser_mb"] = browser_mb(browser)
    row["dashboard_mb"] = memory_mb([served.pids["dashboard"]])
    row["owner_mb"] = memory_mb([served.pids["owner"]])
    return row


def first_view(desk: Tab, address: str) -> float:
    """Seconds from the address to the drawn, coloured map."""
    desk.goto(address + "/map")
    return float(desk.until("the map to be drawn", f"{DRAWN} && performance.now()")) / 1000


def wait_quiet(desk: Tab) -> None:
    """Until every server process has learnt from the labels."""
    desk.until("the labels to be learnt from", _QUIET, {"seconds": _QUIET_SECONDS})


def lasso(desk: Tab, count: int) -> dict[str, float]:
    """From the press of the button to the selection of about ``count`` on the screen."""
    ring = desk.ask("a ring around points", _RING, {"count": count, "corners": CORNERS})
    pressed, _ = desk.drag(ring)
    desk.until("the selection to be drawn", f"{DRAWN} && genlabMap.get().anySelected")
    spent = time.perf_counter() - pressed
    selected = desk.ask("how many are selected", "() => genlabMap.get().stats().selected")
    desk.until("the panel to tell of them", _PANEL, f"{selected:,}")
    return {"lasso_s": spent, "selected": selected}


def lasso_to_label(desk: Tab, count: int, key: str) -> dict[str, float]:
    """From the release of the lasso to what is stored and redrawn.

    The key is pressed at once, and Enter as soon as the preview asks for it.
    """
    desk.press("Escape")
    desk.until("nothing to be selected", "!genlabMap.get().anySelected")
    ring = desk.ask("a ring around points", _RING, {"count": count, "corners": CORNERS})
    desk.ask("the colours", "() => { window.coloursBefore = genlabMap.get().colours; }")
    before = desk.answers
    _, released = desk.drag(ring)
    desk.press(key)
    desk.until("the preview or new colours", f"{_ASKED} || {_RECOLOURED}")
    found = {"preview_s": time.perf_counter() - released}
    if desk.ask("whether it asks", f"() => {_ASKED}"):
        desk.press("Enter")
    desk.until("new colours", _RECOLOURED)
    found["lasso_to_recoloured_s"] = time.perf_counter() - released
    wait_quiet(desk)
    sent = desk.sent(before)
    return found | {
        "recolour_kb": sent.first / 1e3,
        "recolours_kb": sent.colours / 1e3,
        "traffic_kb": sent.all / 1e3,
    }


def change_pages(desk: Tab) -> dict[str, Any]:
    """To every other page in turn, then back to the map."""
    paths = desk.ask("the pages", _PAGES)
    waits = {path: change_page(desk, path) for path in paths if path != "/map"}
    slowest = max(waits, key=lambda path: waits[path])
    started = _clicked(desk, "/map")
    back = desk.until("the map to be drawn again", f"{DRAWN} && performance.now()") - started
    return {
        "page_change_s": median(waits.values()),
        "slowest_page": slowest,
        "slowest_page_s": waits[slowest],
        "back_to_map_s": back / 1000,
    }


def change_page(desk: Tab, path: str) -> float:
    """Seconds from a click in the navigation to the page with all that it loads."""
    desk.ask("the page", "() => { window.settledSince = null; }")
    started = _clicked(desk, path)
    ready = desk.until(f"{path} to stand still", _SETTLED, {"path": path, "ms": _STEADY_MS})
    return float(ready - started) / 1000


def _clicked(desk: Tab, path: str) -> float:
    """When (performance.now) a click in the navigation began."""
    started = desk.ask("the time", "() => performance.now()")
    desk.click(f".gl-nav a[href='{path}']")
    return float(started)

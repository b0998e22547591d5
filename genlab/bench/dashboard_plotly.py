"""The same actions in plain Plotly: a scattergl trace of lists in a static page."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from genlab.bench.dashboard_browser import CORNERS
from genlab.bench.dashboard_tab import Tab, TooLong, browser_mb, tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_PAGE = b"""<!doctype html><div id="map" style="width: 1100px; height: 820px"></div>
<script src="/plotly.min.js"></script>
<script>
  const gd = document.getElementById("map");
  const next = () => new Promise(requestAnimationFrame);
  const frame = async () => { await next(); await next(); };
  (async () => {
    await Plotly.newPlot(gd, await (await fetch("/figure.json")).json());
    gd.on("plotly_selected", (event) => { window.selected = event.points.length; });
    await frame();
    window.drawnAt = performance.now();
  })();
  async function recolour() {
    const started = performance.now();
    const colour = await (await fetch("/colours.json")).json();
    await Plotly.restyle(gd, { "marker.color": [colour] });
    await frame();
    return performance.now() - started;
  }
</script>"""
_PLACE = """() => {
  const { xaxis, yaxis } = gd._fullLayout, box = gd.getBoundingClientRect();
  const at = (axis, v) => axis._offset + axis.l2p(v);
  return [0, 1].map((v) => [box.x + at(xaxis, v), box.y + at(yaxis, v)]);
}"""


def measure_plotly(browser: "Browser", patterns: int, patience_s: float) -> dict[str, Any]:
    """One row; an action that takes longer than ``patience_s`` and those after it stay out."""
    rng = np.random.default_rng(0)
    centres = rng.uniform(-1, 1, (patterns // 100 + 1, 2)) * np.sqrt(patterns / 100)
    group = np.arange(patterns) // 100
    xy = centres[group] + 0.4 * rng.normal(size=(patterns, 2))
    row: dict[str, Any] = {"patterns": patterns, "with": "plotly"}
    with _site(xy, group) as address, tab(browser, patience_s) as page:
        try:
            page.goto(address)
            row["first_view_s"] = page.until("the figure to be drawn", "window.drawnAt") / 1000
            row["browser_mb"] = browser_mb(browser)
            before = page.answers
            row["recolour_s"] = page.ask("new colours", "() => recolour()") / 1000
            row["recolour_kb"] = page.sent(before).all / 1e3
            row |= _lasso(page, xy, min(5000, patterns // 4))
        except TooLong:
            row["gave_up_s"] = patience_s
    return row


def _lasso(page: Tab, xy: np.ndarray, count: int) -> dict[str, float]:
    middle = np.median(xy, axis=0)
    radius = np.sort(np.linalg.norm(xy - middle, axis=1))[count]
    (x0, y0), (x1, y1) = page.ask("where the points are", _PLACE)
    angles = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    ring = [
        [x0 + (x1 - x0) * (middle[0] + radius * np.cos(a)),
         y0 + (y1 - y0) * (middle[1] + radius * np.sin(a))]
        for a in angles
    ]  # fmt: skip
    pressed, _ = page.drag(ring)
    selected = page.until("the selection", "window.selected")
    return {"lasso_s": time.perf_counter() - pressed, "selected": selected}


@contextmanager
def _site(xy: np.ndarray, group: np.ndarray) -> Iterator[str]:
    """The page, Plotly's own script, the figure and new colours, on a free port."""
    figure = {
        "data": [
            {
                "type": "scattergl",
                "mode": "markers",
                "x": xy[:, 0].tolist(),
                "y": xy[:, 1].tolist(),
                "text": [f"unit {g} reports: pressure at valve {i}" for i, g in enumerate(group)],
                "customdata": [f"{i:016x}" for i in range(len(xy))],
                "marker": {"color": (group % 8).tolist(), "colorscale": "Viridis", "size": 5},
            }
        ],
        "layout": {"dragmode": "lasso", "hovermode": "closest"},
    }
    script = files("plotly").joinpath("package_data", "plotly.min.js").read_bytes()
    bodies = {
        "/": (_PAGE, "text/html"),
        "/plotly.min.js": (script, "text/javascript"),
        "/figure.json": (json.dumps(figure).encode(), "application/json"),
        "/colours.json": (json.dumps((group % 7).tolist()).encode(), "application/json"),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body, kind = bodies.get(self.path, (b"", "text/plain"))
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()

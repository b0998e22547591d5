"""The bridge between the map and a real Dash 4: attributes in, stores out, page changes, assets."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from werkzeug.serving import make_server

from dashboard.figures.map_payload import CategoryColours, encode_colours, encode_points

dash = pytest.importorskip("dash")
pytestmark = pytest.mark.browser

ASSETS = Path(__file__).resolve().parents[2] / "dashboard" / "assets"
XY = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], float)


@pytest.fixture
def address():
    """A Dash app with a map page and another page, on a free port."""
    from dash import Dash, Input, Output, dcc, html
    from flask import Response

    app = Dash(
        __name__,
        assets_folder=str(ASSETS),
        suppress_callback_exceptions=True,
    )
    labels = np.array([-1, -1, -1, -1])

    def binary(body: bytes) -> Response:
        return Response(body, mimetype="application/octet-stream")

    @app.server.route("/points")
    def points() -> Response:
        return binary(encode_points(XY[:, 0], XY[:, 1], np.ones(4), ["a", "b", "c", "d"]))

    @app.server.route("/colours")
    def colours() -> Response:
        return binary(encode_colours(CategoryColours(labels, ["pump"], ["#b94800"])))

    app.layout = html.Div(
        [
            dcc.Location(id="url"),
            dcc.Store(id="map-selection"),
            dcc.Store(id="key-event"),
            dcc.Link("map", href="/map", id="to-map"),
            dcc.Link("other", href="/other", id="to-other"),
            html.Div(id="said"),
            html.Div(id="page", style={"height": "600px", "display": "flex"}),
        ]
    )

    @app.callback(Output("page", "children"), Input("url", "pathname"))
    def show(path):
        if path != "/map":
            return html.P("elsewhere", id="elsewhere")
        attributes: dict[str, Any] = {
            "data-genlab-map": "1",
            "data-points-url": "/points",
            "data-colours-url": "/colours?n=0",
        }
        return html.Div(id="map-canvas", **attributes)

    @app.callback(
        Output("map-canvas", "data-colours-url"),
        Output("said", "children"),
        Input("key-event", "data"),
        dash.State("map-selection", "data"),
        prevent_initial_call=True,
    )
    def label(event, selection):
        labels[["abcd".index(i) for i in selection["ids"]]] = 0
        return f"/colours?n={event['n']}", f"{event['key']} {selection['count']}"

    server = make_server("127.0.0.1", 0, app.server, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


def test_lasso_key_callback_recolour(page, address):
    outside = []
    page.on("request", lambda r: None if r.url.startswith(address) else outside.append(r.url))
    page.goto(f"{address}/map")
    page.wait_for_function("window.genlabMap?.get()?.colours")
    box = page.locator(".gl-map-top").bounding_box()
    view = page.evaluate("genlabMap.get().view()")
    x = box["x"] + view["x0"]
    y = box["y"] + view["y0"] - view["scale"] * np.array([0.0, 1.0])
    page.keyboard.down("Shift")  # a box around the two points with x = 0
    page.mouse.move(x - 20, y[0] + 15)
    page.mouse.down()
    page.mouse.move(x + 20, y[1] - 15)
    page.mouse.up()
    page.keyboard.up("Shift")
    page.keyboard.press("1")
    page.wait_for_function("document.getElementById('said').textContent === '1 2'")
    page.wait_for_function("genlabMap.get().colours.index.join() === '0,65535,0,65535'")
    assert page.evaluate("[...genlabMap.get().selection()]") == [0, 2]
    assert [u for u in outside if not u.startswith(("data:", "blob:"))] == []
    # our style sheet comes after Bootstrap's and wins
    assert page.evaluate("getComputedStyle(document.body).fontSize") == "14px"
    page.click("#to-other")
    page.wait_for_selector("#elsewhere")
    page.wait_for_function("genlabMap.get() === null")
    page.click("#to-map")
    page.wait_for_function("genlabMap.get()?.colours?.index.join() === '0,65535,0,65535'")

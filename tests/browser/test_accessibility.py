"""Every page against axe, at three sizes, by keyboard, and in what it asks of whom."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from serving import serve
from synthetic_desk import fill
from visits import OUTSIDE, PATHS, visit

from dashboard.pages import PAGES
from genlab.config import load_settings
from genlab.pipeline.labels import give_label, propagate_labels
from genlab.store import connect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIZES = [(1024, 768), (1440, 900), (1920, 1080)]
_SERIOUS = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations.filter((v) => ["serious", "critical"].includes(v.impact)).map((v) =>
    `${v.id}: ${v.nodes.slice(0, 4).map((n) => n.html.slice(0, 160) + " " + n.failureSummary)}`);
}"""
_FOCUSED = """() => {
  const node = document.activeElement;
  if (!node || node === document.body) return null;
  const rings = [node, node.parentElement].map((each) => getComputedStyle(each));
  const seen = rings.some((s) => (s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 1)
    || s.boxShadow !== "none");
  const box = node.getBoundingClientRect();
  return { html: node.outerHTML.slice(0, 160), seen, inside: box.bottom > 0 && box.right > 0
    && box.top < innerHeight && box.left < innerWidth };
}"""


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A desk of 600 patterns, three of six kinds labelled; and one where nothing came in yet."""
    folder = tmp_path_factory.mktemp("pages")
    with connect(folder / "full") as store:
        kind = fill(store, 600, 6, 24)
        ids = store.read("assignments.labelled", version=1)["pattern_id"].to_pylist()
        for k, name in enumerate(("pump", "power", "net")):
            chosen = [p for p, of in zip(ids, kind, strict=True) if of == k][:20]
            give_label(store, chosen, name, "lasso", "anna")
        propagate_labels(store, load_settings().labelling)
    with connect(folder / "empty"):
        pass
    with serve(folder / "full") as full, serve(folder / "empty") as empty:
        yield {"full": full, "empty": empty}


@pytest.fixture
def axe(page) -> str:
    package = pytest.importorskip("axe_playwright_python")
    return (Path(package.__file__).parent / "axe.min.js").read_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("desk", ["full", "empty"])
def test_axe_finds_nothing_serious(page, axe: str, addresses, desk: str, theme: str) -> None:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    found = {}
    for path in PATHS:
        visit(page, addresses[desk], path)
        page.evaluate(axe)
        if said := page.evaluate(_SERIOUS):
            found[path] = said
    assert found == {}


def test_axe_finds_nothing_serious_in_a_selection_and_the_help(page, axe: str, addresses) -> None:
    visit(page, addresses["full"], "/map")
    page.keyboard.press("n")
    page.wait_for_selector("#map-head .gl-counts")
    page.evaluate(axe)
    assert page.evaluate(_SERIOUS) == []
    page.keyboard.press("?")
    page.wait_for_selector("[role=dialog]:visible")
    assert page.evaluate(_SERIOUS) == []


@pytest.mark.parametrize("desk", ["full", "empty"])
def test_nothing_hangs_over_the_edge_and_each_page_has_one_title(page, addresses, desk) -> None:
    found = {}
    for each in PAGES:
        visit(page, addresses[desk], each.PATH)
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            if said := page.evaluate(OUTSIDE):
                found[f"{each.PATH} at {width}"] = said
        assert page.locator("h1").count() == 1, each.PATH
        assert page.title() == f"{each.NAME} · genlab"
    assert found == {}


def test_the_focus_is_seen_wherever_it_goes(page, addresses) -> None:
    found = {}
    for path in PATHS:
        visit(page, addresses["full"], path)
        stops = 0
        for _ in range(40):
            page.keyboard.press("Tab")
            at = page.evaluate(_FOCUSED)
            if at is None:
                break
            stops += 1
            if not (at["seen"] and at["inside"]):
                found.setdefault(path, []).append(at)
        assert stops >= 10, path  # the navigation alone has as many
    assert found == {}


def test_no_page_asks_another_host(page, addresses) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    origin = urlsplit(addresses["full"]).netloc
    for path in [*PATHS, "/no-such-page"]:
        visit(page, addresses["full"], path)
    foreign = [u for u in asked if urlsplit(u).scheme not in ("data", "blob")
               and urlsplit(u).netloc != origin]  # fmt: skip
    assert len(asked) > 50
    assert foreign == []

"""The address of the Map keeps view, colouring, filters and legend; the back button goes back."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from genlab.bench.dashboard_browser import DRAWN
from genlab.bench.dashboard_desk import filled, served
from genlab.config import load_settings

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A desk of 1,000 patterns."""
    settings = load_settings(None)
    folder: Path = tmp_path_factory.mktemp("desk") / "workspace"
    workspace = filled(folder, settings, 1_000, lambda text: None)
    with served(workspace, settings) as desk:
        yield desk.address


def state(page) -> dict:
    return page.evaluate(
        """() => { const m = genlabMap.get(); return {
          centre: m.centre(), only: m.only && [...m.only], by: m.colours.name }; }"""
    )


def test_a_shared_address_shows_the_same(page, address: str) -> None:
    page.goto(address + "/map")
    page.wait_for_function(DRAWN, timeout=60_000)
    assert urlsplit(page.url).query == ""
    page.select_option("#map-colour", "verdict")
    page.wait_for_function("genlabMap.get().colours.name === 'verdict'")
    page.locator(".gl-map-legend-row", has_text="unnamed").click()
    page.mouse.move(500, 400)
    page.mouse.wheel(0, -400)
    page.wait_for_function("location.search.includes('at=')")
    asked = parse_qs(urlsplit(page.url).query)
    assert (asked["by"], asked["only"]) == (["verdict"], ["unnamed"])
    seen = state(page)

    page.goto("about:blank")
    page.goto(address + "/map?" + _query(asked))
    page.wait_for_function(f"{DRAWN} && genlabMap.get().only")
    again = state(page)
    assert (again["by"], again["only"]) == (seen["by"], seen["only"]) == ("verdict", ["unnamed"])
    for axis in ("x", "y", "zoom"):
        assert again["centre"][axis] == pytest.approx(seen["centre"][axis], rel=1e-3, abs=1e-3)
    assert page.input_value("#map-colour") == "verdict"


def test_back_takes_back_what_is_shown(page, address: str) -> None:
    page.goto(address + "/map")
    page.wait_for_function(DRAWN, timeout=60_000)
    page.select_option("#map-colour", "verdict")
    page.wait_for_function("location.search === '?by=verdict'")
    page.locator(".gl-map-legend-row", has_text="unnamed").click()
    page.wait_for_function("location.search === '?by=verdict&only=unnamed'")
    page.go_back()
    page.wait_for_function("genlabMap.get().only === null && location.search === '?by=verdict'")
    page.go_back()
    page.wait_for_function("genlabMap.get().colours.name === 'predicted label'")
    assert page.input_value("#map-colour") == "predicted"
    page.go_forward()
    page.wait_for_function("genlabMap.get().colours.name === 'verdict'")
    page.click(".gl-nav a[href='/jobs']")
    page.wait_for_function("location.pathname === '/jobs' && !window.genlabMap.get()")
    page.go_back()
    page.wait_for_function(f"{DRAWN} && genlabMap.get().colours.name === 'verdict'")


def test_what_is_left_to_label_is_kept_too(page, address: str) -> None:
    page.goto(address + "/map")
    page.wait_for_function(DRAWN, timeout=60_000)
    page.select_option("#map-labelled", "no")
    page.wait_for_function("location.search === '?labelled=no'")
    page.goto("about:blank")
    page.goto(address + "/map?labelled=no&by=given")
    left = "(() => { const { shown } = genlabMap.get(); return shown && shown.indexOf(0) >= 0; })()"
    page.wait_for_function(f"{DRAWN} && {left}")
    assert page.input_value("#map-labelled") == "no"
    # the colours of the given labels say which patterns those are
    wrong, hidden = page.evaluate(
        """() => { const { colours, shown } = genlabMap.get();
          const labelled = (i) => colours.index[i] < colours.names.length;
          const all = [...shown.keys()];
          return [all.filter((i) => Boolean(shown[i]) === labelled(i)).length,
                  all.filter((i) => !shown[i]).length]; }"""
    )
    assert wrong == 0
    page.keyboard.press("Shift+A")
    page.wait_for_selector(f"#map-head >> text={1000 - hidden} patterns")
    page.select_option("#map-labelled", "yes")
    page.wait_for_function("location.search.includes('labelled=yes')")
    page.wait_for_function("(n) => genlabMap.get().shown.filter(Boolean).length === n", arg=hidden)


def _query(asked: dict[str, list[str]]) -> str:
    return "&".join(f"{name}={value}" for name, values in asked.items() for value in values)

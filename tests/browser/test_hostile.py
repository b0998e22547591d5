"""Texts that would harm a page or a spreadsheet are text, wherever a message is shown."""

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from serving import serve
from synthetic_desk import fill
from visits import OUTSIDE, PATHS, visit

from genlab.config import load_settings
from genlab.pipeline.labels import give_label, propagate_labels, remark
from genlab.store import connect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HTML = "<img src=x onerror='window.harmed=1'><b>bold</b>"
SCRIPT = "</script></textarea><script>window.harmed=2</script>"
SQL = "'); DROP TABLE message; --"
FORMULA = '=HYPERLINK("http://example.invalid","open")'
TURNED = "\u202egnp.txt\u2066 end"
MARKDOWN = "[open](javascript:window.harmed=3) **bold** ${window.harmed=4} {{7*7}}"
LONG = "<i>" + "unbroken" * 12_800  # 100 KB in one word
TEXTS = [HTML, SCRIPT, SQL, FORMULA, TURNED, MARKDOWN, LONG]
KINDS = len(TEXTS)  # each text is of a kind of its own
NAMES = [HTML, SCRIPT, FORMULA]
_MADE = """() => ["img[src='x']", "#page script", "#page b b", "#page a[href^='javascript']"]
  .filter((each) => document.querySelector(each))"""


class Served(NamedTuple):
    address: str
    folder: Path


def pattern(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """210 patterns of seven kinds, one hostile text in each; three kinds have hostile names."""
    folder = tmp_path_factory.mktemp("hostile") / "workspace"
    with connect(folder) as store:
        kind = fill(store, 30 * KINDS, KINDS, 2 * KINDS, wordings=TEXTS)
        ids = store.read("assignments.labelled", version=1)["pattern_id"].to_pylist()
        for k, name in enumerate(NAMES):
            chosen = [p for p, of in zip(ids, kind, strict=True) if of == k]
            give_label(store, chosen[:10], name, "lasso", HTML)
        give_label(store, [pattern(text) for text in TEXTS[:4]], NAMES[0], "key", FORMULA)
        remark(store, [pattern(HTML)], "note", SCRIPT + LONG[:1_000], "key", HTML)
        propagate_labels(store, load_settings().labelling)
    with serve(folder) as address:
        yield Served(address, folder)


@pytest.fixture
def watched(page):
    """A page on which no dialog opens."""
    opened: list[str] = []
    page.on("dialog", lambda dialog: (opened.append(dialog.message), dialog.dismiss()))
    yield page
    assert opened == []


def unharmed(page, where: str) -> None:
    assert page.evaluate("window.harmed") is None, where
    assert page.evaluate(_MADE) == [], where
    assert page.evaluate(OUTSIDE) == [], where


def test_no_page_runs_what_a_message_says(watched, served: Served) -> None:
    for path in [*PATHS, "/review?list=doubted", "/map?verdict=unnamed"]:
        visit(watched, served.address, path)
        unharmed(watched, path)


@pytest.mark.parametrize("at", range(KINDS))
def test_the_map_shows_the_text_itself(watched, served: Served, at: int) -> None:
    visit(watched, served.address, f"/map?pattern={pattern(TEXTS[at])}")
    watched.wait_for_selector("#map-head .gl-texts .gl-text")
    shown = watched.locator("#map-head .gl-texts").evaluate("node => node.textContent")
    assert shown.removesuffix("…") == TEXTS[at][: len(shown.removesuffix("…"))]
    assert len(shown) >= min(200, len(TEXTS[at]))
    for tab in ("nearest", "component", "messages", "history"):
        watched.click(f"#map-tabs >> text={tab}")
        watched.wait_for_function("document.querySelector('#map-detail').childElementCount")
        unharmed(watched, tab)
    watched.mouse.move(*point(watched, pattern(TEXTS[at])))
    watched.wait_for_selector(".gl-map-tip:visible")
    unharmed(watched, "hover")


def test_review_and_labels_show_names_as_text(watched, served: Served) -> None:
    visit(watched, served.address, "/review")
    watched.wait_for_selector("#review-table tr.gl-review-row")
    watched.locator("#review-table tr.gl-review-row").first.click()
    watched.wait_for_selector("#review-panel .gl-label-list button")
    names = watched.locator("#review-panel .gl-label-name").all_text_contents()
    assert set(NAMES) <= set(names)
    unharmed(watched, "review")
    visit(watched, served.address, "/labels")
    for name in NAMES:
        watched.locator("#labels-table button", has_text=name).first.click()
        watched.wait_for_function("name => document.querySelector('#labels-name').value === name",
                                  arg=name)  # fmt: skip
        unharmed(watched, name)


def test_unknowns_shows_the_text_itself(watched, served: Served) -> None:
    visit(watched, served.address, "/unknowns")
    lines = watched.locator("#unknowns-list [data-act]")
    watched.wait_for_selector("#unknowns-list [data-act]")
    for at in range(min(5, lines.count())):
        lines.nth(at).click()
        watched.wait_for_function("genlabEvents.idle()")
        unharmed(watched, f"line {at}")


def test_the_exported_labels_run_nothing_in_a_spreadsheet(watched, served: Served) -> None:
    visit(watched, served.address, "/labels")
    with watched.expect_download() as download:
        watched.click("button[data-act=export]")
    with Path(download.value.path()).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows
    cells = [cell for row in rows for cell in row.values()]
    assert [cell for cell in cells if cell[:1] in tuple("=+-@\t\r")] == []
    assert "'" + FORMULA in cells  # the text is there, and is text
    assert HTML in cells


def point(page, pattern_id: str) -> tuple[float, float]:
    """Where a pattern is on the screen."""
    x, y = page.evaluate(
        """id => { const m = genlabMap.get(), v = m.view(), i = m.indexOf(id);
                   const b = m.top.getBoundingClientRect();
                   return [b.x + v.x0 + v.scale * m.x[i], b.y + v.y0 - v.scale * m.y[i]]; }""",
        pattern_id,
    )
    return x, y

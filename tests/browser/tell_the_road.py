"""From an empty workspace to ten LogHub systems settled, in Chromium; told with screenshots.

    python tests/browser/tell_the_road.py LOGHUB [--pictures FOLDER]

prints what each decision did, measured against LogHub's own columns (road_truth.py).  The analyst
answers one of the questions the Map offers, with the gesture that settles most and names nothing
wrongly: the pattern, its component, or a search for a word of its text.  When the questions are
worth less than 0.5 % of the messages each, Review's predictions come, most messages first: what is
wrong there is corrected.  From 95 % settled correctly on, Review's offer is accepted.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

_TESTS = Path(__file__).resolve().parents[1]
if __name__ == "__main__":  # pytest knows these folders from pyproject.toml
    sys.path[:0] = [str(_TESTS / name) for name in ("browser", "dashboard", "flows", "store")]

from conftest import ARGUMENTS, CHROMIUM  # noqa: E402
from road_analyst import Analyst, Gesture, Score  # noqa: E402
from road_truth import LINES, RULES  # noqa: E402
from serving import serve  # noqa: E402
from visits import LEARNT, visit  # noqa: E402

from genlab.store import connect  # noqa: E402

DECISIONS, GOAL = 40, 0.95
_PAYS = 0.005  # of all messages: what an answer has to settle before smaller things come
_QUIET = "() => genlabEvents.idle() && genlabDesk.ready()"


class Step(NamedTuple):
    """One decision and where it led."""

    what: str
    kind: str
    patterns: int
    score: Score


class Road:
    """One way from the empty workspace to the end."""

    def __init__(self, page: Any, address: str, folder: Path, loghub: Path, pictures: Path | None):
        self._page, self._address, self._folder = page, address, folder
        self._loghub, self._pictures = loghub, pictures
        self.steps: list[Step] = []
        self.patterns = 0  # there are

    def walk(self, say: Callable[[str], None]) -> list[Step]:
        """Ingest, train, label; the decisions."""
        visit(self._page, self._address, "/map")
        self._picture("1-empty")
        self._fill()
        visit(self._page, self._address, "/")
        self._picture("2-trained")
        with connect(self._folder, may_own=False) as store:
            analyst = Analyst(store, self._folder, self._loghub)
            self.patterns = len(analyst.ids)
            self._open_map()
            self._picture("3-questions")
            while self._on() and self._ask(analyst, _PAYS):
                say(self.line())
            self._picture("6-asked")
            while self._on() and self._correct(analyst):
                say(self.line())
            self._open_map()
            while self._on() and self._ask(analyst, 0.0):
                say(self.line())
            if self._accept(analyst):
                say(self.line())
            self._open_map()
            self._picture("9-settled")
            visit(self._page, self._address, "/")
            self._picture("10-overview")
        return self.steps

    def line(self) -> str:
        """The last decision as a row of a Markdown table."""
        step = self.steps[-1]
        share = [f"{100 * n / step.score.messages:.1f} %" for n in step.score[1:]]
        return f"| {len(self.steps)} | {step.what} | {step.kind} | {step.patterns} | " + (
            " | ".join(share) + " |"
        )

    def _on(self) -> bool:
        """Whether a decision is left, but the one to accept, and the goal is not reached."""
        return len(self.steps) < DECISIONS - 1 and self._share() < GOAL

    def _share(self) -> float:
        return self.steps[-1].score.right / self.steps[-1].score.messages if self.steps else 0.0

    def _fill(self) -> None:
        cut = self._folder.parent / "logs"  # a file's name becomes its source's
        cut.mkdir()
        for system in RULES:
            rows = (self._loghub / system / f"{system}_2k.log_structured.csv").read_text("utf-8")
            first = rows.splitlines(keepends=True)[: LINES + 1]
            (cut / f"{system}.csv").write_text("".join(first), "utf-8")
        _genlab(self._folder, "ingest", str(cut), "--text-field", "Content")
        _genlab(self._folder, "train")

    def _open_map(self) -> None:
        visit(self._page, self._address, "/map")
        self._page.wait_for_function("genlabMap.get()?.stats().points > 0")
        self._page.wait_for_function(LEARNT, timeout=60_000)

    def _ask(self, analyst: Analyst, pays: float) -> bool:
        """Answer one of the questions offered; whether one settled that share of all messages."""
        questions = self._page.locator(".gl-question").all()
        offered = [each.get_attribute("data-value") for each in questions]
        gesture = analyst.widest(offered)
        if gesture is None or gesture.gain < pays * analyst.score().messages:
            return False
        self._select(gesture)
        if gesture.how == "search" and gesture.patterns > 4 and not self._taken("4-search"):
            self._picture("4-search")
        if gesture.how == "component" and not self._taken("5-component"):
            self._picture("5-component")
        self._name(gesture.kind, gesture.patterns)
        self._settle()
        said = gesture.how
        if said == "search":
            said = f"search “{gesture.word}”" if gesture.word else "everything"
            said += f" in {gesture.source}" if gesture.source else ""
        self.steps.append(Step(said, gesture.kind, gesture.patterns, analyst.score()))
        self._clear()
        return True

    def _select(self, gesture: Gesture) -> None:
        page = self._page
        if gesture.how == "search":
            if gesture.source:
                page.select_option("#map-source", gesture.source)
            page.fill("#map-search", gesture.word)
            page.press("#map-search", "Enter")
        else:
            page.click(f".gl-question[data-value='{gesture.pattern}']")
            if gesture.how == "component":
                page.wait_for_function("genlabMap.get().selection().length === 1")
                page.wait_for_function(_QUIET)
                page.keyboard.press("C")
        page.wait_for_function(
            f"genlabMap.get().selection().length === {gesture.patterns}", timeout=20_000
        )
        page.wait_for_function(_QUIET)
        page.wait_for_selector(f"#map-head b:text-matches('^{gesture.patterns} pattern')")

    def _name(self, kind: str, patterns: int) -> None:
        page = self._page
        page.fill("#map-new-label", kind)
        page.press("#map-new-label", "Enter")
        if patterns > 50:  # asked before it is done
            page.wait_for_selector("#map-status .gl-asking")
            page.keyboard.press("Enter")
        page.wait_for_selector(f"#map-status >> text=“{kind}”")

    def _settle(self) -> None:
        """Until what was said is learnt from."""
        self._page.wait_for_function(_QUIET)
        self._page.wait_for_function(LEARNT, timeout=60_000)

    def _clear(self) -> None:
        page = self._page
        if page.input_value("#map-search"):
            page.fill("#map-search", "")
        page.select_option("#map-source", ":all")
        page.keyboard.press("Escape")
        page.evaluate("document.activeElement.blur()")
        page.evaluate("genlabMap.get().select([], 'replace', 'clear')")
        page.wait_for_selector("#map-head h2")

    def _correct(self, analyst: Analyst) -> bool:
        """Correct the first wrong prediction of Review's list that pays; whether there was one."""
        page = self._page
        visit(page, self._address, "/review?order=messages")
        page.wait_for_selector("#review-table tr.gl-review-row")
        for row in page.locator("#review-table tr.gl-review-row").all():
            pattern = row.get_attribute("data-value")
            if analyst.messages(pattern) < _PAYS * analyst.score().messages:
                return False
            kind = analyst.kind(pattern)
            if row.locator("td").nth(2).inner_text().strip() == kind:
                continue
            row.click()
            page.wait_for_selector(f"tr[data-value='{pattern}'][aria-selected=true]")
            if not self._taken("7-review"):
                self._picture("7-review")
            page.fill("#review-new-label", kind)
            page.press("#review-new-label", "Enter")
            page.wait_for_selector(f"#review-status >> text=“{kind}”")
            self._open_map()
            self.steps.append(Step("Review, corrected", kind, 1, analyst.score()))
            return True
        return False

    def _accept(self, analyst: Analyst) -> bool:
        page = self._page
        visit(page, self._address, "/review?order=messages")
        page.wait_for_selector("#review-offer > *", timeout=30_000)
        page.locator("#review-trust").scroll_into_view_if_needed()
        self._picture("8-accept")
        button = page.locator("button[data-act=accept-all]")
        if not button.count():
            return False
        count = int("".join(filter(str.isdigit, button.inner_text())))
        button.click()
        page.wait_for_selector("#review-status >> text=Accepted")
        self.steps.append(Step("Review, accepted together", "as predicted", count, analyst.score()))
        return True

    def _picture(self, name: str) -> None:
        if self._pictures:
            self._page.screenshot(path=self._pictures / f"{name}.png")

    def _taken(self, name: str) -> bool:
        return not self._pictures or (self._pictures / f"{name}.png").exists()


@contextmanager
def road(browser: Any, folder: Path, loghub: Path, pictures: Path | None = None) -> Any:
    """An open Road over an empty workspace in ``folder``."""
    with connect(folder):
        pass
    with serve(folder) as address:
        page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="light")
        yield Road(page, address, folder, loghub, pictures)
        page.close()


def _genlab(folder: Path, *arguments: str) -> None:
    environment = {**os.environ, "GENLAB_HOME": str(folder), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "genlab.cli", *arguments]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("loghub", type=Path)
    parser.add_argument("--pictures", type=Path)
    asked = parser.parse_args()
    if asked.pictures:
        asked.pictures.mkdir(parents=True, exist_ok=True)
        for old in asked.pictures.glob("*.png"):
            old.unlink()
    from playwright.sync_api import sync_playwright

    with (
        tempfile.TemporaryDirectory() as scratch,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS) as chromium,
        road(chromium, Path(scratch) / "workspace", asked.loghub, asked.pictures) as opened,
    ):
        print("| | decision | name | patterns | known | settled correctly |\n|-|-|-|-|-|-|")
        opened.walk(lambda line: print(line, flush=True))

"""A tab of a real Chromium in which every wait ends: as expected, or with what the page shows."""

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from genlab.bench.dashboard_desk import memory_mb
from genlab.errors import GenlabError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request

PATIENCE = 300.0  # seconds an action may take
_GRACE = 15.0  # and to say what it shows, after which the browser is ended
_POLL_MS = 20
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
_SHOWN = """() => [
  location.href,
  ...["#problem", ".gl-map-state", "#map-status", "#map-head", "main"].flatMap((at) => {
    const text = document.querySelector(at)?.innerText.trim().replace(/\\s+/g, " ").slice(0, 160);
    return text ? [`${at} "${text}"`] : [];
  }),
].join("; ")"""


class TooLong(GenlabError):
    """An action took longer than somebody would wait."""


class Sent(NamedTuple):
    """What went over the wire, bodies and headers both ways."""

    colours: int  # bytes of answers that hold colours
    first: int  # of the first of them
    all: int


class Tab:
    """A page of 1440 x 900 without anything cached; see :func:`tab`."""

    def __init__(self, browser: "Browser", page: "Page", patience: float):
        self.patience = patience
        self._browser_pid = _pids(browser)[0]
        self._page = page
        self._open: dict[Request, float] = {}
        self._sent: list[Request] = []
        self._errors: list[str] = []
        page.set_default_timeout(1000 * patience)
        page.on("request", self._asked)
        page.on("requestfinished", self._answered)
        page.on("requestfailed", self._failed)
        page.on("pageerror", lambda error: self._errors.append(str(error)))
        page.on("console", self._said)

    def until(self, what: str, condition: str, arg: Any = None) -> Any:
        """Wait for a condition, or a function of ``arg``, that gives something true; that."""
        # By the clock: at a page that stands still no frames need come to poll at.
        with self._bounded(what):
            found = self._page.wait_for_function(condition, arg=arg, polling=_POLL_MS)
            return found.json_value()

    def ask(self, what: str, function: str, arg: Any = None) -> Any:
        """What a function of ``arg`` gives, or the promise that it makes."""
        return self.until(what, f"async (arg) => [await ({function})(arg)]", arg)[0]

    def goto(self, address: str) -> None:
        """Open an address; the page is on its way after it."""
        with self._bounded(f"an answer from {address}"):
            self._page.goto(address, wait_until="commit")

    def click(self, selector: str) -> None:
        """Click what a selector finds."""
        with self._bounded(f"{selector} to be clicked"):
            self._page.click(selector)

    def press(self, key: str) -> None:
        """Press a key."""
        with self._bounded(f"the key {key} to be taken"):
            self._page.keyboard.press(key)

    def drag(self, ring: list[list[float]]) -> tuple[float, float]:
        """Press, move along, let go; when (perf_counter) it was pressed and let go."""
        mouse = self._page.mouse
        with self._bounded("the lasso to be drawn"):
            mouse.move(*ring[0])
            pressed = time.perf_counter()
            mouse.down()
            for corner in ring[1:]:
                mouse.move(*corner)
            released = time.perf_counter()
            mouse.up()
        return pressed, released

    def sent(self, since: int = 0) -> Sent:
        """What the requests after the first ``since`` (of :attr:`answers`) came to."""
        with self._bounded("the sizes of what was sent"):
            sizes: list[tuple[str, Any]] = [(r.url, r.sizes()) for r in self._sent[since:]]
        colours = [
            s["responseBodySize"] + s["responseHeadersSize"] for u, s in sizes if "/colours" in u
        ]
        every = sum(sum(map(int, s.values())) for _, s in sizes)
        return Sent(sum(colours), next(iter(colours), 0), every)

    @property
    def answers(self) -> int:
        """How many requests were answered."""
        return len(self._sent)

    @contextmanager
    def _bounded(self, what: str) -> Iterator[None]:
        """Any trouble within becomes an error that says what was waited for, and what there is."""
        from playwright.sync_api import Error, TimeoutError

        end = threading.Timer(self.patience + _GRACE, os.kill, (self._browser_pid, signal.SIGKILL))
        started = time.monotonic()
        end.start()
        try:
            yield
        except Error as error:
            spent = time.monotonic() - started
            kind = (
                TooLong if isinstance(error, TimeoutError) or spent > self.patience else GenlabError
            )
            raise kind(f"waited {spent:.0f} s for {what}: {self._state(error)}") from None
        finally:
            end.cancel()

    def _state(self, error: "Error") -> str:
        """What the page shows, said when it is waited for in vain."""
        from playwright.sync_api import Error

        said = [error.message.splitlines()[0].rstrip(".")]
        try:
            shown = self._page.wait_for_function(_SHOWN, polling=_POLL_MS, timeout=5_000)
            said.append(f"the page shows {shown.json_value()}")
        except Error:
            said.append("the page does not answer")
        now = time.monotonic()
        if waits := [f"{r.url[:160]} ({now - since:.0f} s)" for r, since in self._open.items()]:
            said.append("not answered yet: " + ", ".join(waits[:5]))
        if self._errors:
            said.append("its errors: " + "; ".join(self._errors[-3:]))
        return "; ".join(said)

    def _asked(self, request: "Request") -> None:
        self._open[request] = time.monotonic()

    def _answered(self, request: "Request") -> None:
        self._open.pop(request, None)
        self._sent.append(request)

    def _failed(self, request: "Request") -> None:
        self._open.pop(request, None)

    def _said(self, message: "ConsoleMessage") -> None:
        if message.type == "error":
            self._errors.append(message.text)


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
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def tab(browser: "Browser", patience: float = PATIENCE) -> Iterator[Tab]:
    """A fresh tab, closed on the way out."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield Tab(browser, context.new_page(), patience)
    if browser.is_connected():
        context.close()


def browser_mb(browser: "Browser") -> float:
    """Memory of all its processes."""
    return memory_mb(_pids(browser))


def _pids(browser: "Browser") -> list[int]:
    """Its first process; the others are children of it."""
    session = browser.new_browser_cdp_session()
    found = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return [process["id"] for process in found if process["type"] == "browser"]

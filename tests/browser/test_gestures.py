"""Labelling by keyboard in a real Chromium: streaks, previews, two people at once, history."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from desk import wait_for
from serving import Served, serve
from synthetic_desk import fill
from visits import LEARNT, MAP_LOADED, open_map

from genlab.pipeline.labels import give_label
from genlab.store import Store, connect

pytestmark = pytest.mark.browser

PATTERNS, KINDS = 600, 6
READY = "window.genlabDesk.ready() && window.genlabEvents.idle()"
ONE = f"genlabMap.get().selection().length === 1 && {READY}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve_kinds(tmp_path_factory.mktemp("gestures") / "workspace", PATTERNS, KINDS) as server:
        yield server


@contextmanager
def serve_kinds(folder: Path, patterns: int, kinds: int) -> Iterator[Served]:
    with connect(folder) as store:
        fill(store, patterns, kinds, 4 * kinds)
    with serve(folder, workers=2, threads=4) as address:
        yield Served(folder, address)


@pytest.fixture
def store(server: Served) -> Iterator[Store]:
    """The workspace of the module without a label, through its owner."""
    with server.store() as opened:
        stood = opened.rows("labels.gestures", before=None, group_id=None, limit=1000)
        for row in stood:
            if row["stands"]:
                action = {"action": "undo", "annotator": "nobody"}
                opened.write("labels.take_back", group_id=row["group_id"], **action)
        yield opened


def labels(store: Store) -> dict[str, str]:
    return {row["pattern_id"]: row["label"] for row in store.rows("labels.current")}


def gestures(store: Store) -> list[dict]:
    found = store.rows("labels.gestures", before=None, group_id=None, limit=1000)
    return [row for row in found if row["stands"]]


def selected(page) -> list[str]:
    return page.evaluate(
        "() => { const m = genlabMap.get(); return [...m.selection()].map((i) => m.ids[i]); }"
    )


def said(page, text: str) -> None:
    page.wait_for_selector(f"#map-status >> text={text}")
    page.wait_for_function(READY)


def type_into(page, key: str, text: str) -> None:
    """Shift and a key, the text, Enter; keys are commands again after it."""
    page.keyboard.press(f"Shift+{key}")
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement === document.body")


def named(page, who: str) -> None:
    page.fill("#annotator-input", who)
    page.press("#annotator-input", "Enter")
    page.evaluate("document.activeElement.blur()")


def test_everything_by_keyboard(page, server: Served, store: Store) -> None:
    open_map(page, server.address)
    page.keyboard.press("n")
    page.wait_for_function(ONE)
    page.wait_for_selector("#map-head >> text=Would settle about")
    first = selected(page)[0]
    type_into(page, "L", "pump")
    said(page, "“pump”")
    assert labels(store) == {first: "pump"}
    second = selected(page)[0]
    assert second != first, "an answer goes on to the next question"
    page.keyboard.press("0")
    said(page, "Unsure")
    assert [r["pattern_id"] for r in store.rows("remarks.unsure")] == [second]
    page.keyboard.press("Shift+N")
    page.wait_for_function(ONE)
    assert selected(page) == [second]
    page.wait_for_selector("#map-head .gl-pill >> text=unsure")
    type_into(page, "M", "<b>ask</b> the plant")
    said(page, "Noted")
    page.wait_for_selector("#map-head >> text=<b>ask</b> the plant")
    page.keyboard.press("1")
    said(page, "“pump”")
    assert labels(store) == {first: "pump", second: "pump"}
    assert store.rows("remarks.unsure") == [], "a label settles a doubt"
    page.keyboard.press("u")
    said(page, "Took back 1 pattern")
    assert selected(page) == [second], "back to what it was about"
    page.keyboard.press("Shift+U")
    said(page, "Put back 1 pattern")
    page.keyboard.press("Shift+N")
    page.wait_for_function(ONE)
    page.keyboard.press("Backspace")
    said(page, "Cleared")
    assert set(labels(store).values()) == {"pump"}
    assert len(labels(store)) == 1
    page.keyboard.press("?")
    page.wait_for_selector("#help-overlay >> text=previous question")
    page.keyboard.press("Escape")


def test_a_key_right_after_a_selection_is_about_it(page, server: Served, store: Store) -> None:
    """Between the two nothing else runs: neither Dash nor the server has heard of the selection."""
    before, now, other = (row["pattern_id"] for row in store.rows("patterns.all")[:3])
    give_label(store, [other], "pump", "api", "test")
    key = 1 + [row["name"] for row in store.rows("labels.names")].index("pump")
    page.goto(f"{server.address}/map?pattern={before}")
    page.wait_for_function(f"window.genlabMap?.get() && {ONE}")
    page.wait_for_selector("#map-labels >> text=pump")
    page.evaluate(
        """([id, key]) => {
             genlabMap.get().selectIds([id]);
             document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
           }""",
        [now, str(key)],
    )
    said(page, "“pump”")
    assert labels(store) == {other: "pump", now: "pump"}


def test_a_search_and_a_component_are_previewed_before_they_are_labelled(
    page, server: Served, store: Store
) -> None:
    open_map(page, server.address)
    page.keyboard.press("j")
    page.wait_for_function(ONE)
    top = selected(page)
    page.keyboard.press("j")
    page.wait_for_function(f"{ONE} && genlabMap.get().ids[genlabMap.get().selection()[0]] "
                           f"!== {top[0]!r}")  # fmt: skip
    page.keyboard.press("k")
    page.wait_for_function(f"{ONE} && genlabMap.get().ids[genlabMap.get().selection()[0]] "
                           f"=== {top[0]!r}")  # fmt: skip
    type_into(page, "L", "pump")
    said(page, "“pump”")
    page.wait_for_function(LEARNT)  # what is learnt meanwhile is not the preview's
    page.keyboard.press("Shift+C")
    page.wait_for_selector("#map-preview >> text=As “pump”")
    component = selected(page)
    told = page.locator("#map-preview").inner_text()
    assert f"{len(component)} patterns" in told
    assert "1 have it already" in told
    known = {r["pattern_id"] for r in store.read("assignments.labelled", version=1).to_pylist()
             if r["verdict"] == "known"}  # fmt: skip
    page.keyboard.press("1")
    said(page, "settled")
    assert labels(store) == dict.fromkeys(component, "pump")
    after = {r["pattern_id"] for r in store.read("assignments.labelled", version=1).to_pylist()
             if r["verdict"] == "known"}  # fmt: skip
    others = len(after - set(component)) - len(known - set(component))  # one message a pattern
    promised = re.search(r"would (un)?settle (no|[\d,]+) other", told)
    assert promised
    count = 0 if promised[2] == "no" else int(promised[2].replace(",", ""))
    assert (-count if promised[1] else count) == others

    page.keyboard.press("/")
    page.keyboard.type("kind 3")
    page.keyboard.press("Enter")
    texts = {r["pattern_id"]: r["canonical_text"] for r in store.rows("patterns.all")}
    wanted = sorted(p for p, text in texts.items() if "kind" in text and "3" in text)
    page.wait_for_function(f"genlabMap.get().selection().length === {len(wanted)} && {READY}")
    type_into(page, "L", "power")
    said(page, "do it")
    asked = page.locator("#map-status").inner_text()
    assert f"{len(wanted)} patterns" in asked
    assert labels(store) == dict.fromkeys(component, "pump"), "nothing before the yes"
    page.keyboard.press("Escape")
    page.wait_for_selector("#map-status >> text=do it", state="detached")
    assert sorted(selected(page)) == wanted, "Escape leaves the question, not the selection"
    page.keyboard.press("2" if page.locator("#map-labels >> text=power").count() else "1")
    said(page, "do it")
    page.keyboard.press("Enter")
    said(page, "settled")
    assert len(gestures(store)) == 3
    newest = gestures(store)[0]
    assert (newest["how"], newest["patterns"]) == ("query", len(wanted))


def test_of_two_people_the_second_sees_what_the_first_said(
    page, server: Served, store: Store
) -> None:
    texts = store.rows("patterns.all")
    pattern, other = texts[0]["pattern_id"], texts[1]["pattern_id"]
    give_label(store, [other], "power", "key", "anna")
    page.goto(f"{server.address}/map?pattern={pattern}")
    page.wait_for_function(MAP_LOADED)
    named(page, "bob")
    page.wait_for_function(ONE)
    page.wait_for_selector("#map-labels >> text=power")
    # no news while bob thinks
    page.evaluate("window.dash_clientside.set_props('tick', {disabled: true})")
    give_label(store, [pattern], "pump", "key", "anna")
    names = [row["name"] for row in store.rows("labels.names")]
    page.keyboard.press(str(1 + names.index("power")))
    said(page, "said “pump”")
    assert labels(store)[pattern] == "pump", "nothing was overwritten"
    page.keyboard.press("k")
    said(page, "Kept as it was")
    assert labels(store)[pattern] == "pump"
    give_label(store, [pattern], "net", "key", "anna")
    page.keyboard.press(str(1 + names.index("power")))
    said(page, "said “net”")
    page.keyboard.press("Enter")
    said(page, "settled")
    assert labels(store)[pattern] == "power"

    # and bob takes back what anna did to another pattern, an older gesture than his
    page.click("#map-tabs >> text=history")
    line = page.locator("#map-detail .gl-line", has_text="“power” on 1 pattern").filter(
        has_text="anna"
    )
    line.get_by_text("take back").click()
    said(page, "Took back 1 pattern")
    assert labels(store) == {pattern: "power"}
    page.wait_for_selector("#map-detail >> text=taken back by bob")
    page.locator("#map-detail .gl-line", has_text="taken back by bob").first.get_by_text(
        "put back"
    ).click()
    said(page, "Put back 1 pattern")
    assert labels(store) == {pattern: "power", other: "power"}


def test_the_panel_fits_a_small_screen(page, server: Served, store: Store) -> None:
    page.set_viewport_size({"width": 1024, "height": 768})
    open_map(page, server.address)
    page.keyboard.press("j")
    page.wait_for_function(ONE)
    panel = page.locator(".gl-panel").bounding_box()
    fields = ".gl-panel input:not(.btn-check)"
    inside = f"#map-tabs .nav-link, .gl-panel .gl-actions .gl-button, {fields}"
    for node in page.locator(inside).all():
        box = node.bounding_box()
        assert box["x"] >= panel["x"]
        assert box["x"] + box["width"] <= panel["x"] + panel["width"]
    tabs = [node.bounding_box()["y"] for node in page.locator("#map-tabs .nav-link").all()]
    assert len(set(tabs)) == 1, "the tabs stand in one row"


TRAIN = """
import sys
from genlab.config import load_settings
from genlab.pipeline.jobs import Job
from genlab.pipeline.train import train_version
from genlab.store import connect
settings = load_settings(overrides=["training.epochs=100000", "model.components=64"])
with connect(sys.argv[1], may_own=False) as store, Job(store, "train") as job:
    train_version(store, settings, "synthetic", job, fresh=True)
"""


def trained(store: Store) -> int:
    """Epochs of the training so far."""
    jobs = store.rows("model_versions.latest_training")
    return len(store.rows("model_versions.epochs", job_id=jobs[0]["job_id"])) if jobs else 0


@pytest.mark.slow
def test_a_streak_of_100_labels_while_a_training_runs(page, tmp_path: Path) -> None:
    """At 5 decisions a second; each answer is read off the screen, and must be about that text."""
    with serve_kinds(tmp_path / "workspace", 2_000, 40) as server, server.store() as store:
        texts = {r["pattern_id"]: r["canonical_text"] for r in store.rows("patterns.all")}
        odd = {p: int(text.split()[1]) % 2 for p, text in texts.items()}
        for side, name in enumerate(("even", "odd")):
            give_label(store, [next(p for p in odd if odd[p] == side)], name, "api", "test")
        training = subprocess.Popen([sys.executable, "-c", TRAIN, str(server.folder)])
        try:
            wait_for("an epoch", 120, lambda: trained(store))
            open_map(page, server.address)
            page.keyboard.press("n")
            page.wait_for_function(ONE)
            answered, late = [], []
            started = time.perf_counter()
            for turn in range(100):
                page.wait_for_function(
                    """(seen) => { const m = genlabMap.get(), i = m.selection()[0];
                       const text = document.querySelector('#map-head .gl-text')?.innerText;
                       return !seen.includes(m.ids[i]) && text === m.texts[i]
                              && window.genlabDesk.ready(); }""",
                    arg=answered,
                )
                answered.append(selected(page)[0])
                text = page.locator("#map-head .gl-text").first.inner_text()
                rest = started + 0.2 * turn - time.perf_counter()
                late.append(max(-rest, 0.0))
                page.wait_for_timeout(1000 * max(rest, 0.0))  # the pace
                page.keyboard.press(str(1 + int(text.split()[1]) % 2))
            spent = time.perf_counter() - started
            page.wait_for_function("window.genlabEvents.idle()", timeout=60_000)
            print(f"100 decisions in {spent:.1f} s, {100 / spent:.1f} a second; "
                  f"last {late[-1]:.1f} s late")  # fmt: skip
            assert training.poll() is None, "the training ended too early to be beside it"
        finally:
            training.kill()
            training.wait(20)
        given = [row for row in gestures(store) if row["annotator"] != "test"]
        assert len(given) == 100, "every label stored once"
        stored = labels(store)
        assert set(answered) <= set(stored)
        assert len(set(answered)) == 100
        wrong = [p for p in answered if stored[p] != ("odd" if odd[p] else "even")]
        assert wrong == []
        assert page.locator("#problem").inner_text() == ""

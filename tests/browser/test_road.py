"""The dashboard in a real Chromium against real server processes."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from desk import RunningDesk, wait_for
from serving import Served, owner, serve, web
from synthetic_desk import fill
from visits import MAP_LOADED, open_map, training_ended

from genlab.config import load_settings
from genlab.pipeline.labels import give_label, propagate_labels
from genlab.store import Store, connect

pytestmark = pytest.mark.browser

PATTERNS, KINDS = 600, 6


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("desk") / "workspace"
    with connect(folder) as store:
        fill(store, PATTERNS, KINDS, 24)
    with serve(folder, workers=2, threads=4) as address:
        yield Served(folder, address)


def let_learn(store: Store, quiet: float = 3.0) -> None:
    """Wait until lessons in the background change nothing any more."""
    before = None
    while (now := store.read("assignments.labelled", version=1)) != before:
        before = now
        time.sleep(quiet)


def circle(page, index: int, radius: float) -> list[tuple[float, float]]:
    """A ring on the screen around one point of the map."""
    x, y = page.evaluate(
        """i => { const m = genlabMap.get(), v = m.view(); const b = m.top.getBoundingClientRect();
                  return [b.x + v.x0 + v.scale * m.x[i], b.y + v.y0 - v.scale * m.y[i]]; }""",
        index,
    )
    box = page.locator(".gl-map-top").bounding_box()
    angles = np.linspace(0, 2 * np.pi, 30)
    xs = np.clip(x + radius * np.cos(angles), box["x"] + 1, box["x"] + box["width"] - 1)
    ys = np.clip(y + radius * np.sin(angles), box["y"] + 1, box["y"] + box["height"] - 1)
    return list(zip(xs, ys, strict=True))


def lasso(page, at_least: int) -> int:
    """Widen a lasso around a middle point until it holds enough; how many it holds."""
    middle = page.evaluate(
        """() => { const m = genlabMap.get(), cx = (m.extent.x0 + m.extent.x1) / 2,
                   cy = (m.extent.y0 + m.extent.y1) / 2; let best = 0, d = Infinity;
                   m.x.forEach((x, i) => { const e = (x - cx) ** 2 + (m.y[i] - cy) ** 2;
                   if (e < d) [best, d] = [i, e]; }); return best; }"""
    )
    for radius in range(40, 420, 30):
        ring = circle(page, middle, radius)
        page.mouse.move(*ring[0])
        page.mouse.down()
        for corner in ring[1:]:
            page.mouse.move(*corner)
        page.mouse.up()
        held = page.evaluate("genlabMap.get().selection().length")
        if held >= at_least:
            return held
    raise AssertionError(f"no lasso held {at_least} patterns")


def coloured(page) -> int:
    """Points that have a category now."""
    return page.evaluate(
        "Array.from(genlabMap.get().colours.index ?? []).filter(i => i !== 65535).length"
    )


def first_number(said: str) -> int:
    return int(re.findall(r"[\d,]+", said)[0].replace(",", ""))


def settled_count(page) -> int:
    said = page.locator("#map-status b").inner_text()
    return first_number(said)


def type_label(page, name: str) -> None:
    page.fill("#map-new-label", name)
    page.press("#map-new-label", "Enter")
    confirmed(page, name)


def confirmed(page, name: str) -> None:
    """Say yes where a large selection asks for it; the label is given."""
    page.wait_for_selector(f"#map-status >> text=“{name}”")
    if page.locator("#map-status button[data-act=confirm]").count():
        page.click("#map-status button[data-act=confirm]")
    page.wait_for_selector(f"#map-status >> text=/“{name}”: .* settled/")


def test_label_by_lasso_and_key_spreads_and_undo_takes_it_back(page, served: Served) -> None:
    outside: list[str] = []
    page.on("request", lambda r: outside.append(r.url) if served.address not in r.url else None)
    open_map(page, served.address)
    assert coloured(page) == 0
    held = lasso(page, 20)
    page.wait_for_selector(f"#map-head >> text=/^{held} patterns/")
    type_label(page, "pump")  # the first label is typed, from then on it has the key 1
    page.wait_for_function("Array.from(genlabMap.get().colours.index).some(i => i !== 65535)")
    first = coloured(page)
    assert first > held  # it spread beyond what was selected
    assert settled_count(page) > held

    page.keyboard.press("u")
    page.wait_for_selector("#map-status >> text=/Took back/")
    page.wait_for_function("Array.from(genlabMap.get().colours.index).every(i => i === 65535)")

    started = time.perf_counter()
    page.keyboard.press("1")
    confirmed(page, "pump")
    page.wait_for_function("Array.from(genlabMap.get().colours.index).some(i => i !== 65535)")
    print(f"key to colours {1000 * (time.perf_counter() - started):.0f} ms")
    assert coloured(page) == first
    with served.store() as store:
        stored = store.rows("labels.current")
        assert len(stored) == held
        assert {row["how"] for row in stored} == {"lasso"}
        verdicts = {
            r["verdict"]: r["messages"] for r in store.rows("assignments.verdicts", version=1)
        }
    page.wait_for_selector(f"#foot >> text={100 * verdicts['known'] / PATTERNS:.1f} %")
    page.keyboard.press("u")
    page.wait_for_selector("#map-status >> text=/Took back/")
    page.keyboard.press("U")
    page.wait_for_selector("#map-status >> text=/Put back/")
    page.keyboard.press("u")
    page.wait_for_selector("#map-status >> text=/Took back/")
    assert outside == []


def test_next_question_click_and_component(page, served: Served) -> None:
    open_map(page, served.address)
    page.keyboard.press("n")
    page.wait_for_function("genlabMap.get().selection().length === 1")
    page.wait_for_selector("#map-head >> text=/Would settle about/")
    page.click("#map-tabs >> text=component")
    button = page.locator("#map-detail button[data-act=component]")
    button.wait_for()
    size = first_number(button.inner_text())
    button.click()
    page.wait_for_function(f"genlabMap.get().selection().length === {size}")
    page.wait_for_selector(f"#map-head >> text=/^{size} pattern/")
    page.keyboard.press("Escape")
    page.wait_for_selector("#map-head >> text=Nothing selected")


def test_search_keeps_machine_text_as_text_and_every_page_opens(page, served: Served) -> None:
    open_map(page, served.address)
    page.keyboard.press("/")
    page.keyboard.type("kind 3 wording 1")
    page.wait_for_function("genlabMap.get().shown !== null")
    shown = page.evaluate("genlabMap.get().shown.reduce((a, b) => a + b)")
    texts = [f"kind {i % KINDS} wording {i // KINDS}" for i in range(PATTERNS)]
    words = ("kind", "3", "wording", "1")
    assert shown == sum(all(word in text for word in words) for text in texts)
    for name, said in {
        "Overview": "#overview-body >> text=messages known",
        "Review": "#review-table >> text=No prediction to review",
        "Unknowns": "#unknowns-list .gl-flag",
        "Train": "text=start training",
        "Jobs": "#jobs-table >> text=No job has run yet",
    }.items():
        page.click(f".gl-nav >> text={name}")
        page.wait_for_selector(said)
    assert page.locator("#problem").inner_text() == ""


def test_review_by_key_and_unknowns_by_decision(page, served: Served) -> None:
    with served.store() as store:
        texts = {r["pattern_id"]: r["canonical_text"] for r in store.rows("patterns.all")}
        for kind in range(3):
            chosen = sorted(p for p, text in texts.items() if text.startswith(f"kind {kind} "))[:25]
            give_label(store, chosen, f"kind {kind}", "api", "test")
        propagate_labels(store, load_settings().labelling)
        labelled = len(store.rows("labels.current"))
        page.goto(served.address + "/review")
        row = "#review-table tr[aria-selected=true] .gl-text"
        first = page.locator(row).inner_text()
        page.keyboard.press("j")
        page.wait_for_function(f"document.querySelector({row!r}).innerText !== {first!r}")
        second = page.locator(row).inner_text()
        page.keyboard.press("Enter")
        page.wait_for_selector("#review-status >> text=/settled/")
        given = {r["pattern_id"]: r for r in store.rows("labels.current")}
        assert len(given) == labelled + 1
        newest = max(given.values(), key=lambda r: r["seq"])
        assert (texts[newest["pattern_id"]], newest["how"]) == (second, "key")
        page.keyboard.press("u")
        page.wait_for_selector("#review-status >> text=/Took back/")
        assert len(store.rows("labels.current")) == labelled
        let_learn(store)  # a lesson changes the offer, and an old offer is refused
        page.reload()
        page.wait_for_selector("#review-offer:not([data-dash-is-loading]) button")
        with page.expect_response(lambda r: "review-offer" in (r.request.post_data or "")):
            page.select_option("#review-precision", "0.9")
        page.wait_for_selector("#review-offer:not([data-dash-is-loading]) button")
        page.click("button[data-act=accept-all]")
        page.wait_for_selector("#review-status >> text=/Accepted/")
        assert len(store.rows("labels.current")) > labelled + 100
        page.keyboard.press("u")
        page.wait_for_function(
            "document.querySelector('#review-status').innerText.startsWith('Took back')"
        )
        assert len(store.rows("labels.current")) == labelled

        let_learn(store)  # a lesson may yet know what is muted here
        page.click(".gl-nav >> text=Unknowns")
        page.wait_for_selector(".gl-flag[aria-current=true]")
        page.keyboard.press("m")
        page.wait_for_selector("#unknowns-mute:focus")
        page.keyboard.press("Enter")
        page.wait_for_selector("#unknowns-status >> text=/muted/")
        muted = store.rows("review.queue", states=["muted"], verdicts=[], limit=1000)
        assert len({row["component"] for row in muted}) == 1


def test_a_dead_owner_is_said_and_its_return_noticed(page, tmp_path: Path) -> None:
    folder = tmp_path / "workspace"
    with connect(folder) as store:
        fill(store, 60, 3, 6)
    with web(folder, threads=8) as address:
        with owner(folder):
            open_map(page, address)
        page.wait_for_selector("#foot >> text=/owner is down, retrying/", timeout=30_000)
        with owner(folder):
            page.wait_for_selector("#foot >> text=/in force/", timeout=30_000)
            page.wait_for_function(MAP_LOADED, timeout=30_000)


@pytest.mark.slow
def test_the_whole_road_under_up(page, tmp_path: Path) -> None:
    """Ingest, first model; then in the browser: label, train two epochs, promote, roll back."""
    running = RunningDesk(tmp_path)
    short = tmp_path / "short.toml"
    short.write_text(
        '[[phase]]\nname = "reconstruction"\nepochs = 2\n'
        '[[phase]]\nname = "prior"\nepochs = 2\nplace_components = true\n'
    )
    configuration = running.workspace.folder / "genlab.toml"
    configuration.write_text(
        configuration.read_text().replace("[training]\n", f'[training]\ncurriculum = "{short}"\n')
    )
    lines = [
        f"{what} at {where} value {i}"
        for i, (what, where) in enumerate(
            (what, where)
            for _ in range(4)
            for what in ("pump pressure low", "disk failure", "link down", "user login failed")
            for where in (
                "north",
                "south",
                "east",
                "west",
                "roof",
                "cellar",
                "yard",
                "hall",
                "gate",
            )
        )
    ]
    (running.logs / "plant.log").write_text("\n".join(lines) + "\n")
    try:
        running.start()
        wait_for(
            "all services", 120, lambda: running.ready("owner", "prefect", "flows", "dashboard")
        )
        with running.connect() as store:
            wait_for("the scheduled ingest", 90,
                     lambda: store.rows("patterns.count")[0]["patterns"] >= 36)  # fmt: skip
            address = running.service("dashboard")["address"]
            page.set_default_timeout(60_000)
            page.goto(address + "/train")  # the first version: from nothing, the whole curriculum
            page.wait_for_selector("button[data-act=start]")
            page.click("button[data-act=start]")
            wait_for("version 1", 150, lambda: store.rows("model_versions.active"))
            first = store.rows("model_versions.latest_training")[0]["job_id"]
            assert len(store.rows("model_versions.epochs", job_id=first)) == 4  # all of the short

            open_map(page, address)
            held = lasso(page, 20)
            type_label(page, "seen")
            page.wait_for_function(
                "Array.from(genlabMap.get().colours.index).some(i => i !== 65535)"
            )
            assert len(store.rows("labels.current")) == held

            page.click(".gl-nav >> text=Train")
            page.wait_for_selector("button[data-act=start]")
            before = store.rows("model_versions.latest_training")[0]["job_id"]
            page.click("#train-epochs >> text=2")
            page.click("button[data-act=start]")
            job = wait_for("the second training", 150, lambda: training_ended(store, before))
            assert job is not None
            epochs = store.rows("model_versions.epochs", job_id=job["job_id"])
            assert len(epochs) == 2
            drawn = "document.querySelector('#train-curves .js-plotly-plot')._fullData[0].x.length"
            page.wait_for_function(f"{drawn} === 2")
            page.wait_for_selector("#train-versions >> text=v2")

            page.click("#train-versions button[data-act=promote]")
            page.click("#train-said button[data-act=promote-now]")
            page.wait_for_selector("#train-said >> text=Version 2 is in force")
            assert store.rows("model_versions.active")[0]["version"] == 2
            page.wait_for_selector("#foot >> text=v2")
            page.click(".gl-nav >> text=Map")
            page.wait_for_function(MAP_LOADED)
            page.wait_for_function(
                "document.getElementById('map-canvas').dataset.pointsUrl.includes('version=2')"
            )
            page.click(".gl-nav >> text=Train")
            page.click("button[data-act=rollback]")
            page.click("#train-said button[data-act=rollback-now]")
            page.wait_for_selector("#train-said >> text=Back to version 1")
            assert store.rows("model_versions.active")[0]["version"] == 1
            page.wait_for_selector("#foot >> text=v1")
    finally:
        running.end()

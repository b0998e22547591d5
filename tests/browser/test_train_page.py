"""Train in a real Chromium: versions compared, promoted, rolled back, put in shadow; a training
started with the sliders, watched and cancelled."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from desk import RunningDesk, wait_for
from helpers import batch
from serving import Served, serve
from synthetic_desk import add_version, fill
from visits import training_ended

from genlab.config import load_settings
from genlab.pipeline.labels import give_label, propagate_labels
from genlab.pipeline.tables import matrix
from genlab.store import Store, connect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATTERNS, KINDS = 300, 4
SAYS = "assignments.of_version"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Two labelled kinds under version 1 in force; version 2, a candidate with kinds mixed up,
    has not heard the labels."""
    folder = tmp_path / "workspace"
    with connect(folder) as store:
        kind = fill(store, PATTERNS, KINDS, 8)
        table = store.read("embeddings.all", encoder_version="synthetic")
        ids = table["pattern_id"].to_pylist()
        for k, name in enumerate(("pump", "disk")):
            give_label(store, [p for p, own in zip(ids, kind, strict=True) if own == k][:20],
                       name, "lasso", "ann")  # fmt: skip
        propagate_labels(store, load_settings().labelling)
        mixed = np.where(np.arange(PATTERNS) % 5 == 0, (kind + 1) % KINDS, kind)
        assert add_version(store, ids, mixed, matrix(table["vector"]), 8, seed=3) == 2
    with serve(folder) as address:
        yield Served(folder, address)


def says(store: Store, version: int) -> dict[str, tuple]:
    """Label and verdict of each pattern."""
    return {r["pattern_id"]: (r["label"], r["verdict"]) for r in store.rows(SAYS, version=version)}


def changes(store: Store, weight: dict[str, int]) -> Counter:
    """From what to what between versions 1 and 2, in messages, counted without SQL."""
    one, two = says(store, 1), says(store, 2)
    found: Counter = Counter()
    for pattern, messages in weight.items():
        if one[pattern] != two[pattern]:
            found[one[pattern] + two[pattern]] += messages
    return found


def shown_changes(page) -> Counter:
    """The same as the page lists it."""
    found: Counter = Counter()
    for move in page.locator(".gl-move").all():
        words = [part.strip() for part in move.inner_text().split("\n") if part.strip()]
        label_a, verdict_a, _, label_b, verdict_b, messages = words
        pair = [None if x == "no label" else x for x in (label_a, label_b)]
        found[pair[0], verdict_a, pair[1], verdict_b] += int(messages.replace(",", ""))
    return found


def test_compare_promote_and_roll_back(page, served: Served) -> None:
    page.goto(served.address + "/train")
    page.click("#train-differences button[data-act=in-line]")  # v2 has not heard the labels
    page.wait_for_selector("#train-said >> text=v2: in line with the labels")
    page.wait_for_selector("#train-differences .gl-note-doubt", state="detached")
    with served.store() as store:
        counted = changes(store, dict.fromkeys(says(store, 1), 1))
        assert counted, "the versions agree: nothing to compare"
        assert shown_changes(page) == counted
        total = f"{sum(counted.values())} patterns"
        assert total in page.inner_text("#train-differences > p")

        first = page.locator(".gl-move").first
        largest = int(first.locator(".gl-num").inner_text())
        first.click()
        page.wait_for_selector(".gl-move[aria-pressed=true]")
        narrowed = page.locator(".gl-patterns tbody tr")
        page.wait_for_function(
            "n => document.querySelectorAll('.gl-patterns tbody tr').length === n",
            arg=min(largest, 50),
        )
        link = narrowed.first.locator("a").get_attribute("href")
        page.click("text=show every change")
        page.wait_for_selector(".gl-move[aria-pressed=true]", state="detached")

        page.click("#train-versions button[data-act=promote]")
        page.wait_for_selector(f"#train-said >> text={total}")  # nothing is done before a yes
        assert store.rows("model_versions.active")[0]["version"] == 1
        page.click("#train-said button[data-act=leave]")
        page.wait_for_selector("#train-said .gl-asked", state="detached")
        page.click("#train-versions button[data-act=promote]")
        page.click("#train-said button[data-act=promote-now]")
        page.wait_for_selector("#train-said >> text=Version 2 is in force")
        assert store.rows("model_versions.active")[0]["version"] == 2
        page.wait_for_selector("#foot >> text=v2")

        page.click("button[data-act=rollback]")
        page.wait_for_selector("#train-said >> text=Go back from v2 to v1?")
        page.click("#train-said button[data-act=rollback-now]")
        page.wait_for_selector("#train-said >> text=Back to version 1")
        assert store.rows("model_versions.active")[0]["version"] == 1
        page.wait_for_selector("#foot >> text=v1")
    page.goto(served.address + link)
    page.wait_for_selector("#map-head >> text=/^1 pattern/")


def test_a_shadow_run_counts_new_messages_until_it_is_dropped(page, served: Served) -> None:
    page.goto(served.address + "/train")
    page.click("#train-versions button[data-act=shadow]")
    page.wait_for_selector("#train-said >> text=Version 2 is in shadow")
    page.wait_for_selector("#train-shadow >> text=No message came in since")
    page.click("#train-differences button[data-act=in-line]")
    page.wait_for_selector("#train-said >> text=in line with the labels")
    with served.store() as store:
        patterns = {row["pattern_id"]: row["canonical_text"] for row in store.rows("patterns.all")}
        chosen = list(patterns)[:40]
        came = {pattern: 1 + k % 3 for k, pattern in enumerate(chosen)}
        inputs = batch([patterns[p] for p in chosen for _ in range(came[p])], start=10_000)
        ids = [p for p in chosen for _ in range(came[p])]
        messages = inputs["in_messages"]
        at = messages.schema.get_field_index("pattern_id")
        inputs["in_messages"] = messages.set_column(at, messages.schema.field(at), [ids])
        inputs["in_patterns"] = inputs["in_patterns"].slice(0, 0)
        store.write("messages.ingest_batch", inputs=inputs)
        one, two = says(store, 1), says(store, 2)
        agree = sum(n for p, n in came.items() if one[p] == two[p])
        total = sum(came.values())
        page.wait_for_selector(f"#train-shadow .gl-stat-value >> text=/^{total}$/", timeout=45_000)
        shown = page.locator("#train-shadow .gl-stat-value").all_inner_texts()
        known = sum(n for p, n in came.items() if two[p][1] == "known")
        assert shown == [str(total), f"{100 * agree / total:.1f} %",
                         f"{100 * known / total:.1f} %", "0.0"]  # fmt: skip
        page.click("#train-shadow button[data-act=new-only]")
        page.wait_for_selector("#train-differences > p >> text=/since the shadow run began/")
        assert shown_changes(page) == changes(store, came)
        assert store.rows("model_versions.active")[0]["version"] == 1

        page.reload()  # stored: it is there again, for everybody
        page.wait_for_selector("#train-shadow >> text=v2 in shadow of v1")
        page.click("#train-shadow button[data-act=drop]")
        page.wait_for_selector("#train-said >> text=out of the shadow")
        page.wait_for_selector("#train-shadow .gl-card", state="detached")
        assert store.rows("shadow_runs.running") == []


@pytest.mark.timeout(600)
def test_a_training_is_started_with_sliders_watched_and_cancelled(page, tmp_path: Path) -> None:
    running = RunningDesk(tmp_path)
    long = tmp_path / "long.toml"
    long.write_text('[[phase]]\nname = "endless"\nepochs = 5000\n')
    configuration = running.workspace.folder / "genlab.toml"
    configuration.write_text(
        configuration.read_text().replace("[training]\n", f'[training]\ncurriculum = "{long}"\n')
    )
    what = ("pump pressure low", "disk failure", "link down", "user login failed")
    where = ("north", "south", "east", "west", "roof", "cellar", "yard", "hall", "gate")
    lines = [
        f"{a} at {b} value {i}" for i, (a, b) in enumerate((a, b) for a in what for b in where)
    ]
    (running.logs / "plant.log").write_text("\n".join(lines) + "\n")
    page.set_default_timeout(60_000)
    try:
        running.start()
        wait_for(
            "all services", 120, lambda: running.ready("owner", "prefect", "flows", "dashboard")
        )
        with running.connect() as store:
            wait_for("the scheduled ingest", 90,
                     lambda: store.rows("patterns.count")[0]["patterns"] >= len(lines))  # fmt: skip
            page.goto(running.service("dashboard")["address"] + "/train")
            page.select_option("#train-curriculum", "default")
            page.wait_for_selector("#train-phases >> text=/reconstruction: 10 epochs/")
            page.click("button[data-act=start]")
            wait_for("version 1", 200, lambda: store.rows("model_versions.active"))
            page.wait_for_selector("#train-versions >> text=v1")
            first = store.rows("model_versions.latest_training")[0]["job_id"]
            epochs = store.rows("model_versions.epochs", job_id=first)
            drawn = "document.querySelector('#train-curves .js-plotly-plot')"
            page.wait_for_function(f"n => {drawn}._fullData[0].x.length === n", arg=len(epochs))
            panels = page.evaluate(f"{drawn}._fullData.filter(t => t.name === 'training').length")
            marks = page.evaluate(f"{drawn}._fullLayout.shapes.length")
            changed = sum(a["phase"] != b["phase"] for a, b in pairwise(epochs))
            assert changed >= 1
            assert marks == changed * panels

            page.reload()  # now there is a version to go on from
            page.wait_for_selector("#train-mode >> text=continue v1")
            slider = page.locator("[id*='sparsity_weight'] [role=slider]")
            slider.focus()
            before = float(slider.get_attribute("aria-valuenow"))
            slider.press("ArrowRight")
            slider.press("ArrowRight")
            value = float(slider.get_attribute("aria-valuenow"))
            assert value > before
            page.click("#train-epochs >> text=2")
            page.click("button[data-act=start]")
            job = wait_for("the short training", 150, lambda: training_ended(store, first))
            assert job is not None
            weights = [row["sparsity_weight"] for row in
                       store.rows("model_versions.epochs", job_id=job["job_id"])]  # fmt: skip
            assert weights == pytest.approx([value] * 2)

            page.click("#train-epochs >> text=a curriculum")
            page.wait_for_selector("#train-phases >> text=/endless: 5,000 epochs/")
            page.click("button[data-act=start]")
            page.wait_for_selector("#train-progress >> text=/about .* left/", timeout=150_000)
            page.click("#train-progress button[data-act=cancel]")
            page.wait_for_selector("#train-progress >> text=cancelled")
            versions = store.rows("model_versions.list")
            assert [row["version"] for row in versions] == [2, 1]  # nothing of it is kept
    finally:
        running.end()

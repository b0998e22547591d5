"""Labels, Review, Overview, Jobs, Devices and Lab in a real Chromium, over a known workspace."""

import csv
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from desk import wait_for
from helpers import MESSAGE, PATTERN, POSITION, REJECTED
from serving import serve
from synthetic_desk import fill

from genlab.config import load_settings
from genlab.pipeline.jobs import Job
from genlab.pipeline.labels import give_label, propagate_labels
from genlab.store import Store, connect

pytestmark = pytest.mark.browser

PATTERNS, KINDS = 600, 6
NAMES = ("pump", "power", "net", "disk")
HOSTILE = '<img src=x onerror="window.harmed = 1"> =1+1'


class Served(NamedTuple):
    folder: Path
    address: str
    ids: list[str]
    kind: np.ndarray

    def of_kind(self, kind: int) -> list[str]:
        return [p for p, k in zip(self.ids, self.kind, strict=True) if k == kind]

    def store(self) -> Store:
        return connect(self.folder, may_own=False)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Four kinds of six labelled by anna, some by bert too; 20 of another accepted in bulk."""
    folder = tmp_path_factory.mktemp("pages") / "workspace"
    with connect(folder) as store:
        kind = fill(store, PATTERNS, KINDS, 24)
        ids = store.read("assignments.labelled", version=1)["pattern_id"].to_pylist()
        done = Served(folder, "", ids, kind)
        for k, name in enumerate(NAMES):
            give_label(store, done.of_kind(k)[:25], name, "lasso", "anna")
            give_label(store, done.of_kind(k)[:6], name, "key", "bert")
        give_label(store, done.of_kind(0)[:2], "power", "key", "bert")  # wrong, and disputed
        give_label(store, done.of_kind(2)[40:60], "net", "accept", "bert")
        propagate_labels(store, load_settings().labelling)
        with Job(store, "embed", total=3, detail=HOSTILE) as job:
            job.progress(3, HOSTILE, force=True)
    with serve(folder) as address:
        yield done._replace(address=address)


def labels(store: Store) -> dict[str, str]:
    return {row["pattern_id"]: row["label"] for row in store.rows("labels.current")}


def choose(page, served: Served, name: str) -> None:
    """Open Labels and choose a label by its row."""
    page.goto(served.address + "/labels")
    page.click(f"#labels-table button >> text={name}")
    page.wait_for_function(f"document.querySelector('#labels-name')?.value === {name!r}")


def said(page, what: str) -> None:
    page.wait_for_selector(f"#labels-status >> text={what}")


def test_a_label_is_renamed_described_coloured_and_put_back(page, served: Served) -> None:
    choose(page, served, "pump")
    page.fill("#labels-name", HOSTILE)
    page.press("#labels-name", "Enter")
    said(page, "is called")
    page.wait_for_selector(f"#labels-table >> text={HOSTILE}")
    page.fill("#labels-description", "moves water")
    page.click("button[data-act=describe]")
    said(page, "is kept")
    page.click("#labels-colours button[data-value='7']")
    page.wait_for_selector("#labels-colours button[data-value='7'][aria-pressed=true]")
    with served.store() as store:
        (row,) = (r for r in store.rows("label_names.list") if r["name"] == HOSTILE)
        assert (row["colour"], row["description"], row["patterns"]) == (7, "moves water", 23)
        renamed = "#labels-history .gl-line:has-text('renamed') button"
        page.click(renamed)
        said(page, "Taken back")
        assert "pump" in labels(store).values()
    page.wait_for_selector("#labels-table >> text=moves water")
    assert page.evaluate("window.harmed") is None


def test_a_name_that_is_taken_is_refused_in_words(page, served: Served) -> None:
    choose(page, served, "pump")
    page.fill("#labels-name", "power")
    page.click("button[data-act=rename]")
    said(page, "exists already")
    assert page.locator("#labels-status [role=alert]").count() == 1
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")  # the next label, by key
    page.wait_for_function("document.querySelector('#labels-name').value === 'power'")


def test_merge_shows_what_it_will_do_and_is_taken_back(page, served: Served) -> None:
    with served.store() as store:
        before = labels(store)
        count = sum(label == "disk" for label in before.values())
        choose(page, served, "disk")
        page.select_option("#labels-into", label="net")
        page.wait_for_selector(f"#labels-merge >> text={count} patterns")
        page.click("button[data-act=merge]")
        said(page, "became “net”")
        assert "disk" not in labels(store).values()
        page.wait_for_function("document.querySelector('#labels-name').value === 'net'")
        page.click("#labels-history .gl-line:has-text('merged into this') button")
        said(page, "Taken back")
        assert labels(store) == before


def test_split_by_component_moves_what_it_says(page, served: Served) -> None:
    with served.store() as store:
        before = labels(store)
        choose(page, served, "power")
        option = page.locator("#labels-components label").first
        count = int(re.findall(r"(\d+) pattern", option.inner_text())[0])
        option.click()
        page.wait_for_selector(f"#labels-split >> text=/^{count} pattern/")
        assert page.locator("button[data-act=split]").is_disabled()
        page.fill("#labels-split-name", "valve")
        page.click("button[data-act=split]:not([disabled])")
        said(page, "became “valve”")
        now = labels(store)
        moved = {p for p in now if now[p] != before[p]}
        assert len(moved) == count
        assert {now[p] for p in moved} == {"valve"}
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("u")
        page.wait_for_selector("#labels-status >> text=/Took back/")
        assert labels(store) == before


def test_agreement_counts_the_disputed_and_leads_to_them(page, served: Served) -> None:
    page.goto(served.address + "/labels")
    card = page.locator("#labels-agreement")
    card.wait_for()
    row = card.locator("tbody tr").first.inner_text()
    assert "anna and bert" in row
    assert "24 patterns" in row
    assert "91.7 %" in row  # 22 of 24
    disputed = card.locator("table").nth(1).locator("tbody tr")
    assert disputed.count() == 2
    link = disputed.first.locator("a")
    href = link.get_attribute("href")
    assert href.removeprefix("/map?pattern=") in served.of_kind(0)[:2]
    link.click()
    page.wait_for_selector("#map-head >> text=/1 pattern/")


def send(page, path: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.click("#labels-upload button")
    chooser.value.set_files(path)


def test_labels_leave_and_come_back_as_csv(page, served: Served, tmp_path: Path) -> None:
    page.goto(served.address + "/labels")
    with page.expect_download() as download:
        page.click("button[data-act=export]")
    path = tmp_path / "labels.csv"
    download.value.save_as(path)
    with served.store() as store:
        before = labels(store)
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert {row["pattern_id"]: row["label"] for row in rows} == before
        fresh = served.of_kind(5)[0]
        (text,) = (r["canonical_text"] for r in store.rows("patterns.all")
                   if r["pattern_id"] == fresh)  # fmt: skip
        upload = tmp_path / "more.csv"
        upload.write_text(f"text,label\n{text},fan\nno such message,fan\n")
        send(page, upload)
        said(page, "more.csv: 2 rows, 1 pattern labelled")
        said(page, "1 match no stored message")
        assert labels(store)[fresh] == "fan"
        upload.write_text("words\nno label here\n")
        send(page, upload)
        said(page, "expected message_id")
        assert str(tmp_path) not in page.locator("#labels-status").inner_text()
        give_label(store, [fresh], None, "api", "test")


ROW = "#review-table tr[aria-selected=true] .gl-text"


def test_doubted_labels_are_kept_or_corrected_by_one_key(page, served: Served) -> None:
    wrong = set(served.of_kind(0)[:2])
    with served.store() as store:
        before = labels(store)
        page.goto(served.address + "/review?list=doubted")
        page.wait_for_selector(ROW)
        page.wait_for_selector("#review-about >> text=/could be judged/")
        listed = page.locator("#review-table tbody tr")
        shown = {row.get_attribute("data-value") for row in listed.all()}
        assert wrong <= shown  # the two planted
        first = listed.nth(0).get_attribute("data-value")
        assert first in wrong
        page.keyboard.press("Enter")  # looks right
        page.wait_for_selector("#review-status >> text=/stays/")
        page.wait_for_selector(f"#review-table tr[data-value='{first}']", state="detached")
        assert store.rows("label_names.given", pattern_id=first)[0]["how"] == "audit"
        assert labels(store)[first] == before[first]
        second = page.locator("#review-table tr[aria-selected=true]").get_attribute("data-value")
        assert second in wrong
        page.keyboard.press("1")  # pump, the first label made
        page.wait_for_selector("#review-status >> text=/“pump”/")
        assert labels(store)[second] == "pump"
        page.keyboard.press("u")
        page.wait_for_selector("#review-status >> text=/Took back/")
        page.keyboard.press("u")
        wait_for("both taken back", 20, lambda: labels(store) == before)


def test_what_was_accepted_in_bulk_is_taken_back_one_by_one_or_whole(page, served: Served) -> None:
    with served.store() as store:
        before = labels(store)
        page.goto(served.address + "/review")
        page.click("#review-tabs >> text=accepted in bulk")
        page.wait_for_selector("#review-about >> text=20 predictions")
        page.wait_for_selector(ROW)
        row = page.locator("#review-table tr[aria-selected=true]")
        first = row.get_attribute("data-value")
        assert first in served.of_kind(2)[40:60]
        page.keyboard.press("n")  # no
        page.wait_for_selector("#review-status >> text=/Cleared/")
        assert first not in labels(store)
        page.wait_for_selector("#review-about >> text=take back 19")
        page.click("#review-about button[data-act=take-gesture]")
        page.wait_for_selector("#review-about >> text=No bulk acceptance stands")
        assert len(labels(store)) == len(before) - 20
        page.keyboard.press("u")  # the clearing: nothing to clear any more
        page.wait_for_selector("#review-status >> text=/Took back 1 pattern:/")
        (group,) = {r["group_id"] for r in store.rows("label_names.gestures",
                    label_id=_id(store, "net"), limit=20) if r["how"] == "accept"}  # fmt: skip
        store.write("labels.take_back", action="redo", group_id=group, annotator="test")
        assert labels(store) == before


def _id(store: Store, name: str) -> str:
    return next(r["label_id"] for r in store.rows("label_names.list") if r["name"] == name)


def test_the_offer_states_its_bound_and_evidence(page, served: Served) -> None:
    page.goto(served.address + "/review")
    page.select_option("#review-precision", "0.9")
    offer = page.locator("#review-offer")
    page.wait_for_selector("#review-offer button")
    text = offer.inner_text()
    bound = float(re.findall(r"precision at least ([\d.]+) %", text)[0])
    observed = float(re.findall(r"([\d.]+) % were right", text)[0])
    assert 90 <= bound <= observed <= 100
    assert "95 % confidence" in text


def messages_of_days(store: Store, address_of: str, days: int) -> None:
    """A second source that speaks hourly for days, five times as often in the last one."""
    newest = datetime(2026, 2, 1)
    rows = [
        {"message_id": f"d{h}-{i}", "source": address_of, "device": "loud device",
         "severity": "info", "occurred_at": newest - timedelta(hours=h, minutes=5),
         "text": "compressor hums", "pattern_id": "compressor"}
        for h in range(24 * days)
        for i in range(10 if h < 24 else 2)
    ]  # fmt: skip
    pattern = {"pattern_id": ["compressor"], "canonical_text": ["compressor hums"],
               "sample_text": ["compressor hums"]}  # fmt: skip
    store.write(
        "messages.ingest_batch",
        inputs={
            "in_messages": pa.Table.from_pylist(rows, schema=MESSAGE),
            "in_patterns": pa.table(pattern, schema=PATTERN),
            "in_rejected": REJECTED.empty_table(),
            "in_position": POSITION.empty_table(),
        },
    )


def test_overview_tells_what_changed_and_leads_on(page, served: Served) -> None:
    with served.store() as store:
        messages_of_days(store, "compressors", 4)
    page.goto(served.address + "/")
    page.wait_for_selector("#overview-drift >> text=volume")
    drift = page.locator("#overview-drift").inner_text()
    assert re.search(r"compressors\s+48\s+240\s+\+400 %\s+news", drift), drift
    page.select_option("#overview-window", "week")
    page.wait_for_selector("#overview-drift th >> text=week before")
    card = page.locator("section:has(> h2:text('Waiting for a decision'))")
    href = card.locator("a").first.get_attribute("href")
    card.locator("a").first.click()
    verdict = re.findall(r"verdict=(\w+)", href)[0]
    page.wait_for_selector("#unknowns-list .gl-flag")
    assert page.locator("#unknowns-verdict").input_value() == verdict


def test_a_bar_opens_its_messages(page, served: Served) -> None:
    page.goto(served.address + "/")
    bars = "#overview-verdicts .js-plotly-plot"
    page.wait_for_selector(f"{bars} .bars .point")
    wanted = page.evaluate(
        f"""() => {{ const gd = document.querySelector({bars!r}), t = gd._fullData[0];
        const i = t.y.findIndex((y) => y > 0);
        gd.emit('plotly_click', {{points: [{{x: t.x[i], y: t.y[i], curveNumber: 0,
          pointNumber: i, data: t, fullData: t, customdata: t.customdata[i]}}], event: {{}}}});
        return [t.name, t.y[i]]; }}"""
    )
    page.wait_for_selector("#overview-span table")
    span = page.locator("#overview-span")
    assert span.locator("h2").inner_text().endswith(wanted[0])
    counts = [int(n.replace(",", "")) for n in span.locator("td.gl-num").all_inner_texts()]
    assert 0 < sum(counts) <= wanted[1]
    span.locator("a").first.click()
    page.wait_for_selector("#map-head >> text=/1 pattern/")


def test_jobs_show_one_in_full_and_cancel_one_that_runs(page, served: Served) -> None:
    with served.store() as store:
        page.goto(served.address + "/jobs")
        page.click("#jobs-table button >> text=embed")
        page.wait_for_selector("#jobs-detail >> text=Started from a command line")
        assert HOSTILE in page.locator("#jobs-detail").inner_text()
        page.wait_for_selector("#jobs-schedules >> text=maintain")
        page.wait_for_selector("#jobs-schedules >> text=genlab up")  # nothing plans them now
        assert page.locator("#jobs-schedules button").count() == 0
        job = Job(store, "score", total=10)
        page.click("#jobs-table button[data-act=cancel]")
        page.wait_for_selector("#jobs-status >> text=Asked it to stop")
        wait_for("the request", 10, job.should_stop)
        with pytest.raises(Exception, match="cancelled"), job:
            job.raise_if_cancelled()
        page.wait_for_selector("#jobs-table >> text=cancelled")
        page.wait_for_selector("#jobs-detail >> text=cancelled")  # the panel follows to the end
    assert page.evaluate("window.harmed") is None


def test_devices_are_searched_ordered_and_opened(page, served: Served) -> None:
    page.goto(served.address + "/devices")
    page.wait_for_selector("#devices-table tbody tr")
    page.keyboard.press("/")
    page.keyboard.type("device 1")
    page.wait_for_function(
        "document.querySelectorAll('#devices-table tbody tr').length === 11"
    )  # 1 and 10 to 19
    page.select_option("#devices-order", "messages")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    page.wait_for_selector("#devices-table tr[aria-selected=true]")
    name = page.locator("#devices-table tr[aria-selected=true] button").inner_text()
    page.wait_for_selector(f"#devices-panel h2 >> text={name}")
    with served.store() as store:
        rows = store.rows("messages.of_device", device=name, limit=100)
    assert page.locator("#devices-panel .gl-line").count() == len(rows) == 12


def test_lab_lists_models_and_searches_components(page, served: Served) -> None:
    with served.store() as store:
        rows = [
            {"component": c, "component_id": f"c{c}", "name": NAMES[c],
             "status": "active" if c < 3 else "spare", "weight": 0.3 - 0.05 * c, "patterns": 5,
             "messages": 9, "exemplars": served.of_kind(c)[:2]}
            for c in range(4)
        ]  # fmt: skip
        kept = [{"component": c, "component_id": f"c{c}", "event": "born", "from_ids": [],
                 "overlap": None} for c in range(4)]  # fmt: skip
        schema = pa.schema([("component", pa.int32()), ("component_id", pa.string()),
                            ("event", pa.string()), ("from_ids", pa.list_(pa.string())),
                            ("overlap", pa.float64())])  # fmt: skip
        store.write(
            "model_versions.put_components",
            inputs={"in_components": pa.Table.from_pylist(rows),
                    "in_events": pa.Table.from_pylist(kept, schema=schema)},
            version=1,
        )  # fmt: skip
    page.goto(served.address + "/lab")
    page.wait_for_selector("text=3 active, 1 spare")
    page.fill("#lab-search", "pow")
    page.wait_for_function("document.querySelectorAll('#lab-components tbody tr').length === 1")
    page.click("#lab-components a >> nth=0")
    page.wait_for_selector("#map-head >> text=/1 pattern/")

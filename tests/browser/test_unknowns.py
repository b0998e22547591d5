"""The Unknowns page in a real Chromium: the queue by keyboard, decisions, labels, alerts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from serving import Served, free_port, serve
from synthetic_desk import fill

from genlab.config import load_settings
from genlab.pipeline.alerts import add_rule, run_alerts
from genlab.pipeline.labels import propagate_labels
from genlab.pipeline.review import Decision, decide
from genlab.store import Store, connect

pytestmark = pytest.mark.browser

SYNTHETIC = "[labelling]\nnovel_p = 0.3\nflags_per_day = 4\n"
LOGHUB = """
[labelling]
flags_per_day = 4
[model]
hidden = 32
components = 24
latent_dim = 8
[training]
epochs = 6
"""
SYSTEMS, STRANGER = ("Apache", "HDFS", "Zookeeper"), "OpenSSH"
CHOSEN = ".gl-flag[aria-current=true]"
IMAGE = '<img src=x onerror="window.harmed = 1"> **bold**'


@pytest.fixture(
    scope="module", params=["synthetic", pytest.param("loghub", marks=pytest.mark.slow)]
)
def served(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An owner process and the dashboard, over strangers that a version does not know."""
    folder = tmp_path_factory.mktemp("unknowns") / "workspace"
    folder.mkdir()
    toml = SYNTHETIC if request.param == "synthetic" else LOGHUB
    (folder / "genlab.toml").write_text(toml)
    with connect(folder) as store:
        if request.param == "synthetic":
            fill(store, 600, 6, 24)
            propagate_labels(store, load_settings(folder).labelling)
        else:
            strangers_of_loghub(store, request.getfixturevalue("loghub"))
    with serve(folder, threads=4) as address:
        yield Served(folder, address)


def strangers_of_loghub(store: Store, loghub: Path) -> None:
    """Three systems the version was trained on, and one that came later."""
    from genlab.encoders import load_encoder
    from genlab.ingest import IngestOptions
    from genlab.pipeline.embed import embed
    from genlab.pipeline.ingest import ingest
    from genlab.pipeline.jobs import Job
    from genlab.pipeline.score import score_new
    from genlab.pipeline.train import train_version

    settings = load_settings(store.workspace.folder)
    encoder = load_encoder(settings.encoder)

    def come(system: str) -> None:
        file = next((loghub / system).glob("*_structured.csv"))
        options = IngestOptions(source=system, format="csv", text_field="Content")
        ingest(store, [str(file)], options, settings.ingest)

    for system in SYSTEMS:
        come(system)
    embed(store, encoder, settings.encoder.chunk)
    with Job(store, "train") as job:
        train_version(store, settings, encoder.version, job)
    come(STRANGER)
    score_new(store, encoder, settings)


@pytest.fixture
def store(served: Served) -> Iterator[Store]:
    """The store through its owner, with nothing decided."""
    with served.store() as opened:
        yield opened
        decided = [row["pattern_id"] for row in opened.rows("review.decided")]
        decide(opened, decided, Decision("new"), "", "test")


def open_page(page, served: Served, search: str = "") -> None:
    page.goto(served.address + "/unknowns" + search)
    page.wait_for_selector(CHOSEN, timeout=60_000)


def press(page, *keys: str) -> None:
    """Keys, and wait until what they did is drawn."""
    for key in keys:
        page.keyboard.press(key)
    page.wait_for_function("genlabEvents.idle()")


def chosen(page) -> str:
    return page.locator(CHOSEN).get_attribute("data-value")


def lines(page) -> list[str]:
    flags = page.locator(".gl-flag").all()
    return [flag.get_attribute("data-value") for flag in flags]


def states(store: Store) -> dict[str, str]:
    return {row["pattern_id"]: row["state"] for row in store.rows("review.decided")}


def gone(page, line: str) -> None:
    page.wait_for_function(f"!document.querySelector('.gl-flag[data-value=\"{line}\"]')")


def status(page, said: str) -> None:
    page.wait_for_selector(f"#unknowns-status >> text=/{said}/")


def test_the_queue_is_cut_to_the_budget_and_walked_by_keys(page, served: Served, store) -> None:
    open_page(page, served, "?verdict=novel")
    assert "4 of 4 flags" in page.locator("#unknowns-budget").inner_text()
    above = lines(page)
    assert len(above) == 4
    assert chosen(page) == above[0]
    press(page, "j", "j", "j", "j", "j", "k")  # the fifth and sixth press find the end
    assert chosen(page) == above[2]
    press(page, "s")
    every = lines(page)
    assert every[:4] == above
    hidden = int(page.locator(".gl-budget-line").inner_text().split(" group")[0].split()[-1])
    assert len(every) - 4 == min(hidden, 40)
    press(page, "s")
    assert lines(page) == above


def test_a_group_unfolds_into_its_patterns(page, served: Served, store) -> None:
    open_page(page, served, "?verdict=novel")
    groups = lines(page)
    sizes = [first_number(text) for text in page.locator(".gl-flag").all_inner_texts()]
    at = next(i for i, size in enumerate(sizes) if size > 1)
    press(page, *["j"] * at, "x")
    assert len(lines(page)) == len(groups) + min(sizes[at], 50)
    press(page, "j", "j")
    assert chosen(page).startswith("one:")
    assert page.locator("#unknowns-panel .gl-counts").inner_text().startswith("1 pattern ")
    press(page, "r")  # of the group, this one alone
    status(page, "1 pattern: resolved")
    assert list(states(store).values()) == ["resolved"]


def first_number(said: str) -> int:
    """Patterns of a line: "... 57 patterns · new ..."; one where none is said."""
    before, found, _ = said.partition(" patterns")
    return int(before.split()[-1].replace(",", "")) if found else 1


def test_decisions_by_key_are_undone_and_redone(page, served: Served, store) -> None:
    open_page(page, served, "?verdict=novel")
    first, second = lines(page)[:2]
    press(page, "r")
    status(page, "resolved")
    assert chosen(page) == second  # what stands in its place
    resolved = states(store)
    assert set(resolved.values()) == {"resolved"}
    press(page, "u")
    status(page, "Took back")
    assert states(store) == {}
    assert first in lines(page)
    press(page, "Shift+U")
    status(page, "Put back")
    assert states(store) == resolved
    press(page, "u")
    status(page, "Took back")
    press(page, "o")
    status(page, "ongoing")
    assert set(states(store).values()) == {"ongoing"}
    assert len(lines(page)) == 4  # what goes on stays in sight


def test_a_mute_by_time_and_rate_with_a_note(page, served: Served, store) -> None:
    open_page(page, served, "?verdict=novel")
    leader = chosen(page)
    press(page, "n")
    page.wait_for_selector("#unknowns-note:focus")
    page.keyboard.type(IMAGE)
    page.keyboard.press("Escape")
    press(page, "m")
    page.wait_for_selector("#unknowns-mute:focus")
    page.keyboard.type("soon")
    page.keyboard.press("Enter")
    status(page, "expected .*3h")
    assert states(store) == {}
    page.fill("#unknowns-mute", "2d 50/h")
    page.keyboard.press("Enter")
    status(page, "muted for 2d 50/h")
    gone(page, leader)
    row = store.rows("review.decided")[0]
    left = row["muted_until"] - datetime.now(UTC).replace(tzinfo=None)
    assert timedelta(days=1.9) < left < timedelta(days=2)
    assert (row["state"], row["muted_rate"], row["note"]) == ("muted", 50.0, IMAGE)
    page.select_option("#unknowns-state", "muted")
    page.wait_for_selector("#unknowns-panel >> text=/or more than 50 an hour/")
    assert page.locator("#unknowns-panel").inner_text().count(IMAGE) == 1  # text, not an image
    assert page.evaluate("window.harmed") is None
    press(page, "b")
    status(page, "new")
    assert states(store) == {}


def test_a_mute_that_is_over_comes_back_by_itself(page, served: Served, store) -> None:
    pattern = store.rows("review.queue", states=[], verdicts=["novel"], limit=1)[0]["pattern_id"]
    over = datetime.now(UTC).replace(tzinfo=None) - timedelta(minutes=1)
    decide(store, [pattern], Decision("muted", over), "", "anna")
    open_page(page, served, "?verdict=novel&state=ongoing")
    panel = page.locator("#unknowns-panel").inner_text()
    assert "the mute is over" in panel
    assert "anna" in panel


def test_a_group_becomes_a_label_in_one_step(page, served: Served, store) -> None:
    open_page(page, served, "?verdict=novel")
    count = page.locator("#unknowns-panel .gl-counts").inner_text()
    before = set(lines(page))
    leader = chosen(page)
    page.keyboard.down("Enter")
    page.wait_for_selector("#unknowns-new-label:focus")
    page.keyboard.up("Enter")  # in the field by now: no label without a name
    page.keyboard.type("pump")
    page.keyboard.press("Enter")
    status(page, "settled [\\d,]+ messages?")
    given = store.rows("labels.current")
    patterns = int(count.split(" ")[0].replace(",", ""))
    assert len(given) == patterns
    assert {row["label"] for row in given} == {"pump"}
    gone(page, leader)
    assert "4 of 4 flags" in page.locator("#unknowns-budget").inner_text()  # its flag stays used
    assert len(before & set(lines(page))) >= 3
    page.wait_for_selector("#unknowns-panel >> text=pump")  # a labelled pattern is near by now
    press(page, "u")
    status(page, "Took back")
    assert store.rows("labels.current") == []
    page.wait_for_selector(f'.gl-flag[data-value="{leader}"]')


def test_the_explanation_is_there(page, served: Served, store) -> None:
    open_page(page, served, "?verdict=novel")
    panel = page.locator("#unknowns-panel").inner_text()
    for said in ("Words that set it apart", "Component that", "r = ", "known messages",
                 "Nobody has labelled any pattern yet", "first seen", "how often"):  # fmt: skip
        assert said in panel, said


def test_alerts_that_did_not_arrive_are_told_without_their_secret(
    page, served: Served, store
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    add_rule(store, "share", "known-share", 99.0, f"{nobody}/s3cret", 60.0, "anna")
    assert run_alerts(store, load_settings(served.folder)).failed == 1
    open_page(page, served)
    page.wait_for_selector(".gl-alerts summary >> text=/1 alert did not arrive/")
    page.click(".gl-alerts summary")
    said = page.locator(".gl-alerts").inner_text()
    assert f"{nobody}/…" in said
    assert "refused" in said
    assert "s3cret" not in page.content()

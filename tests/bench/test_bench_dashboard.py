"""``genlab bench dashboard``: a small run, and waits in vain, in a real Chromium."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genlab.bench import dashboard_tab
from genlab.bench.dashboard_desk import fill, memory_mb
from genlab.bench.dashboard_tab import Tab, TooLong, chromium, tab
from genlab.config import load_settings
from genlab.errors import GenlabError
from genlab.store import connect


def test_the_workspace_is_what_the_dashboard_reads(tmp_path: Path) -> None:
    with connect(tmp_path / "workspace") as store:
        fill(store, load_settings(None), 1_050)
        table = store.read("assignments.map", version=1)
        assert table.num_rows == 1_050
        assert sum(table["message_count"].to_pylist()) == 2 * 1_050
        ids = table["pattern_id"].to_pylist()
        below = store.read("assignments.ground", version=1, first="", last="~")
        vectors = np.array(below["vector"].to_pylist())
        centred = vectors - vectors.mean(axis=0)
        unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
        likeness = unit @ unit.T
        np.fill_diagonal(likeness, -1)
        near = below["neighbours"].to_pylist()
        for row in (0, 99, 500, 1_020, 1_049):  # of the last group, which is short, too
            best = {ids[i] for i in np.argsort(-likeness[row])[: len(near[row])]}
            assert len(best & set(near[row])) >= (10 if row < 950 else 6)
        assert len({row["label"] for row in store.rows("labels.current")}) == 8
        assert {"known", "unnamed"} <= set(table["verdict"].to_pylist())


@pytest.mark.skipif(sys.platform != "linux", reason="PSS is Linux's")
def test_memory_counts_a_process_and_its_children() -> None:
    code = "held = bytearray(80_000_000); held[::4096] = b'x' * len(held[::4096]); "
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    with subprocess.Popen(
        [sys.executable, "-c", child, code + "print(1, flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert 76 < memory_mb([process.pid]) < 400
        process.communicate(b"\n")


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.timeout(400)
def test_every_action_is_measured(tmp_path: Path) -> None:
    pytest.importorskip("playwright")
    command = [sys.executable, "-m", "genlab.cli", "bench", "dashboard", "--patterns", "2000"]
    done = subprocess.run(
        [*command, "--json", "--workspace", str(tmp_path)], capture_output=True, text=True
    )
    if "found none of" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    ours, plotly = json.loads(done.stdout)["rows"]
    assert (ours["with"], plotly["with"]) == ("genlab", "plotly")
    for row in (ours, plotly):
        assert row["patterns"] == 2_000
        assert 450 <= row["selected"] <= 550
        assert row["first_view_s"] > 0
        assert row["lasso_s"] > 0
        assert row["browser_mb"] > 50
    assert 0 < ours["preview_s"] < ours["lasso_to_recoloured_s"], "500 patterns are asked about"
    assert 2 * 2_000 < 1_000 * ours["recolour_kb"] < 4 * 2_000  # two bytes a pattern, and a head
    assert ours["traffic_kb"] >= ours["recolours_kb"] >= ours["recolour_kb"]
    assert ours["page_change_s"] <= ours["slowest_page_s"]
    assert ours["owner_mb"] > 20
    assert ours["dashboard_mb"] > 50


PAGE = "data:text/html,<main>the page as it is</main><script>console.error('its sorrow')</script>"


@pytest.fixture
def browser() -> Iterator[Any]:
    pytest.importorskip("playwright")
    try:
        with chromium() as opened:
            yield opened
    except GenlabError as error:
        pytest.skip(str(error))


@pytest.mark.browser
def test_a_wait_in_vain_ends_and_says_what_the_page_shows(browser: Any) -> None:
    waits: list[tuple[Callable[[Tab], object], type[GenlabError], str]] = [
        (lambda desk: desk.until("a miracle", "false"), TooLong, "a miracle"),
        (lambda desk: desk.ask("a word", "() => new Promise(() => {})"), TooLong, "a word"),
        (lambda desk: desk.ask("sense", "() => nothing.there"), GenlabError, "nothing is not"),
        (lambda desk: desk.click("#absent"), TooLong, "#absent to be clicked"),
    ]
    for act, kind, told in waits:
        with tab(browser, patience=1.0) as desk:
            desk.goto(PAGE)
            with pytest.raises(kind, match=told) as raised:
                act(desk)
            assert type(raised.value) is kind
            assert "the page as it is" in str(raised.value)
            assert "its sorrow" in str(raised.value)


@pytest.mark.browser
def test_a_page_that_hangs_is_ended(browser: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard_tab, "_GRACE", 1.0)
    with tab(browser, patience=1.0) as desk:
        desk.goto(PAGE)
        desk.ask("nothing", "() => { setTimeout(() => { for (;;); }, 300); }")
        # Playwright itself knows no limit for moves of the mouse.
        with pytest.raises(TooLong, match=r"the lasso to be drawn.*the page does not answer"):
            desk.drag([[100.0 + 10 * k, 100.0] for k in range(200)])
    assert not browser.is_connected()

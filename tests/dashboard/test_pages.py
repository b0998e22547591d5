"""Pages and routes over a real store: what stands on them, without a browser."""

import json
import re
import struct
from datetime import datetime, timedelta

import numpy as np
import pytest
from helpers import batch
from synthetic_desk import fill

from dashboard import parts
from dashboard.app import create_app
from dashboard.pages import PAGES, overview_drift
from dashboard.pages.around import detail
from dashboard.pages.jobs_table import amount, jobs_table
from dashboard.pages.map import points_url
from dashboard.routes import COLOURINGS
from dashboard.selection import summarise
from dashboard.state import Desk
from genlab.config import Settings
from genlab.pipeline.drift import Burst, Drift, Moved, Share, Told
from genlab.store import Store

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)> **bold** [a](javascript:1)'


def rendered(node) -> str:
    """What Dash would send to the browser."""
    import plotly.utils

    return json.dumps(node, cls=plotly.utils.PlotlyJSONEncoder)


def kinds(node) -> set[str]:
    """Every component type in a tree."""
    found = {f"{node._namespace}.{node._type}"}
    for child in node._traverse():
        if hasattr(child, "_type"):
            found.add(f"{child._namespace}.{child._type}")
    return found


def decode(body: bytes) -> tuple[dict, dict]:
    """The header and the numeric blocks, read without the encoder."""
    (length,) = struct.unpack_from("<I", body)
    header = json.loads(body[4 : 4 + length])
    blocks = {}
    for block in header["blocks"]:
        if block["type"] != "json":
            blocks[block["name"]] = np.frombuffer(
                body, "<" + block["type"], block["length"], 4 + length + block["offset"]
            )
    return header, blocks


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.NAME)
def test_an_empty_workspace_says_which_command_to_run(page, store: Store, settings) -> None:
    desk = Desk(store.workspace, settings, store)
    shown = rendered(page.layout(desk, ""))
    if page.NAME not in ("Review", "Unknowns"):  # those say it in their first callback
        assert "genlab " in shown


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.NAME)
def test_pages_show_machine_text_as_text_only(page, store: Store, settings) -> None:
    fill(store, 30, 3, 6)
    store.write("messages.ingest_batch", inputs=batch([HOSTILE], start=900))
    desk = Desk(store.workspace, settings, store)
    layout = page.layout(desk, "?pattern=p-" + HOSTILE)
    assert not [k for k in kinds(layout) if "Markdown" in k or "Dangerous" in k or "Iframe" in k]
    assert "dangerously" not in rendered(layout)


def test_map_routes_send_what_is_in_force(store: Store, settings: Settings) -> None:
    kind = fill(store, 90, 3, 6)
    app = create_app(store.workspace, settings, store)
    client = app.server.test_client()
    desk = Desk(store.workspace, settings, store)
    ids = desk.view().assigned.pattern_ids
    view, _ = desk.label([str(p) for p in ids[kind == 1]], "pump", "lasso", "ann")
    answer = client.get(points_url(view.key))
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Server-Timing"].startswith("total;dur=")
    header, blocks = decode(answer.data)
    assert header["count"] == 90
    stored = store.read("assignments.map", version=1)
    assert np.allclose(blocks["x"], stored["map_x"].to_numpy())
    assert np.array_equal(blocks["size"], stored["message_count"].to_numpy())
    at = "&".join(f"{k}={v}" for k, v in view.key.items())
    for by in COLOURINGS:
        header, blocks = decode(client.get(f"/_genlab/colours?{at}&by={by}").data)
        assert header["count"] == 90, by
        assert header["kind"] == ("category" if "index" in blocks else "continuous")
    header, blocks = decode(client.get(f"/_genlab/colours?{at}&by=given&q=kind+1").data)
    assert header["names"] == ["pump"]
    assert np.array_equal(blocks["index"] == 0, kind == 1)
    assert blocks["shown"][kind == 1].all()
    for asked, expected in {"no": kind != 1, "yes": kind == 1}.items():
        _, blocks = decode(client.get(f"/_genlab/colours?{at}&by=given&labelled={asked}").data)
        assert np.array_equal(blocks["shown"] == 1, expected)
    # another workspace under the same address, another moment: neither may be kept
    assert client.get(points_url(view.key | {"made": 1})).headers["Cache-Control"] == "no-store"
    assert client.get(points_url(view.key | {"messages": 1})).headers["Cache-Control"] == "no-store"
    # an address of another moment must not be kept under that name
    late = client.get("/_genlab/colours?version=1&patterns=90&seq=99999&by=given")
    assert late.headers["Cache-Control"] == "no-store"
    refused = client.get(f"/_genlab/colours?{at}&by=nonsense")
    assert refused.status_code == 400


def test_the_nearest_are_told_by_the_cosine_of_their_embeddings(store: Store, settings) -> None:
    fill(store, 60, 3, 6)
    desk = Desk(store.workspace, settings, store)
    view = desk.view()
    table = store.read("embeddings.all", encoder_version=view.row["encoder_version"])
    ids, vectors = table["pattern_id"].to_pylist(), table["vector"].to_pylist()
    for row in (0, 31, 59):
        cosine = {p: float(np.dot(vectors[row], v)) for p, v in zip(ids, vectors, strict=True)}
        del cosine[ids[row]]
        expected = sorted(cosine, key=lambda p: -cosine[p])[:8]
        said = rendered(detail(desk, view, summarise(view, [ids[row]]), "nearest"))
        assert re.findall(r'"data-value": "(\w+)"', said) == expected
        assert f"{cosine[expected[0]]:.2f}" in said


def test_a_burst_is_told_with_its_cause_and_hour() -> None:
    at = datetime(2026, 3, 1, 7)
    quiet = Burst(at, 9, 5.0, 1.0, False)
    told = Moved(HOSTILE, 100, 190, 0.4, False, Burst(at, 95, 4.9, 1e-9, True))
    found = Drift(
        hours=24,
        sources=[Moved("fleet", 2_000, 2_100, 0.4, False, quiet)],
        patterns=[],
        bursts=[told],
        texts={HOSTILE: Told(HOSTILE, "wording")},
        wording=Share(0.01, 0.05, 2_100, 0.4, False, Burst(at, 95, 0.3, 1e-7, True)),
        novelty=Share(0.1, 0.1, 2_100, 0.9, False, quiet),
        fresh=[],
        flagged=[],
    )
    shown = json.loads(rendered(overview_drift.told(found, "day")))
    causes, lists, _ = shown
    rows = [words(row) for row in causes["props"]["children"][1]["props"]["children"]]
    assert [row[-1] for row in rows if "burst" not in row] == ["within noise", "within noise"]
    (wording,) = [row for row in rows if "burst" in row]
    assert wording[0] == "wording"
    assert any("95 in an hour, usually 0.3" in text for text in wording)
    said = words(lists)
    assert "Patterns that burst" in said
    assert {"wording", "95", "4.9"} <= set(said)


def words(node) -> list[str]:
    """Every text in a rendered tree, in order."""
    if isinstance(node, str):
        return [node]
    if isinstance(node, dict):
        return words(node.get("props", {}).get("children"))
    return [text for child in node or [] for text in words(child)]


def test_without_an_owner_the_routes_answer_503(tmp_path, settings: Settings) -> None:
    from genlab.store import Workspace

    brief = settings.model_copy(
        update={"store": settings.store.model_copy(update={"retry_seconds": 0.2})}
    )
    app = create_app(Workspace(tmp_path / "w"), brief)
    answer = app.server.test_client().get("/_genlab/points")
    assert answer.status_code == 503
    assert b"genlab up" in answer.data


def test_two_apps_in_one_process_do_not_share_callbacks(store: Store, settings) -> None:
    first = create_app(store.workspace, settings, store)
    second = create_app(store.workspace, settings, store)
    assert first.callback_map.keys() == second.callback_map.keys()
    assert len(first.callback_map) > 15


def test_jobs_table() -> None:
    now = datetime(2026, 5, 1, 12)
    job = {
        "job_id": "j", "kind": "train", "status": "running", "done": 3.0, "total": 5.0,
        "detail": HOSTILE, "started_at": now - timedelta(seconds=90), "finished_at": None,
    }  # fmt: skip
    shown = rendered(jobs_table([job], now))
    assert amount(job) == "3 / 5"
    assert '"3 / 5"' in shown
    assert '"2 min"' in shown  # 90 s rounded
    assert '"data-act": "cancel"' in shown
    done = rendered(jobs_table([{**job, "status": "done", "finished_at": now}], now))
    assert "cancel" not in done


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (1, "just now"),
        (40, "40 s ago"),
        (7_300, "2 h ago"),
        (90_000, "1 d ago"),
        (-600, "in 10 min"),
    ],
)
def test_times_are_relative_with_the_exact_one_on_hover(seconds: int, said: str) -> None:
    now = datetime(2026, 5, 1, 12)
    span = parts.ago(now - timedelta(seconds=seconds), now)
    assert span.children == said
    assert span.title == f"{now - timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S} UTC"

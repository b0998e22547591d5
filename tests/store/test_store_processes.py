"""Everything at once, as real processes: owner, ingest, training, labeller, dashboard."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from store_roles import ask_role, embed_at_random, ingest_role, label_role, train_role

from genlab.bench.store import store_bench
from genlab.config import Settings
from genlab.store import connect

LINES = 200_000
LABELS = 500
LIMIT_MS = 1000.0
CHECKS = (
    "doubled_messages",
    "doubled_patterns",
    "wrong_counts",
    "messages_without_pattern",
    "doubled_assignments",
    "broken_responsibilities",
)


def write_lines(path: Path, count: int, first: int) -> None:
    """Lines of 1,200 patterns that differ in words, each with a number that varies."""
    words = [a + b + c for a in "bdfgkl" for b in "aeiou" for c in "mnprst"]
    with path.open("w", encoding="utf-8") as file:
        for i in range(first, first + count):
            pattern = i % 1200
            head = f"{words[pattern % 180]} unit {words[pattern // 180]}x"
            file.write(f"{head} pressure below limit value={i}\n")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_labels_while_ingest_training_and_dashboard_run(tmp_path: Path) -> None:
    """Counts must hold; the latency is printed and guarded against an order of magnitude only.

    What a label costs on this machine is measured by `genlab bench store`.
    """
    labels = run_everything(tmp_path / "run")
    assert float(np.percentile(labels, 95)) < LIMIT_MS, f"load {os.getloadavg()[0]:.1f}"


def run_everything(folder: Path) -> list[float]:
    """One run with all its counts asserted; the milliseconds of each label."""
    folder.mkdir()
    workspace = folder / "w"
    write_lines(folder / "first.log", 2400, 0)
    write_lines(folder / "big.log", LINES, 5000)
    owner = subprocess.Popen(
        [sys.executable, "-m", "genlab.store", str(workspace)], stdout=subprocess.PIPE, text=True
    )
    dashboard: subprocess.Popen[bytes] | None = None
    try:
        with (
            connect(workspace, may_own=False) as store,
            ProcessPoolExecutor(1, get_context("spawn")) as before,
        ):
            before.submit(ingest_role, str(workspace), str(folder / "first.log")).result()
            assert embed_at_random(store) == 1200
            before.submit(train_role, str(workspace), 1).result()
            patterns = store.read("patterns.all")["pattern_id"].to_pylist()[:LABELS]
        address, dashboard = start_dashboard(workspace)
        with ProcessPoolExecutor(4, get_context("spawn")) as pool:
            stop = folder / "stop"
            asking = pool.submit(ask_role, address, str(stop))
            reading = pool.submit(ingest_role, str(workspace), str(folder / "big.log"))
            training = pool.submit(train_role, str(workspace), 20)
            labelling = pool.submit(label_role, str(workspace), patterns, 20.0)
            busy = []
            while not labelling.done():
                busy.append((not reading.done(), not training.done()))
                time.sleep(0.2)
            labels, spreads, groups = labelling.result()
            lines, messages = reading.result()
            assert training.result() == 2
            stop.touch()
            asked = asking.result()
        beside = np.mean(busy, axis=0)
        print(
            f"label ms p50 {np.percentile(labels, 50):.1f} p95 {np.percentile(labels, 95):.1f} "
            f"max {max(labels):.1f}; propagation p50 {np.percentile(spreads, 50):.1f} "
            f"max {max(spreads):.1f}; dashboard {asked['answered']} answers; share of the time "
            f"beside ingest {beside[0]:.2f}, training {beside[1]:.2f}; "
            f"load {os.getloadavg()[0]:.1f}"
        )
        assert beside.min() > 0.1, "the three must overlap for the test to mean anything"
        assert asked["failed"] == []
        assert asked["answered"] >= 8
        assert (lines, messages) == (LINES, LINES)
        with connect(workspace, may_own=False) as store:
            for check in CHECKS:
                assert store.rows(f"checks.{check}") == [], check
            totals = store.rows("messages.totals")[0]
            assert totals["messages"] + totals["quarantined"] == LINES + 2400
            gestures = Counter(
                row["group_id"]
                for pattern in patterns
                for row in store.rows("labels.history", pattern_id=pattern, limit=1000)
            )
            assert gestures == Counter(groups), "every label once, and no other"
            assert len(set(groups)) == LABELS
            current = {r["pattern_id"]: r["label"] for r in store.rows("labels.current")}
            assert current == {p: f"label {i % 12}" for i, p in enumerate(patterns)}
            jobs = {job["status"] for job in store.rows("jobs.list", limit=10)}
            assert jobs == {"done"}
        return labels
    finally:
        for process in (dashboard, owner):
            if process is not None:
                process.terminate()
                process.wait(timeout=30)


def start_dashboard(workspace: Path) -> tuple[str, subprocess.Popen[bytes]]:
    """The dashboard as `genlab up` serves it, once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "dashboard.wsgi:server"),
            *("--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "4"),
            "--no-control-socket",
        ],
        env={**os.environ, "GENLAB_HOME": str(workspace)},
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 90
    while True:
        try:
            with urllib.request.urlopen(f"{address}/", timeout=10):
                return address, process
        except OSError:
            assert process.poll() is None, "the dashboard ended"
            assert time.monotonic() < deadline, "the dashboard does not answer"
            time.sleep(0.2)


@pytest.mark.slow
def test_bench_store_counts_and_measures(settings: Settings) -> None:
    found = store_bench(settings.store, 5.0)
    assert found["errors"] == []
    assert [found[f"{k}_{w}"] for k in ("lost", "doubled") for w in ("labels", "messages")] == [
        0
    ] * 4
    assert {row["role"] for row in found["rows"]} == {"labeller", "reader", "ingester", "trainer"}
    for row in found["rows"]:
        assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["max_ms"]

"""A small run of ``genlab bench dashboard`` in a real Chromium."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from genlab.bench.dashboard_desk import fill, memory_mb
from genlab.config import load_settings
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

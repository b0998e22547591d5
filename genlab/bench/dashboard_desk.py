"""A workspace of many made-up patterns and its dashboard, for ``genlab bench dashboard``."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from genlab.config import Settings
from genlab.errors import GenlabError
from genlab.labelling.graph import NEIGHBOURS
from genlab.labelling.neighbours import Neighbours, directions, nearest
from genlab.pipeline.labels import give_labels, propagate_labels
from genlab.pipeline.tables import batch_tables, list_column, text_lists
from genlab.records import Batch, Message, Pattern
from genlab.store import Store, Workspace, connect
from genlab.supervisor.process import Process
from genlab.supervisor.services import services

DIMENSION = 384  # of all-MiniLM-L6-v2
_ENCODER = "bench"
_GROUP = 100  # patterns that are alike
_LABELS, _EXAMPLES = 8, 40
_TOP = 4  # responsibilities kept of each
_BATCH = 50_000
_START_SECONDS = 120.0


class Served(NamedTuple):
    """A dashboard that answers."""

    address: str
    pids: dict[str, int]  # by service


def fill(store: Store, settings: Settings, patterns: int, seed: int = 0) -> None:
    """Write ``patterns`` (at least 800) in groups of alike ones, an active version, a few labels.

    What the dashboard reads has the form of real data: vectors of DIMENSION, twice as many messages
    as patterns, a map of groups; nearest neighbours are exact within the groups.
    """
    rng = np.random.default_rng(seed)
    ids = np.array([f"{n:016x}" for n in rng.permutation(patterns)])
    order = np.argsort(ids)
    ids = ids[order]
    group = np.arange(patterns) // _GROUP
    texts = [f"unit {g} reports: pressure at valve {i} out of range" for i, g in enumerate(group)]
    _add_messages(store, ids, texts, group, rng)
    centres = rng.normal(size=(group[-1] + 1, DIMENSION)).astype(np.float32)
    noise = rng.standard_normal((patterns, DIMENSION), dtype=np.float32)
    vectors = directions(centres[group] + 0.5 * noise, np.zeros(DIMENSION))
    for start in range(0, patterns, _BATCH):
        part = slice(start, start + _BATCH)
        rows = pa.table({"pattern_id": ids[part], "vector": list_column(vectors[part])})
        store.write(
            "embeddings.add",
            inputs={"in_vectors": rows},
            encoder_version=_ENCODER,
            name=_ENCODER,
            dimension=DIMENSION,
        )
    version = _add_version(store, ids, group, vectors, rng)
    store.write("model_versions.promote", version=version)
    kinds = group % _LABELS
    chosen = np.concatenate(
        [rng.choice(np.flatnonzero(kinds == k), _EXAMPLES // _LABELS) for k in range(_LABELS)]
    )
    names = [f"kind {k}" for k in kinds[chosen]]
    give_labels(store, ids[chosen].tolist(), names, "import", "bench")
    propagate_labels(store, settings.labelling)


@contextmanager
def served(
    workspace: Workspace, settings: Settings, names: Sequence[str] = ("owner", "dashboard")
) -> Iterator[Served]:
    """Services as ``genlab up`` runs them, on free ports; ended on the way out.

    Raises GenlabError when they do not answer within two minutes.
    """
    ports = settings.serve.model_copy(update={"dashboard_port": 0, "prefect_port": 0})
    wanted = services(workspace, settings.model_copy(update={"serve": ports}))
    workspace.logs.mkdir(exist_ok=True)
    said: list[str] = []
    processes = [
        Process(service, workspace.logs, said.append) for service in wanted if service.name in names
    ]
    try:
        deadline = time.monotonic() + _START_SECONDS
        while any(process.state != "ready" for process in processes):
            ready = {p.service.name for p in processes if p.state == "ready"}
            for process in processes:
                process.step(ready)
            if time.monotonic() > deadline:
                raise GenlabError(
                    f"the dashboard does not answer after {_START_SECONDS:g} s: "
                    + ("; ".join(said) or f"see {workspace.logs}")
                )
            time.sleep(0.05)
        pids = {p.service.name: p.pid for p in processes if p.pid is not None}
        yield Served(processes[-1].service.address, pids)
    finally:
        for process in reversed(processes):
            while not process.stop():
                time.sleep(0.05)


def filled(
    folder: Path, settings: Settings, patterns: int, say: Callable[[str], None]
) -> Workspace:
    """A new workspace of so many patterns."""
    say(f"{patterns:,} patterns: a workspace")
    workspace = Workspace(folder)
    with connect(workspace, settings.store) as store:
        fill(store, settings, patterns)
    return workspace


def memory_mb(pids: list[int]) -> float:
    """Memory of processes and their descendants, pages they share counted once (PSS, Linux).

    NaN on other systems.
    """
    if sys.platform != "linux":
        return float("nan")
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
        children.setdefault(parent, []).append(int(status.parent.name))
    waiting, total = list(pids), 0
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def _add_messages(
    store: Store, ids: np.ndarray, texts: list[str], group: np.ndarray, rng: np.random.Generator
) -> None:
    """One message of each pattern, and as many more of a few."""
    again = np.minimum(rng.zipf(1.3, len(ids)) - 1, len(ids) - 1)
    pattern = np.concatenate([np.arange(len(ids)), again])
    for start in range(0, len(pattern), _BATCH):
        messages = [
            Message(
                f"m{start + i}", f"source {group[p] % 3}", f"device {p % 50}", "info", None,
                texts[p], str(ids[p]), {},
            )
            for i, p in enumerate(pattern[start : start + _BATCH])
        ]  # fmt: skip
        patterns = {m.pattern_id: Pattern(m.pattern_id, m.text, m.text) for m in messages}
        batch = Batch(messages, list(patterns.values()), [], None, len(messages))
        store.write("messages.ingest_batch", batch_tables(batch))


def _add_version(
    store: Store, ids: np.ndarray, group: np.ndarray, vectors: np.ndarray, rng: np.random.Generator
) -> int:
    n = len(ids)
    components = min(1000, max(_TOP, n // 7))
    near = _near(vectors, group)
    own = np.column_stack([group % components, rng.integers(0, components, (n, _TOP - 1))])
    share = np.tile(np.array([0.85, 0.08, 0.05, 0.02], np.float32), (n, 1))
    centres = rng.uniform(-1, 1, (group[-1] + 1, 2)) * np.sqrt(group[-1] + 1)
    xy = (centres[group] + 0.4 * rng.normal(size=(n, 2))).astype(np.float32)
    version = store.write(
        "model_versions.add",
        parent=None, job_id=None, encoder_version=_ENCODER, prior="mixture", components=components,
        latent_dim=2, epochs=1, folder="none", configuration="{}", metrics="{}",
    )["version"]  # fmt: skip
    rows = pa.table(
        {
            "pattern_id": ids,
            "components": list_column(own.astype(np.int32)),
            "responsibilities": list_column(share),
            "latent_mean": list_column(xy),
            "latent_logvar": list_column(np.zeros((n, 2), np.float32)),
            "log_px": rng.normal(size=n),
            "held_out": np.zeros(n, bool),
            "novelty_p": np.where(rng.random(n) < 0.01, 1e-3, rng.uniform(0.06, 1, n)),
            "label": pa.nulls(n, pa.string()),
            "confidence": np.zeros(n),
            "s_ood": np.ones(n),
            "evidence": np.zeros(n),
            "verdict": ["unnamed"] * n,
            "map_x": xy[:, 0],
            "map_y": xy[:, 1],
            "neighbours": text_lists(ids.astype(object)[near.rows]),
            "cosines": list_column(near.cosine),
        }
    )
    for start in range(0, n, _BATCH):
        part = rows.slice(start, _BATCH)
        store.write("assignments.put", inputs={"in_assignments": part}, version=version)
    return int(version)


def _near(vectors: np.ndarray, group: np.ndarray) -> Neighbours:
    """The nearest of each within its group, all but the last of one size; exact there."""
    unit = directions(vectors, vectors.mean(axis=0))
    found = []
    for start in range(0, len(unit), _GROUP):
        start = min(start, max(0, len(unit) - _GROUP))
        part = unit[start : start + _GROUP]
        near = nearest(part, part, NEIGHBOURS, own=np.arange(len(part)))
        found.append(Neighbours(near.rows + start, near.cosine))
    last = len(unit) - _GROUP * (len(found) - 1)
    found[-1] = Neighbours(found[-1].rows[-last:], found[-1].cosine[-last:])
    return Neighbours(
        np.concatenate([f.rows for f in found]), np.concatenate([f.cosine for f in found])
    )

"""``genlab bench store``: a labeller, readers, an ingester and a trainer on one workspace at once.

Every role is a process of its own and goes through the owner process; at the end what the roles
were told is stored is compared with what is.
"""

import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from genlab.config import StoreSettings
from genlab.errors import StoreError
from genlab.pipeline.embed import embed
from genlab.pipeline.labels import give_label
from genlab.pipeline.tables import batch_tables
from genlab.records import Batch, Message, Pattern
from genlab.store import Store, connect

PATTERNS = 20_000
DIMENSION = 384
READERS = 3
_BATCH = 256  # messages the ingester writes at once
_PAGES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("messages.totals", {}),
    ("labels.list", {}),
    ("jobs.list", {"limit": 20}),
    ("patterns.search", {"words": ["word7"], "limit": 50}),
    ("messages.of_pattern", {"pattern_id": "p7", "limit": 50}),
)


class Role(NamedTuple):
    """What one process did: milliseconds of each call, what was acknowledged, what failed."""

    name: str
    milliseconds: list[float]
    acknowledged: list[str]
    errors: list[str]


class RandomEncoder:
    """Unit vectors instead of a language model: the store does not care what they mean."""

    version = name = "bench"
    dimension = DIMENSION

    def encode(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> np.ndarray:
        vectors = np.random.default_rng(len(texts)).normal(size=(len(texts), DIMENSION))
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def store_bench(
    settings: StoreSettings, seconds: float, say: Callable[[str], None] = lambda text: None
) -> dict[str, Any]:
    """Run the roles side by side for ``seconds``; the rows of the table and what was lost.

    ``lost`` and ``doubled`` count labels and messages by the ids that the roles made themselves.
    """
    with tempfile.TemporaryDirectory() as folder:
        owner = subprocess.Popen(
            [sys.executable, "-m", "genlab.store", folder], stdout=subprocess.PIPE, text=True
        )
        try:
            with connect(folder, settings, may_own=False) as store:
                say(f"{PATTERNS:,} patterns with embeddings")
                _fill(store)
                say(f"1 labeller, {READERS} readers, 1 ingester, 1 trainer for {seconds:g} s")
                roles = _run_roles(folder, settings, seconds)
                stored = _stored(store)
        finally:
            owner.terminate()
            owner.wait()
    rows = [_row(name, [r for r in roles if r.name == name]) for name in _order(roles)]
    told = {role.name: role.acknowledged for role in roles if role.acknowledged}
    return {
        "seconds": seconds,
        "rows": rows,
        "errors": [error for role in roles for error in role.errors],
        **{f"{kind}_{what}": n for kind, what, n in _compare(told, stored)},
    }


def _fill(store: Store) -> None:
    for start in range(0, PATTERNS, 5000):
        messages = [_message(f"first-{i}", i) for i in range(start, start + 5000)]
        store.write("messages.ingest_batch", batch_tables(_batch(messages)))
    embed(store, RandomEncoder(), 2000)


def _message(message_id: str, pattern: int) -> Message:
    text = f"word{pattern % 100} device {pattern} reports a pressure below its threshold"
    return Message(message_id, "bench", None, "info", None, text, f"p{pattern}", {})


def _batch(messages: list[Message]) -> Batch:
    patterns = {m.pattern_id: Pattern(m.pattern_id, m.text, m.text) for m in messages}
    return Batch(messages, list(patterns.values()), [], None, len(messages))


def _run_roles(folder: str, settings: StoreSettings, seconds: float) -> list[Role]:
    jobs: list[tuple[Callable[..., Iterator[str | None]], float, int]] = [
        (labeller, 10.0, 0),
        *((reader, 10.0, number) for number in range(READERS)),
        (ingester, 5.0, 0),
        (trainer, 1.0, 0),
    ]
    with ProcessPoolExecutor(len(jobs), get_context("spawn")) as pool:
        started = [
            pool.submit(play, work, folder, settings, seconds, rate, number)
            for work, rate, number in jobs
        ]
        return [role.result() for role in started]


def play(
    work: Callable[[Store, int], Iterator[str | None]],
    folder: str,
    settings: StoreSettings,
    seconds: float,
    rate: float,
    number: int,
) -> Role:
    """One role in its own process: the next call of ``work`` ``rate`` times a second, timed."""
    role = Role(work.__name__, [], [], [])
    with connect(folder, settings, may_own=False) as store:
        calls = work(store, number)
        store.read("checks.alive")
        begin = time.perf_counter()
        due = begin
        while due < begin + seconds:
            time.sleep(max(0.0, due - time.perf_counter()))
            started = time.perf_counter()
            try:
                acknowledged = next(calls)
            except StoreError as error:
                role.errors.append(f"{role.name}: {error}")
                calls = work(store, number)
            else:
                role.milliseconds.append(1000 * (time.perf_counter() - started))
                if acknowledged:
                    role.acknowledged.append(acknowledged)
            due = max(due + 1 / rate, time.perf_counter())
    return role


def labeller(store: Store, number: int) -> Iterator[str]:
    """One pattern, one label a call; answers the gesture's id."""
    rng = np.random.default_rng(number)
    while True:
        pattern = f"p{rng.integers(PATTERNS)}"
        yield give_label(store, [pattern], f"label {rng.integers(60)}", "key", "bench")


def reader(store: Store, number: int) -> Iterator[None]:
    """One page's query a call."""
    at = number
    while True:
        name, params = _PAGES[at % len(_PAGES)]
        store.read(name, **params)
        at += 1
        yield None


def ingester(store: Store, number: int) -> Iterator[str]:
    """One batch a call; answers the first message's number."""
    rng = np.random.default_rng(number)
    start = 0
    while True:
        ids = range(start, start + _BATCH)
        messages = [_message(f"m{i}", int(rng.integers(PATTERNS))) for i in ids]
        store.write("messages.ingest_batch", batch_tables(_batch(messages)))
        yield str(start)
        start += _BATCH


def trainer(store: Store, number: int) -> Iterator[None]:
    """Reads every embedding, then writes epochs, as a training does."""
    epoch = 0
    while True:
        if epoch % 10 == 0:
            store.read("embeddings.all", encoder_version=RandomEncoder.version)
        else:
            row: dict[str, Any] = {
                "job_id": f"bench-{number}",
                "epoch": epoch,
                "phase": "bench",
                "total": 0.0,
            }
            weights = ("reconstruction", "kl", "kl_c", "sparsity", "classification", "contrastive")
            row |= {f"{name}_weight": 1.0 for name in weights}
            row |= {"active_components": 1, "seconds": 1.0}
            store.write("model_versions.add_epoch", {"in_epochs": pa.Table.from_pylist([row])})
        epoch += 1
        yield None


def _stored(store: Store) -> dict[str, Counter[str]]:
    """Gestures and messages in the tables, each with how often."""
    groups: Counter[str] = Counter()
    patterns = store.read("patterns.all")["pattern_id"].to_pylist()
    seen = {r["pattern_id"] for r in store.rows("labels.current")}
    for pattern in patterns:
        if pattern in seen:
            rows = store.rows("labels.history", pattern_id=pattern, limit=1_000_000)
            groups.update(row["group_id"] for row in rows)
    exported = store.read("messages.predictions")["message_id"].to_pylist()
    messages = Counter(m for m in exported if m.startswith("m"))
    return {"labeller": groups, "ingester": messages}


def _compare(
    told: dict[str, list[str]], stored: dict[str, Counter[str]]
) -> Iterator[tuple[str, str, int]]:
    batches = (int(start) for start in told.get("ingester", []))
    wanted = {
        "labels": ("labeller", set(told.get("labeller", []))),
        "messages": ("ingester", {f"m{s + i}" for s in batches for i in range(_BATCH)}),
    }
    for what, (name, ids) in wanted.items():
        yield "lost", what, len(ids - set(stored[name]))
        yield "doubled", what, sum(n - 1 for n in stored[name].values())


def _order(roles: list[Role]) -> list[str]:
    return list(dict.fromkeys(role.name for role in roles))


def _row(name: str, roles: list[Role]) -> dict[str, Any]:
    spent = np.array([ms for role in roles for ms in role.milliseconds])
    p50, p95 = np.percentile(spent, [50, 95]) if len(spent) else (np.nan, np.nan)
    return {
        "role": name,
        "processes": len(roles),
        "calls": len(spent),
        "p50_ms": float(p50),
        "p95_ms": float(p95),
        "max_ms": float(spent.max(initial=0.0)),
        "errors": sum(len(role.errors) for role in roles),
    }

"""``genlab bench throughput``: lines, patterns and epochs per second, beside the usual tools.

Every figure of one table comes from one run on the same lines; speed claims are ratios within it.
"""

import os
import random
import re
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from genlab.config import Settings
from genlab.encoders import load_encoder
from genlab.errors import InputError
from genlab.ingest import IngestOptions
from genlab.ingest.fleet import generate, load_fleet
from genlab.models.component_vae import make_config
from genlab.models.scoring import score
from genlab.pipeline.embed import embed
from genlab.pipeline.ingest import ingest
from genlab.store import connect
from genlab.training.curriculum import load_curriculum
from genlab.training.loop import new_state, train

_DIGITS = re.compile(r"\d+")
_TURN = 1000  # lines either encoder embeds before the other has its turn


def throughput(
    settings: Settings,
    data: Path | None,
    lines: int,
    encode_lines: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Measure ingest, embedding, training and scoring.

    ``data``: a folder of .log files (LogHub), or None for the simulated fleet.  ``lines``: ingested
    in all, the data repeated with other numbers, so that no line repeats another by design.
    ``encode_lines``: raw lines embedded by either way.  ``say`` hears progress.
    """
    originals = _original_lines(data)
    many = list(_varied(originals, lines))
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "lines.log"
        file.write_text("\n".join(many) + "\n", encoding="utf-8")
        # A process of its own: threads of this one would stay on the core they were born on.
        with ProcessPoolExecutor(1, get_context("spawn"), initializer=_one_core) as alone:
            say(f"ingest of {len(many):,} lines on one core")
            workspace = Path(folder) / "workspace"
            rows.append(alone.submit(_ingest, settings, workspace, file, len(many)).result())
            say("drain3 on the same lines")
            rows.append(alone.submit(_drain, file).result())
        say("embedding")
        workspace = Path(folder) / "embed"
        sample = random.Random(0).sample(originals, min(encode_lines, len(originals)))
        rows += _embedding(settings, workspace, Path(folder), sample)
        say("training and scoring")
        rows += _model(settings, rows)
    return {
        "lines": len(many),
        "data": str(data) if data else "simulated fleet",
        "cores": os.cpu_count(),
        "rows": rows,
    }


def _one_core() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def _original_lines(data: Path | None) -> list[str]:
    if data is None:
        start = datetime(2026, 1, 1)
        return [r["text"] for r in generate(load_fleet(), 20_000, 0, start, 14.0)]
    files = sorted(data.rglob("*.log"))
    if not files:
        raise InputError(f"{data}: found no .log file, expected a folder of logs such as LogHub")
    return [
        line
        for file in files
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.strip()
    ]


def _varied(originals: list[str], count: int) -> Iterator[str]:
    """The lines again and again, each time with other digits in numbers of three and more.

    The first 26 characters, where the time stands, stay: a message of the year 2972 is refused.
    """
    rng = random.Random(1)

    def other(match: re.Match[str]) -> str:
        digits = match.group()
        if len(digits) < 3:
            return digits
        return digits[0] + "".join(rng.choice("0123456789") for _ in digits[1:])

    for i in range(count):
        line = originals[i % len(originals)]
        yield line if i < len(originals) else line[:26] + _DIGITS.sub(other, line[26:])


def _row(
    stage: str, how: str, unit: str, count: float, seconds: float, **more: Any
) -> dict[str, Any]:
    return {
        "stage": stage,
        "how": how,
        "unit": unit,
        "count": count,
        "seconds": seconds,
        "per_second": count / seconds,
        **more,
    }


def _ingest(settings: Settings, workspace: Path, file: Path, count: int) -> dict[str, Any]:
    with connect(workspace) as store:
        cpu, wall = time.process_time(), time.perf_counter()
        done = ingest(store, [str(file)], IngestOptions(format="text"), settings.ingest)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return _row(
        "ingest",
        "genlab: read, parse, mask, store",
        "lines",
        count,
        wall,
        cpu_seconds=cpu,
        groups=done.patterns,
        stored=done.messages + done.quarantined,
        peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def _drain(file: Path) -> dict[str, Any]:
    try:
        from drain3 import TemplateMiner
        from drain3.template_miner_config import TemplateMinerConfig
    except ImportError:
        return {"stage": "ingest", "how": "drain3 is not installed (pip install drain3)"}
    lines = file.read_text(encoding="utf-8").splitlines()
    config = TemplateMinerConfig()
    config.profiling_enabled = False
    miner = TemplateMiner(config=config)
    cpu, wall = time.process_time(), time.perf_counter()
    for line in lines:
        miner.add_log_message(line)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return _row(
        "ingest",
        "drain3, defaults: mine templates, nothing stored",
        "lines",
        len(lines),
        wall,
        cpu_seconds=cpu,
        groups=len(miner.drain.clusters),
    )


def _embedding(
    settings: Settings, workspace: Path, folder: Path, sample: list[str]
) -> list[dict[str, Any]]:
    from sentence_transformers import SentenceTransformer

    encoder = load_encoder(settings.encoder)
    plain = SentenceTransformer(str(encoder.folder), device="cpu")
    encoder.encode(sample[:64])
    plain.encode(sample[:64], show_progress_bar=False)
    ways: dict[str, Callable[[list[str]], Any]] = {
        "sentence-transformers' default encode": lambda part: plain.encode(
            part, show_progress_bar=False
        ),
        "genlab: by length, token budget, bfloat16": encoder.encode,
    }
    seconds = dict.fromkeys(ways, 0.0)
    for start in range(0, len(sample), _TURN):  # in turns, so that other load hits both
        for how, encode in ways.items():
            started = time.perf_counter()
            encode(sample[start : start + _TURN])
            seconds[how] += time.perf_counter() - started
    rows = [_row("embed", f"{how}, raw lines", "lines", len(sample), seconds[how]) for how in ways]
    file = folder / "sample.log"
    file.write_text("\n".join(sample) + "\n", encoding="utf-8")
    with connect(workspace) as store:
        started = time.perf_counter()
        ingest(store, [str(file)], IngestOptions(format="text"), settings.ingest)
        patterns = embed(store, encoder, settings.encoder.chunk)
        once = time.perf_counter() - started
    rows.append(
        _row(
            "embed",
            "genlab: patterns once (ingest and mask included)",
            "lines",
            len(sample),
            once,
            groups=patterns,
        )
    )
    for row in rows[1:]:
        row["times_default"] = row["per_second"] / rows[0]["per_second"]
    return rows


def _model(settings: Settings, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Training and scoring on 2,000 unit vectors of the encoder's width in 200 groups."""
    rng = np.random.default_rng(0)
    n, d = 2000, 384
    centres = rng.normal(size=(200, d))
    vectors = centres[rng.integers(200, size=n)] + 0.5 * rng.normal(size=(n, d))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    config = make_config(settings.model, d, n)
    state = new_state(config, vectors, settings.training.learning_rate, settings.training.seed)
    reports = list(
        train(
            state,
            vectors,
            None,
            load_curriculum(settings.training.curriculum),
            settings.weights,
            settings.training,
        )
    )
    placed = [r.seconds for r in reports if r.phase == "prior"] or [r.seconds for r in reports]
    started = time.perf_counter()
    score(state.model, np.vstack([vectors] * 5))
    seconds = time.perf_counter() - started
    how = f"component VAE, K = {config.components}, D = {d}, L = {config.latent_dim}"
    return [
        _row("train", f"{how}: one epoch", "patterns", n, float(np.median(placed))),
        _row("score", f"{how}: responsibilities and log p(x)", "patterns", 5 * n, seconds),
    ]

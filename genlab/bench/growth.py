"""``genlab bench growth``: new kinds arrive in ten runs; do they find room, and do the old stay?"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from genlab.bench.datasets import DataSet, draw_labels, load, split
from genlab.config import Settings
from genlab.triage import Triage

RUNS = 10
EPOCHS = 5  # of each run
PER_KIND = 20  # labels, that come with a kind's first patterns: the model is measured, not luck
MOST_KINDS = 40  # of a data set that take part, for time
FIGURES = ("accuracy", "old", "old_among_old", "new", "owned")


class Stream(NamedTuple):
    """P patterns in the runs that bring them, T test items."""

    vectors: np.ndarray  # (P, D)
    labels: np.ndarray  # (P,) str, None where nobody gave one
    arrives: np.ndarray  # (P,) run, from 0
    test: np.ndarray  # (T, D)
    truth: np.ndarray  # (T,) str
    first_run: dict[str, int]  # of each kind; 0 for the old ones


def growth_bench(
    settings: Settings,
    names: Sequence[str],
    data: Path | None,
    seeds: int,
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Learn half of the kinds, take in the others over ten runs, and train anew on everything.

    ``runs``: every run of every seed, the last one called "anew"; ``rows``: the first run, the last
    and anew, mean and standard deviation over seeds.
    """
    runs: list[dict[str, Any]] = []
    for name in names:
        given = load(name, data, settings)
        for seed in range(seeds):
            for row in measure(stream(given, seed), seed):
                runs.append({"data": name, "seed": seed, **row})
                say(", ".join(f"{key} {value}" for key, value in runs[-1].items()))
    rows = [_summary(name, run, runs) for name in names for run in (0, RUNS, "anew")]
    return {"runs": runs, "rows": rows}


def stream(data: DataSet, seed: int) -> Stream:
    """Run 0 brings half of the kinds, with half of their patterns and all of their labels.

    The other half of those patterns comes over the ten runs, and so do the other kinds, each with
    all its patterns at once.
    """
    parts, rng = split(data, seed), np.random.default_rng(seed)
    kinds = rng.permutation(parts.names)[:MOST_KINDS].tolist()
    half = len(kinds) // 2
    coming = {kind: 1 + i * RUNS // (len(kinds) - half) for i, kind in enumerate(kinds[half:])}
    first_run = dict.fromkeys(kinds[:half], 0) | coming
    given = draw_labels(data, parts, PER_KIND)
    kind = data.kinds[parts.pool]
    _, distinct = np.unique(data.patterns[parts.pool], return_index=True)
    rows = np.union1d(distinct, np.flatnonzero(given >= 0))
    rows = rows[np.isin(kind[rows], kinds)]
    arrives = np.array([first_run[str(y)] for y in kind[rows]])
    later = (arrives == 0) & (given[rows] < 0) & (rng.random(len(rows)) < 0.5)
    arrives[later] = rng.integers(1, RUNS + 1, later.sum())
    labels = kind[rows].astype(object)
    labels[given[rows] < 0] = None
    test = parts.test[np.isin(data.kinds[parts.test], kinds)]
    return Stream(
        data.vectors[parts.pool[rows]],
        labels,
        arrives,
        data.vectors[test],
        data.kinds[test].astype(object),
        first_run,
    )


def measure(given: Stream, seed: int) -> list[dict[str, Any]]:
    """One row per run, and one for a model trained anew on everything."""
    grown, rows = Triage(seed=seed), []
    for run in range(RUNS + 1):
        now = given.arrives == run
        before = grown.model_.config.components if run else 0
        started = time.perf_counter()
        grown.partial_fit(given.vectors[now], given.labels[now], epochs=EPOCHS)
        seconds = time.perf_counter() - started
        rows.append(_row(given, grown, run, before, seconds))
    started = time.perf_counter()
    anew = Triage(seed=seed).fit(given.vectors, given.labels)
    seconds = time.perf_counter() - started
    return [*rows, _row(given, anew, RUNS, 0, seconds) | {"run": "anew"}]


def _row(given: Stream, triage: Triage, run: int, before: int, seconds: float) -> dict[str, Any]:
    first = np.array([given.first_run[kind] for kind in given.truth])
    seen = first <= run
    truth, first = given.truth[seen], first[seen]
    proba = triage.predict_proba(given.test[seen])
    right = triage.classes_[proba.argmax(axis=1)] == truth
    old, new = first == 0, first == run if run else np.zeros(len(first), bool)
    names = np.array([given.first_run[kind] == 0 for kind in triage.classes_])
    among = triage.classes_[names][proba[:, names].argmax(axis=1)] == truth
    owner = triage.responsibilities(given.test[seen]).argmax(axis=1)
    components = triage.model_.config.components

    def mean(values: np.ndarray, where: np.ndarray) -> float | None:
        return round(float(values[where].mean()), 4) if where.any() else None

    return {
        "run": run,
        "patterns": int((given.arrives <= run).sum()),
        "kinds": len(triage.classes_),
        "components": components,
        "grown": components - before if before else 0,
        "accuracy": mean(right, np.ones(len(right), bool)),
        "old": mean(right, old),  # among all labels there are by then
        "old_among_old": mean(among, old),  # told from the old ones alone: what was forgotten
        "new": mean(right, new),  # kinds of this very run
        "owned": mean(owner >= before, new) if before else None,  # by components of this run
        "seconds": round(seconds, 2),
    }


def _summary(name: str, run: int | str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean and standard deviation over seeds; of new kinds, over all the runs up to this one."""
    own = [row for row in runs if row["data"] == name]
    out: dict[str, Any] = {"data": name, "run": run}
    for figure in ("patterns", "kinds", "components", "seconds", *FIGURES):
        rows = [
            row for row in own if row["run"] == run or (run == RUNS and figure in ("new", "owned"))
        ]
        values = [row[figure] for row in rows if row[figure] is not None]
        out[figure] = round(float(np.mean(values)), 4) if values else None
        if figure in FIGURES:
            out[f"{figure}_sd"] = round(float(np.std(values)), 4) if values else None
    return out

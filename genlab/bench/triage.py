"""``genlab bench triage``: a few labels per kind, by genlab's label stage and by its peers.

Every method sees the same embeddings, patterns, labels and split.  The label stage is also run over
soft k-means of the same K, and over no components at all: the control.
"""

import resource
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from genlab.bench.datasets import DataSet, Split, draw_labels, load, split, truth
from genlab.bench.learning import unsupervised
from genlab.bench.peers import PEERS, Task
from genlab.config import Settings
from genlab.labelling import accept_threshold, ece, reliability
from genlab.labelling.ground import Ground, Queries, lay_ground, queries
from genlab.labelling.neighbours import partners
from genlab.labelling.propagation import apply_labels, fit_labels
from genlab.models.scoring import score

PRECISION = 0.95  # at which coverage is measured
COMPONENTS = ("auto", "kmeans", None)  # of the label stage: the VAE's, soft k-means', none
_FIGURES = ("nmi", "ari", "active", "seconds", "memory_mb")
NAMES: Mapping[str | None, str] = {
    "auto": "genlab",
    "kmeans": "the same over soft k-means",
    None: "the same over none",
}


class Answers(NamedTuple):
    """One method on one data set, seed and number of labels."""

    method: str
    probabilities: np.ndarray  # (T, Y)
    seconds: float


class Learnt(NamedTuple):
    """Components of one seed's pool, before any label."""

    ground: Ground
    test: Queries
    seconds: float
    nmi: float  # of the pool's kinds and the likeliest components
    ari: float
    active: int
    memory_mb: float  # the process at its largest so far


def triage(
    settings: Settings,
    data: Path | None,
    names: Sequence[str],
    seeds: int,
    counts: Sequence[int],
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Run every method; rows of means and standard deviations over ``seeds``.

    ``data``: the folder of loghub/ and clinc150/; ``names`` of bench.datasets; ``counts``: labels
    per kind.  ``say`` hears progress.
    """
    rows: list[dict[str, Any]] = []
    components: list[dict[str, Any]] = []
    for name in names:
        found = load(name, data, settings)
        gathered: dict[tuple[int, str], list[dict[str, Any]]] = {}
        for seed in range(seeds):
            parts = split(found, seed)
            for count, answer, measured in _one_seed(settings, found, parts, seed, counts, say):
                gathered.setdefault((count, answer), []).append(measured)
        components += _summaries(name, gathered.pop((0, "components"), []))
        rows += [
            {"data": name, "labels": count, "method": method, **_summary(each)}
            for (count, method), each in gathered.items()
        ]
    return {
        "seeds": seeds,
        "rows": [{k: v for k, v in row.items() if k != "accuracies"} for row in rows],
        "components": components,
        "averages": averages(rows),
        "control": control(rows),
    }


def learn(
    settings: Settings, data: DataSet, parts: Split, components: str | None, seed: int
) -> Learnt:
    """Train on the distinct patterns of the pool, without labels; ``components`` None: no model."""
    started = time.perf_counter()
    _, first = np.unique(data.patterns[parts.pool], return_index=True)
    rows = parts.pool[first]
    vectors, test = data.vectors[rows], data.vectors[parts.test]
    if components is None:
        r, r_test = (np.ones((len(x), 1), np.float32) for x in (vectors, test))
    else:
        chosen = settings.model_copy(
            update={
                "model": settings.model.model_copy(update={"components": components}),
                "training": settings.training.model_copy(update={"seed": seed}),
            }
        )
        model = unsupervised(chosen, vectors, seed, partners(vectors))
        r, r_test = (score(model, x).responsibilities for x in (vectors, test))
    ground = lay_ground(vectors, r)
    winner, kinds = r.argmax(axis=1), data.kinds[rows]
    return Learnt(
        ground,
        queries(ground, test, r_test),
        time.perf_counter() - started,
        float(normalized_mutual_info_score(kinds, winner)),
        float(adjusted_rand_score(kinds, winner)),
        len(np.unique(winner)),
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def averages(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean accuracy of each method over the cells, and how far it falls behind a cell's best peer.

    ``behind``: the largest such gap, in accuracy; below 0 where it is ahead everywhere.
    """
    best: dict[tuple[str, int], float] = {}
    for row in rows:
        cell = row["data"], row["labels"]
        if row["method"] in PEERS:
            best[cell] = max(best.get(cell, 0.0), row["accuracy"])
    found = []
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        gaps = [best[row["data"], row["labels"]] - row["accuracy"] for row in own]
        mean = float(np.mean([row["accuracy"] for row in own]))
        found.append(
            {"method": method, "accuracy": mean, "cells": len(own), "behind": float(max(gaps))}
        )
    return found


def control(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Accuracy over the VAE's components less that over soft k-means', seed by seed.

    One row a cell, and one, "all", over everything; standard errors over seeds.
    """
    by_cell = {(row["data"], row["labels"], row["method"]): row["accuracies"] for row in rows}
    found, everything = [], []
    for (data, labels, method), own in by_cell.items():
        if method == NAMES["auto"]:
            gap = np.array(own) - np.array(by_cell[data, labels, NAMES["kmeans"]])
            everything.append(gap)
            found.append({"data": data, "labels": labels, **_difference(gap)})
    return [*found, {"data": "all", "labels": None, **_difference(np.mean(everything, axis=0))}]


def _difference(gap: np.ndarray) -> dict[str, float | None]:
    error = float(gap.std(ddof=1) / np.sqrt(len(gap))) if len(gap) > 1 else None
    return {"difference": float(gap.mean()), "standard_error": error}


def _one_seed(
    settings: Settings,
    data: DataSet,
    parts: Split,
    seed: int,
    counts: Sequence[int],
    say: Callable[[str], None],
) -> Iterator[tuple[int, str, dict[str, Any]]]:
    kinds = truth(data, parts)
    learnt = {}
    for components in COMPONENTS:
        say(f"{data.name}, seed {seed}: {NAMES[components]}")
        learnt[components] = learn(settings, data, parts, components, seed)
        if components is not None:
            figures = {k: getattr(learnt[components], k) for k in _FIGURES}
            yield 0, "components", {"method": NAMES[components], **figures}
    _, pattern = np.unique(data.patterns[parts.pool], return_inverse=True)
    rows_of = {p: i for i, p in enumerate(np.unique(data.patterns[parts.pool]))}
    same = np.array([rows_of.get(p, -1) for p in data.patterns[parts.test]])
    clusters = learnt["auto"].ground.responsibilities.shape[1]
    for count in counts:
        drawn = draw_labels(data, parts, count)
        labels = np.full(len(rows_of), -1)
        labels[pattern[drawn >= 0]] = drawn[drawn >= 0]
        given = np.where(same >= 0, labels[same], -1)  # of a test message whose pattern has a label
        y = len(parts.names)
        for components in COMPONENTS:
            answer = _stage(settings, learnt[components], labels, y, NAMES[components])
            yield count, answer.method, _measured([answer], kinds, given)
        ground = learnt["auto"].ground
        task = Task(ground.unit, labels, learnt["auto"].test.unit, y, clusters, seed)
        for method, peer in PEERS.items():
            started = time.perf_counter()
            variants = peer(task)
            seconds = (time.perf_counter() - started) / len(variants)
            answers = [Answers(method, each, seconds) for each in variants]
            yield count, method, _measured(answers, kinds, given)
        say(f"{data.name}, seed {seed}: {count} labels per kind")


def _stage(
    settings: Settings, learnt: Learnt, labels: np.ndarray, n_labels: int, name: str
) -> Answers:
    started = time.perf_counter()
    model = fit_labels(learnt.ground, labels, n_labels, settings.labelling)
    p = np.ones(len(learnt.test.unit))
    found = apply_labels(learnt.test, model, settings.labelling, p).probabilities
    return Answers(name, found, time.perf_counter() - started)


def _measured(answers: Sequence[Answers], kinds: np.ndarray, given: np.ndarray) -> dict[str, Any]:
    """Figures of the most accurate of ``answers``.

    The label of a message whose very pattern is labelled is that label, whoever answers.
    """
    figures = []
    for answer in answers:
        p = np.array(answer.probabilities, np.float64)
        own = np.flatnonzero(given >= 0)
        p[own] = 0.0
        p[own, given[own]] = 1.0
        confidence, right = np.clip(p.max(axis=1), 0, 1), p.argmax(axis=1) == kinds
        per_kind = [right[kinds == y].mean() for y in np.unique(kinds)]
        likelihood = np.maximum(p[np.arange(len(p)), kinds], 1e-6)
        figures.append(
            {
                "accuracy": float(right.mean()),
                "balanced": float(np.mean(per_kind)),
                "nll": float(-np.log(likelihood).mean()),
                "coverage_95": coverage(confidence, right),
                "seconds": answer.seconds,
                "confidence": confidence,
                "right": right,
            }
        )
    return max(figures, key=lambda each: each["accuracy"])


def coverage(confidence: np.ndarray, right: np.ndarray, precision: float = PRECISION) -> float:
    """Largest share of predictions, most confident first, that are right at ``precision``."""
    order = np.argsort(-confidence, kind="stable")
    so_far = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(so_far >= precision)
    return float((good[-1] + 1) / len(order)) if len(good) else 0.0


def _summary(each: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means over seeds, the spread of the accuracy, and calibration of all predictions together."""
    confidence = np.concatenate([one["confidence"] for one in each])
    right = np.concatenate([one["right"] for one in each])
    accepted = accept_threshold(confidence, right, PRECISION)
    return {
        **{
            name: float(np.mean([one[name] for one in each]))
            for name in ("accuracy", "balanced", "nll", "coverage_95", "seconds")
        },
        "sd": float(np.std([one["accuracy"] for one in each])),
        "accuracies": [one["accuracy"] for one in each],
        "ece": ece(reliability(confidence, right)),
        "accept_above": accepted.threshold if np.isfinite(accepted.threshold) else None,
    }


def _summaries(name: str, found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    methods = list(dict.fromkeys(one["method"] for one in found))
    return [
        {
            "data": name,
            "components": method,
            **{k: float(np.mean([o[k] for o in found if o["method"] == method])) for k in _FIGURES},
        }
        for method in methods
    ]

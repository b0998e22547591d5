"""``genlab bench asking``: labels needed to the same accuracy, by who chooses what to ask.

Every strategy starts from no label at all, asks in batches, and is judged by the same label stage
over the same responsibilities on test messages that nobody saw.  The expert answers with any kind
there is, and accuracy counts messages.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from scipy import sparse
from sklearn.cluster import MiniBatchKMeans

from genlab.bench.datasets import FLEET_MESSAGES, DataSet, Split, load, split
from genlab.bench.learning import unsupervised
from genlab.config import Settings
from genlab.ingest import load_masker
from genlab.ingest.fleet import generate, load_fleet
from genlab.labelling import (
    NO_LABEL,
    Ground,
    Propagation,
    Queries,
    apply_labels,
    conformal_p,
    from_stored,
    lay_ground,
    propagate,
    queries,
    suggest,
    top,
)
from genlab.labelling.neighbours import partners
from genlab.labelling.suggest import outlook
from genlab.models.scoring import score

TARGETS = (0.8, 0.9, 0.95)
HELD_OUT = 0.15  # of the pool's patterns, for novelty p-values
_CLUSTERS = 500  # TypiClust never looks for more


class Problem(NamedTuple):
    """P patterns of the pool that can be asked about, T test messages."""

    name: str
    ground: Ground  # of the pool, with the largest responsibilities of each row as in the tables
    novelty_p: np.ndarray  # (P,)
    messages: np.ndarray  # (P,)
    kinds: np.ndarray  # (P,) int: the expert's answer
    test: Queries  # T of them
    test_novelty_p: np.ndarray  # (T,)
    test_messages: np.ndarray  # (T,)
    test_kinds: np.ndarray  # (T,)


class Choice(NamedTuple):
    """What a strategy asks next."""

    rows: np.ndarray  # (n,) of the pool, not labelled yet; none where nothing is left to ask
    promised: float = float("nan")  # messages that the answers are to settle
    pays: bool = True  # False: more labels no longer pay, says the strategy


Strategy: TypeAlias = Callable[[Problem, np.ndarray, Propagation, int, np.random.Generator], Choice]
"""(problem, labelled (P,) bool, what is believed now, n, rng) -> what to ask."""


class Asked(NamedTuple):
    """How one strategy fared on one problem, after each of B batches."""

    labels: np.ndarray  # (B,) given
    accuracy: np.ndarray  # (B,) on test messages
    promised: np.ndarray  # (B,) messages that the batch was to settle
    settled: np.ndarray  # (B,) messages that it did
    pays: np.ndarray  # (B,) bool: what was said before the batch


def make_problem(data: DataSet, parts: Split, settings: Settings, seed: int) -> Problem:
    """Train a component VAE on the pool's patterns without a label, and score everything."""
    _, kinds = np.unique(data.kinds, return_inverse=True)
    weights = _weights(data, settings)
    _, first, pattern = np.unique(data.patterns[parts.pool], return_index=True, return_inverse=True)
    rows = parts.pool[first]
    vectors = data.vectors[rows]
    held = np.random.default_rng(seed).random(len(rows)) < HELD_OUT
    model = unsupervised(settings, vectors[~held], seed, partners(vectors[~held]))
    pool, test = score(model, vectors), score(model, data.vectors[parts.test])
    strange = -pool.log_prob[held]

    def stored(dense: np.ndarray) -> sparse.csr_matrix:
        kept = settings.labelling.stored_responsibilities
        return from_stored(*top(dense, kept), dense.shape[1])

    ground = lay_ground(vectors, stored(pool.responsibilities))
    return Problem(
        data.name,
        ground,
        conformal_p(strange, -pool.log_prob),
        np.bincount(pattern, weights=weights[parts.pool]),
        kinds[rows],
        queries(ground, data.vectors[parts.test], stored(test.responsibilities)),
        conformal_p(strange, -test.log_prob),
        weights[parts.test],
        kinds[parts.test],
    )


def ask(
    problem: Problem,
    strategy: Strategy,
    settings: Settings,
    labels: int,
    batch: int,
    rng: np.random.Generator,
    enough: float = 1.0,
) -> Asked:
    """Ask until ``labels`` are given or the accuracy is ``enough``, ``batch`` at a time."""
    given = np.full(len(problem.kinds), NO_LABEL)
    number: dict[int, int] = {}  # of each kind, in the order the expert first named it
    believed = _believed(problem, given, number, settings)
    steps: list[tuple[int, float, float, float, bool]] = []
    while (done := int((given != NO_LABEL).sum())) < labels and (
        not steps or steps[-1][1] < enough
    ):
        chosen = strategy(problem, given != NO_LABEL, believed, min(batch, labels - done), rng)
        if not len(chosen.rows):
            break
        for row in chosen.rows:
            given[row] = number.setdefault(int(problem.kinds[row]), len(number))
        before, believed = believed, _believed(problem, given, number, settings)
        settled = _known(problem, believed) - _known(problem, before)
        accuracy = _accuracy(problem, believed, number, settings)
        steps.append(
            (int((given != NO_LABEL).sum()), accuracy, chosen.promised, settled, chosen.pays)
        )
    return Asked(*(np.array(column) for column in zip(*steps, strict=True)))


def ours(
    problem: Problem, labelled: np.ndarray, now: Propagation, n: int, rng: np.random.Generator
) -> Choice:
    """genlab's: the greedy cover of doubt."""
    found = suggest(problem.ground.near, problem.messages, labelled, now, n)
    return Choice(
        np.array([each.index for each in found], int),
        sum(each.would_settle for each in found),
        outlook(found, problem.messages, now).pays,
    )


def at_random(
    problem: Problem, labelled: np.ndarray, now: Propagation, n: int, rng: np.random.Generator
) -> Choice:
    """The pattern of a message drawn at random: frequent patterns come first."""
    left = np.flatnonzero(~labelled)
    if not len(left):
        return Choice(left)
    share = problem.messages[left] / problem.messages[left].sum()
    return Choice(rng.choice(left, min(n, len(left)), replace=False, p=share))


def least_confidence(
    problem: Problem, labelled: np.ndarray, now: Propagation, n: int, rng: np.random.Generator
) -> Choice:
    """The lowest confidence first (Lewis and Gale 1994); ties at random."""
    return _lowest(now.confidence, labelled, n, rng)


def margin(
    problem: Problem, labelled: np.ndarray, now: Propagation, n: int, rng: np.random.Generator
) -> Choice:
    """The smallest gap between the two likeliest labels first (Scheffer et al. 2001)."""
    if now.probabilities.shape[1] < 2:
        return at_random(problem, labelled, now, n, rng)
    two = np.partition(now.probabilities, -2, axis=1)[:, -2:]
    return _lowest(two[:, 1] - two[:, 0], labelled, n, rng)


def k_centre(
    problem: Problem, labelled: np.ndarray, now: Propagation, n: int, rng: np.random.Generator
) -> Choice:
    """The pattern farthest from all labelled ones, again and again (Sener and Savarese 2018)."""
    if not labelled.any():
        return at_random(problem, labelled, now, n, rng)
    closest = (problem.ground.unit @ problem.ground.unit[labelled].T).max(axis=1)
    closest[labelled] = np.inf
    rows: list[int] = []
    while len(rows) < min(n, int((~labelled).sum())):
        rows.append(int(closest.argmin()))
        closest = np.maximum(closest, problem.ground.unit @ problem.ground.unit[rows[-1]])
        closest[rows[-1]] = np.inf
    return Choice(np.array(rows, int))


def typiclust(
    problem: Problem, labelled: np.ndarray, now: Propagation, n: int, rng: np.random.Generator
) -> Choice:
    """The most typical pattern of each of the largest clusters without a label.

    Hacohen, Dekel, Weinshall 2022: as many clusters as labels there will be; typical is a small
    mean distance to the nearest.  Clusters are as large as their messages.
    """
    clusters = min(int(labelled.sum()) + n, _CLUSTERS, len(labelled))
    seed = int(rng.integers(2**31))
    k_means = MiniBatchKMeans(
        clusters, init="random", batch_size=2048, max_iter=10, n_init=1, random_state=seed
    )
    owner = k_means.fit_predict(problem.ground.unit, sample_weight=problem.messages)
    far = np.sqrt(np.maximum(2.0 - 2.0 * problem.ground.near.cosine, 0.0)).mean(axis=1)
    size = np.bincount(owner, weights=problem.messages, minlength=clusters)
    answered = np.bincount(owner[labelled], minlength=clusters)
    left = np.where(labelled, np.inf, far)
    rows: list[int] = []
    while len(rows) < min(n, int((~labelled).sum())):
        open_ = np.bincount(owner[np.isfinite(left)], minlength=clusters) > 0
        best = int(np.lexsort((-size, answered, ~open_))[0])
        rows.append(int(np.where(owner == best, left, np.inf).argmin()))
        left[rows[-1]] = np.inf
        answered[best] += 1
    return Choice(np.array(rows, int))


STRATEGIES: dict[str, Strategy] = {
    "random": at_random,
    "genlab": ours,
    "least confidence": least_confidence,
    "margin": margin,
    "k-centre": k_centre,
    "TypiClust": typiclust,
}


def needed(asked: Asked, accuracy: float) -> float:
    """Labels to the first time ``accuracy`` is reached, linear within a batch; infinity if never.

    Before the first label the accuracy is 0.
    """
    reached = np.flatnonzero(asked.accuracy >= accuracy)
    if not len(reached):
        return float("inf")
    i = int(reached[0])
    labels, heights = np.append(0, asked.labels), np.append(0.0, asked.accuracy)
    share = (accuracy - heights[i]) / (heights[i + 1] - heights[i])
    return float(labels[i] + share * (labels[i + 1] - labels[i]))


def asking(
    settings: Settings,
    data: Path | None,
    names: Sequence[str],
    seeds: int,
    labels: int,
    batch: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Every strategy on every data set; ``rows`` of the result hold one each.

    Targets are 80, 90 and 95 % accuracy and what random has after its last label; ``say`` hears
    progress.
    """
    rows: list[dict[str, Any]] = []
    for name in names:
        loaded = load(name, data, settings)
        runs: dict[str, list[Asked]] = {how: [] for how in STRATEGIES}
        for seed in range(seeds):
            problem = make_problem(loaded, split(loaded, seed), settings, seed)
            enough = 1.0
            for number, (how, strategy) in enumerate(STRATEGIES.items()):
                say(f"{name}, seed {seed}: {how}")
                rng = np.random.default_rng([seed, number])
                run = ask(problem, strategy, settings, labels, batch, rng, enough)
                runs[how].append(run)
                if how == "random":
                    enough = max(TARGETS[-1], float(run.accuracy[-1]))
        rows += _compared(name, runs)
    return {"seeds": seeds, "labels": labels, "batch": batch, "rows": rows}


def _compared(name: str, runs: dict[str, list[Asked]]) -> list[dict[str, Any]]:
    """One row a strategy: mean and spread over seeds, and what it saves of random's labels."""
    ends = [float(run.accuracy[-1]) for run in runs["random"]]
    goals = {f"to_{target:.0%}": [target] * len(ends) for target in TARGETS} | {"to_end": ends}
    reference = {goal: _need(runs["random"], at) for goal, at in goals.items()}
    rows = []
    for how, asked in runs.items():
        row: dict[str, Any] = {"data": name, "asks": how}
        for goal, at in goals.items():
            need = _need(asked, at)
            usable = bool(np.isfinite([*need, *reference[goal]]).all())
            row[goal] = float(need.mean()) if np.isfinite(need).all() else None
            row[f"{goal}_sd"] = float(need.std()) if np.isfinite(need).all() else None
            row[f"{goal}_saved"] = 1 - need.mean() / reference[goal].mean() if usable else None
        row["end_accuracy"] = float(np.mean(ends)) if how == "random" else None
        promised = np.array([run.promised.sum() for run in asked])
        if np.isfinite(promised).all():
            row["promised"] = float(promised.mean())
            row["settled"] = float(np.mean([run.settled.sum() for run in asked]))
            row["stops"] = [
                int(run.labels[i - 1]) if i else 0
                for run in asked
                for i in np.flatnonzero(~run.pays)[:1]
            ]
        rows.append(row)
    return rows


def _need(asked: list[Asked], targets: list[float]) -> np.ndarray:
    return np.array([needed(run, at) for run, at in zip(asked, targets, strict=True)])


def _lowest(scores: np.ndarray, labelled: np.ndarray, n: int, rng: np.random.Generator) -> Choice:
    left = np.flatnonzero(~labelled)
    order = np.lexsort((rng.random(len(left)), scores[left]))
    return Choice(left[order[:n]])


def _believed(
    problem: Problem, given: np.ndarray, number: dict[int, int], settings: Settings
) -> Propagation:
    names = [str(kind) for kind in number]
    return propagate(problem.ground, given, names, settings.labelling, problem.novelty_p)


def _known(problem: Problem, believed: Propagation) -> float:
    return float(problem.messages[believed.verdict == "known"].sum())


def _accuracy(
    problem: Problem, believed: Propagation, number: dict[int, int], settings: Settings
) -> float:
    found = apply_labels(problem.test, believed.model, settings.labelling, problem.test_novelty_p)
    kinds = np.array([*number, NO_LABEL])[found.label]  # the last for no label
    return float(np.average(kinds == problem.test_kinds, weights=problem.test_messages))


def _weights(data: DataSet, settings: Settings) -> np.ndarray:
    """(N,) messages of each item; the fleet alone repeats itself."""
    if data.name != "fleet":
        return np.ones(len(data.kinds))
    masker = load_masker(settings.ingest, None)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    sent = generate(load_fleet(), FLEET_MESSAGES, 0, start, 7.0)
    return np.array(list(Counter(masker.mask(record["text"]) for record in sent).values()), float)

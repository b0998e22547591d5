"""``genlab bench novelty``: what is strange, what is seen but unnamed, and how many false alarms.

Every method in one run, on the same vectors and splits (:mod:`genlab.bench.novelty_cases`).
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from genlab.bench.datasets import draw_labels, load
from genlab.bench.novelty_cases import CASES, Case, Seen, fit, make_case
from genlab.bench.novelty_peers import (
    Known,
    Peer,
    Scorer,
    fit_head,
    timed,
    with_labels,
    without_labels,
)
from genlab.config import Settings
from genlab.labelling import (
    NO_LABEL,
    NoveltyModel,
    fit_novelty,
    fit_reach,
    label_counts,
    label_probabilities,
    lay_ground,
    named_chance,
    novelty_p,
    novelty_score,
    queries,
    reach_p,
    tau,
    verdicts,
)
from genlab.labelling.graph import NEIGHBOURS
from genlab.labelling.neighbours import directions, nearest
from genlab.labelling.reach import reach
from genlab.records import VERDICTS

HEAD_STRENGTH = 10.0  # of our own head; peers have the best of three
RATES = (0.01, 0.05, 0.10)  # false alarms asked for
UNNAMED_LABELS = 5  # labels of each named kind, half of the kinds having a name
OURS = "genlab novelty"


def novelty_bench(
    settings: Settings,
    data: Path | None,
    seeds: int,
    per_kind: tuple[int, ...],
    cases: tuple[str, ...],
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Rows of every method in every case, seed and number of labels per class.

    ``data``: folder of loghub/ and clinc150/, None leaves them out; ``cases``: names as
    "loghub/kinds", all when empty.
    """
    rows: list[dict[str, Any]] = []
    verdict_rows: list[dict[str, Any]] = []
    for name, sort in CASES:
        wanted = not cases or f"{name}/{sort}" in cases
        if not wanted or (data is None and name in ("clinc150", "loghub")):
            continue
        loaded = load(name, data, settings)
        for seed in range(seeds):
            # Each digit alone: two a seed, so that five seeds have each once.
            for turn in (0, 1) if name == "digits" else (None,):
                say(f"{name}/{sort}, seed {seed}")
                case = make_case(loaded, sort, seed, settings.training.holdout, turn)
                seen = fit(case, settings, seed)
                tag = {"case": f"{name}/{sort}", "seed": seed}
                rows += [{**tag, **row} for row in measure(case, seen, per_kind)]
                verdict_rows.append({**tag, **stands(case, seen, settings, seed)})
    ranked = sorted(
        summary(rows, ("case", "labels", "method")),
        key=lambda row: (row["case"], row["labels"], -row["auroc"]),
    )
    return {
        "rows": rows,
        "verdict_rows": verdict_rows,
        "summary": ranked,
        "verdicts": summary(verdict_rows, ("case",)),
    }


def measure(case: Case, seen: Seen, per_kind: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """One row per method and number of labels; of a peer's variants the best."""
    vectors = case.data.vectors[case.rows]
    centre = vectors.mean(axis=0)
    base = directions(vectors, centre)
    test = directions(case.data.vectors[case.test], centre)
    strange = directions(case.strange, centre)
    yield from _ours(case, seen, 0, None)
    density = (-seen.test.log_prob, -seen.strange.log_prob, seen.seconds, float("nan"))
    yield _row(Peer("-log p(x)", *density), 0)
    nobody = Known(base, case.messages, base[:0], np.zeros(0, int))
    yield from _best(without_labels(nobody, test, strange), 0)
    for n in per_kind:
        labelled, labels = _labelled(case, n)
        known = Known(base, case.messages, directions(case.data.vectors[labelled], centre), labels)
        head = fit_head(known.labelled, labels, HEAD_STRENGTH)
        logits = tuple(head(part).max(axis=1) for part in (base, test, strange))
        yield from _ours(case, seen, n, logits)
        yield from _best(with_labels(known, test, strange), n)


def stands(case: Case, seen: Seen, settings: Settings, seed: int) -> dict[str, Any]:
    """With half of the kinds named: AUROC of "seen but unnamed", precision and recall of verdicts.

    What should be said: known for a test message of a named kind whose predicted label is right,
    between where it is wrong (by tau alone), unnamed for an unnamed kind, novel for what was held
    out.
    """
    rng = np.random.default_rng(seed)
    data, names = case.data, case.parts.names
    kind = _index(case)
    present = np.unique(kind)
    named = rng.permutation(present)[: len(present) // 2]
    rows, given = _labelled(case, UNNAMED_LABELS)
    labels = np.full(len(case.rows), NO_LABEL)
    place = np.searchsorted(data.patterns[case.rows], data.patterns[rows])
    keep = np.isin(given, named)
    labels[place[keep]] = given[keep]
    pool = seen.patterns.responsibilities
    ground = lay_ground(data.vectors[case.rows], pool)
    reached = fit_reach(ground, labels)
    model = fit_novelty(ground.near, case.messages, case.held, seen.patterns.log_prob)
    some = rng.permutation(len(case.strange))[: len(case.test)]
    items = np.concatenate([data.vectors[case.test], case.strange[some]])
    log_prob = np.concatenate([seen.test.log_prob, seen.strange.log_prob[some]])
    r = np.concatenate([seen.test.responsibilities, seen.strange.responsibilities[some]])
    asked = queries(ground, items, r)
    assert asked.near is not None
    p = novelty_p(model, novelty_score(model, asked.near, log_prob), 1 - rng.random(len(items)))
    counts = label_counts(pool, labels, len(names))
    cell = settings.labelling.alpha0 / len(names)
    believed = label_probabilities(r, tau(counts, cell))
    far = reach(reached, asked)
    has_name = named_chance(reached, far)
    found = verdicts(p, reach_p(reached, far), has_name, believed.max(axis=1), settings.labelling)
    is_named = np.isin(kind, named)
    right = believed[: len(kind)].argmax(axis=1) == kind
    should = np.concatenate(
        [
            np.select([~is_named, right], ["unnamed", "known"], "between"),
            np.full(len(some), "novel"),
        ]
    )
    result: dict[str, Any] = {"unnamed_auroc": float(roc_auc_score(is_named, far[: len(kind)]))}
    for name in VERDICTS:
        both = ((found == name) & (should == name)).sum()
        result[f"{name}_precision"] = float(both / max((found == name).sum(), 1))
        result[f"{name}_recall"] = float(both / max((should == name).sum(), 1))
    return result


def summary(rows: list[dict[str, Any]], by: tuple[str, ...]) -> list[dict[str, Any]]:
    """Mean over seeds of each group ``by``, with the standard deviation of the AUROC."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in by), []).append(row)
    result = []
    for key, each in groups.items():
        line: dict[str, Any] = dict(zip(by, key, strict=True))
        for name in [name for name in each[0] if name not in {"seed", *by}]:
            values = np.array([row[name] for row in each], float)
            line[name] = float(values.mean())
            if name.endswith("auroc"):
                line[f"{name}_sd"] = float(values.std())
        result.append(line)
    return result


def _ours(
    case: Case, seen: Seen, labels: int, logits: tuple[np.ndarray, ...] | None
) -> Iterator[dict[str, Any]]:
    """The combined score: as a peer is measured, and its false alarms."""
    pool, test, strange = logits or (None, None, None)
    vectors = case.data.vectors
    known = seen.patterns.log_prob
    models: list[NoveltyModel] = []

    def learn() -> Scorer:
        centre = vectors[case.rows].mean(axis=0)
        base = directions(vectors[case.rows], centre)
        near = nearest(base, base, NEIGHBOURS, own=np.arange(len(base)))
        model = fit_novelty(near, case.messages, case.held, known, pool, labels)
        models.append(model)
        parts = iter(((seen.test, test), (seen.strange, strange)))

        def scorer(items: np.ndarray) -> np.ndarray:
            scores, logit = next(parts)
            found = nearest(directions(items, centre), base, NEIGHBOURS)
            return novelty_score(model, found, scores.log_prob, logit)

        return scorer

    peer = timed(OURS, learn, vectors[case.test], case.strange)
    row = _row(peer._replace(seconds=peer.seconds + seen.seconds), labels)
    rng = np.random.default_rng(0)
    model = models[0]
    p = novelty_p(model, peer.known, 1 - rng.random(len(peer.known)))
    caught = novelty_p(model, peer.strange, 1 - rng.random(len(peer.strange)))
    for rate in RATES:
        row[f"alarms_{round(100 * rate)}"] = float((p <= rate).mean())
    row["caught_5"] = float((caught <= 0.05).mean())
    yield row


def _best(peers: Iterable[Peer], labels: int) -> Iterator[dict[str, Any]]:
    """The variant of each peer with the largest AUROC."""
    rows: dict[str, dict[str, Any]] = {}
    for peer in peers:
        row = _row(peer, labels)
        if peer.name not in rows or row["auroc"] > rows[peer.name]["auroc"]:
            rows[peer.name] = row
    yield from rows.values()


def _row(peer: Peer, labels: int) -> dict[str, Any]:
    truth = np.repeat([0, 1], [len(peer.known), len(peer.strange)])
    scores = np.concatenate([peer.known, peer.strange])
    false, true, _ = roc_curve(truth, scores)
    return {
        "method": peer.name,
        "labels": labels,
        "auroc": float(roc_auc_score(truth, scores)),
        "aupr": float(average_precision_score(truth, scores)),
        "fpr_95": float(false[np.argmax(true >= 0.95)]),
        "seconds": peer.seconds,
        "memory_mb": peer.memory_mb,
    }


def _labelled(case: Case, per_kind: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the pool that get a label, none of what is held out, and their labels."""
    labels = draw_labels(case.data, case.parts, per_kind)
    kept = np.flatnonzero((labels != NO_LABEL) & ~case.out[case.parts.pool])
    return case.parts.pool[kept], labels[kept]


def _index(case: Case) -> np.ndarray:
    """(T,) index of each test row's kind among the names."""
    number = {name: i for i, name in enumerate(case.parts.names)}
    return np.array([number[str(kind)] for kind in case.data.kinds[case.test]])

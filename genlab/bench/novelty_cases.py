"""What the novelty bench holds out, and the component VAE trained on the rest.

A case keeps things of one sort from every method: the data set's own strangers, whole groups
(systems, kinds of message) or kinds (templates, intents, digits, labels), a fifth of them per seed,
so that five seeds hold each out once.  Ours keeps messages back besides, for its calibration.
"""

import time
from typing import NamedTuple

import numpy as np

from genlab.bench.datasets import DataSet, Split, split
from genlab.bench.learning import unsupervised
from genlab.config import Settings
from genlab.labelling import hold_out
from genlab.models.scoring import Scores, score

CASES = (
    ("clinc150", "strangers"),
    ("clinc150", "kinds"),
    ("loghub", "groups"),
    ("loghub", "kinds"),
    ("digits", "kinds"),
    ("fleet", "kinds"),
    ("fleet", "groups"),
)
FOLDS = 5


class Case(NamedTuple):
    """One data set with things held out; P patterns of the pool, T known test messages."""

    data: DataSet
    parts: Split
    out: np.ndarray  # (N,) bool: rows held out from every method
    rows: np.ndarray  # (P,) one row of each pattern
    messages: np.ndarray  # (P,) distinct messages
    held: np.ndarray  # (P,) of them kept back for calibration
    test: np.ndarray  # (T,) rows of known kinds
    strange: np.ndarray  # (M, D)


class Seen(NamedTuple):
    """What the component VAE, trained without the patterns kept back, says."""

    patterns: Scores
    test: Scores
    strange: Scores
    seconds: float


def make_case(data: DataSet, sort: str, seed: int, share: float, turn: int | None = None) -> Case:
    """Hold out one fold of ``sort`` (strangers, groups, kinds); ``turn``: one name of it alone."""
    parts = split(data, seed)
    out = np.zeros(len(data.kinds), bool)
    if sort != "strangers":
        field = data.kinds if sort == "kinds" else data.groups
        names = np.random.default_rng(0).permutation(np.unique(field))
        picked = names[seed % FOLDS :: FOLDS]
        if turn is not None:
            picked = picked[turn : turn + 1]
        out = np.isin(field, picked)
    pool = parts.pool[~out[parts.pool]]
    test = parts.test[~out[parts.test]]
    test = test[np.isin(data.kinds[test], data.kinds[pool])]
    patterns, first, messages = np.unique(
        data.patterns[pool], return_index=True, return_counts=True
    )
    uniforms = np.random.default_rng(seed).random(len(patterns))
    held = hold_out(messages, uniforms, share)
    strange = data.strangers if sort == "strangers" else data.vectors[out]
    return Case(data, parts, out, pool[first], messages, held, test, strange)


def fit(case: Case, settings: Settings, seed: int) -> Seen:
    """Train the component VAE on the patterns not kept back whole, and score everything."""
    vectors = case.data.vectors[case.rows]
    trained = vectors[case.held < case.messages]
    started = time.perf_counter()
    model = unsupervised(settings, trained, seed)
    seconds = time.perf_counter() - started
    test = score(model, case.data.vectors[case.test])
    return Seen(score(model, vectors), test, score(model, case.strange), seconds)

"""Fitting a hidden Markov model: where Baum-Welch starts, how often, and when it stops."""

from typing import NamedTuple

import numpy as np

from genlab.errors import InputError
from genlab.models import gaussian_family
from genlab.models.em import climb
from genlab.models.gaussian_forms import fit_groups
from genlab.models.gmm import kmeans
from genlab.models.hmm import HMM, Sequences, baum_welch_step, log_likelihood
from genlab.models.hmm_emissions import (
    KINDS,
    Categorical,
    Emission,
    EmissionKind,
    Normal,
    symbol_counts,
    symbols,
)

WINDOWS = (15, 51, 5, 1)  # steps that say where in a sequence of symbols one is, by restart
DIRECTIONS = 16  # random ones that stand for symbols


class Fit(NamedTuple):
    """The best of the restarts."""

    model: HMM
    log_likelihoods: list[float]  # of all sequences before each step, nats; the last is the model's
    converged: bool


def fit(
    sequences: Sequences,
    states: int,
    kind: EmissionKind,
    *,
    n_symbols: int | None = None,
    pseudocount: float = 0.0,
    regularisation: float = 1e-6,
    tolerance: float = 1e-5,
    iterations: int = 100,
    restarts: int = 1,
    seed: int = 0,
) -> Fit:
    """Baum-Welch from clustered starts, until an iteration gains little.

    Little is less than ``tolerance`` nats for every step of the sequences.  ``n_symbols`` is V
    where more symbols exist than were seen.  Raises InputError for symbols that are not 0 to
    V - 1, points that are not finite, or more states than steps.
    """
    found = climb(
        lambda restart: initial(
            sequences,
            states,
            kind,
            n_symbols=n_symbols,
            regularisation=regularisation,
            window=WINDOWS[restart % len(WINDOWS)],
            seed=seed + restart,
        ),
        lambda model: baum_welch_step(
            sequences, model, pseudocount=pseudocount, regularisation=regularisation
        ),
        lambda model: float(log_likelihood(sequences, model).sum()),
        tolerance=tolerance * len(sequences.x),
        iterations=iterations,
        restarts=restarts,
    )
    return Fit(*found)


def initial(
    sequences: Sequences,
    states: int,
    kind: EmissionKind,
    *,
    n_symbols: int | None = None,
    regularisation: float = 1e-6,
    window: int = WINDOWS[0],
    seed: int = 0,
) -> HMM:
    """A model that describes k-means clusters of the steps, one more count for everything.

    Points are clustered as they are; symbols by what is seen within ``window`` steps around them.
    """
    if kind not in KINDS:
        raise InputError(f"found emission {kind!r}, expected one of {', '.join(KINDS)}")
    steps = int(sequences.begins[-1])
    if not 1 <= states <= steps:
        raise InputError(
            f"found {states} states for {steps} steps, expected 1 to {steps}; ask for fewer"
        )
    once = np.ones(steps)
    emission: Emission
    if kind == "categorical":
        x = symbols(sequences.x, n_symbols)
        size = int(x.max()) + 1 if n_symbols is None else n_symbols
        state = kmeans(_surroundings(x, size, sequences.begins, window, seed), states, once, seed)
        counts = symbol_counts(x, np.eye(states)[state], size).T + 1
        emission = Categorical(counts / counts.sum(axis=1, keepdims=True))
    else:
        x = gaussian_family.points(sequences.x)
        state = kmeans(x, states, once, seed)
        emission = Normal(fit_groups(x, state, once, states, kind, regularisation))
    first = np.zeros(steps, dtype=bool)
    first[sequences.begins[:-1]] = True
    later = np.flatnonzero(~first)
    pairs = np.ones((states, states))
    np.add.at(pairs, (state[later - 1], state[later]), 1)
    starts = 1 + np.bincount(state[first], minlength=states)
    return HMM(starts / starts.sum(), pairs / pairs.sum(axis=1, keepdims=True), emission)


def _surroundings(
    x: np.ndarray, n_symbols: int, begins: np.ndarray, window: int, seed: int
) -> np.ndarray:
    """The mean over the steps around each of a random direction per symbol: (T,) -> (T, F)."""
    rng = np.random.default_rng(seed)
    size = min(n_symbols, DIRECTIONS)
    directions = np.eye(size) if size == n_symbols else rng.standard_normal((n_symbols, size))
    sums = np.vstack([np.zeros(size), np.cumsum(directions[x], axis=0)])
    begin = np.repeat(begins[:-1], np.diff(begins))
    end = np.repeat(begins[1:], np.diff(begins))
    step = np.arange(len(x))
    low, high = np.maximum(step - window // 2, begin), np.minimum(step + window // 2 + 1, end)
    return (sums[high] - sums[low]) / (high - low)[:, None]

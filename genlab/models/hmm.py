"""Hidden Markov models over many sequences of unequal length; symbols or Gaussian points.

Rabiner, *A tutorial on hidden Markov models and selected applications in speech recognition*
(Proc. IEEE 1989); Baum, Petrie, Soules & Weiss (1970) for the estimation.  Pure functions of
arrays, float64; likelihoods in nats.  S states, N sequences of T steps in all.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from genlab.errors import InputError
from genlab.models.em import log
from genlab.models.hmm_emissions import Emission, pick, shares
from genlab.models.hmm_recursions import best_paths, log_expectations, scaled_expectations

Space: TypeAlias = Literal["scaled", "log"]


class HMM(NamedTuple):
    """The parameters."""

    start: np.ndarray  # (S,) sum 1
    transition: np.ndarray  # (S, S) rows sum to 1: from, to
    emission: Emission


class Sequences(NamedTuple):
    """Sequences end to end: number n is ``x[begins[n] : begins[n + 1]]``."""

    x: np.ndarray  # (T,) symbols or (T, D) points
    begins: np.ndarray  # (N + 1,) int64

    def split(self, values: np.ndarray) -> list[np.ndarray]:
        """Values of every step (T, ...), one array per sequence."""
        return np.split(values, self.begins[1:-1])


class Expectations(NamedTuple):
    """What the E-step finds.  Of an impossible sequence: -inf, zeros, nothing."""

    log_likelihoods: np.ndarray  # (N,) log p(sequence)
    posteriors: np.ndarray  # (T, S) p(state | sequence)
    pairs: np.ndarray  # (S, S) expected number of transitions


def join(sequences: Iterable[np.ndarray]) -> Sequences:
    """Sequences (T_n,) or (T_n, D), laid end to end.  Raises InputError for an empty one."""
    parts = [np.asarray(one) for one in sequences]
    if not parts:
        raise InputError("found no sequence, expected one or more; bring some")
    if {part.shape[1:] for part in parts} != {parts[0].shape[1:]} or parts[0].ndim not in (1, 2):
        shapes = sorted({str(part.shape) for part in parts})[:3]
        raise InputError(f"found sequences of shapes {', '.join(shapes)}, expected (T,) or (T, D)")
    lengths = np.array([len(part) for part in parts])
    if not lengths.all():
        raise InputError(
            f"found sequence {lengths.argmin()} without a step, expected one or more; leave it out"
        )
    return Sequences(np.concatenate(parts), np.r_[0, np.cumsum(lengths)])


def expectations(sequences: Sequences, model: HMM, space: Space = "scaled") -> Expectations:
    """Forward-backward over every sequence.

    ``scaled`` multiplies probabilities and hands a sequence to ``log`` where that underflows.  It
    loses a state whose share falls below 1e-300, should the sequence come back to it by no other
    way; ``log`` loses nothing.  Raises InputError for symbols or points the model cannot take.
    """
    x, begins = model.emission.prepare(sequences.x), sequences.begins
    if space == "log":
        found = _log_expectations(model, x, begins)
        return Expectations(*found)
    likelihoods, log_tops = model.emission.likelihoods(x)
    scales, posteriors, pairs, lost = scaled_expectations(
        model.start, model.transition, likelihoods, begins
    )
    log_p = np.add.reduceat(np.log(scales) + log_tops, begins[:-1])
    for n in np.flatnonzero(lost):
        own = slice(begins[n], begins[n + 1])
        own_log_p, posteriors[own], own_pairs = _log_expectations(
            model, x[own], np.array([0, own.stop - own.start])
        )
        log_p[n] = own_log_p[0]
        pairs += own_pairs
    return Expectations(log_p, posteriors, pairs)


def log_likelihood(sequences: Sequences, model: HMM, space: Space = "scaled") -> np.ndarray:
    """log p(sequence) (Rabiner eq. 103): (N,) nats, -inf for an impossible one."""
    return expectations(sequences, model, space).log_likelihoods


def posteriors(sequences: Sequences, model: HMM, space: Space = "scaled") -> np.ndarray:
    """p(state | whole sequence) (Rabiner eq. 27): (T, S), rows sum to 1.

    Its argmax is the posterior decoding, with the most states right on average.  Raises InputError
    for an impossible sequence.
    """
    return _possible(expectations(sequences, model, space)).posteriors


def viterbi(sequences: Sequences, model: HMM) -> tuple[np.ndarray, np.ndarray]:
    """The most likely states (T,) and log p(states, sequence) (N,) (Rabiner eqs. 32-35)."""
    x = model.emission.prepare(sequences.x)
    return best_paths(
        log(model.start),
        log(model.transition),
        model.emission.log_densities(x),
        sequences.begins,
    )


def baum_welch_step(
    sequences: Sequences,
    model: HMM,
    *,
    pseudocount: float = 0.0,
    regularisation: float = 1e-6,
    space: Space = "scaled",
) -> tuple[HMM, float]:
    """One step of Baum-Welch (Rabiner eqs. 40, 53, 54) -> the next model; log-likelihood before.

    ``pseudocount`` is added to every count of starts, transitions and symbols, ``regularisation``
    (in squared units of x) to every variance.  Without either the log-likelihood, the sum over
    sequences, never falls.  Raises InputError for an impossible sequence.
    """
    found = _possible(expectations(sequences, model, space))
    start = found.posteriors[sequences.begins[:-1]].sum(axis=0) + pseudocount
    x = model.emission.prepare(sequences.x)
    following = HMM(
        start / start.sum(),
        shares(found.pairs + pseudocount, model.transition),
        model.emission.fitted(x, found.posteriors, pseudocount, regularisation),
    )
    return following, float(found.log_likelihoods.sum())


def sample(
    model: HMM, lengths: Iterable[int], rng: np.random.Generator
) -> tuple[Sequences, np.ndarray]:
    """One sequence of each length, at least 1, and the states (T,) behind them."""
    sizes = np.array(list(lengths), dtype=np.int64)
    if not len(sizes) or sizes.min() < 1:
        raise InputError(f"found lengths {sizes[:5]}, expected one or more, each at least 1")
    begins = np.r_[0, np.cumsum(sizes)]
    states = np.empty(begins[-1], dtype=np.int64)
    current = pick(model.start[None], np.zeros(len(sizes), dtype=np.int64), rng)
    states[begins[:-1]] = current
    for step in range(1, sizes.max()):
        current = pick(model.transition, current, rng)
        going = sizes > step
        states[begins[:-1][going] + step] = current[going]
    return Sequences(model.emission.draw(states, rng), begins), states


def parameters(model: HMM) -> int:
    """How many numbers are free, for BIC and AIC."""
    size = len(model.start)
    return size - 1 + size * (size - 1) + model.emission.parameters()


def _log_expectations(
    model: HMM, x: np.ndarray, begins: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    densities = model.emission.log_densities(x)
    return log_expectations(log(model.start), log(model.transition), densities, begins)


def _possible(found: Expectations) -> Expectations:
    impossible = np.flatnonzero(~np.isfinite(found.log_likelihoods))
    if len(impossible):
        raise InputError(
            f"found {len(impossible)} sequences that the model cannot produce, the first is number "
            f"{impossible[0]}, expected a probability above 0; fit with a pseudocount above 0"
        )
    return found

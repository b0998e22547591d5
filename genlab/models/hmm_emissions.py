"""What the states of a hidden Markov model show: symbols, or points with a Gaussian per state.

S states, T steps.  Both kinds of emission have ``prepare`` (check what was seen),
``log_densities``, ``likelihoods``, ``fitted`` (the M-step), ``parameters`` and ``draw``; pure,
float64, nats.
"""

from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from genlab.errors import InputError
from genlab.models import gaussian_family, gaussian_forms
from genlab.models.em import log
from genlab.models.gaussian_family import Gaussians
from genlab.models.hmm_recursions import symbol_counts

EmissionKind: TypeAlias = Literal["categorical", "diagonal", "full"]
KINDS: tuple[EmissionKind, ...] = get_args(EmissionKind)


class Categorical(NamedTuple):
    """Symbols 0 to V - 1; p(symbol | state)."""

    probabilities: np.ndarray  # (S, V) rows sum to 1

    def prepare(self, seen: np.ndarray) -> np.ndarray:
        """Symbols (T,) as integers below V.  Raises InputError."""
        return symbols(seen, self.probabilities.shape[1])

    def log_densities(self, x: np.ndarray) -> np.ndarray:
        """(T,) -> (T, S), -inf for a symbol that a state never shows."""
        return log(self.probabilities.T).take(x, axis=0)

    def likelihoods(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(T,) -> p(x | state) over its largest, (T, S); and the largest's logarithm, (T,)."""
        by_symbol, log_top = scaled(log(self.probabilities.T))
        return by_symbol.take(x, axis=0), log_top.take(x)

    def fitted(
        self, x: np.ndarray, posteriors: np.ndarray, pseudocount: float, regularisation: float
    ) -> "Categorical":
        """Expected counts, plus ``pseudocount`` each, as shares (Rabiner eq. 40c).

        A state without any keeps its own; there is no use here for ``regularisation``.
        """
        counts = symbol_counts(x, posteriors, self.probabilities.shape[1]).T + pseudocount
        return Categorical(shares(counts, self.probabilities))

    def parameters(self) -> int:
        """How many numbers are free."""
        return self.probabilities.size - len(self.probabilities)

    def draw(self, states: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One symbol for each of ``states`` (T,) -> (T,)."""
        return pick(self.probabilities, states, rng)


class Normal(NamedTuple):
    """Points (T, D) with a Gaussian for each state."""

    gaussians: Gaussians

    def prepare(self, seen: np.ndarray) -> np.ndarray:
        """Points (T, D), finite.  Raises InputError."""
        return gaussian_family.points(seen, self.gaussians.means.shape[1])

    def log_densities(self, x: np.ndarray) -> np.ndarray:
        """(T, D) -> (T, S)."""
        return np.ascontiguousarray(gaussian_forms.log_densities(x, self.gaussians))

    def likelihoods(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(T, D) -> N(x; state) over its largest, (T, S); and the largest's logarithm, (T,)."""
        return scaled(gaussian_forms.log_densities(x, self.gaussians))

    def fitted(
        self, x: np.ndarray, posteriors: np.ndarray, pseudocount: float, regularisation: float
    ) -> "Normal":
        """Weighted means and covariances (Rabiner eqs. 53, 54), ``regularisation`` on variances.

        A state without any keeps its own; there is no use here for ``pseudocount``.
        """
        was = self.gaussians
        return Normal(gaussian_forms.fit_weighted(x, posteriors, was.kind, regularisation, was))

    def parameters(self) -> int:
        """How many numbers are free."""
        return gaussian_family.parameters(self.gaussians)

    def draw(self, states: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One point for each of ``states`` (T,) -> (T, D)."""
        return gaussian_family.draw(self.gaussians, states, rng)


Emission: TypeAlias = Categorical | Normal


def symbols(seen: np.ndarray, kinds: int | None = None) -> np.ndarray:
    """Symbols (T,) as int64, 0 to ``kinds`` - 1.  Raises InputError."""
    found = np.asarray(seen)
    if found.ndim != 1 or not np.issubdtype(found.dtype, np.integer):
        raise InputError(
            f"found symbols of shape {found.shape} and type {found.dtype}, expected integers (T,); "
            "number the symbols from 0"
        )
    low, high = found.min(), found.max()
    if low < 0 or (kinds is not None and high >= kinds):
        raise InputError(
            f"found symbols from {low} to {high}, expected 0 to "
            f"{'any' if kinds is None else kinds - 1}; number the symbols from 0"
        )
    return np.ascontiguousarray(found, dtype=np.int64)


def shares(counts: np.ndarray, previous: np.ndarray) -> np.ndarray:
    """Rows over their sums; a row of zeros keeps what it was: (..., V) each."""
    sums = counts.sum(axis=-1, keepdims=True)
    return np.where(sums > 0, counts / np.where(sums > 0, sums, 1.0), previous)


def scaled(log_values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms (T, S) -> their exponentials over each row's largest; log of that (T,), or 0."""
    top = log_values.max(axis=1)
    top = np.where(np.isfinite(top), top, 0.0)
    return np.exp(np.subtract(log_values, top[:, None], order="C")), top


def pick(rows: np.ndarray, chosen: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One column for each of ``chosen`` (T,), with the probabilities of that row of (S, V)."""
    cumulative = np.cumsum(rows, axis=1)
    thresholds = rng.random(len(chosen)) * cumulative[chosen, -1]
    return (cumulative[chosen] <= thresholds[:, None]).sum(axis=1)

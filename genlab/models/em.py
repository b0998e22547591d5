"""Expectation maximisation, as mixtures and hidden Markov models share it: restarts, when to stop.

Dempster, Laird & Rubin, *Maximum likelihood from incomplete data via the EM algorithm* (1977).
"""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from genlab.errors import InputError

Model = TypeVar("Model")


class Climbed(NamedTuple, Generic[Model]):
    """Where the steps led."""

    model: Model
    log_likelihoods: list[float]  # before each step, nats; the last is the model's
    converged: bool


def climb(
    start: Callable[[int], Model],
    step: Callable[[Model], tuple[Model, float]],
    log_likelihood: Callable[[Model], float],
    *,
    tolerance: float,
    iterations: int,
    restarts: int,
) -> Climbed[Model]:
    """Steps until one gains less than ``tolerance`` nats; the best of ``restarts``.

    ``start`` gives the model of a restart, ``step`` the next model and the log-likelihood before
    it.  Raises InputError for less than one restart or iteration.
    """
    if restarts < 1 or iterations < 1:
        raise InputError(
            f"found {restarts} restarts of {iterations} iterations, expected 1 or more of each"
        )
    found = [_climb(start(n), step, log_likelihood, tolerance, iterations) for n in range(restarts)]
    return max(found, key=lambda one: one.log_likelihoods[-1])


def _climb(
    model: Model,
    step: Callable[[Model], tuple[Model, float]],
    log_likelihood: Callable[[Model], float],
    tolerance: float,
    iterations: int,
) -> Climbed[Model]:
    trace: list[float] = []
    for _ in range(iterations):
        following, before = step(model)
        trace.append(before)
        if len(trace) > 1 and trace[-1] - trace[-2] < tolerance:
            return Climbed(model, trace, True)
        model = following
    return Climbed(model, [*trace, log_likelihood(model)], False)


def log(values: np.ndarray) -> np.ndarray:
    """log, -inf for 0, without a warning."""
    with np.errstate(divide="ignore"):
        return np.log(values)

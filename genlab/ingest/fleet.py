"""A simulated fleet writes messages whose truth is known.

Every device walks through health regimes (a Markov chain, one step every ``step_hours``) and sends
each kind of message as a Poisson process whose rate depends on the regime.  Given their total
number n, the messages of such processes fall independently, each into a (device, step, kind) with
probability proportional to its rate, uniform in time within the step (Kingman, Poisson Processes,
1993, section 2.4); that is how :func:`schedule` draws them, exactly n and without a loop.
"""

import json
import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from genlab.errors import InputError
from genlab.ingest.fleet_config import PLACEHOLDER, Fleet, Variable, load_fleet

__all__ = ["Fleet", "Schedule", "generate", "load_fleet", "schedule", "simulate", "write_jsonl"]

Draw = Callable[[random.Random, str, datetime], str]  # (randomness, sender's name, message's time)


class Schedule(NamedTuple):
    """Who sends what kind of message when; n messages in time order."""

    seconds: np.ndarray  # (n,) after the start, rising
    device: np.ndarray  # (n,) index into Fleet.devices()
    kind: np.ndarray  # (n,) index into list(Fleet.kind)
    regime: np.ndarray  # (n,) the sender's regime at that time, index into Fleet.regimes
    regimes: np.ndarray  # (devices, steps) every device's regime in every step


def generate(
    fleet: Fleet, n_messages: int, seed: int, start: datetime, days: float
) -> Iterator[dict[str, Any]]:
    """Yield the fleet's messages in time order, ready for JSON; the same for the same arguments.

    ``start`` is UTC.  Fields: message_id (from seed and index), time (ISO 8601, UTC), device,
    severity, text, and the truth: truth_kind, truth_label, truth_regime, truth_wording (index
    into the kind's wordings).  Raises InputError when n_messages is negative or days not positive.
    """
    plan = schedule(fleet, n_messages, seed, days)
    rng = random.Random(f"wording {seed}")
    names = [name for name, _ in fleet.devices()]
    kinds = list(fleet.kind.items())
    renderers = [[_renderer(fleet, text) for text in kind.wordings] for _, kind in kinds]
    begin = start.replace(tzinfo=None)
    columns = (plan.seconds.tolist(), plan.device.tolist(), plan.kind.tolist())
    for index, (seconds, device, k, regime) in enumerate(
        zip(*columns, plan.regime.tolist(), strict=True)
    ):
        name, kind = kinds[k]
        moment = begin + timedelta(seconds=seconds)
        wording = _wording(rng, device, len(kind.wordings), fleet.dialect)
        yield {
            "message_id": f"fleet-{seed}-{index:06d}",
            "time": moment.isoformat(timespec="milliseconds") + "Z",
            "device": names[device],
            "severity": kind.severity,
            "text": renderers[k][wording](rng, names[device], moment),
            "truth_kind": name,
            "truth_label": kind.label,
            "truth_regime": fleet.regimes[regime],
            "truth_wording": wording,
        }


def write_jsonl(
    path: Path, fleet: Fleet, n_messages: int, seed: int, start: datetime, days: float
) -> int:
    """Write what :func:`generate` yields as JSON lines; returns how many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for record in generate(fleet, n_messages, seed, start, days):
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
            count += 1
    return count


def schedule(fleet: Fleet, n_messages: int, seed: int, days: float) -> Schedule:
    """Draw when which device is in which regime and sends which kind of message."""
    if n_messages < 0 or not days > 0:
        raise InputError(
            f"found {n_messages} messages over {days} days, expected 0 or more messages over a "
            "positive number of days; change the numbers"
        )
    rng = np.random.default_rng(seed)
    kinds_of_device = list(fleet.device)
    kind_of = np.array([kinds_of_device.index(kind) for _, kind in fleet.devices()])
    hours = days * 24
    steps = int(np.ceil(hours / fleet.step_hours))
    edges = np.minimum(np.arange(steps + 1) * fleet.step_hours, hours)
    regimes = np.concatenate(
        [
            simulate(fleet.transitions(name), table.count, steps, rng)
            for name, table in fleet.device.items()
        ]
    )
    rates = np.stack([fleet.rates(name) for name in kinds_of_device])  # (kinds of device, R, K)
    appears = np.array([kind.appears_after for kind in fleet.kind.values()]) * hours
    open_kinds = edges[:-1, None] >= appears  # (steps, K): newcomers are closed at first

    # The cells (device, step) first, then the kind within the cell: small tables only.
    eras, era_of = np.unique(open_kinds, axis=0, return_inverse=True)
    mix = rates[:, :, None, :] * eras  # (kinds of device, R, eras, K)
    state = (kind_of[:, None], regimes, era_of.reshape(1, steps))
    expected = mix.sum(axis=-1)[state] * np.diff(edges)  # (devices, steps), up to a factor
    cell = _pick(np.cumsum(expected), rng.random(n_messages))
    device, step = np.divmod(cell, steps)
    regime = regimes[device, step]
    cumulative = np.cumsum(mix, axis=-1)[kind_of[device], regime, era_of.reshape(-1)[step]]
    threshold = rng.random(n_messages) * cumulative[:, -1]
    kind = (cumulative <= threshold[:, None]).sum(axis=-1)
    seconds = 3600 * (edges[step] + rng.random(n_messages) * (edges[step + 1] - edges[step]))
    order = np.argsort(seconds, kind="stable")
    return Schedule(seconds[order], device[order], kind[order], regime[order], regimes)


def simulate(
    transitions: np.ndarray, count: int, steps: int, rng: np.random.Generator
) -> np.ndarray:
    """Regimes (count, steps) of ``count`` independent Markov chains, started in equilibrium.

    ``transitions`` is (R, R), rows sum to 1.
    """
    cumulative = np.cumsum(transitions, axis=1)
    paths = np.empty((count, steps), dtype=np.int64)
    state = _pick(np.cumsum(stationary(transitions)), rng.random(count))
    last = len(transitions) - 1
    for step in range(steps):
        paths[:, step] = state
        moved = (cumulative[state] <= rng.random(count)[:, None]).sum(axis=1)
        state = np.minimum(moved, last)  # rounding may leave the last sum a hair below 1
    return paths


def stationary(transitions: np.ndarray) -> np.ndarray:
    """The equilibrium distribution (R,) of a Markov chain: p = p T, sum 1."""
    size = len(transitions)
    equations = np.vstack([transitions.T - np.eye(size), np.ones(size)])
    solution = np.linalg.lstsq(equations, np.r_[np.zeros(size), 1.0], rcond=None)[0]
    return np.clip(solution, 0, None) / np.clip(solution, 0, None).sum()


def _pick(cumulative: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Indices drawn with probabilities proportional to the steps of ``cumulative``."""
    found = np.searchsorted(cumulative, uniform * cumulative[-1], side="right")
    return np.minimum(found, len(cumulative) - 1)


def _wording(rng: random.Random, device: int, wordings: int, dialect: float) -> int:
    """A device mostly keeps to the wording of its firmware."""
    if rng.random() < dialect:
        return device % wordings
    return int(rng.random() * wordings)


def _renderer(fleet: Fleet, wording: str) -> Draw:
    """Compile a wording into a function that fills in its variables."""
    pieces = PLACEHOLDER.split(fleet.expand(wording))  # text, name, text, name, ..., text
    frame = "%s".join(piece.replace("%", "%%") for piece in pieces[::2])
    draws = [_draw(fleet.variables.get(name)) for name in pieces[1::2]]
    return lambda rng, sender, moment: frame % tuple(draw(rng, sender, moment) for draw in draws)


def _draw(variable: Variable | None) -> Draw:
    """A function that draws one value; ``None`` is the sender's own name."""
    if variable is None:
        return lambda rng, sender, moment: sender
    if variable.words is not None:
        words = variable.words
        return lambda rng, sender, moment: words[int(rng.random() * len(words))]
    if variable.range is not None:
        scale, decimals = 10**variable.decimals, variable.decimals
        low, high = (round(bound * scale) for bound in variable.range)
        return lambda rng, sender, moment: (
            f"{(low + int(rng.random() * (high - low + 1))) / scale:.{decimals}f}"
        )
    if variable.hex is not None:
        digits = variable.hex
        return lambda rng, sender, moment: f"{rng.getrandbits(4 * digits):0{digits}x}"
    pattern = variable.time or ""
    return lambda rng, sender, moment: moment.strftime(pattern)

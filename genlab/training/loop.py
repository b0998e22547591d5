"""The training loop: epochs of a curriculum over one growing state, reported one by one."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from genlab.config import LossWeights, TrainingSettings
from genlab.errors import GenlabError, InputError
from genlab.models.component_vae import ComponentVAE, ComponentVAEConfig
from genlab.models.scoring import as_patterns
from genlab.training.curriculum import Curriculum, PlannedEpoch, plan
from genlab.training.losses import TERMS, Batch, objective, tau_of
from genlab.training.placement import place_components

STEPS = 8  # an epoch of little data takes about so many steps, with smaller batches,
SMALL_BATCH = 32  # of at least so many patterns


@dataclass
class TrainingState:
    """Everything a run continues from; saved and restored, 2 + 2 epochs equal 4."""

    model: ComponentVAE
    optimiser: torch.optim.Adam
    generator: torch.Generator
    epoch: int = 0  # epochs completed since the beginning


class EpochReport(NamedTuple):
    """One completed epoch: one row of `training_epoch`."""

    epoch: int  # from 1, counted since the model's beginning
    phase: str
    terms: dict[str, float | None]  # mean of each of losses.TERMS, unweighted; None: not computed
    weights: dict[str, float]  # in force at the end of the epoch
    loss: float  # mean weighted sum
    seconds: float
    active_components: int  # most likely component of at least one pattern


def new_state(
    config: ComponentVAEConfig, data: np.ndarray, learning_rate: float, seed: int
) -> TrainingState:
    """A model with fresh parameters, standardised to ``data`` (N, D)."""
    x = as_patterns(data, config.input_dim)
    if len(x) == 0:
        raise InputError("found no patterns to train on, expected at least 1: ingest some first")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ComponentVAE(config)
    model.fit_standardisation(x)
    return TrainingState(
        model, make_optimiser(model, learning_rate), torch.Generator().manual_seed(seed)
    )


def make_optimiser(model: ComponentVAE, learning_rate: float) -> torch.optim.Adam:
    """Adam over every parameter that learns."""
    learning = [p for p in model.parameters() if p.requires_grad]
    return torch.optim.Adam(learning, lr=learning_rate, fused=True)


def train(
    state: TrainingState,
    data: np.ndarray,
    labels: np.ndarray | None,
    curriculum: Curriculum,
    weights: LossWeights,
    settings: TrainingSettings,
    alpha0: float = 0.01,
    should_stop: Callable[[], bool] = lambda: False,
    neighbours: np.ndarray | None = None,
) -> Iterator[EpochReport]:
    """Train ``state`` in place, one report after every epoch.

    data (N, D), any N, it may have grown since the last run; labels (N,) whole numbers from 0, -1
    for none; neighbours (N, k) rows of each pattern's nearest for the neighbour term, which is
    absent without them.  ``should_stop`` is asked between batches; when it says yes the epoch is
    left unfinished and the iteration ends.  Raises InputError for data that does not fit the model,
    GenlabError when the loss stops being a number.
    """
    x = as_patterns(data, state.model.config.input_dim)
    y = _as_labels(labels, len(x))
    near = None if neighbours is None else torch.as_tensor(neighbours, dtype=torch.int64)
    torch.set_num_threads(settings.threads)
    for group in state.optimiser.param_groups:
        group["lr"] = settings.learning_rate
    for planned in plan(curriculum, has_labels=y is not None):
        if planned.number == 0 and planned.phase.place_components and not state.model.placed:
            place_components(state.model, x, settings.seed)
        report = _epoch(
            state, x, y, near, planned, weights, settings.batch_size, alpha0, should_stop
        )
        if report is None:
            return
        yield report


def _epoch(
    state: TrainingState,
    x: Tensor,
    y: Tensor | None,
    near: Tensor | None,
    planned: PlannedEpoch,
    base: LossWeights,
    batch_size: int,
    alpha0: float,
    should_stop: Callable[[], bool],
) -> EpochReport | None:
    started = time.perf_counter()
    model = state.model
    tau = None if y is None else _tau(model, x, y, alpha0)
    sums = dict.fromkeys(("loss", *TERMS), 0.0)
    rows = dict.fromkeys(sums, 0)
    wins = torch.zeros(model.config.components, dtype=torch.int64)
    size = min(batch_size, max(SMALL_BATCH, len(x) // STEPS))
    batches = torch.randperm(len(x), generator=state.generator).split(size)
    for step, index in enumerate(batches, start=1):
        if should_stop():
            return None
        now = planned.weights_at(step / len(batches), base)
        batch = Batch(
            x[index],
            None if y is None else y[index],
            tau,
            None if near is None else x[_one_of(near[index], state.generator)],
        )
        loss, terms, posterior = objective(model, batch, now, state.generator)
        if not torch.isfinite(loss):
            shown = ", ".join(f"{name} {value.item():.3g}" for name, value in terms.items())
            raise GenlabError(
                f"epoch {state.epoch + 1}: the loss is not a number any more ({shown}): "
                "lower training.learning_rate and train again from the last version"
            )
        state.optimiser.zero_grad()
        loss.backward()
        state.optimiser.step()
        wins += torch.bincount(posterior.log_responsibilities.argmax(-1), minlength=len(wins))
        for name, value in {"loss": loss, **terms}.items():
            sums[name] += value.item() * len(index)
            rows[name] += len(index)
    state.epoch += 1
    means = {name: sums[name] / rows[name] if rows[name] else None for name in sums}
    return EpochReport(
        epoch=state.epoch,
        phase=planned.phase.name,
        terms={name: means[name] for name in TERMS},
        weights=now.model_dump(),
        loss=means["loss"] or 0.0,
        seconds=time.perf_counter() - started,
        active_components=int((wins > 0).sum()) if model.placed else 1,
    )


def _one_of(rows: Tensor, generator: torch.Generator) -> Tensor:
    """One entry of each row: (N, k) -> (N,)."""
    chosen = torch.randint(rows.shape[1], (len(rows), 1), generator=generator)
    return rows.gather(1, chosen).squeeze(1)


@torch.no_grad()
def _tau(model: ComponentVAE, x: Tensor, y: Tensor, alpha0: float) -> Tensor:
    known = y >= 0
    log_r = torch.cat([model.posterior(p, 1).log_responsibilities for p in x[known].split(8192)])
    return tau_of(log_r, y[known], int(y.max()) + 1, alpha0)


def _as_labels(labels: np.ndarray | None, n: int) -> Tensor | None:
    if labels is None:
        return None
    found: Any = np.asarray(labels)
    if found.shape != (n,) or not np.issubdtype(found.dtype, np.integer):
        raise InputError(
            f"found labels of shape {found.shape} and type {found.dtype}, expected ({n},) whole "
            "numbers, -1 for none: number the label names first"
        )
    y = torch.as_tensor(found, dtype=torch.int64)
    return y if bool((y >= 0).any()) else None

"""A curriculum: phases of epochs, each with its loss weights, read from a file, not from code."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from genlab.config import LossWeights
from genlab.errors import ConfigError
from genlab.resources import resource

Ramp = tuple[float, float]


class Phase(BaseModel):
    """Some epochs under one set of weights; a weight is a number or a straight ramp [from, to]."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    epochs: int = Field(ge=1)
    place_components: bool = False  # before its first epoch, unless they are placed already
    needs_labels: bool = False  # skipped when no pattern has a label
    weights: dict[str, float | Ramp] = {}

    @model_validator(mode="after")
    def _known_weights(self) -> "Phase":
        for name, value in self.weights.items():
            if name not in LossWeights.model_fields:
                known = ", ".join(LossWeights.model_fields)
                raise ValueError(f"unknown weight {name!r}; the weights are {known}")
            if min(value if isinstance(value, tuple) else (value,)) < 0:
                raise ValueError(f"{name} = {value}: expected a weight of at least 0")
        return self

    def weights_at(self, progress: float, base: LossWeights) -> LossWeights:
        """The weights in force at ``progress`` in [0, 1] of the phase; unnamed ones from base."""
        now = {
            name: value[0] + progress * (value[1] - value[0]) if isinstance(value, tuple) else value
            for name, value in self.weights.items()
        }
        return base.model_copy(update=now)


class Curriculum(BaseModel):
    """Phases in order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    phase: tuple[Phase, ...] = Field(min_length=1)

    def phases(self, has_labels: bool) -> tuple[Phase, ...]:
        """Those that apply; a phase that needs labels waits until there are some."""
        return tuple(p for p in self.phase if has_labels or not p.needs_labels)

    def within(self, epochs: int) -> "Curriculum":
        """The same phases in the same proportions, shortened or stretched to about ``epochs``."""
        total = sum(p.epochs for p in self.phase)
        scaled = (max(1, round(p.epochs * epochs / total)) for p in self.phase)
        return Curriculum(
            phase=tuple(
                p.model_copy(update={"epochs": n}) for p, n in zip(self.phase, scaled, strict=True)
            )
        )


class PlannedEpoch(NamedTuple):
    """One epoch of a plan."""

    phase: Phase
    number: int  # within its phase, from 0

    def weights_at(self, share: float, base: LossWeights) -> LossWeights:
        """The weights after ``share`` in [0, 1] of this epoch."""
        return self.phase.weights_at((self.number + share) / self.phase.epochs, base)


def plan(curriculum: Curriculum, has_labels: bool) -> Iterator[PlannedEpoch]:
    """Every epoch of the curriculum, in order."""
    for phase in curriculum.phases(has_labels):
        for index in range(phase.epochs):
            yield PlannedEpoch(phase, index)


def continuation(epochs: int) -> Curriculum:
    """A short run under constant weights, those of the caller."""
    return Curriculum(phase=(Phase(name="continuation", epochs=epochs),))


def load_curriculum(name: str) -> Curriculum:
    """The curriculum of that name in config/curricula, or at that path (ending in .toml).

    Raises ConfigError naming the file and the setting.
    """
    path = Path(name) if name.endswith(".toml") else None
    try:
        path = path or resource(f"config/curricula/{name}.toml")
        return Curriculum.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        known = ", ".join(sorted(p.stem for p in resource("config/curricula").glob("*.toml")))
        raise ConfigError(
            f"curriculum {name!r} is not there: expected one of {known}, or the path of a .toml"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"{path}: {where}: {first['msg']}; see config/curricula/default.toml for an example"
        ) from None

"""The description of a simulated fleet: typed, and checked once when it is loaded.

``load_fleet()`` reads every *.toml file of config/fleet as one document.  config/fleet/fleet.toml
explains the fields.
"""

import re
import tomllib
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from genlab.errors import ConfigError
from genlab.records import SEVERITIES
from genlab.resources import resource

PLACEHOLDER = re.compile(r"\{(\w+)\}")
SENDER = "device"  # the variable that every wording may use: the sender's own name
_MAX_NESTING = 8


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Variable(_Table):
    """What a placeholder of a wording stands for; exactly one of the five forms is given."""

    words: list[str] | None = Field(None, min_length=1)  # one of these
    range: tuple[float, float] | None = None  # a number in it, both ends included
    hex: int | None = Field(None, ge=1)  # so many hexadecimal digits
    shape: str | None = None  # text with further placeholders
    time: str | None = None  # strftime of the message's time
    decimals: int = Field(0, ge=0)  # of a number from `range`

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        forms = ("words", "range", "hex", "shape", "time")
        given = [form for form in forms if getattr(self, form) is not None]
        if len(given) != 1:
            raise ValueError(f"found {given or 'none'}, expected exactly one of {', '.join(forms)}")
        if self.range is not None and self.range[0] > self.range[1]:
            raise ValueError(f"found the range {self.range}, expected the smaller number first")
        return self


class DeviceKind(_Table):
    """A kind of device: how many there are, and the Markov chain of their health."""

    count: int = Field(ge=1)
    transitions: list[list[float]]  # (R, R), rows sum to 1


class MessageKind(_Table):
    """A kind of message: its truth, who sends it when, and how it is worded."""

    label: str
    devices: list[str] = Field(min_length=1)  # kinds of device, or ["*"]
    severity: str
    profile: str
    rate: float = Field(gt=0)  # messages a day per device, at profile factor 1
    wordings: list[str] = Field(min_length=1)
    opposite: str | None = None
    appears_after: float = Field(0.0, ge=0, lt=1)  # share of the simulated time before it is sent


class Fleet(_Table):
    """A fleet of R regimes, its kinds of device and its kinds of message."""

    step_hours: float = Field(gt=0)
    regimes: list[str] = Field(min_length=1)
    dialect: float = Field(ge=0, le=1)  # probability that a device keeps to its own wording
    profiles: dict[str, list[float]]
    labels: dict[str, str]
    device: dict[str, DeviceKind] = Field(min_length=1)
    variables: dict[str, Variable]
    kind: dict[str, MessageKind] = Field(min_length=1)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        problems = [*_chain_problems(self), *_kind_problems(self), *_variable_problems(self)]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def devices(self) -> list[tuple[str, str]]:
        """(name, kind of device) of every device, e.g. ("pump-07", "pump")."""
        return [
            (f"{kind}-{number:02d}", kind)
            for kind, table in self.device.items()
            for number in range(1, table.count + 1)
        ]

    def transitions(self, device_kind: str) -> np.ndarray:
        """The transition matrix of a kind of device, (R, R)."""
        return np.asarray(self.device[device_kind].transitions)

    def rates(self, device_kind: str) -> np.ndarray:
        """Messages a day that one such device sends, (R, number of kinds), by regime and kind."""
        return np.array(
            [
                kind.rate * np.asarray(self.profiles[kind.profile])
                if {"*", device_kind} & set(kind.devices)
                else np.zeros(len(self.regimes))
                for kind in self.kind.values()
            ]
        ).T

    def expand(self, wording: str) -> str:
        """The wording with every variable of form `shape` written out."""
        for _ in range(_MAX_NESTING):
            expanded = PLACEHOLDER.sub(self._written_out, wording)
            if expanded == wording:
                return wording
            wording = expanded
        raise ValueError(f"the shapes of {wording[:60]!r} contain each other, expected an end")

    def _written_out(self, found: re.Match[str]) -> str:
        variable = self.variables.get(found[1])
        return variable.shape if variable and variable.shape is not None else found[0]


def load_fleet(path: Path | None = None) -> Fleet:
    """Read a fleet: a TOML file, or a folder whose *.toml files are read as one document.

    ``path`` None is the fleet that comes with genlab, config/fleet.  Raises ConfigError naming
    the file, the field, what was found and what was expected.
    """
    path = path or resource("config/fleet")
    files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
    if not files:
        raise ConfigError(f"{path}: found no *.toml file, expected the description of a fleet")
    document: dict[str, Any] = {}
    for file in files:
        _merge(document, _read(file), str(file))
    try:
        return Fleet.model_validate(document)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'fleet'}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        )
        raise ConfigError(f"{path}: {faults}; correct the file") from error


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror}), expected a file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not valid TOML: {error}; correct that line") from error


def _merge(into: dict[str, Any], table: dict[str, Any], where: str, prefix: str = "") -> None:
    """Add a file's tables; only the top level may be spread over several files."""
    for key, value in table.items():
        if not prefix and isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value, where, f"{key}.")
        elif key in into:
            raise ConfigError(f"{where}: {prefix}{key} was given by another file too; remove one")
        else:
            into[key] = value


def _chain_problems(fleet: Fleet) -> list[str]:
    size = len(fleet.regimes)
    found = [
        f"profiles.{name}: found {len(factors)} factors, expected {size} of 0 or more"
        for name, factors in fleet.profiles.items()
        if len(factors) != size or min(factors) < 0
    ]
    for name, table in fleet.device.items():
        rows = table.transitions
        if len(rows) != size or any(len(row) != size for row in rows):
            found.append(f"device.{name}.transitions: expected {size} rows of {size} numbers")
        elif any(min(row) < 0 or abs(sum(row) - 1) > 1e-9 for row in rows):
            sums = [round(sum(row), 6) for row in rows]
            found.append(f"device.{name}.transitions: rows sum to {sums}, expected 1, none below 0")
    return found


def _kind_problems(fleet: Fleet) -> list[str]:
    found = []
    for name, kind in fleet.kind.items():
        for field, value, allowed in (
            ("label", kind.label, fleet.labels),
            ("severity", kind.severity, SEVERITIES),
            ("profile", kind.profile, fleet.profiles),
            ("opposite", kind.opposite, [None, *fleet.kind]),
            *(("devices", device, ["*", *fleet.device]) for device in kind.devices),
        ):
            if value not in allowed:
                choices = ", ".join(str(choice) for choice in list(allowed)[:20])
                found.append(f"kind.{name}.{field}: found {value!r}, expected one of {choices}")
        other = fleet.kind.get(kind.opposite) if kind.opposite else None
        if other and (other.opposite != name or len(other.wordings) != len(kind.wordings)):
            found.append(
                f"kind.{name}.opposite: expected {kind.opposite} to name {name} as its opposite "
                "and to have as many wordings"
            )
    return found


def _variable_problems(fleet: Fleet) -> list[str]:
    known = {SENDER, *fleet.variables}
    texts = {f"kind.{name}.wordings": kind.wordings for name, kind in fleet.kind.items()}
    texts |= {f"variables.{name}": [v.shape] for name, v in fleet.variables.items() if v.shape}
    found = [
        f"{where}: found {{{name}}}, expected a name of [variables]"
        for where, wordings in texts.items()
        for wording in wordings
        for name in PLACEHOLDER.findall(wording)
        if name not in known
    ]
    for where, wordings in texts.items():
        for wording in wordings:
            try:
                fleet.expand(wording)
            except ValueError as error:
                found.append(f"{where}: {error}")
    return found

"""Configuration: typed, validated once at the edge, passed down.

``load_settings(workspace)`` reads config/default.toml, then <workspace>/genlab.toml, then the
overrides of the command line, and returns an immutable :class:`Settings`.
"""

import ipaddress
import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from genlab.errors import ConfigError
from genlab.resources import resource


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IngestSettings(_Section):
    batch_lines: int = Field(ge=1)
    max_line_bytes: int = Field(ge=256)
    max_future_hours: float = Field(gt=0)
    masks: str
    extra_masks: str


class EncoderSettings(_Section):
    name: str
    token_budget: int = Field(ge=256)
    precision: Literal["bfloat16", "float32"]
    chunk: int = Field(ge=1)


class ModelSettings(_Section):
    components: Literal["auto", "kmeans"] | int
    latent_dim: int = Field(ge=2, le=512)
    hidden: int = Field(ge=4)
    layers: int = Field(ge=0, le=8)
    prior: Literal["standard_normal", "mixture", "vamp"]
    likelihood: Literal["gaussian", "bernoulli"]
    top_components: int = Field(ge=1)
    log_sigma_min: float
    log_sigma_max: float
    vamp_pull: float = Field(ge=0)

    @field_validator("components")
    @classmethod
    def _positive(cls, value: Literal["auto", "kmeans"] | int) -> Literal["auto", "kmeans"] | int:
        if isinstance(value, int) and value < 1:
            raise ValueError("expected 'auto', 'kmeans' or a whole number from 1 on")
        return value


class TrainingSettings(_Section):
    curriculum: str
    epochs: int = Field(ge=0)
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    holdout: float = Field(ge=0, lt=0.9)
    threads: int = Field(ge=1)
    seed: int = Field(ge=0)


class LossWeights(_Section):
    """The weights of the objective (DESIGN section 3); each at least 0."""

    reconstruction_weight: float = Field(default=1.0, ge=0)
    kl_weight: float = Field(default=1.0, ge=0)
    kl_c_weight: float = Field(default=1.0, ge=0)
    sparsity_weight: float = Field(default=0.1, ge=0)
    neighbour_weight: float = Field(default=1.0, ge=0)
    classification_weight: float = Field(default=1.0, ge=0)
    contrastive_weight: float = Field(default=0.1, ge=0)


class LabellingSettings(_Section):
    alpha0: float = Field(gt=0)
    novel_p: float = Field(ge=0, le=1)
    flags_per_day: float = Field(ge=0)
    unnamed_p: float = Field(ge=0, le=1)
    between_confidence: float = Field(ge=0, le=1)
    stored_responsibilities: int = Field(ge=1)


class ProjectionSettings(_Section):
    neighbours: int = Field(ge=2)
    min_dist: float = Field(ge=0, le=1)


class StoreSettings(_Section):
    timeout_seconds: float = Field(gt=0)
    retry_seconds: float = Field(ge=0)
    checkpoint_threshold: str


class ServeSettings(_Section):
    host: str
    open_to_the_network: bool
    dashboard_port: int = Field(ge=0, le=65535)
    prefect_port: int = Field(ge=0, le=65535)
    dashboard_workers: int = Field(ge=1)
    dashboard_threads: int = Field(ge=1)

    @model_validator(mode="after")
    def _closed_by_default(self) -> "ServeSettings":
        if not self.open_to_the_network and not is_loopback(self.host):
            raise ValueError(
                f"{self.host} is not this machine alone, and there are no accounts: everyone who "
                "reaches it could label and train; set serve.open_to_the_network = true to accept"
            )
        return self


class ApiSettings(_Section):
    requests_per_minute: int = Field(ge=1)
    max_body_bytes: int = Field(ge=1024)
    max_items: int = Field(ge=1)
    max_text_length: int = Field(ge=1)


class AlertSettings(_Section):
    every_minutes: float = Field(gt=0)
    cooldown_minutes: float = Field(ge=0)
    timeout_seconds: float = Field(gt=0)
    attempts: int = Field(ge=1, le=10)
    retry_seconds: float = Field(ge=0)
    smtp_host: str
    smtp_port: int = Field(ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"]
    smtp_user: str
    smtp_from: str


class SourceSettings(_Section):
    name: str = Field(min_length=1)
    paths: list[str] = Field(min_length=1)
    format: Literal["auto", "text", "jsonl", "csv", "syslog", "journal", "otlp"] = "auto"
    every_seconds: float = Field(60.0, gt=0)


class FlowSettings(_Section):
    runner_poll_seconds: int = Field(ge=1)
    maintain_every_minutes: float = Field(gt=0)
    backups_kept: int = Field(ge=1)
    sources: list[SourceSettings] = []


class Settings(_Section):
    """Every setting; see config/default.toml for what each does."""

    ingest: IngestSettings
    encoder: EncoderSettings
    model: ModelSettings
    training: TrainingSettings
    weights: LossWeights
    labelling: LabellingSettings
    projection: ProjectionSettings
    store: StoreSettings
    serve: ServeSettings
    api: ApiSettings
    flows: FlowSettings
    alerts: AlertSettings


def load_settings(workspace: Path | None = None, overrides: Sequence[str] = ()) -> Settings:
    """Read and validate the settings.

    ``workspace``: its genlab.toml is merged over the defaults when it exists.  ``overrides``:
    strings "section.name=value", the value in TOML syntax (a bare word counts as a string).
    Raises ConfigError naming the file, the setting, what was found and what was expected.
    """
    merged = _read_toml(resource("config/default.toml"))
    origin = "config/default.toml"
    # What `genlab up --set` was told reaches the services it starts: one override a line.
    overrides = [*os.environ.get("GENLAB_SET", "").splitlines(), *overrides]
    if workspace is not None and (own := Path(workspace) / "genlab.toml").exists():
        merged = _merge(merged, _read_toml(own))
        origin = str(own)
    for override in overrides:
        merged = _merge(merged, _parse_override(override))
        origin = f"--set {override}"
    return _validated(merged, origin)


def with_overrides(settings: Settings, given: Mapping[str, Any]) -> Settings:
    """``settings`` with some replaced: {"section.name": value}; None values change nothing.

    Raises ConfigError for an unknown name or a value out of range.
    """
    merged = settings.model_dump()
    for name, value in given.items():
        if value is not None:
            section, _, key = name.partition(".")
            plain = int(value) if isinstance(value, str) and value.isdigit() else value
            merged = _merge(merged, {section: {key: plain}})
    return _validated(merged, "the settings given")


def _validated(merged: Mapping[str, Any], origin: str) -> Settings:
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"{origin}: setting {name}: found {first.get('input')!r}: {first['msg']}; "
            "see config/default.toml for every setting"
        ) from None


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def _parse_override(override: str) -> dict[str, Any]:
    name, equals, text = override.partition("=")
    section, dot, key = name.strip().partition(".")
    if not equals or not dot or not key:
        raise ConfigError(f"--set {override!r}: expected section.name=value, e.g. model.prior=vamp")
    try:
        value = tomllib.loads(f"value = {text.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        try:  # what `genlab up` hands on to its services
            value = json.loads(text)
        except ValueError:
            value = text.strip()
    return {section: {key: value}}

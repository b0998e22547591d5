"""Versions and the workspace."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from dashboard.api.models.base import Request, Time, Verdict


class Version(BaseModel):
    """A model version."""

    version: int
    status: Literal["candidate", "active", "retired"]
    parent: int | None
    prior: str
    components: int
    latent_dim: int
    epochs: int
    encoder_version: str
    metrics: dict[str, Any]
    created_at: Time
    promoted_at: Time | None


class Versions(BaseModel):
    items: list[Version]
    next: str | None


class Promote(Request):
    version: int = Field(ge=1)


class Health(BaseModel):
    """The server answers, and so does the owner of the workspace."""

    ok: Literal[True] = True


class OfVerdict(BaseModel):
    verdict: Verdict
    patterns: int
    messages: int


class OfSource(BaseModel):
    source: str
    messages: int
    patterns: int
    quarantined: int
    last_received: Time | None


class Services(BaseModel):
    up: bool
    owner: bool
    scorer: bool


class Status(BaseModel):
    """What is in the workspace and what runs on it."""

    messages: int
    patterns: int
    sources: int
    devices: int
    quarantined: int
    labels: int
    labelled_patterns: int
    active_version: int | None
    known_messages_share: float | None
    last_received: Time | None
    verdicts: list[OfVerdict]
    by_source: list[OfSource]
    services: Services

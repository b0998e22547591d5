"""Candidates in shadow; a is the version in force, b the one in shadow."""

from datetime import date

from pydantic import BaseModel, Field

from dashboard.api.models.base import Request, Time, Verdict


class ShadowPath(BaseModel):
    version: int = Field(ge=1)


class InShadow(Request):
    version: int = Field(ge=1)


class Shadow(BaseModel):
    """A candidate beside the version in force, on messages received since it began."""

    version: int
    began_at: Time
    messages: int = Field(description="Scored by both")
    waiting: int = Field(description="Messages that one of them has not scored yet")
    agree: int = Field(description="Messages with the same label and verdict")
    known_a: int
    known_b: int
    flagged_per_day_a: float = Field(
        description="New patterns that are not known and nobody labelled"
    )
    flagged_per_day_b: float


class Shadows(BaseModel):
    items: list[Shadow]


class ShadowDay(BaseModel):
    day: date
    messages: int
    waiting: int
    agree: int
    known_a: int
    known_b: int
    flagged_a: int
    flagged_b: int


class Change(BaseModel):
    """New messages that the two call differently, from what to what."""

    label_a: str | None
    verdict_a: Verdict
    label_b: str | None
    verdict_b: Verdict
    patterns: int
    messages: int


class ShadowComparison(Shadow):
    active: int = Field(description="The version in force")
    days: list[ShadowDay] = Field(description="Newest first")
    changes: list[Change] = Field(description="Those of most messages first")


class Stopped(BaseModel):
    version: int

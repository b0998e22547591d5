"""The queue, and what to ask."""

from typing import Literal

from pydantic import BaseModel, Field, model_validator

from dashboard.api.models.base import Moment, PatternId, Request, Text, Time, Verdict
from dashboard.api.paging import Page


class QueueQuery(Page):
    verdict: list[Literal["unnamed", "between", "novel"]] = Field([], description="Of these alone")
    state: list[Literal["new", "ongoing", "muted", "resolved", "regressed"]] = Field(
        [], description="In one of these states alone"
    )


class Flagged(BaseModel):
    """A pattern that the version in force does not know."""

    pattern_id: str
    canonical_text: str
    sample_text: str
    message_count: int
    severity: str | None
    first_seen: Time
    last_seen: Time
    verdict: Verdict
    novelty_p: float
    s_ood: float
    evidence: float
    log_px: float
    label: str | None
    confidence: float
    component: int
    state: str
    back: str | None = Field(description="Why a mute ended or what was resolved came back")
    muted_until: Time | None
    muted_rate: float | None
    note: str | None
    annotator: str | None
    changed_at: Time | None


class Queue(BaseModel):
    items: list[Flagged]
    next: str | None


class SetState(Request):
    """A decision about flagged patterns; new takes it back."""

    pattern_ids: list[PatternId] = Field(min_length=1)
    state: Literal["new", "ongoing", "muted", "resolved"]
    muted_until: Moment | None = Field(None, description="For muted; without a zone it is UTC")
    muted_rate: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="For muted: until one hour brings more messages",
    )
    note: Text = Field("", max_length=2000)

    @model_validator(mode="after")
    def _until(self) -> "SetState":
        limited = self.muted_until is not None or self.muted_rate is not None
        if limited != (self.state == "muted"):
            raise ValueError(
                "expected muted_until or muted_rate with the state muted, and with no other"
            )
        return self


class StateSet(BaseModel):
    patterns: int = Field(description="Patterns that there are, of those named")


class SuggestQuery(Request):
    count: int = Field(10, ge=1, le=100)


class Question(BaseModel):
    """A pattern whose label would settle much."""

    pattern_id: str
    text: str
    would_settle: int = Field(description="Messages")
    reason: str
    label: str | None = Field(description="The guess so far")
    confidence: float


class Outlook(BaseModel):
    """Whether more answers pay, in messages."""

    questions: int
    per_question: float
    lower: float
    upper: float
    threshold: float
    known: float
    pays: bool


class Suggestions(BaseModel):
    questions: list[Question]
    outlook: Outlook

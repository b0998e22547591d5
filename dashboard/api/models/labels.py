"""Labels: given, taken back, listed."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dashboard.api.models.base import PatternId, Request, Text, Time
from genlab.pipeline.labels import MAX_LABEL_LENGTH


class GivenLabel(Request):
    """One answer; exactly one of ``pattern_id`` and ``message``."""

    pattern_id: PatternId | None = None
    message: Text | None = Field(None, min_length=1, description="Id or text of a stored message")
    label: Text | None = Field(
        max_length=MAX_LABEL_LENGTH, description="null takes the pattern's label off"
    )

    @model_validator(mode="after")
    def _one(self) -> "GivenLabel":
        if (self.pattern_id is None) == (self.message is None):
            raise ValueError("expected exactly one of pattern_id and message")
        return self


class GivenLabels(Request):
    """Labels given together: one gesture, taken back as one."""

    labels: list[GivenLabel] = Field(min_length=1)
    seen: int | None = Field(
        None, ge=0, le=2**62,
        description="The newest `seq` the caller knows: refused with 409 where somebody else gave "
        "one of the patterns another label since",
    )  # fmt: skip


class Settled(BaseModel):
    """What labels changed; null before the first model version."""

    changed: int = Field(description="Patterns whose label, verdict or confidence changed")
    settled_messages: int
    unsettled_messages: int
    known_messages: int


class Labelled(BaseModel):
    """What a gesture did."""

    gesture: str = Field(description="Its id, to take it back")
    patterns: int
    unmatched: list[str] = Field(description="Ids and texts that belong to no stored message")
    settled: Settled | None


class TakeBack(Request):
    """Which gesture to take back (undo) or put back (redo): by default the caller's last."""

    action: Literal["undo", "redo"] = "undo"
    gesture: PatternId | None = None


class TakenBack(BaseModel):
    gesture: str
    patterns: int
    settled: Settled | None


class Label(BaseModel):
    """A label in use."""

    label_id: str
    name: str
    colour: int
    description: str
    patterns: int
    messages: int


class Labels(BaseModel):
    items: list[Label]


class PatternLabel(BaseModel):
    """The label a pattern has now."""

    seq: int
    pattern_id: str
    label: str
    annotator: str
    how: str
    labelled_at: Time
    canonical_text: str
    message_count: int


class PatternLabels(BaseModel):
    items: list[PatternLabel]
    next: str | None


class ExportQuery(Request):
    format: Literal["csv", "json"] = "csv"


class ExportedLabel(BaseModel):
    message_id: str
    label: str
    annotator: str
    labelled_at: Time
    canonical_text: str
    pattern_id: str
    how: str


class ExportedLabels(BaseModel):
    model_config = ConfigDict(
        openapi_extra={"content": {"text/csv": {"schema": {"type": "string"}}}},  # type: ignore
    )

    items: list[ExportedLabel]


class PatternPath(Request):
    pattern_id: PatternId


class LabelEvent(BaseModel):
    """Something that happened to a pattern's label."""

    action: str
    label: str | None
    how: str
    annotator: str
    created_at: Time
    group_id: str = Field(description="The gesture it is of")
    taken_back: bool


class LabelHistory(BaseModel):
    items: list[LabelEvent]


class Count(Request):
    limit: int = Field(100, ge=1, le=1000)

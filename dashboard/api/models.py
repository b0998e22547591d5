"""What comes in and goes out: the models that check requests and describe the API."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    StringConstraints,
    model_validator,
)

from dashboard.api.paging import Page
from genlab.ingest.structured import flaw
from genlab.pipeline.labels import MAX_LABEL_LENGTH


def _storable(text: str) -> str:
    if fault := flaw(text):
        raise ValueError(fault.detail)
    return text


def _utc(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and not value.tzinfo else value


def _naive(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    except OverflowError:
        raise ValueError("expected a time from year 1 to 9999 in UTC") from None


Text = Annotated[str, AfterValidator(_storable)]
PatternId = Annotated[Text, StringConstraints(min_length=1, max_length=64)]
Time = Annotated[datetime, BeforeValidator(_utc)]
Verdict = Literal["known", "unnamed", "between", "novel"]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Nothing(_Request):
    """An empty object."""


# messages


class IngestQuery(_Request):
    """Whose messages these are, and which fields hold what; the usual names are known."""

    source: Text = Field("api", min_length=1, max_length=200, description="Name of the source")
    text_field: Text | None = None
    id_field: Text | None = None
    time_field: Text | None = None
    device_field: Text | None = None
    severity_field: Text | None = None


class Messages(RootModel[list[Any]]):
    """Messages: each an object of fields, or its text alone."""


class Refused(BaseModel):
    """A message that went to quarantine, and why."""

    position: int = Field(description="Its line, or place in the list, from 1")
    reason: str
    detail: str


class Ingested(BaseModel):
    """What became of the messages sent."""

    request: str = Field(description="Where to find the refused ones in quarantine")
    lines: int = Field(description="Messages read; blank lines are not counted")
    messages: int = Field(description="Stored, not known before")
    patterns: int = Field(description="New patterns among them; scoring places them")
    quarantined: int
    reasons: dict[str, int] = Field(description="Refused messages by reason")
    refused: list[Refused]


class NewMessage(_Request):
    """A message to predict."""

    text: str
    message_id: Text | None = Field(None, description="Given back with the prediction")


class NewMessages(RootModel[list[str | NewMessage]]):
    """Messages to predict: objects, or texts alone."""


class LabelProbability(BaseModel):
    label: str
    probability: float


class Prediction(BaseModel):
    """What the version in force says of a text; nothing is stored."""

    message_id: str | None
    pattern_id: str
    label: str | None
    confidence: float
    labels: list[LabelProbability]
    component: int
    responsibility: float
    s_ood: float
    novelty_p: float
    verdict: Verdict


class Predictions(BaseModel):
    predictions: list[Prediction]


class ScoringRun(BaseModel):
    """A flow run that scores what came in."""

    run: str


# labels


class GivenLabel(_Request):
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


class GivenLabels(_Request):
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


class TakeBack(_Request):
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


class ExportQuery(_Request):
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
        json_schema_extra=None,
        openapi_extra={"content": {"text/csv": {"schema": {"type": "string"}}}},  # type: ignore
    )

    items: list[ExportedLabel]


class PatternPath(_Request):
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


class Count(_Request):
    limit: int = Field(100, ge=1, le=1000)


# the queue and what to ask


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


class SetState(_Request):
    """A decision about flagged patterns; new takes it back."""

    pattern_ids: list[PatternId] = Field(min_length=1)
    state: Literal["new", "ongoing", "muted", "resolved"]
    muted_until: Annotated[datetime, AfterValidator(_naive)] | None = Field(
        None, description="For muted; without a zone it is UTC"
    )
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


class SuggestQuery(_Request):
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


# versions and the workspace


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


class Promote(_Request):
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

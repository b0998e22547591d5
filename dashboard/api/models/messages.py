"""Messages and predictions."""

from pydantic import BaseModel, Field, RootModel

from dashboard.api.models.base import Request, Text, Verdict


class IngestQuery(Request):
    """Whose messages these are, and which fields hold what; the usual names are known."""

    source: Text = Field("api", min_length=1, max_length=200, description="Name of the source")
    text_field: Text | None = None
    id_field: Text | None = None
    time_field: Text | None = None
    device_field: Text | None = None
    severity_field: Text | None = None


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


class NewMessage(Request):
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

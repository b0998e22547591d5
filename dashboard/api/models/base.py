"""Types that several models share."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints

from genlab.ingest.structured import flaw


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


Moment = Annotated[datetime, AfterValidator(_naive)]
"""A time that is asked for: naive UTC; without a zone it is UTC."""
Text = Annotated[str, AfterValidator(_storable)]
PatternId = Annotated[Text, StringConstraints(min_length=1, max_length=64)]
Time = Annotated[datetime, BeforeValidator(_utc)]
Verdict = Literal["known", "unnamed", "between", "novel"]


class Request(BaseModel):
    """What comes in: a field that is not known is an error."""

    model_config = ConfigDict(extra="forbid")


class Nothing(Request):
    """An empty object."""

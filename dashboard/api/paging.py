"""Pages of a list: a cursor names the last item given, by the list's own order."""

import base64
import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.problems import Fault, Problem


class Page(BaseModel):
    """Which part of a list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(100, ge=1, le=1000, description="Items of one answer, at most")
    cursor: str | None = Field(
        None, max_length=500, description="Where to go on: `next` of the answer before"
    )


def after(page: Page, *kinds: type) -> list[Any] | None:
    """What the cursor names, one value of each of ``kinds``; None at the start of the list."""
    if page.cursor is None:
        return None
    try:
        place = json.loads(base64.urlsafe_b64decode(page.cursor.encode("ascii")))
        if [type(value) for value in place] != list(kinds):
            raise ValueError
    except (ValueError, TypeError, RecursionError):
        detail = "expected the `next` of an answer before, from this address"
        raise Problem(422, f"cursor: {detail}", [Fault(where="cursor", detail=detail)]) from None
    return place


def cursor(*place: Any) -> str:
    """The cursor behind an item."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode("ascii")

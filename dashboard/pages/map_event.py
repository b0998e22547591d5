"""What a gesture on the Map is, as assets/gestures.js sends it."""

from typing import Any, NamedTuple

from dashboard.state import Filters

HOW = {"lasso": "lasso", "box": "lasso", "component": "component", "query": "query"}
"""Kinds of selections that say how a label was given."""


class Event(NamedTuple):
    """One gesture."""

    act: str
    value: Any
    how: str
    ids: list[str]  # what it is about
    kind: str  # how that was selected
    seen: int | None  # the last label event that was shown
    serial: int
    asked: list[str]  # questions of this sitting
    walking: bool  # it answers a question, or asks for one
    who: str
    filters: Filters

    @classmethod
    def read(cls, sent: dict[str, Any], who: str, filters: Filters) -> "Event":
        """From the event store."""
        on = sent.get("on") or {}
        return cls(
            sent["act"],
            sent.get("value"),
            HOW.get(on.get("kind", ""), sent.get("by", "key")),
            on.get("ids", []),
            on.get("kind", ""),
            sent.get("seen"),
            sent.get("n", 0),
            sent.get("asked", []),
            sent.get("walking", False),
            who,
            filters,
        )

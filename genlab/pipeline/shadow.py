"""Candidates in shadow: they score what comes in beside the version in force; nobody sees it.

Scoring itself is in :mod:`genlab.pipeline.score`, which scores for every version in shadow what it
scores for the active one.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from genlab.errors import InputError, NotReady
from genlab.pipeline.assigned import active_version
from genlab.pipeline.versions import find_version, require_scored
from genlab.store import Store


class ShadowReport(NamedTuple):
    """A candidate (b) beside the version in force (a), on messages received since it began."""

    version: int
    began_at: datetime  # UTC
    messages: int  # scored by both
    waiting: int  # messages of patterns that one of them has not scored yet
    agree: int  # messages with the same label and verdict
    known_a: int
    known_b: int
    flagged_per_day_a: float  # new patterns that are not known and nobody labelled
    flagged_per_day_b: float
    days: list[dict[str, Any]]  # rows of shadow_runs.days, newest first


def begin_shadow(store: Store, version: int) -> None:
    """Put a candidate in shadow; once in shadow it stays there until it is promoted or dropped.

    Raises InputError for a version that is no candidate, NotReady for one that cannot score what
    the version in force scores.
    """
    row, active = find_version(store, version), active_version(store)
    if row["status"] != "candidate":
        raise InputError(
            f"version {version} is {row['status']}: only a candidate can be put in shadow; "
            "`genlab train` makes one"
        )
    if row["encoder_version"] != active["encoder_version"]:
        raise NotReady(
            f"version {version} was trained on encoder {row['encoder_version']}, version "
            f"{active['version']} in force on {active['encoder_version']}: train a new candidate"
        )
    require_scored(store, version)
    if not store.write("shadow_runs.begin", version=version)["running"]:
        raise NotReady(f"version {version} has just changed: look again")


def drop_shadow(store: Store, version: int) -> None:
    """End a shadow run; what the candidate said so far stays with it.  InputError without one."""
    if not store.write("shadow_runs.drop", version=version)["dropped"]:
        raise _not_in_shadow(store, version)


def shadow_reports(store: Store, now: datetime | None = None) -> list[ShadowReport]:
    """How every version in shadow compares so far, at ``now`` (UTC; None: the clock's)."""
    now = now or datetime.now(UTC).replace(tzinfo=None)
    return [
        summarise(
            row["version"],
            row["began_at"],
            now,
            store.rows("shadow_runs.days", version=row["version"]),
        )
        for row in store.rows("shadow_runs.running")
    ]


def shadow_report(store: Store, version: int, now: datetime | None = None) -> ShadowReport:
    """How one compares; InputError for a version that is not in shadow."""
    for report in shadow_reports(store, now):
        if report.version == version:
            return report
    raise _not_in_shadow(store, version)


def _not_in_shadow(store: Store, version: int) -> InputError:
    running = ", ".join(str(row["version"]) for row in store.rows("shadow_runs.running")) or "none"
    return InputError(
        f"version {version} is not in shadow; in shadow: {running}; "
        f"`genlab shadow start {version}` puts a candidate there"
    )


def summarise(
    version: int, began_at: datetime, now: datetime, days: Sequence[dict[str, Any]]
) -> ShadowReport:
    """The totals of ``days``; rates are over the time since ``began_at``, a day at least."""
    elapsed = max((now - began_at).total_seconds() / 86_400, 1.0)

    def total(name: str) -> int:
        return sum(row[name] for row in days)

    return ShadowReport(
        version,
        began_at,
        total("messages"),
        total("waiting"),
        total("agree"),
        total("known_a"),
        total("known_b"),
        total("flagged_a") / elapsed,
        total("flagged_b") / elapsed,
        list(days),
    )

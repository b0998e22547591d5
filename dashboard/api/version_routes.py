"""Model versions, and what is in the workspace."""

import json
from typing import Any

from dashboard.api.application import Application
from dashboard.api.models import versions as models
from dashboard.api.models.base import Nothing
from dashboard.api.paging import Page, after, cursor
from dashboard.api.problems import Problem
from dashboard.api.routing import operation
from dashboard.state import Desk
from genlab.pipeline.assigned import active_version
from genlab.pipeline.care import status as read_status
from genlab.pipeline.versions import promote, roll_back


def register(app: Application, desk: Desk) -> None:
    """/versions, /status and /health."""

    @operation(app, "GET", "/versions", "viewer", models.Versions)
    def versions(query: Page) -> models.Versions:
        """Every model version with its metrics, newest first."""
        place = after(query, int)
        rows = [
            row
            for row in desk.store.rows("model_versions.list")
            if place is None or row["version"] < place[0]
        ]
        items = [_version(row) for row in rows[: query.limit]]
        more = len(rows) > query.limit
        return models.Versions(items=items, next=cursor(items[-1].version) if more else None)

    @operation(app, "GET", "/versions/active", "viewer", models.Version, (409,))
    def active() -> models.Version:
        """The version in force."""
        return _version(active_version(desk.store))

    @operation(app, "POST", "/versions/promote", "admin", models.Version, (404, 409))
    def promote_version(body: models.Promote) -> models.Version:
        """Put a version in force, with the labels as they stand; the one before retires."""
        known = {row["version"] for row in desk.store.rows("model_versions.list")}
        if body.version not in known:
            said = ", ".join(map(str, sorted(known))) or "none"
            raise Problem(404, f"no version {body.version}; known: {said}")
        promote(desk.store, body.version, desk.settings.labelling)
        return _version(active_version(desk.store))

    @operation(app, "POST", "/versions/roll-back", "admin", models.Version, (409,))
    def roll_back_version(body: Nothing) -> models.Version:
        """Put the version that was in force before back."""
        roll_back(desk.store, desk.settings.labelling)
        return _version(active_version(desk.store))

    @operation(app, "GET", "/status", "viewer", models.Status)
    def status() -> models.Status:
        """What is stored, which version is in force, what runs."""
        return models.Status.model_validate(read_status(desk.store))

    @operation(app, "GET", "/health", None, models.Health)
    def health() -> models.Health:
        """Whether the server and the owner of the workspace answer; 503 where they do not."""
        desk.store.read("checks.alive")
        return models.Health()


def _version(row: dict[str, Any]) -> models.Version:
    return models.Version(**{**row, "metrics": json.loads(row["metrics"])})

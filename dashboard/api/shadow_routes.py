"""Shadow runs: a candidate on new messages, beside the version in force."""

from dashboard.api.application import Application
from dashboard.api.models import shadows as models
from dashboard.api.problems import Problem
from dashboard.api.routing import operation
from dashboard.state import Desk
from genlab.errors import InputError
from genlab.pipeline.assigned import active_version
from genlab.pipeline.shadow import begin_shadow, drop_shadow, shadow_report, shadow_reports
from genlab.pipeline.versions import compare, find_version


def register(app: Application, desk: Desk) -> None:
    """/shadows."""

    @operation(app, "GET", "/shadows", "viewer", models.Shadows)
    def shadows() -> models.Shadows:
        """The versions in shadow, and how each does on messages that came since."""
        found = shadow_reports(desk.store)
        return models.Shadows(items=[models.Shadow(**each._asdict()) for each in found])

    @operation(app, "GET", "/shadows/<version>", "viewer", models.ShadowComparison, (404, 409))
    def shadow(path: models.ShadowPath) -> models.ShadowComparison:
        """One of them by day, and what it calls otherwise than the version in force."""
        try:
            report = shadow_report(desk.store, path.version)
        except InputError as error:
            raise Problem(404, str(error)) from None
        active = active_version(desk.store)["version"]
        changes = compare(desk.store, active, path.version, new_only=True).transitions
        return models.ShadowComparison(
            active=active, changes=[models.Change(**each) for each in changes], **report._asdict()
        )

    @operation(app, "POST", "/shadows/start", "admin", models.Shadow, (404, 409))
    def start_shadow(body: models.InShadow) -> models.Shadow:
        """Put a candidate in shadow, until it is promoted or stopped.

        It scores what comes in beside the version in force, and nobody sees it.
        """
        try:
            find_version(desk.store, body.version)
        except InputError as error:
            raise Problem(404, str(error)) from None
        begin_shadow(desk.store, body.version)
        return models.Shadow(**shadow_report(desk.store, body.version)._asdict())

    @operation(app, "POST", "/shadows/stop", "admin", models.Stopped, (404,))
    def stop_shadow(body: models.InShadow) -> models.Stopped:
        """End a shadow run; the version stays a candidate."""
        try:
            drop_shadow(desk.store, body.version)
        except InputError as error:
            raise Problem(404, str(error)) from None
        return models.Stopped(version=body.version)

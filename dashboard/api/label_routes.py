"""Labels: list, give, take back, history, export."""

import tempfile
from pathlib import Path

import flask

from dashboard.api.application import Application
from dashboard.api.models import labels as models
from dashboard.api.paging import Page, after, cursor
from dashboard.api.problems import Problem
from dashboard.api.repeats import Repeatable, once
from dashboard.api.routing import at_most, operation
from dashboard.state import Desk
from genlab.errors import NotReady
from genlab.pipeline.labels import export_labels, give_labels, take_back


def register(app: Application, desk: Desk) -> None:
    """/labels and what is below it."""

    @operation(app, "GET", "/labels", "viewer", models.Labels)
    def labels() -> models.Labels:
        """The labels in use, with how many patterns and messages people gave them."""
        return models.Labels(items=[models.Label(**row) for row in desk.store.rows("labels.list")])

    @operation(app, "GET", "/labels/current", "viewer", models.PatternLabels)
    def current_labels(query: Page) -> models.PatternLabels:
        """The label each labelled pattern has now, those given first first."""
        place = after(query, int)
        rows = desk.store.rows(
            "api.labelled", after=place[0] if place else 0, limit=query.limit + 1
        )
        items = [models.PatternLabel(**row) for row in rows[: query.limit]]
        more = len(rows) > query.limit
        return models.PatternLabels(items=items, next=cursor(items[-1].seq) if more else None)

    @operation(app, "POST", "/labels", "annotator", models.Labelled, (404, 409))
    @once(desk)
    def label(header: Repeatable, body: models.GivenLabels) -> models.Labelled:
        """Label patterns as one gesture, and spread what that says.

        The annotator is the token's name.
        """
        at_most(len(body.labels), desk.settings.api.max_items, "labels")
        pattern_of = _resolve(desk, body.labels)
        matched = [each for each in body.labels if _named(each) in pattern_of]
        if not matched:
            raise Problem(404, "none of these ids and texts belongs to a stored message")
        gesture = give_labels(
            desk.store,
            [pattern_of[_named(each)] for each in matched],
            [each.label for each in matched],
            "api",
            flask.g.caller.name,
            seen=body.seen,
            group=flask.g.request_id,
        )
        return models.Labelled(
            gesture=gesture,
            patterns=len(set(pattern_of.values())),
            unmatched=sorted({_named(each) for each in body.labels} - set(pattern_of)),
            settled=_spread(desk),
        )

    @operation(app, "POST", "/labels/take-back", "annotator", models.TakenBack, (404,))
    @once(desk)
    def take_labels_back(header: Repeatable, body: models.TakeBack) -> models.TakenBack:
        """Take a gesture back, or put it back: anyone's by its id, else the caller's last."""
        done = take_back(desk.store, flask.g.caller.name, body.action, body.gesture)
        if done is None:
            what = f"gesture {body.gesture}" if body.gesture else "your last gesture"
            raise Problem(404, f"there is nothing to {body.action} of {what}")
        return models.TakenBack(
            gesture=done["group_id"], patterns=done["patterns"], settled=_spread(desk)
        )

    @operation(app, "GET", "/labels/export", "viewer", models.ExportedLabels)
    def export(query: models.ExportQuery) -> models.ExportedLabels | flask.Response:
        """Every labelled pattern with one of its messages, as CSV or JSON.

        In CSV, which `genlab label import` reads, a cell that a spreadsheet would run as a formula
        has a leading apostrophe.
        """
        if query.format == "json":
            rows = desk.store.rows("labels.export")
            return models.ExportedLabels(items=[models.ExportedLabel(**row) for row in rows])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "labels.csv"
            export_labels(desk.store, path)
            content = path.read_bytes()
        named = {"Content-Disposition": 'attachment; filename="labels.csv"'}
        return flask.Response(content, 200, named, mimetype="text/csv")

    @operation(app, "GET", "/patterns/<pattern_id>/labels", "viewer", models.LabelHistory, (404,))
    def label_history(path: models.PatternPath, query: models.Count) -> models.LabelHistory:
        """What happened to one pattern's label, newest first."""
        rows = desk.store.rows("labels.history", pattern_id=path.pattern_id, limit=query.limit)
        return models.LabelHistory(items=[models.LabelEvent(**row) for row in rows])


def _named(given: models.GivenLabel) -> str:
    return given.pattern_id or given.message or ""


def _resolve(desk: Desk, labels: list[models.GivenLabel]) -> dict[str, str]:
    """The pattern of each id and text that belongs to one."""
    ids = sorted({each.pattern_id for each in labels if each.pattern_id})
    texts = sorted({each.message for each in labels if each.message})
    found = {row["pattern_id"]: row["pattern_id"] for row in desk.store.rows(
        "api.patterns_of", pattern_ids=ids)}  # fmt: skip
    rows = desk.store.rows("patterns.resolve_texts", texts=texts) if texts else []
    return found | {row["text"]: row["pattern_id"] for row in rows if row["pattern_id"]}


def _spread(desk: Desk) -> models.Settled | None:
    try:
        return models.Settled(**desk.propagate()[1]._asdict())
    except NotReady:
        return None  # labels wait for the first model

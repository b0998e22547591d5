"""Messages in, predictions out."""

from typing import Any

import flask

from dashboard import trigger
from dashboard.api.application import Application
from dashboard.api.models import messages as models
from dashboard.api.models.base import Nothing
from dashboard.api.problems import RETRY_SECONDS, Problem
from dashboard.api.repeats import Repeatable, once
from dashboard.api.routing import at_most, operation
from dashboard.state import Desk
from genlab.errors import GenlabError
from genlab.ingest import IngestOptions
from genlab.pipeline.received import receive
from genlab.scorer_client import ask

_LINES = "application/x-ndjson"
_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"type": "array", "items": {}},
            "example": [{"text": "pump 7 pressure low", "device": "pump-7"}, "link down on port 3"],
        },
        _LINES: {"schema": {"type": "string"}, "example": '{"text": "pump 7 pressure low"}\n'},
    },
}
_ASK_SECONDS = 25.0  # the first prediction waits until the scorer has loaded encoder and model


def register(app: Application, desk: Desk) -> None:
    """/messages, /predictions and /scoring."""
    limits = desk.settings.api

    @operation(app, "POST", "/messages", "annotator", models.Ingested, (), {"requestBody": _BODY})
    @accepts("application/json", _LINES)
    @once(desk)
    def ingest(header: Repeatable, query: models.IngestQuery) -> models.Ingested:
        """Store messages.

        The body is a JSON list, or JSON lines: objects with the fields that `genlab ingest` knows,
        or texts alone.  A message whose own id is stored already adds nothing; what cannot be a
        message goes to quarantine and is told here, and nothing else stops for it.
        """
        request = flask.request
        content: list[Any] | bytes
        if request.mimetype == _LINES:
            content = request.get_data()
            at_most(content.count(b"\n") + 1, limits.max_items + 1, "lines")
        else:
            content = request.get_json()
            if not isinstance(content, list):
                raise Problem(422, f"found {type(content).__name__}, expected a list of messages")
            at_most(len(content), limits.max_items, "messages")
        options = IngestOptions(**query.model_dump())
        done = receive(desk.store, content, options, desk.settings.ingest, flask.g.request_id)
        refused = [models.Refused(**each._asdict()) for each in done.refused]
        counts = {**done._asdict(), "refused": refused}
        return models.Ingested(request=flask.g.request_id, **counts)

    @operation(app, "POST", "/predictions", "viewer", models.Predictions, (409,))
    def predict(body: models.NewMessages) -> models.Predictions:
        """Label messages without storing them.

        Needs the scorer that `genlab up` runs; 503 where there is none, 409 before the first model
        version.
        """
        records = [
            each if isinstance(each, str) else each.model_dump(exclude_none=True)
            for each in body.root
        ]
        at_most(len(records), limits.max_items, "messages")
        for number, record in enumerate(records):
            text = record if isinstance(record, str) else record["text"]
            if len(text) > limits.max_text_length:
                raise Problem(
                    422,
                    f"body/{number}: found {len(text):,} characters, expected at most "
                    f"{limits.max_text_length:,}: shorten it, or raise api.max_text_length",
                )
        found = ask(desk.workspace, records, _ASK_SECONDS) if records else []
        return models.Predictions(predictions=[models.Prediction(**each) for each in found])

    @operation(app, "POST", "/scoring", "annotator", models.ScoringRun)
    def score(body: Nothing) -> models.ScoringRun:
        """Start scoring what came in, as `genlab score` does; answers at once.

        Sources that `genlab up` reads on a schedule are scored by themselves.
        """
        try:
            return models.ScoringRun(run=trigger.start("score"))
        except GenlabError as error:  # Prefect's server or the flow runner is away
            raise Problem(503, str(error), headers={"Retry-After": str(RETRY_SECONDS)}) from error


def accepts(*types: str) -> Any:
    """Declares which Content-Types a view takes instead of JSON alone."""

    def declare(view: Any) -> Any:
        view.accepts = types
        return view

    return declare

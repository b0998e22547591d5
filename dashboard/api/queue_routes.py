"""What is flagged, what people decided about it, and what to ask them next."""

import flask
import pyarrow as pa

from dashboard.api.application import Application
from dashboard.api.models import queue as models
from dashboard.api.paging import after, cursor
from dashboard.api.repeats import Repeatable, once
from dashboard.api.routing import at_most, operation
from dashboard.state import Desk
from genlab.pipeline.review import Decision, decide
from genlab.pipeline.suggest import suggestions

_ALL = 10_000_000
_ORDER = ("novelty_p", "log_px", "message_count", "pattern_id")


def register(app: Application, desk: Desk) -> None:
    """/queue and /suggestions."""

    @operation(app, "GET", "/queue", "viewer", models.Queue)
    def queue(query: models.QueueQuery) -> models.Queue:
        """Patterns that the version in force does not know, most novel first."""
        place = after(query, float, float, int, str)
        found = desk.store.read(
            "review.queue", states=query.state, verdicts=query.verdict, limit=_ALL
        )
        columns = [found[name].to_pylist() for name in _ORDER]
        order = sorted(
            (p, x, -n, name, i) for i, (p, x, n, name) in enumerate(zip(*columns, strict=True))
        )
        if place is not None:
            order = [each for each in order if list(each[:4]) > place]
        shown = pa.array([each[-1] for each in order[: query.limit]], pa.int64())
        rows = found.take(shown).to_pylist()
        more = len(order) > query.limit
        return models.Queue(
            items=[models.Flagged(**row) for row in rows],
            next=cursor(*order[query.limit - 1][:4]) if more else None,
        )

    @operation(app, "POST", "/queue/state", "annotator", models.StateSet)
    @once(desk)
    def set_state(header: Repeatable, body: models.SetState) -> models.StateSet:
        """Decide about flagged patterns."""
        at_most(len(body.pattern_ids), desk.settings.api.max_items, "patterns")
        known = desk.store.rows("api.patterns_of", pattern_ids=body.pattern_ids)
        decision = Decision(body.state, body.muted_until, body.muted_rate)
        decide(desk.store, body.pattern_ids, decision, body.note, flask.g.caller.name)
        return models.StateSet(patterns=len(known))

    @operation(app, "GET", "/suggestions", "viewer", models.Suggestions, (409,))
    def suggest(query: models.SuggestQuery) -> models.Suggestions:
        """What to label next, what each answer would settle, and whether more answers pay."""
        asked = suggestions(desk.store, desk.settings.labelling, query.count)
        return models.Suggestions(
            questions=[models.Question(**each) for each in asked.questions],
            outlook=models.Outlook(**asked.outlook._asdict()),
        )

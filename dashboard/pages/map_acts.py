"""What the gestures of the Map do: one event in, one answer out."""

import hashlib
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from dash import Dash, Input, Output, State, no_update
from dash.exceptions import PreventUpdate

from dashboard import ids
from dashboard.notes import confirm_note, note, overtaken_note, settled_note, undone_note
from dashboard.pages.map_event import HOW, Event
from dashboard.selection import component_of, walked
from dashboard.state import Desk, Filters, View
from genlab.errors import GenlabError
from genlab.labelling import NO_LABEL, Suggestion
from genlab.labelling.suggest import Outlook, outlook
from genlab.pipeline.labels import Overtaken
from genlab.pipeline.suggest import ask

ALL = ":all"  # a select takes an empty value for none chosen
CONFIRM_ABOVE = 50  # patterns; more are labelled after a second look
_QUESTIONS = 12  # at a time


class Answer(NamedTuple):
    """What an event changes on the page."""

    said: Any = no_update
    key: Any = no_update  # View.key
    select: Any = no_update  # see pick
    queue: Any = no_update
    pending: Any = no_update
    page: Any = no_update  # of the gestures
    fields: Any = no_update  # the texts of the two fields


def register(app: Dash, desk: Desk) -> None:
    """One callback for every gesture; it always says which event it answered."""

    @app.callback(
        Output(ids.MAP_DESK, "data-genlab-done"),
        Output(ids.MAP_STATUS, "children"),
        Output(ids.DATA_KEY, "data", allow_duplicate=True),
        Output(ids.MAP_CANVAS, "data-select"),
        Output(ids.MAP_QUEUE, "data"),
        Output(ids.MAP_PENDING, "data"),
        Output(ids.MAP_PAGE, "data"),
        Output(ids.MAP_NEW_LABEL, "value"),
        Output(ids.MAP_NOTE, "value"),
        Input(ids.MAP_EVENT, "data"),
        State(ids.MAP_PENDING, "data"),
        State(ids.ANNOTATOR, "data"),
        State(ids.MAP_VERDICT, "value"),
        State(ids.MAP_LABELLED, "value"),
        State(ids.MAP_SOURCE, "value"),
        State(ids.MAP_SEARCH, "value"),
        prevent_initial_call=True,
    )
    def event(
        sent: dict | None, pending: dict | None, who: str, verdict: str, labelled: str,
        source: str, query: str | None,
    ) -> tuple[Any, ...]:  # fmt: skip
        if not sent:
            raise PreventUpdate
        filters = Filters(chosen_of(verdict), chosen_of(labelled), chosen_of(source), query or "")
        try:
            answer = act_on(desk, Event.read(sent, who, filters), pending)
        except GenlabError as error:
            answer = Answer(note(str(error)))
        fields = (no_update,) * 2 if answer.fields is no_update else answer.fields
        return str(sent.get("n", 0)), *answer[:-1], *fields


def act_on(desk: Desk, event: Event, pending: dict | None) -> Answer:
    """Do what an event asks for."""
    acts: dict[str, Callable[[Desk, Event], Answer]] = {
        "label": _label,
        "accept": _accept,
        "clear": _label,
        "unsure": _remark,
        "note": _remark,
        "undo": _take_back,
        "redo": _take_back,
        "take-back": _take_back,
        "put-back": _take_back,
        "next": _next,
        "walk": _walk,
        "component": _walk,
        "select-shown": _walk,
    }
    if event.act in ("confirm", "keep"):
        return _decided(desk, event, pending)
    if event.act == "leave":
        return Answer([], pending=None)
    if event.act == "older":
        return Answer(page={"before": int(event.value) if event.value else None})
    if event.act not in acts:
        return Answer()
    return acts[event.act](desk, event)


def _accept(desk: Desk, event: Event) -> Answer:
    if not event.value:
        return Answer(note("No suggestion for this selection is shown: look again."))
    return _label(desk, event)


def _label(desk: Desk, event: Event) -> Answer:
    """Label or clear; first what it would change when that is much, or another's."""
    name = (event.value or "").strip() or None
    if not event.ids:
        return Answer(note("Select something first."))
    if name is None and event.act != "clear":
        return Answer(note("Type a label, then Enter."))
    view = desk.view()
    if len(event.ids) > 1 and _asks(view, event, name):
        told = desk.preview(view, event.ids, name)
        if len(event.ids) > CONFIRM_ABOVE or set(told.replaced) - {event.who}:
            asked = confirm_note(name, told)
            return Answer(asked, pending=_pending(event, name, view.labels.seq))
    return _give(desk, event, event.ids, name, event.seen)


def _asks(view: View, event: Event, name: str | None) -> bool:
    """Whether a selection is large, or loses labels; of one pattern both are plain to see."""
    given = view.labels.given[view.assigned.known_rows(event.ids)]
    kept = view.labels.names.index(name) if name in view.labels.names else NO_LABEL
    return len(event.ids) > CONFIRM_ABOVE or bool(((given != NO_LABEL) & (given != kept)).any())


def _give(
    desk: Desk, event: Event, pattern_ids: list[str], name: str | None, seen: int | None
) -> Answer:
    try:
        view, settled = desk.label(pattern_ids, name, event.how, event.who, seen)
    except Overtaken as error:
        view = desk.view()
        theirs = [row["pattern_id"] for row in error.rows]
        back = pick(pattern_ids, event.kind, event.serial, pattern_ids[0])
        return Answer(
            overtaken_note(error.rows, name, len(pattern_ids)),
            view.key,
            back if len(pattern_ids) == 1 else no_update,
            pending={**_pending(event, name, view.labels.seq), "theirs": theirs},
        )
    said = settled_note(name, len(pattern_ids), settled)
    return Answer(said, view.key, queue=_queue(view, event), pending=None, fields=("", no_update))


def _pending(event: Event, name: str | None, seen: int) -> dict[str, Any]:
    """A gesture that waits for a yes, about exactly these patterns."""
    of = [len(event.ids), event.ids[0]]
    return {"label": name, "how": event.how, "seen": seen, "of": of, "mark": mark(event.ids)}


def _decided(desk: Desk, event: Event, pending: dict | None) -> Answer:
    if not pending or pending["mark"] != mark(event.ids):
        return Answer([], pending=None)
    theirs = set(pending.get("theirs", []) if event.act == "keep" else [])
    chosen = [each for each in event.ids if each not in theirs]
    if not chosen:
        queue = _queue(desk.view(), event)
        return Answer(note("Kept as it was."), pending=None, queue=queue)
    event = event._replace(how=pending["how"])
    return _give(desk, event, chosen, pending["label"], pending["seen"])


def _remark(desk: Desk, event: Event) -> Answer:
    if not event.ids:
        return Answer(note("Select something first."))
    text = (event.value or "") if event.act == "note" else ""
    view = desk.remark(event.ids, event.act, text, event.how, event.who)
    count = f" {len(event.ids):,} patterns" if len(event.ids) > 1 else ""
    said = f"Noted{' on' if count else ''}{count}." if text else f"Unsure{count}: asked again last."
    key = {**view.key, "said": event.serial}  # labels and colours are the same, the panel is not
    fields = (no_update, "") if text else no_update
    return Answer(note(said), key, queue=_queue(view, event), fields=fields)


def _take_back(desk: Desk, event: Event) -> Answer:
    """The own last gesture by key; any gesture by its button."""
    action = {"take-back": "undo", "put-back": "redo"}.get(event.act, event.act)
    taken = desk.take_back(event.who, action, event.value)
    if taken is None:
        done = "taken back" if action == "undo" else "put back"
        said = f"Nothing of yours to {action}, {event.who}."
        return Answer(note(f"It was {done} already." if event.value else said))
    gesture, view, settled = taken
    select: Any = no_update
    if event.value is None:  # back to what it was about
        rows = desk.store.rows("labels.of_gesture", group_id=gesture["group_id"])
        found = [row["pattern_id"] for row in rows]
        kind = gesture["how"] if gesture["how"] in HOW.values() else "undo"
        select = pick(found, kind, event.serial, found[0] if len(found) == 1 else "")
    key = {**view.key, "said": event.serial}
    return Answer(undone_note(action, gesture, settled), key, select, pending=None)


def _next(desk: Desk, event: Event) -> Answer:
    queue = _queue(desk.view(), event)
    if not queue["ids"]:
        return Answer(note("No question left: every pattern is known."), queue=queue)
    return Answer([], queue=queue)


def _walk(desk: Desk, event: Event) -> Answer:
    """Select: the next pattern or component, a whole component, all that is shown."""
    view, filters = desk.view(), event.filters
    if event.act == "component":
        rows, kind = component_of(view, view.assigned.known_rows(event.ids)), "component"
    elif event.act == "select-shown":
        query = filters.query if event.value is None else event.value
        shown = desk.shown(view, filters._replace(query=query))
        size = len(view.assigned.pattern_ids)
        rows, kind = (np.arange(size) if shown is None else np.flatnonzero(shown)), "query"
    else:
        kind = "component" if event.kind == "component" else "walk"
        shown = desk.shown(view, filters)
        rows = walked(view, view.assigned.known_rows(event.ids), kind, int(event.value), shown)
    if not len(rows):
        return Answer(note("Nothing is shown: widen the search or the filters."))
    found = [str(view.assigned.pattern_ids[row]) for row in rows]
    return Answer([], select=pick(found, kind, event.serial, found[0] if len(found) == 1 else ""))


def _queue(view: View, event: Event) -> Any:
    """The next questions, those of this sitting left out while there are others."""
    if not event.walking:
        return no_update
    ids_of = view.assigned.pattern_ids
    asked = view.assigned.holds(event.asked)
    found = questions(view, asked)
    fresh = [each for each in found if not asked[each.index]]
    chosen = fresh or found
    return {
        "ids": [str(ids_of[each.index]) for each in chosen],
        "worth": {str(ids_of[each.index]): [each.would_settle, each.reason] for each in chosen},
        "again": not fresh,
    }


def questions(view: View, aside: np.ndarray | None = None) -> list[Suggestion]:
    """What to ask next, best first; last what somebody was unsure of, or ``aside`` (N,) bool."""
    late = view.unsure if aside is None else view.unsure | aside
    return ask(view.assigned, view.labels, view.spread, late, _QUESTIONS)


def asked_next(view: View) -> tuple[list[Suggestion], Outlook]:
    """What to ask next, best first, and whether it still pays."""
    found = questions(view)
    return found, outlook(found, view.assigned.message_counts, view.spread)


def chosen_of(value: str | None) -> str:
    """The filter a select stands for, "" for all."""
    return "" if value in (None, ALL) else str(value)


def mark(pattern_ids: list[str]) -> str:
    """The same exactly for the same patterns."""
    return hashlib.sha256("\n".join(sorted(pattern_ids)).encode()).hexdigest()


def pick(pattern_ids: list[str], kind: str, serial: int, focus: str = "") -> str:
    """The data-select attribute: what the canvas is to select; ``serial`` makes it new."""
    return json.dumps({"ids": pattern_ids, "kind": kind, "focus": focus, "serial": serial})

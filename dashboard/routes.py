"""The map's binary routes, and a Server-Timing header on every answer."""

import time

import flask
import numpy as np

from dashboard.figures import NO_CATEGORY, CategoryColours, ValueColours
from dashboard.figures.map_payload import encode_colours, encode_points
from dashboard.figures.palette import (
    CONFIDENCE_SCALE,
    DOUBT_SCALE,
    LABEL_COLOURS,
    TIME_SCALE,
    VERDICT_COLOURS,
    component_colours,
)
from dashboard.selection import winners
from dashboard.state import Desk, Filters, View
from genlab.errors import GenlabError, NotReady, StoreUnavailable
from genlab.records import VERDICTS

COLOURINGS = {
    "predicted": "predicted label",
    "given": "given label",
    "verdict": "verdict",
    "confidence": "confidence",
    "s_ood": "s_ood",
    "novelty": "novelty",
    "component": "component",
    "first_seen": "first seen",
}
"""What the map can be coloured by, and how it is called on the page."""

_BINARY = "application/octet-stream"


def register(server: flask.Flask, desk: Desk) -> None:
    """Add /_genlab/points and /_genlab/colours; both answer genlab-map/1 bodies.

    An address names version and when it was made, counts of patterns and messages, label event and
    lesson, so a body may be kept for ever under it once those are in force; one that is not (yet)
    must not be kept.
    """

    @server.before_request
    def start() -> None:
        flask.g.started = time.perf_counter()

    @server.after_request
    def stop(response: flask.Response) -> flask.Response:
        spent = time.perf_counter() - flask.g.get("started", time.perf_counter())
        response.headers["Server-Timing"] = f"total;dur={1000 * spent:.1f}"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    @server.get("/_genlab/points")
    def points() -> flask.Response:
        try:
            view = desk.view()
        except NotReady:
            return _answer(encode_points(np.zeros(0), np.zeros(0), np.zeros(0), [], []), False)
        return _answer(
            points_of(view), _asked_for(view.key, ("version", "made", "patterns", "messages"))
        )

    @server.get("/_genlab/colours")
    def colours() -> flask.Response:
        asked = flask.request.args
        try:
            view = desk.view()
        except NotReady:
            nothing = CategoryColours(np.zeros(0, int), [], [])
            return _answer(encode_colours(nothing), False)
        by = asked.get("by", "predicted")
        if by not in COLOURINGS:
            flask.abort(400, f"by: found {by!r}, expected one of {', '.join(COLOURINGS)}")
        filters = Filters(*(asked.get(name, "") for name in ("verdict", "labelled", "source", "q")))
        shown = desk.shown(view, filters)
        names = component_names(desk, view) if by == "component" else {}
        body = encode_colours(colours_of(view, by, shown, names))
        return _answer(body, _asked_for(view.key, tuple(view.key)))

    @server.errorhandler(StoreUnavailable)
    def down(error: StoreUnavailable) -> tuple[str, int]:
        return str(error), 503

    @server.errorhandler(GenlabError)
    def refused(error: GenlabError) -> tuple[str, int]:
        return str(error), 400


def points_of(view: View) -> bytes:
    """Positions, message counts, ids and texts of a view."""
    assigned = view.assigned
    x, y = assigned.map_xy.T
    return encode_points(
        x, y, assigned.message_counts, assigned.pattern_ids.tolist(), list(assigned.canonical_texts)
    )


def colours_of(
    view: View, by: str, shown: np.ndarray | None, components: dict[int, str]
) -> CategoryColours | ValueColours:
    """The colours of a view; ``by`` is one of COLOURINGS, ``components`` names by number."""
    spread, labels, name = view.spread, view.labels, COLOURINGS[by]
    if by in ("given", "predicted"):
        index = labels.given if by == "given" else spread.label
        palette = [LABEL_COLOURS[c % len(LABEL_COLOURS)] for c in labels.colours]
        return CategoryColours(
            np.where(index >= 0, index, NO_CATEGORY), labels.names, palette, name, shown
        )
    if by == "verdict":
        number = {verdict: i for i, verdict in enumerate(VERDICTS)}
        index = np.array([number[v] for v in spread.verdict], dtype=int)
        return CategoryColours(
            index, list(VERDICTS), [VERDICT_COLOURS[v] for v in VERDICTS], name, shown
        )
    if by == "component":
        winner = winners(view)
        present, index = np.unique(winner, return_inverse=True)
        names = [components.get(int(c), f"component {c}") for c in present]
        return CategoryColours(index, names, component_colours(present), name, shown)
    if by == "confidence":
        value = np.where(spread.label >= 0, spread.confidence, np.nan)
        return ValueColours(value, CONFIDENCE_SCALE, 0.0, 1.0, name, "", shown)
    if by == "s_ood":
        return ValueColours(spread.s_ood, DOUBT_SCALE, 0.0, 1.0, name, "", shown)
    if by == "novelty":
        value = -np.log10(np.maximum(view.assigned.novelty_p, 1e-12))
        high = max(2.0, float(value.max(initial=0)))
        return ValueColours(value, DOUBT_SCALE, 0.0, high, "novelty, -log10 p", "", shown)
    seen = view.assigned.table["first_seen"].to_numpy().astype("datetime64[s]").astype(float)
    days = (seen - seen.min()) / 86_400 if len(seen) else seen
    last = float(days.max(initial=0.0)) or 1.0
    return ValueColours(days, TIME_SCALE, 0.0, last, "first seen", "d", shown)


def component_names(desk: Desk, view: View) -> dict[int, str]:
    """The names of a version's components by number."""
    rows = desk.store.rows("model_versions.components", version=view.assigned.version)
    return {row["component"]: row["name"] for row in rows}


def _asked_for(key: dict[str, int], parts: tuple[str, ...]) -> bool:
    return all(flask.request.args.get(part) == str(key[part]) for part in parts)


def _answer(body: bytes, keep: bool) -> flask.Response:
    response = flask.Response(body, mimetype=_BINARY)
    kept = "private, max-age=31536000, immutable"
    response.headers["Cache-Control"] = kept if keep else "no-store"
    return response

"""The versions on the Train page: who descends from whom, metrics side by side."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from dash import html

from dashboard import parts
from genlab.pipeline.versions import Node, tree


class Metric(NamedTuple):
    """A number of model_version.metrics."""

    name: str
    caption: str
    meaning: str
    show: Callable[[float | None], str]
    change: Callable[[float | None], str]  # a difference of two


def _decimals(digits: int) -> Callable[[float | None], str]:
    return lambda value: "–" if value is None else f"{value:,.{digits}f}"


def _points(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} points"


METRICS = (
    Metric("known_messages_share", "known", "messages of known patterns", parts.percent, _points),
    Metric("label_accuracy_cross_fitted", "accuracy",
           "labelled patterns predicted right, cross-fitted", parts.percent, _points),
    Metric("ece_cross_fitted", "ECE", "calibration error, cross-fitted: lower is better",
           _decimals(3), _decimals(3)),
    Metric("log_px_held_out", "log p(x)", "held-out patterns, nats: higher is better",
           _decimals(1), _decimals(1)),
    Metric("active_components", "in use", "components in use", parts.number, parts.number),
    Metric("novel_patterns", "novel", "patterns unlike what it was trained on",
           parts.number, parts.number),
)  # fmt: skip
"""As measured when the version was made."""

_IN_TABLE = METRICS[:5]  # of all versions; all of them where two are compared

EVENTS = ("opened", "merged", "split")


def versions_table(
    versions: list[dict[str, Any]], events: Mapping[int, Mapping[str, int]]
) -> list[Any]:
    """Every version with its metrics and what became of components; promote, roll back, shadow.

    ``events``: of pipeline.versions.event_counts.
    """
    back = any(v["status"] == "retired" and v["promoted_at"] for v in versions)
    head = html.Div(
        [
            html.H2("Versions"),
            html.Span("measured when each was made", className="gl-hint"),
            parts.button("roll back …", "rollback", style="gl-push", disabled=not back,
                         title="put the version that was in force before back; shows first what "
                               "would change"),
        ],
        className="gl-head gl-versions-head",
    )  # fmt: skip
    if not versions:
        return [head, parts.empty("No version yet.", "genlab train")]
    nodes = tree(versions)
    lanes = 1 + max(max([node.lane, *node.above, *node.below]) for node in nodes)
    captions = [html.Th(m.caption, title=m.meaning, className="gl-num") for m in _IN_TABLE]
    captions += [html.Th(event, title=f"components {event} by this training", className="gl-num")
                 for event in EVENTS]  # fmt: skip
    plain = [html.Th(caption) for caption in ("version", "model")]
    do = html.Span("what to do", className="visually-hidden")
    ends = [html.Th("made"), html.Th(do, className="gl-sticky")]
    header = [
        html.Th(html.Span("tree", className="visually-hidden")),
        *plain,
        html.Th("epochs", className="gl-num"),
        *captions,
        *ends,
    ]
    rows = [
        html.Tr([_lanes(node, lanes, row["parent"]), *_cells(row, events.get(row["version"], {}))])
        for node, row in zip(nodes, versions, strict=True)
    ]
    table = html.Table([html.Thead(html.Tr(header)), html.Tbody(rows)], className="gl-table")
    return [head, html.Div(table, className="gl-scroll gl-versions")]


def metrics_of(version: dict[str, Any]) -> dict[str, Any]:
    """What was measured when it was made."""
    return json.loads(version["metrics"])


def status_pills(version: dict[str, Any]) -> list[Any]:
    """In force, candidate or retired; and whether in shadow."""
    inforce = version["status"] == "active"
    said = "in force" if inforce else version["status"]
    pills = [html.Span(said, className="gl-pill" + (" gl-pill-known" if inforce else ""))]
    if version["shadow_since"]:
        pills.append(html.Span("in shadow", className="gl-pill gl-pill-shadow"))
    return pills


def _cells(version: dict[str, Any], events: Mapping[str, int]) -> list[Any]:
    metrics = metrics_of(version)
    number = version["version"]
    before = metrics.get("label_accuracy_before")
    told = {"label_accuracy_cross_fitted": f"before this training {parts.percent(before)}"}
    shown = [
        html.Td(m.show(metrics.get(m.name)), className="gl-num",
                title=told.get(m.name) if before is not None else None)
        for m in _IN_TABLE
    ]  # fmt: skip
    shown += [html.Td(_count(events.get(event)), className="gl-num") for event in EVENTS]
    return [
        html.Td(html.Div([html.B(f"v{number}"), *status_pills(version)],
                         className="gl-row gl-version")),
        html.Td(_model_name(version)),
        html.Td(parts.number(version["epochs"]), className="gl-num"),
        *shown,
        html.Td(parts.ago(version["created_at"])),
        html.Td(html.Div(_actions(version), className="gl-row gl-version-actions"),
                className="gl-sticky"),
    ]  # fmt: skip


def _actions(version: dict[str, Any]) -> list[Any]:
    number = version["version"]
    if version["status"] == "active":
        return []
    acts = [parts.button("compare", "compare", number, "gl-button-quiet",
                         title="with the version in force")]  # fmt: skip
    if version["shadow_since"]:
        acts.append(parts.button("drop", "drop", number, "gl-button-quiet",
                                 title="end its shadow run"))  # fmt: skip
    elif version["status"] == "candidate":
        acts.append(parts.button("shadow", "shadow", number, "gl-button-quiet",
                                 title="let it score what comes in, unseen, beside the version "
                                       "in force"))  # fmt: skip
    acts.append(parts.button("promote …", "promote", number,
                             title="shows first what would change"))  # fmt: skip
    return acts


def _model_name(version: dict[str, Any]) -> Any:
    made = json.loads(version["configuration"]).get("model", {})
    if made.get("components") == "kmeans":
        return html.Span("soft k-means", className="gl-time")
    return version["prior"].replace("_", " ")


def _count(value: int | None) -> str:
    return "·" if not value else parts.number(value)


def _lanes(node: Node, lanes: int, parent: int | None) -> Any:
    """The row's piece of the tree: a dot, and lines to the rows above and below."""
    ended = [k for k in node.above if k not in node.below and k > node.lane]
    last = max(ended, default=node.lane)
    cells = []
    for k in range(lanes):
        names: Sequence[str] = [
            *(["up"] if k in node.above else []),
            *(["down"] if k in node.below else []),
            *(["left"] if node.lane < k <= last else []),
            *(["right"] if node.lane <= k < last else []),
        ]
        lines = [html.I(className=f"gl-lane-{name}") for name in names]
        dot = [html.B(className="gl-lane-dot")] if k == node.lane else []
        cells.append(html.Span([*lines, *dot], className="gl-lane", style={"left": f"{16 * k}px"}))
    said = f"from v{parent}" if parent else "from nothing"
    hidden = html.Span(said, className="visually-hidden")
    width = {"minWidth": f"{16 * lanes + 6}px"}
    return html.Td([*cells, html.Div(hidden, style=width)], className="gl-tree", title=said)

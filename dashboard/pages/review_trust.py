"""How far predictions can be trusted, what may be accepted together, and what was."""

from typing import Any

import dash_bootstrap_components as dbc
import numpy as np
from dash import Dash, Input, Output, dcc, html

from dashboard import ids, parts
from dashboard.figures import confidence_histogram, reliability
from dashboard.state import Desk
from dashboard.trust import Offer, check, histogram, offer
from genlab.errors import NotReady
from genlab.labelling import reliability as reliability_bins

PRECISIONS = ("0.9", "0.95", "0.98", "0.99")
_GRAPH: Any = {"displayModeBar": False, "responsive": True}
_GESTURES = 10


def layout() -> Any:
    """The offer with its threshold, and the reliability diagram."""
    precisions = parts.options((p, f"{100 * float(p):g} %") for p in PRECISIONS)
    wish = dbc.Select(id=ids.REVIEW_PRECISION, options=precisions, value="0.95", size="sm",
                      class_name="w-auto")  # fmt: skip
    return html.Div(
        [
            parts.card(
                "Accept everything above",
                html.Div(
                    [html.Label("right at least", htmlFor=ids.REVIEW_PRECISION), wish,
                     html.Span("of the time")],
                    className="gl-row",
                ),
                html.Div(id=ids.REVIEW_OFFER, className="gl-stack-small"),
                dcc.Graph(id=ids.REVIEW_HISTOGRAM, className="gl-figure", config=_GRAPH),
            ),
            parts.card(
                "Is it as sure as it should be?",
                html.P(
                    "Labels predicted without themselves; on the diagonal the promise is kept.",
                    className="gl-hint",
                ),
                dcc.Graph(id=ids.REVIEW_FIGURE, className="gl-figure", config=_GRAPH),
            ),
        ],
        className="gl-columns",
    )  # fmt: skip


def register(app: Dash, desk: Desk) -> None:
    """The offer and its figures."""

    @app.callback(
        Output(ids.REVIEW_OFFER, "children"),
        Output(ids.REVIEW_HISTOGRAM, "figure"),
        Output(ids.REVIEW_FIGURE, "figure"),
        Input(ids.REVIEW_PRECISION, "value"),
        Input(ids.DATA_KEY, "data"),
    )
    def trust(precision: str, _: dict) -> tuple[Any, Any, Any]:
        try:
            view = desk.view()
        except NotReady:
            return [], confidence_histogram(None), reliability(None)
        checked = check(view, desk.settings.labelling)
        if checked is None:
            said = html.P("Learning from the labels; the offer follows.", className="gl-note")
            return [said], confidence_histogram(histogram(view)), reliability(None)
        made = offer(view, checked, float(precision))
        threshold = made.acceptance.threshold if len(made.rows) else None
        return (
            offer_text(made, precision),
            confidence_histogram(histogram(view), threshold),
            reliability(reliability_bins(checked.confidence, checked.correct)),
        )


def offer_text(made: Offer, precision: str) -> list[Any]:
    """The offer in words, and its button."""
    wish = f"{100 * float(precision):g} %"
    threshold = made.acceptance.threshold
    if made.checked.labels < 2:
        said = (
            "No promise yet: a prediction can only be wrong where there is another label. It needs "
            "two labels, each given one by one or by selection to three patterns or more."
        )
        return [html.P(said, className="gl-note")]
    if not np.isfinite(threshold):
        needed = int(np.ceil(np.log(0.05) / np.log(float(precision))))
        said = (
            f"{parts.plural(len(made.checked.correct), 'label')} could be checked; "
            f"a promise of {wish} needs at least {needed}, nearly all of them predicted right."
        )
        return [html.P(said, className="gl-note")]
    if not len(made.rows):
        return [html.P(f"Nothing left above {threshold:.3f}.", className="gl-note")]
    return [
        html.P(
            [
                "Above ", html.B(f"{threshold:.3f}"), ": ",
                html.B(parts.plural(made.messages, "message")),
                f" ({parts.plural(len(made.rows), 'pattern')}), precision at least ",
                html.B(parts.percent(made.acceptance.precision)), ".",
            ]
        ),
        html.P(
            f"Of {parts.plural(made.acceptance.checked, 'label')} predicted without themselves and "
            f"that sure, {parts.percent(made.observed)} were right; the bound holds with 95 % "
            "confidence.",
            className="gl-hint",
        ),
        parts.button(f"accept {len(made.rows):,} predictions", "accept-all", made.key,
                     style="gl-button-primary"),
    ]  # fmt: skip


def gestures(desk: Desk) -> Any:
    """What was accepted in bulk, gesture by gesture, each to be taken back whole."""
    rows = desk.store.rows("label_names.accepted", limit=_GESTURES)
    title = "Accepted together"
    if not rows:
        return parts.card(title, html.P("No bulk acceptance stands.", className="gl-hint"))
    return parts.card(
        title,
        parts.table(
            ["when", "who", "accepted", "still stands", "messages", ""],
            [
                [
                    parts.ago(row["created_at"]),
                    row["annotator"],
                    parts.plural(row["patterns"], "prediction"),
                    parts.number(row["standing"]),
                    parts.number(row["messages"]),
                    parts.button(f"take back {row['standing']:,}", "take-gesture", row["group_id"]),
                ]
                for row in rows
            ],
            numeric=(2, 3, 4),
        ),
    )


def audit_note(judged: int, doubted: int) -> Any:
    """How the doubted labels were found."""
    return parts.card(
        "How they were found",
        html.P(
            f"{parts.plural(judged, 'label')} could be judged by a model that was not taught by "
            f"the label itself; in {doubted:,} of them another label is likelier. The least "
            "believed come first. “Looks right” takes one off this list for good."
        ),
    )

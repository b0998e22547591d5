"""Whether annotators agree, and where they do not."""

import math
from typing import Any

from dash import dcc, html

from dashboard import parts
from genlab.pipeline.label_names import Disagreement, agreement
from genlab.store import Store

_SHOWN = 20


def agreement_card(store: Store) -> list[Any]:
    """Every pair of people who labelled the same patterns; the patterns they dispute."""
    pairs, disputed = agreement(store)
    head = html.H2("Agreement between annotators")
    if not pairs:
        said = (
            "Nobody has labelled a pattern that another person labelled too. Give a colleague some "
            "of yours, and this says how often you agree, and beyond chance (Cohen's kappa)."
        )
        return [head, html.P(said, className="gl-hint")]
    colours = {row["name"]: row["colour"] for row in store.rows("label_names.list")}
    table = parts.table(
        ["two people", "both labelled", "agreed", "Cohen's kappa"],
        [
            [
                f"{pair.first} and {pair.second}",
                parts.plural(pair.patterns, "pattern"),
                parts.percent(pair.agreed / pair.patterns),
                "–" if math.isnan(pair.kappa) else f"{pair.kappa:.2f}",
            ]
            for pair in pairs
        ],
        numeric=(1, 2, 3),
    )
    hint = (
        "Kappa: 1 is full agreement, 0 what chance would give. The second person saw what the "
        "first had said; labels accepted in bulk or given in an audit do not count."
    )
    return [head, html.P(hint, className="gl-hint"), table, *_disputed(disputed, colours)]


def _disputed(found: list[Disagreement], colours: dict[str, int]) -> list[Any]:
    if not found:
        return [html.P("They agree on every pattern that both labelled.", className="gl-note")]
    rest = len(found) - _SHOWN
    more = [html.P(f"and {rest:,} more, with fewer messages", className="gl-hint")]
    return [
        html.H3(f"{parts.plural(len(found), 'pattern')} disputed", className="gl-labels-disputed"),
        parts.table(
            ["pattern", "messages", "said", "is now"],
            [
                [
                    dcc.Link(
                        html.Div(parts.shorten(each.text, 160), className="gl-text"),
                        href=f"/map?pattern={each.pattern_id}",
                    ),
                    parts.number(each.messages),
                    html.Div(
                        [
                            html.Div([f"{who}: ", parts.label(label, colours.get(label))])
                            for who, label in each.said.items()
                        ]
                    ),
                    parts.label(each.current, colours.get(each.current or "")),
                ]
                for each in found[:_SHOWN]
            ],
            numeric=(1,),
        ),
        *(more if rest > 0 else []),
    ]

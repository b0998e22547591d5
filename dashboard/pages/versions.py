"""The versions on the Train page: metrics side by side, and what one would change."""

import json
from typing import Any

from dash import html

from dashboard import parts

_METRICS = {
    "known_messages_share": ("known", parts.percent),
    "label_accuracy_cross_fitted": ("accuracy", parts.percent),
    "label_accuracy_before": ("accuracy before", parts.percent),
    "ece_cross_fitted": ("ECE", lambda v: "–" if v is None else f"{v:.3f}"),
    "log_px_held_out": ("held-out log p(x)", lambda v: "–" if v is None else f"{v:,.1f}"),
    "active_components": ("components", parts.number),
    "opened_components": ("opened", parts.number),
    "novel_patterns": ("novel", parts.number),
}


def versions_table(versions: list[dict[str, Any]]) -> list[Any]:
    """Every version with its metrics; promote and roll back."""
    back = any(v["status"] == "retired" and v["promoted_at"] for v in versions)
    head = html.Div(
        [
            html.H2("Versions"),
            parts.button("roll back", "rollback", style="gl-push", disabled=not back,
                         title="put the version that was in force before back"),
        ],
        className="gl-head",
    )  # fmt: skip
    if not versions:
        return [head, parts.empty("No version yet.", "genlab train")]
    rows = []
    for version in versions:
        metrics = json.loads(version["metrics"])
        inforce = version["status"] == "active"
        rows.append(
            [
                html.B(f"v{version['version']}"),
                html.Span(
                    "in force" if inforce else version["status"],
                    className="gl-pill" + (" gl-pill-known" if inforce else ""),
                ),
                f"v{version['parent']}" if version["parent"] else "nothing",
                version["prior"].replace("_", " "),
                parts.number(version["epochs"]),
                *(show(metrics.get(name)) for name, (_, show) in _METRICS.items()),
                parts.ago(version["created_at"]),
                "" if inforce else parts.button("promote", "promote", version["version"]),
            ]
        )
    heads = [caption for caption, _ in _METRICS.values()]
    columns = ["version", "status", "from", "prior", "epochs", *heads, "made", ""]
    numeric = tuple(range(4, 5 + len(heads)))
    return [head, html.Div(parts.table(columns, rows, numeric), className="gl-scroll")]


def differences_table(a: int, b: int, rows: list[dict[str, Any]]) -> Any:
    """Patterns that two versions see differently."""
    if not rows:
        return html.P(f"v{a} and v{b} agree on every pattern.", className="gl-hint")

    def said(row: dict[str, Any], side: str) -> Any:
        name = html.Span(row[f"label_{side}"] or "no label")
        sure = html.Span(f"{row[f'confidence_{side}']:.2f}", className="gl-hint")
        return html.Div([name, sure, parts.pill(row[f"verdict_{side}"])], className="gl-row")

    return parts.table(
        ["pattern", "messages", f"v{a}", f"v{b}"],
        [
            [
                parts.text(row["canonical_text"], 140),
                parts.number(row["message_count"]),
                said(row, "a"),
                said(row, "b"),
            ]
            for row in rows
        ],
        numeric=(1,),
    )

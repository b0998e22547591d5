"""What a training says of the version it made, beside the one in force before."""

from typing import Any

import numpy as np

from genlab.labelling import NO_LABEL, LabelModel, Propagation, ece, reliability
from genlab.pipeline.scored import Scored


def version_metrics(
    scored: Scored, spread: Propagation, held_out: np.ndarray, message_counts: np.ndarray
) -> dict[str, Any]:
    """Of N scored patterns; held_out (N,) bool are those the model never trained on."""
    log_prob = scored.scores.log_prob
    known = message_counts[spread.verdict == "known"].sum() / message_counts.sum()
    return {
        "patterns": len(log_prob),
        "messages": int(message_counts.sum()),
        "log_px_train": float(log_prob[~held_out].mean()),
        "log_px_held_out": float(log_prob[held_out].mean()) if held_out.any() else None,
        "active_components": len(np.unique(scored.components[:, 0])),
        "known_messages_share": float(known),
        "novel_patterns": int((spread.verdict == "novel").sum()),
    }


def label_metrics(model: LabelModel) -> dict[str, Any]:
    """Of labelled patterns, each judged without its own label."""
    metrics: dict[str, Any] = {"labelled_patterns": int((model.labels != NO_LABEL).sum())}
    right = _right(model)
    if len(right):
        sure = model.cross_fitted.probabilities.max(axis=1)
        metrics["label_accuracy_cross_fitted"] = float(right.mean())
        metrics["ece_cross_fitted"] = ece(reliability(sure, right))
    return metrics


def before_and_after(before: LabelModel, after: LabelModel) -> dict[str, float]:
    """Cross-fitted accuracy of two versions on the same labelled patterns.

    Empty where the labels are too few to cross-fit.
    """
    named = {"label_accuracy_before": _right(before), "label_accuracy_after": _right(after)}
    return {name: float(right.mean()) for name, right in named.items() if len(right)}


def _right(model: LabelModel) -> np.ndarray:
    """(M,) bool"""
    fitted = model.cross_fitted
    if not len(fitted.rows):
        return np.zeros(0, bool)
    return np.asarray(fitted.probabilities.argmax(axis=1) == fitted.labels)

"""What a training says of the version it made, beside the one in force before."""

from typing import Any

import numpy as np

from genlab.config import LabellingSettings
from genlab.labelling import (
    CrossFitted,
    Propagation,
    Responsibilities,
    cross_fit,
    ece,
    fit_labels,
    reliability,
    temper,
)
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


def label_metrics(
    rows: Responsibilities,
    labels: np.ndarray,
    n_labels: int,
    settings: LabellingSettings,
    temperature: float,
) -> dict[str, Any]:
    """Cross-fitted on the labelled patterns: rows (N, K), labels (N,) with -1 for none."""
    fitted, right = _cross_fitted(rows, labels, n_labels, settings)
    metrics: dict[str, Any] = {"labelled_patterns": int((labels >= 0).sum())}
    if len(right):
        sure = temper(fitted.probabilities, temperature).max(axis=1)
        metrics["label_accuracy_cross_fitted"] = float(right.mean())
        metrics["ece_cross_fitted"] = ece(reliability(sure, right))
    return metrics


def before_and_after(
    before: Responsibilities,
    after: Responsibilities,
    labels: np.ndarray,
    n_labels: int,
    settings: LabellingSettings,
) -> dict[str, float]:
    """Cross-fitted accuracy of two versions on the same labelled patterns.

    before (S, K), after (S, K'), labels (S,); empty where the labels are too few to cross-fit.
    """
    accuracies = {
        "label_accuracy_before": _cross_fitted(before, labels, n_labels, settings)[1],
        "label_accuracy_after": _cross_fitted(after, labels, n_labels, settings)[1],
    }
    return {name: float(right.mean()) for name, right in accuracies.items() if len(right)}


def _cross_fitted(
    rows: Responsibilities, labels: np.ndarray, n_labels: int, settings: LabellingSettings
) -> tuple[CrossFitted, np.ndarray]:
    """And (M,) bool, which of them are right; M = 0 where no label has enough."""
    counts = fit_labels(rows, labels, n_labels, settings).counts
    fitted = cross_fit(rows, labels, counts, settings.alpha0 / max(n_labels, 1))
    if not len(fitted.rows):
        return fitted, np.zeros(0, bool)
    return fitted, fitted.probabilities.argmax(axis=1) == fitted.labels

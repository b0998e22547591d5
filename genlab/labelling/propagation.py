"""From a few labels to every pattern: the one path of the pipeline, the dashboard and Triage.

``propagate`` fits and applies in one go; new text is scored by ``apply_labels`` alone.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from genlab.config import LabellingSettings
from genlab.errors import InputError
from genlab.labelling.calibration import cross_fit, fit_temperature
from genlab.labelling.label_store import NO_LABEL, as_labels, label_counts
from genlab.labelling.label_store import tau as tau_of
from genlab.labelling.novelty import verdicts
from genlab.labelling.responsibilities import (
    Responsibilities,
    as_rows,
    row_sums,
    weighted_row_max,
)

REACH = (
    0.2  # labelled patterns a component needs to count as fully reached (CLINC150: 0.1-0.5 alike)
)


class LabelModel(NamedTuple):
    """What the labels say about the components of one model version."""

    counts: np.ndarray  # (K, Y) s[c, y]
    tau: np.ndarray  # (K, Y) rows sum to 1
    temperature: float  # of the confidence, fitted on cross-fitted probabilities


class Propagation(NamedTuple):
    """What is believed about each pattern."""

    label: np.ndarray  # (N,) index of the expert's label, else of the likeliest, -1 for neither
    probabilities: np.ndarray  # (N, Y) p(y|x) = sum_c r_c(x) tau[c, y], rows sum to 1
    confidence: np.ndarray  # (N,) calibrated probability that `label` is right: 1 if given, 0 if -1
    s_ood: np.ndarray  # (N,) 1 - max_c (r_c(x) max_y tau[c, y])
    evidence: np.ndarray  # (N,) share of the responsibilities in components labels reach
    verdict: np.ndarray  # (N,) strings of records.VERDICTS
    model: LabelModel


def label_probabilities(responsibilities: Responsibilities, tau: np.ndarray) -> np.ndarray:
    """p(y|x) = sum_c r_c(x) tau[c, y]: (N, Y), rows sum to 1.

    Where only the largest responsibilities of a row were kept, the rest says nothing: 1 / Y each.
    """
    rows = as_rows(responsibilities)
    probabilities = np.asarray(rows @ tau.astype(rows.dtype))
    if tau.shape[1]:
        probabilities += ((1.0 - row_sums(rows)) / tau.shape[1])[:, None].clip(0.0)
    return probabilities


def s_ood(responsibilities: Responsibilities, tau: np.ndarray) -> np.ndarray:
    """1 - max_c (r_c(x) * max_y tau[c, y]): (N,) in [0, 1]; 1 everywhere when Y = 0."""
    best = tau.max(axis=1, initial=0.0)
    return np.clip(1.0 - weighted_row_max(as_rows(responsibilities), best), 0.0, 1.0)


def evidence(responsibilities: Responsibilities, counts: np.ndarray) -> np.ndarray:
    """Share of the responsibilities in components that labels reach: (N,) in [0, 1].

    sum_c r_c(x) * min(1, n_c / REACH) with n_c = sum_y s[c, y].  Unlike s_ood it tells "nobody
    labelled this kind" from "labels disagree", also with a single label.
    """
    reached = np.minimum(1.0, counts.sum(axis=1) / REACH)
    rows = as_rows(responsibilities)
    return np.clip(np.asarray(rows @ reached.astype(rows.dtype)), 0.0, 1.0)


def fit_labels(
    responsibilities: Responsibilities,
    labels: np.ndarray,
    n_labels: int,
    settings: LabellingSettings,
    weights: np.ndarray | None = None,
) -> LabelModel:
    """Counts, tau and temperature from the labelled rows.

    ``responsibilities`` (N, K); ``labels`` (N,) indices, -1 for none; ``weights`` (N,), 1 if None.
    ``settings.alpha0`` is spread over the labels.
    """
    rows = as_rows(responsibilities)
    cell = settings.alpha0 / max(n_labels, 1)
    counts = label_counts(rows, labels, n_labels, weights)
    held_out = cross_fit(rows, labels, counts, cell, weights)
    return LabelModel(
        counts, tau_of(counts, cell), fit_temperature(held_out.probabilities, held_out.labels)
    )


def apply_labels(
    responsibilities: Responsibilities,
    model: LabelModel,
    settings: LabellingSettings,
    novelty_p: np.ndarray,
    given: np.ndarray | None = None,
) -> Propagation:
    """What ``model`` says about rows it need not have seen.

    ``responsibilities`` (N, K) of the same model version; ``novelty_p`` (N,) conformal p-values;
    ``given`` (N,) label indices, -1 for none: what an expert said of a row counts, whatever the
    scores say; its probabilities stay the model's.
    """
    rows = as_rows(responsibilities)
    n_labels = model.tau.shape[1]
    if rows.shape[1] != model.tau.shape[0] or np.shape(novelty_p) != (rows.shape[0],):
        raise InputError(
            f"found responsibilities {rows.shape} and {np.shape(novelty_p)} p-values, expected "
            f"(N, {model.tau.shape[0]}) and (N,); score with the model version of the label store"
        )
    probabilities = label_probabilities(rows, model.tau)
    reach = evidence(rows, model.counts)
    if n_labels:
        label = np.where(reach > 0, probabilities.argmax(axis=1), NO_LABEL)
        # One label alone has nothing to be compared with: only its reach says anything.
        sure = _top_tempered(probabilities, model.temperature) if n_labels > 1 else reach
        confidence = np.where(reach > 0, sure, 0.0)
    else:
        label = np.full(rows.shape[0], NO_LABEL)
        confidence = np.zeros(rows.shape[0])
    labelled = None
    if given is not None:
        given = as_labels(given, rows.shape[0], n_labels)
        labelled = given != NO_LABEL
        label = np.where(labelled, given, label)
        confidence = np.where(labelled, 1.0, confidence)
    verdict = verdicts(np.asarray(novelty_p), reach, confidence, settings, labelled)
    return Propagation(
        label, probabilities, confidence, s_ood(rows, model.tau), reach, verdict, model
    )


def propagate(
    responsibilities: Responsibilities,
    labels: np.ndarray,
    label_names: Sequence[str],
    settings: LabellingSettings,
    novelty_p: np.ndarray,
    weights: np.ndarray | None = None,
) -> Propagation:
    """Spread the labels of these rows over all of them.

    ``labels`` (N,) index into ``label_names``, -1 for none; the rest as in fit_labels and
    apply_labels.
    """
    rows = as_rows(responsibilities)
    model = fit_labels(rows, labels, len(label_names), settings, weights)
    return apply_labels(rows, model, settings, novelty_p, labels)


def _top_tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """max_y of temper(probabilities, temperature) without building it: (N,)."""
    top = probabilities.max(axis=1, keepdims=True)
    ratio = np.maximum(probabilities / np.maximum(top, 1e-30), 1e-30)
    np.log(ratio, out=ratio)
    ratio /= temperature
    np.exp(ratio, out=ratio)
    return 1.0 / ratio.sum(axis=1)

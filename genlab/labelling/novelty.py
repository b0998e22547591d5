"""Conformal novelty p-values, and the verdict that combines density, evidence and confidence."""

import numpy as np

from genlab.config import LabellingSettings
from genlab.errors import InputError
from genlab.records import VERDICTS

_NAMES = np.array(VERDICTS)
_KNOWN, _UNNAMED, _BETWEEN, _NOVEL = (
    VERDICTS.index(name) for name in ("known", "unnamed", "between", "novel")
)


def conformal_p(calibration_scores: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """p = (1 + #{calibration >= score}) / (M + 1): (N,) in (0, 1].

    ``calibration_scores`` (M,): novelty (-log p(x), higher is stranger) of patterns kept out of
    training; ``scores`` (N,).  For scores exchangeable with the calibration P(p <= a) <= a (Vovk,
    Gammerman, Shafer 2005; Bates et al. 2023).  With M = 0 every p is 1: nothing can be flagged.
    """
    calibration = _scores(calibration_scores, "calibration scores")
    queries = _scores(scores, "scores")
    at_least = len(calibration) - np.searchsorted(np.sort(calibration), queries, side="left")
    return (1 + at_least) / (len(calibration) + 1)


def verdicts(
    novelty_p: np.ndarray,
    evidence: np.ndarray,
    confidence: np.ndarray,
    settings: LabellingSettings,
    labelled: np.ndarray | None = None,
) -> np.ndarray:
    """(N,) strings of records.VERDICTS; the first rule that holds decides.

    known: an expert labelled this very pattern (``labelled`` (N,) bool);
    novel: novelty_p < settings.novel_p;
    unnamed: evidence < settings.min_evidence, its components carry no label;
    between: confidence < settings.between_confidence, several labels claim it;
    known: otherwise.  All inputs (N,) in [0, 1].
    """
    rules = [
        novelty_p < settings.novel_p,
        evidence < settings.min_evidence,
        confidence < settings.between_confidence,
    ]
    codes = np.select(rules, [_NOVEL, _UNNAMED, _BETWEEN], default=_KNOWN)
    if labelled is not None:
        codes[labelled] = _KNOWN
    return _NAMES[codes]


def _scores(values: np.ndarray, name: str) -> np.ndarray:
    scores = np.asarray(values, dtype=np.float64)
    if scores.ndim != 1 or np.isnan(scores).any():
        raise InputError(
            f"{name}: found shape {scores.shape} with {int(np.isnan(scores).sum())} NaN, expected "
            "one number per pattern; score them with a model version that did not diverge"
        )
    return scores

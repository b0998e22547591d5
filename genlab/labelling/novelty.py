"""How strange a pattern is: one score from training data, its p-value, and the verdict.

``fit_novelty`` learns what is ordinary from what was trained on and calibrates on the messages kept
back (:mod:`genlab.labelling.conformal`); ``novelty_score`` and ``novelty_p`` then score anything.
"""

from typing import NamedTuple

import numpy as np

from genlab.config import LabellingSettings
from genlab.errors import InputError
from genlab.labelling.conformal import conformal_p, new_kind_share
from genlab.labelling.neighbours import Neighbours
from genlab.records import VERDICTS

LOCAL = 0.5  # half-way from a neighbour distance (0) to a local outlier difference (1)
SIDE = 0.5  # weight of -log p(x), and at most of the head, beside the remoteness
FEW_UNSEEN = 20  # held-out patterns below which all patterns give the scales
GATE = 0.25  # of the median remoteness of an unseen pattern: there the side scores count half

_NAMES = np.array(VERDICTS)
_KNOWN, _UNNAMED, _BETWEEN, _NOVEL = (
    VERDICTS.index(name) for name in ("known", "unnamed", "between", "novel")
)


class Scale(NamedTuple):
    """(score - least) / spread, from patterns kept back, puts scores side by side."""

    least: float
    spread: float  # standard deviation


class NoveltyModel(NamedTuple):
    """What ordinary is, from N patterns, and the scores of messages kept back."""

    messages: np.ndarray  # (N,) distinct messages of each
    own: np.ndarray  # (N,) float32 remoteness of each, one message of its own left out
    gate: float  # remoteness at which the side scores count half
    remoteness: Scale
    density: Scale  # of -log p(x)
    head: Scale | None  # of minus the head's largest logit, once there are labels
    head_weight: float
    calibration: np.ndarray  # (M,) ascending scores of patterns with messages kept back
    weights: np.ndarray  # (M,) how many messages each stands for
    new_kinds: float  # share of the messages kept back that are taken to be of no known kind


def fit_novelty(
    near: Neighbours,
    messages: np.ndarray,
    held: np.ndarray,
    log_prob: np.ndarray,
    largest_logit: np.ndarray | None = None,
    labels_per_class: float = 0.0,
) -> NoveltyModel:
    """Learn and calibrate on N patterns.

    Every pattern is a neighbour to others, and each is scored with one of its own messages left
    out, as a new message finds all of these; only the density needs patterns it never saw.
    ``near``: the k nearest others of each; ``messages`` (N,), at least 1, and of them ``held`` (N,)
    kept back (:func:`hold_out`; where none is, all calibrate); ``log_prob`` (N,) nats under a model
    that never saw patterns kept back whole; ``largest_logit`` (N,) of a classifier trained on the
    labels, ``labels_per_class`` on average, where there are.
    """
    messages, held = np.asarray(messages, np.int64), np.asarray(held, np.int64)
    known = {"messages": messages, "held": held, "log_prob": np.asarray(log_prob)}
    if any(np.shape(each) != (len(near.rows),) for each in known.values()):
        found = ", ".join(f"{name} {each.shape}" for name, each in known.items())
        raise InputError(
            f"fit_novelty: found neighbours of {len(near.rows)} patterns and {found}, expected one "
            "number for each pattern"
        )
    if not messages.sum():
        raise InputError("fit_novelty: found no messages, expected at least one pattern to learn")
    if not held.any():
        held = messages
    rows = np.arange(len(messages))
    plain = Scale(0.0, 1.0)
    model = NoveltyModel(
        messages,
        _nearest_messages(near, messages, rows)[0],
        *(1.0, plain, plain, None, 0.0, np.zeros(0), np.zeros(0), 0.0),
    )
    unseen = rows[held >= messages]
    if len(unseen) < FEW_UNSEEN:
        unseen = rows
    raw, local = _remoteness(model, _some(near, unseen), unseen)
    model = model._replace(
        gate=GATE * float(np.median(raw)) + 1e-9,
        remoteness=_scale(local),
        density=_scale(-known["log_prob"][unseen]),
    )
    if largest_logit is not None:
        model = model._replace(
            head=_scale(-largest_logit[unseen]),
            head_weight=SIDE * labels_per_class / (labels_per_class + 2),
        )
    kept = np.flatnonzero(held)
    logits = None if largest_logit is None else largest_logit[kept]
    scores = novelty_score(model, _some(near, kept), known["log_prob"][kept], logits, kept)
    order = np.argsort(scores, kind="stable")
    return model._replace(
        calibration=scores[order],
        weights=held[kept][order].astype(np.float64),
        new_kinds=new_kind_share(messages),
    )


def novelty_score(
    model: NoveltyModel,
    near: Neighbours,
    log_prob: np.ndarray,
    largest_logit: np.ndarray | None = None,
    own: np.ndarray | None = None,
) -> np.ndarray:
    """(Q,) novelty, higher is stranger: d + g (s(-log p) + w s(-largest logit)).

    d: mean distance (1 - cosine) to the k nearest messages, less LOCAL of what is usual among those
    neighbours (k-NN distance and local outlier factor, Breunig et al. 2000, half-way); g in [0, 1]:
    0 where the nearest messages have this very pattern, known whatever a smooth density says of it;
    each standardised on patterns kept back.  ``near``: of each query among the N patterns, as many
    as in the fit.  ``own`` (Q,): row among the N patterns that a stored pattern is, -1 for none;
    one of its messages is then left out, as if it had not come yet.
    """
    raw, local = _remoteness(model, near, own)
    gate = raw / (raw + model.gate)
    side = SIDE * _standard(model.density, -log_prob)
    if model.head is not None:
        if largest_logit is None:
            raise InputError(
                "novelty_score: found no logits, expected those of the head it was fitted on"
            )
        side = side + model.head_weight * _standard(model.head, -largest_logit)
    scores: np.ndarray = _standard(model.remoteness, local) + gate * side
    return scores


def novelty_p(
    model: NoveltyModel, scores: np.ndarray, uniforms: np.ndarray | None = None
) -> np.ndarray:
    """(Q,) p-values in (0, 1] of :func:`novelty_score`: how often a known kind looks as strange.

    Of the messages kept back the share ``new_kinds`` is strange because it is new, and the
    strangest are: p = (p' - new_kinds) / (1 - new_kinds) with p' of :func:`conformal_p`, and in
    their range below 1 / (M + 1), in order.
    """
    p = conformal_p(model.calibration, scores, model.weights, uniforms)
    below = p / (model.weights.sum() + 1)
    result: np.ndarray = np.maximum((p - model.new_kinds) / (1 - model.new_kinds), below)
    return result


def verdicts(
    novelty_p: np.ndarray,
    reach_p: np.ndarray,
    named: np.ndarray,
    confidence: np.ndarray,
    settings: LabellingSettings,
    labelled: np.ndarray | None = None,
) -> np.ndarray:
    """(N,) strings of records.VERDICTS; the first rule that holds decides.

    known: an expert labelled this very pattern (``labelled`` (N,) bool);
    novel: novelty_p < settings.novel_p;
    unnamed: reach_p < settings.unnamed_p, labels hardly reach it, or ``named`` < 1/2: what they
    reach so far is likelier a kind without a name;
    between: named * confidence < settings.between_confidence, the label may be wrong;
    known: otherwise.  All inputs (N,) in [0, 1].
    """
    rules = [
        novelty_p < settings.novel_p,
        (reach_p < settings.unnamed_p) | (named < 0.5),
        named * confidence < settings.between_confidence,
    ]
    codes = np.select(rules, [_NOVEL, _UNNAMED, _BETWEEN], default=_KNOWN)
    if labelled is not None:
        codes[labelled] = _KNOWN
    return _NAMES[codes]


def _remoteness(
    model: NoveltyModel, near: Neighbours, own: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """(Q,) mean distance to the k nearest messages, and what is left of it without LOCAL."""
    raw, index, weight = _nearest_messages(near, model.messages, own)
    return raw, raw - LOCAL * (weight * model.own[index]).sum(axis=1)


def _nearest_messages(
    near: Neighbours, messages: np.ndarray, own: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(Q,) mean distance to the k nearest messages, of as many patterns; (Q, m) these patterns and
    the weight of each."""
    index, distance = near.rows, np.maximum(1.0 - near.cosine, 0.0)
    k = max(1, index.shape[1])
    count = messages[index]
    if own is not None:  # the other messages of the pattern itself, at distance 0
        index = np.column_stack([own.clip(0), index])
        distance = np.column_stack([np.zeros(len(own), np.float32), distance])
        count = np.column_stack([np.where(own >= 0, messages[own] - 1, 0), count])
    before = np.cumsum(count, axis=1) - count
    taken = np.clip(k - before, 0, count).astype(np.float32)
    weight = taken / np.maximum(taken.sum(axis=1, keepdims=True), 1)
    return (weight * distance).sum(axis=1), index, weight


def _some(near: Neighbours, rows: np.ndarray) -> Neighbours:
    return Neighbours(near.rows[rows], near.cosine[rows])


def _scale(scores: np.ndarray) -> Scale:
    spread = float(scores.std())
    return Scale(float(scores.min()), spread if spread > 1e-9 else 1.0)


def _standard(scale: Scale, scores: np.ndarray) -> np.ndarray:
    return (scores - scale.least) / scale.spread

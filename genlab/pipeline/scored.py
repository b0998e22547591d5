"""From a model and vectors to the rows of `assignment`."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from genlab.labelling import (
    NO_LABEL,
    Propagation,
    hold_out,
    top,
)
from genlab.labelling.neighbours import Neighbours
from genlab.models.component_vae import ComponentVAE
from genlab.models.scoring import Scores, score
from genlab.pipeline.tables import list_column, text_lists


class Scored(NamedTuple):
    """N vectors as one model sees them."""

    scores: Scores
    components: np.ndarray  # (N, m) largest responsibilities first
    responsibilities: np.ndarray  # (N, m) summing to 1


def held_back(pattern_ids: Sequence[str], messages: np.ndarray, share: float) -> np.ndarray:
    """(N,) how many of each pattern's distinct ``messages`` (N,) are kept back for calibration.

    Training never sees a pattern that is kept back whole.  Decided by id and messages alone, and
    what was trained on once is never kept back whole again: no version is calibrated on what one it
    continues was trained on.
    """
    hashes = np.array([int(each[:8], 16) for each in pattern_ids], dtype=np.float64)
    return hold_out(messages, 1.0 - hashes / 2.0**32, share)


def score_vectors(model: ComponentVAE, vectors: np.ndarray, stored: int) -> Scored:
    """Score (N, D) vectors; the ``stored`` largest responsibilities of each are kept, and
    renormalised to sum to 1."""
    scores = score(model, vectors)
    components, values = top(scores.responsibilities, stored)
    values = values / values.sum(axis=1, keepdims=True)
    return Scored(scores, components, values)


def assignment_rows(
    pattern_ids: pa.ChunkedArray,
    scored: Scored,
    messages: np.ndarray,
    held: np.ndarray,
    novelty_p: np.ndarray,
    propagation: Propagation,
    names: Sequence[str],
    positions: np.ndarray,
    near: Neighbours,
    base_ids: np.ndarray,
) -> pa.Table:
    """The input of ``assignments.put``.

    ``messages`` (N,) distinct ones at the training, 0 for what came later, and of them ``held``
    (N,) kept back; ``near`` are rows of ``base_ids``.
    """
    label = np.array([*names, None], dtype=object)[propagation.label]
    return pa.table(
        {
            "pattern_id": pattern_ids,
            "components": list_column(scored.components),
            "responsibilities": list_column(scored.responsibilities.astype(np.float32)),
            "latent_mean": list_column(scored.scores.latent_mean),
            "latent_logvar": list_column(scored.scores.latent_log_var),
            "log_px": scored.scores.log_prob.astype(np.float64),
            "held_out": (held >= messages) & (messages > 0),
            "messages": messages.astype(np.int32),
            "held_messages": held.astype(np.int32),
            "novelty_p": novelty_p,
            "label": pa.array(label, pa.string()),
            "confidence": propagation.confidence.astype(np.float64),
            "s_ood": propagation.s_ood.astype(np.float64),
            "evidence": propagation.evidence.astype(np.float64),
            "verdict": pa.array(propagation.verdict.astype(object), pa.string()),
            "map_x": positions[:, 0].astype(np.float32),
            "map_y": positions[:, 1].astype(np.float32),
            "neighbours": text_lists(base_ids.astype(object)[near.rows]),
            "cosines": list_column(near.cosine.astype(np.float32)),
        }
    )


def label_indices(labels: Sequence[str | None], names: Sequence[str]) -> np.ndarray:
    """Label names (None for none) -> (N,) indices into ``names``, -1 for none."""
    number = {name: i for i, name in enumerate(names)}
    return np.array([NO_LABEL if y is None else number[y] for y in labels], dtype=np.int64)

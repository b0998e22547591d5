"""From a model and vectors to the rows of `assignment`."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from genlab.labelling import (
    NO_LABEL,
    Propagation,
    conformal_p,
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
    novelty_p: np.ndarray  # (N,)


def held_out(pattern_ids: Sequence[str], share: float) -> np.ndarray:
    """(N,) bool: which patterns training never sees.  Decided by the id alone, so that no version
    ever trains on what another is calibrated on."""
    hashes = np.array([int(each[:8], 16) for each in pattern_ids], dtype=np.uint64)
    return hashes < share * 2.0**32


def score_vectors(
    model: ComponentVAE,
    vectors: np.ndarray,
    calibration: np.ndarray | None,
    stored: int,
    is_calibration: np.ndarray | None = None,
) -> Scored:
    """Score (N, D) vectors.

    ``calibration`` (M,): log p(x) of held-out patterns; None: those of these vectors where
    ``is_calibration`` (N,).  ``stored``: how many responsibilities of each row are kept; they are
    renormalised to sum to 1.
    """
    scores = score(model, vectors)
    if calibration is None:
        calibration = scores.log_prob[is_calibration]
    components, values = top(scores.responsibilities, stored)
    values = values / values.sum(axis=1, keepdims=True)
    return Scored(scores, components, values, conformal_p(-calibration, -scores.log_prob))


def assignment_rows(
    pattern_ids: pa.ChunkedArray,
    scored: Scored,
    calibration_rows: np.ndarray,
    propagation: Propagation,
    names: Sequence[str],
    positions: np.ndarray,
    near: Neighbours,
    base_ids: np.ndarray,
) -> pa.Table:
    """The input of ``assignments.put``; ``near`` are rows of ``base_ids``."""
    label = np.array([*names, None], dtype=object)[propagation.label]
    return pa.table(
        {
            "pattern_id": pattern_ids,
            "components": list_column(scored.components),
            "responsibilities": list_column(scored.responsibilities.astype(np.float32)),
            "latent_mean": list_column(scored.scores.latent_mean),
            "latent_logvar": list_column(scored.scores.latent_log_var),
            "log_px": scored.scores.log_prob.astype(np.float64),
            "held_out": calibration_rows,
            "novelty_p": scored.novelty_p,
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

"""Which labels are likely wrong: those a model doubts that was not taught by them.

Labels ranked by the cross-fitted probability of what was given, lowest first ("self-confidence",
Northcutt, Jiang & Chuang 2021, Confident Learning).
"""

from typing import NamedTuple

import numpy as np

from genlab.labelling.calibration import CrossFitted


class Doubts(NamedTuple):
    """Labels that another one beats, the most doubtful first; D of the M judged."""

    rows: np.ndarray  # (D,) rows of the patterns
    given: np.ndarray  # (D,) index of the label given
    given_probability: np.ndarray  # (D,) p(given | x), without the label itself; ascending
    likelier: np.ndarray  # (D,) index of the likeliest label
    likelier_probability: np.ndarray  # (D,)
    judged: int  # M


def doubts(judged: CrossFitted) -> Doubts:
    """Labels less likely than another, by how little the model believes them."""
    probabilities, given = judged.probabilities, judged.labels
    own = np.take_along_axis(probabilities, given[:, None], axis=1).ravel()
    likelier = probabilities.argmax(axis=1) if probabilities.size else given
    beaten = np.flatnonzero(likelier != given)
    order = beaten[np.argsort(own[beaten], kind="stable")]
    return Doubts(
        judged.rows[order],
        given[order],
        own[order],
        likelier[order],
        probabilities.max(axis=1, initial=0.0)[order],
        len(given),
    )

"""What to label next: the patterns whose answers would settle the most messages."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from genlab.errors import InputError
from genlab.labelling.propagation import Propagation
from genlab.labelling.responsibilities import Responsibilities, as_rows

_REASONS = {
    "novel": "unlike anything the model was trained on",
    "unnamed": "a frequent kind that nobody has named yet",
    "between": "several labels claim it",
}


@dataclass(frozen=True)
class Suggestion:
    """One question for the expert."""

    index: int  # row of the pattern
    would_settle: float  # messages the answer is expected to settle, beyond earlier suggestions
    reason: str


def suggest(
    responsibilities: Responsibilities,
    messages: np.ndarray,
    labelled: np.ndarray,
    propagation: Propagation,
    n: int,
) -> list[Suggestion]:
    """Greedy cover: the n questions that together settle the most messages, best first.

    An answer for pattern i settles a share b_ij of the doubt about pattern j, b_ij = sum_c
    sqrt(r_c(x_i) r_c(x_j)) (Bhattacharyya; 1 for twins, 0 without a common component), so a
    question is worth sum_j messages_j doubt_j b_ij, and what it settles is taken off before the
    next is chosen.  Doubt is 1 - confidence * evidence, and 0 for patterns known already.  A novel
    pattern settles only itself: its responsibilities name the least distant component, not a kin.
    ``messages`` (N,) counts, ``labelled`` (N,) bool.  Fewer than n come back when nothing is left.
    """
    rows = sparse.csr_matrix(as_rows(responsibilities))
    size = rows.shape[0]
    messages, labelled = np.asarray(messages, float), np.asarray(labelled, bool)
    if messages.shape != (size,) or labelled.shape != (size,) or len(propagation.verdict) != size:
        raise InputError(
            f"suggest: found {size} rows of responsibilities, {messages.shape} counts, "
            f"{labelled.shape} flags, {len(propagation.verdict)} verdicts; expected N of each"
        )
    verdict = propagation.verdict
    novel = verdict == "novel"
    roots = rows.astype(np.float64).sqrt()
    roots = sparse.diags_array((~novel).astype(float)).tocsr() @ roots
    doubt = np.where(verdict == "known", 0.0, 1.0 - propagation.confidence * propagation.evidence)
    open_messages = messages * doubt
    available = ~labelled & (verdict != "known")
    chosen: list[Suggestion] = []
    for _ in range(min(n, int(available.sum()))):
        worth = np.where(novel, open_messages, roots @ (roots.T @ open_messages))
        best = int(np.argmax(np.where(available, worth, -1.0)))
        if worth[best] <= 0:
            break
        chosen.append(Suggestion(best, float(worth[best]), _REASONS[str(verdict[best])]))
        shared = np.asarray((roots @ roots[[best]].T).todense()).ravel()
        open_messages = open_messages * (1.0 - np.clip(shared, 0.0, 1.0))
        open_messages[best] = 0.0
        available[best] = False
    return chosen

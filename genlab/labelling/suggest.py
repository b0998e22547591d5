"""What to label next: the patterns whose answers would settle the most messages, and whether it
still pays to ask."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import sparse

from genlab.errors import InputError
from genlab.labelling.neighbours import Neighbours
from genlab.labelling.propagation import Propagation
from genlab.labelling.responsibilities import Responsibilities, as_rows

PAYS = 0.001  # share of all messages that a question is to settle
_Z = 1.645  # two-sided 90 % of a normal
_REASONS = {
    "novel": "unlike anything the model was trained on",
    "unnamed": "a frequent kind that nobody has named yet",
    "between": "several labels claim it",
    "known": "known, but not beyond doubt",
}


@dataclass(frozen=True)
class Suggestion:
    """One question for the expert."""

    index: int  # row of the pattern
    would_settle: float  # messages expected to become known by it, beyond earlier suggestions
    reason: str
    deviation: float  # standard deviation of would_settle, messages


class Outlook(NamedTuple):
    """Whether further questions pay, and the evidence.  All but ``questions`` in messages."""

    questions: int  # the next ones, that this speaks of
    per_question: float  # messages one of them is expected to settle
    lower: float  # 90 % interval of it
    upper: float
    threshold: float  # what a question has to settle to pay: a share of all messages
    known: float  # messages whose verdict is known already
    pays: bool  # upper >= threshold


class _Kin(NamedTuple):
    """How far an answer reaches, b = left @ right (N, N) in [0, 1]; no row for a novel pattern."""

    left: sparse.csr_matrix
    right: sparse.csr_matrix
    alone: np.ndarray  # (N,) bool: an answer reaches only the pattern itself

    def reached(self, weights: np.ndarray) -> np.ndarray:
        """(N,) sum_j b_ij weights_j."""
        return np.where(self.alone, weights, self.left @ (self.right @ weights))

    def row(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """The patterns that an answer for i reaches, and b_ij; i itself fully."""
        found = sparse.csr_matrix(self.left[[i]] @ self.right)
        others = found.indices != i
        share = np.clip(found.data[others], 0.0, 1.0)
        return np.append(found.indices[others], i), np.append(share, 1.0)


def suggest(
    likeness: Responsibilities | Neighbours,
    messages: np.ndarray,
    labelled: np.ndarray,
    propagation: Propagation,
    n: int,
    aside: np.ndarray | None = None,
) -> list[Suggestion]:
    """Greedy cover: the n questions that together settle the most messages, best first.

    An answer for pattern i reaches a share b_ij of pattern j.  With ``likeness`` the nearest
    ``Neighbours`` of every pattern among all, b_ij = cos^2 where either names the other, else 0:
    the share of one direction that the other explains.  With responsibilities (N, K), b_ij = sum_c
    sqrt(r_c(x_i) r_c(x_j)) (Bhattacharyya): coarser, as components hold more than one kind.  Doubt
    is 1 - confidence, all of it for what is novel, and questions S leave of it doubt_j prod_{i in
    S} (1 - b_ij): a submodular cover, so the greedy choice takes off at least 1 - 1/e of what the
    best n questions would (Nemhauser, Wolsey, Fisher 1978).  Twins are spread by it, and where
    all is covered the doubt left is where labels conflict.  A novel pattern settles only itself.

    ``would_settle`` counts the messages that are not ``known`` yet, with b_ij times what earlier
    answers did settle per message that b promised of them; at most all of a pattern.

    ``messages`` (N,) counts, ``labelled`` (N,) bool, ``aside`` (N,) bool: not to be asked, though
    its doubt stands.  Fewer than n come back when nothing is left.
    """
    size = len(propagation.verdict)
    messages, labelled = np.asarray(messages, float), np.asarray(labelled, bool)
    novel = propagation.verdict == "novel"
    kin = _kin(likeness, novel)
    if not kin.left.shape[0] == size == len(messages) == len(labelled):
        raise InputError(
            f"suggest: found {kin.left.shape[0]} rows of likeness, {messages.shape} counts, "
            f"{labelled.shape} flags, {size} verdicts; expected N of each"
        )
    known = propagation.verdict == "known"
    # Not times evidence: far from labels that asks for density alone, and comes late to kinds
    # that hide between others (digits, 90 %: 54 labels instead of 19).
    doubt = np.where(labelled, 0.0, np.where(novel, 1.0, 1.0 - propagation.confidence))
    open_messages, unsettled = messages * doubt, np.where(known, 0.0, messages)
    factor = _settled_per_promise(kin, messages, labelled, known)
    available = ~labelled if aside is None else ~(labelled | np.asarray(aside, bool))
    chosen: list[Suggestion] = []
    for _ in range(min(n, int(available.sum()))):
        worth = np.where(available, kin.reached(open_messages), -1.0)
        best = int(np.argmax(worth))
        if worth[best] <= 0:
            break
        rows, share = kin.row(best)
        settles = np.minimum(1.0, factor * share)
        settles[-1] = 1.0  # the pattern itself
        # One answer stands or falls for all it reaches: deviations add up, not variances.
        deviation = float(unsettled[rows] @ np.sqrt(settles * (1.0 - settles)))
        expected = float(unsettled[rows] @ settles)
        chosen.append(
            Suggestion(best, expected, _REASONS[str(propagation.verdict[best])], deviation)
        )
        open_messages[rows] *= 1.0 - share
        unsettled[rows] *= 1.0 - settles
        available[best] = False
    return sorted(chosen, key=lambda each: -each.would_settle)


def outlook(
    suggestions: list[Suggestion],
    messages: np.ndarray,
    propagation: Propagation,
    share: float = PAYS,
) -> Outlook:
    """Do further questions pay: is each still expected to settle ``share`` of all messages?

    ``suggestions`` the next ones, whose mean bounds that of those after them: a greedy cover only
    gets worse.  The interval takes questions as independent.  It says no only where the upper end
    of the interval lies below the threshold.
    """
    messages = np.asarray(messages, float)
    count = max(len(suggestions), 1)
    mean = sum(each.would_settle for each in suggestions) / count
    half = _Z * float(np.sqrt(sum(each.deviation**2 for each in suggestions))) / count
    threshold = share * float(messages.sum())
    return Outlook(
        questions=len(suggestions),
        per_question=mean,
        lower=max(0.0, mean - half),
        upper=mean + half,
        threshold=threshold,
        known=float(messages[propagation.verdict == "known"].sum()),
        pays=bool(suggestions) and mean + half >= threshold,
    )


def _kin(likeness: Responsibilities | Neighbours, novel: np.ndarray) -> _Kin:
    kept = sparse.diags_array((~novel).astype(float)).tocsr()
    if not isinstance(likeness, Neighbours):
        rows = sparse.csr_matrix(as_rows(likeness)).astype(np.float64).sqrt()
        if rows.shape[0] == len(novel):
            rows = sparse.csr_matrix(kept @ rows)
        return _Kin(rows, sparse.csr_matrix(rows.T), novel)
    size, k = likeness.rows.shape
    squares = np.clip(likeness.cosine, 0.0, 1.0).astype(np.float64).ravel() ** 2
    starts = np.arange(size + 1) * k
    named = sparse.csr_matrix((squares, likeness.rows.ravel(), starts), shape=(size, size))
    graph = sparse.csr_matrix(named.maximum(named.T) + sparse.eye_array(size, format="csr"))
    if size == len(novel):
        graph = sparse.csr_matrix(kept @ graph @ kept)
    return _Kin(graph, sparse.eye_array(size, format="csr"), novel)


def _settled_per_promise(
    kin: _Kin, messages: np.ndarray, labelled: np.ndarray, known: np.ndarray
) -> float:
    """Messages known by now over those that b promised of the labels given; 1 before the first."""
    counted = ~kin.alone & ~labelled  # a label settles its own pattern, whatever b says
    reached = np.minimum(1.0, kin.reached(labelled.astype(float)))
    promised = float((messages * reached)[counted].sum())
    return float(messages[counted & known].sum()) / promised if promised > 0 else 1.0

"""Why a pattern got its verdict: what it resembles, what nearly took it, what sets it apart.

Pure functions over the arrays of a version: the pages show what they answer, a command prints it.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

from genlab.labelling import NO_LABEL

NEAREST, WORDS = 5, 6
_RIVALS = 10  # nearest ordinary patterns that words are held against
_MASK = re.compile(r"<[^<>\s]{1,40}>")  # <NUM>, <PATH:down>
_WORD = re.compile(r"[^\W\d_][^\W_]+")


class Vocabulary(NamedTuple):
    """In how many of P patterns each word occurs."""

    patterns: int  # P
    holding: Counter[str]


class Near(NamedTuple):
    """A labelled pattern that is near."""

    row: int
    label: int  # index of its label
    cosine: float  # of the centred embeddings, -1 to 1


class Apart(NamedTuple):
    """A word that sets a pattern apart."""

    word: str
    nearest: float  # share of the nearest ordinary patterns that hold it
    corpus: float  # share of all ordinary patterns


class Explanation(NamedTuple):
    """Why one pattern got its verdict."""

    nearest: list[Near]  # nearest first
    component: int  # the likeliest one
    responsibility: float  # r_c(x) of it
    rivals: np.ndarray  # rows of the nearest ordinary patterns, labelled or not
    words: list[Apart]  # most telling first


def words_of(text: str) -> list[str]:
    """The words of a canonical text, small, each once, in their order; masks are none."""
    return list(dict.fromkeys(word.lower() for word in _WORD.findall(_MASK.sub(" ", text))))


def vocabulary(texts: Sequence[str] | np.ndarray) -> Vocabulary:
    """Count the patterns that hold each word."""
    return Vocabulary(len(texts), Counter(word for text in texts for word in words_of(text)))


def explain(
    text: str,
    unit: np.ndarray,
    responsibilities: sparse.csr_matrix,
    base: np.ndarray,
    texts: Sequence[str] | np.ndarray,
    given: np.ndarray,
    ordinary: np.ndarray,
    known: Vocabulary,
) -> Explanation:
    """Explain a pattern of direction ``unit`` (D,) and ``responsibilities`` (1, K).

    ``base`` (N, D) directions of the stored patterns, ``texts`` (N,), ``given`` (N,) label indices,
    -1 for none.  ``ordinary`` (N,) bool: what words are held against: what the version was trained
    with, the pattern and its likes left out, which share its words; ``known``: their vocabulary.
    """
    cosine = base @ unit
    near = _largest(cosine, given != NO_LABEL, NEAREST)
    rivals = _largest(cosine, ordinary, _RIVALS)
    component, share = likeliest(responsibilities)
    return Explanation(
        [Near(int(i), int(given[i]), float(cosine[i])) for i in near],
        component,
        share,
        rivals,
        words_apart(text, [str(texts[i]) for i in rivals], known),
    )


def words_apart(text: str, nearest: Sequence[str], known: Vocabulary) -> list[Apart]:
    """Words of ``text`` that are rare in the ``nearest`` texts and in the corpus, rarest first.

    Weight (1 - share of the nearest that hold it) log((1 + P) / (1 + patterns that hold it)), as
    tf-idf with the neighbourhood in place of the text.  A word in half of either is not rare, one
    with less than half of the largest weight says little beside the others.
    """
    if not known.patterns:
        return []
    held = Counter(word for other in nearest for word in words_of(other))
    found: list[tuple[float, Apart]] = []
    for word in words_of(text):
        near = held[word] / len(nearest) if nearest else 0.0
        corpus = known.holding[word] / known.patterns
        if near < 0.5 and corpus < 0.5:
            rarity = np.log((1 + known.patterns) / (1 + known.holding[word]))
            found.append(((1 - near) * float(rarity), Apart(word, near, corpus)))
    found.sort(key=lambda each: -each[0])
    return [apart for weight, apart in found[:WORDS] if weight >= found[0][0] / 2]


def likeliest(responsibilities: sparse.csr_matrix) -> tuple[int, float]:
    """The component with the largest of ``responsibilities`` (1, K), and that."""
    row = sparse.csr_matrix(responsibilities)
    if not row.nnz:
        return 0, 0.0
    best = int(row.data.argmax())
    return int(row.indices[best]), float(row.data[best])


def as_strange(p: float, kept_back: int) -> str:
    """A novelty p-value in words; ``kept_back``: messages it was calibrated on."""
    if p * (kept_back + 1) <= 1:
        return f"none of {kept_back:,} known messages kept back is as strange"
    times = 1 / p
    if times < 10:
        return f"{max(1, round(10 * p))} in 10 known messages are as strange"
    digits = len(str(int(times))) - 2
    return f"1 in {round(times / 10**digits) * 10**digits:,} known messages is as strange"


def _largest(values: np.ndarray, among: np.ndarray, most: int) -> np.ndarray:
    """Rows of the largest ``values`` (N,) where ``among`` (N,) bool, largest first."""
    rows = np.flatnonzero(among)
    if len(rows) > most:
        rows = rows[np.argpartition(-values[rows], most)[:most]]
    ordered: np.ndarray = rows[np.argsort(-values[rows], kind="stable")]
    return ordered

"""Explanations on cases whose answer is known beforehand."""

import numpy as np
import pytest
from scipy import sparse

from genlab.pipeline.explain import (
    WORDS,
    as_strange,
    explain,
    vocabulary,
    words_apart,
    words_of,
)

CORPUS = [
    "pump <NUM> pressure low",
    "pump <NUM> pressure high",
    "pump <NUM> stopped",
    "valve <NUM> stuck",
    "link <IP> down",
    "link <IP> up",
    "user <NUM> login failed",
    "user <NUM> logout",
]


def test_words_are_of_the_text_and_masks_are_none() -> None:
    assert words_of("Pump_7 <NUM> in <PATH:down> PUMP druck-höhe x42") == [
        "pump", "in", "druck", "höhe", "x42",
    ]  # fmt: skip


def test_the_word_that_no_neighbour_has_sets_it_apart() -> None:
    found = words_apart("pump <NUM> pressure cavitation", CORPUS[:3], vocabulary(CORPUS))
    assert [each.word for each in found] == ["cavitation"]
    assert (found[0].nearest, found[0].corpus) == (0.0, 0.0)


def test_a_word_known_elsewhere_weighs_less_than_one_known_nowhere() -> None:
    """(1 - near) log((1 + P) / (1 + holding)), by hand: log(9 / 1) and log(9 / 2)."""
    found = words_apart("pump valve cavitation", CORPUS[:3], vocabulary(CORPUS))
    assert [each.word for each in found] == ["cavitation", "valve"]
    assert found[1].corpus == pytest.approx(1 / 8)
    two = words_apart("pump user cavitation", CORPUS[:3], vocabulary(CORPUS))
    assert np.log(9 / 3) / np.log(9) == 0.5  # two of eight: just half of the largest weight
    assert [each.word for each in two] == ["cavitation", "user"]
    three = words_apart("pump pressure cavitation", CORPUS[3:6], vocabulary(CORPUS))
    assert [each.word for each in three] == ["cavitation", "pressure"]  # "pump": 3 of 8


def test_common_words_of_the_same_kind_set_nothing_apart() -> None:
    assert words_apart("pump <NUM> pressure", CORPUS[:2], vocabulary(CORPUS)) == []
    many = " ".join(f"word{chr(97 + i)}" for i in range(12))
    assert len(words_apart(many, CORPUS, vocabulary(CORPUS))) == WORDS
    assert [each.word for each in words_apart("alone", [], vocabulary([]))] == []


def test_nearest_labelled_rivals_and_component_against_brute_force() -> None:
    rng = np.random.default_rng(1)
    n = 60
    base = rng.normal(size=(n, 8))
    base /= np.linalg.norm(base, axis=1, keepdims=True)
    given = rng.integers(-1, 3, n)
    ordinary = rng.random(n) < 0.5
    ordinary[7] = False
    texts = [f"text {chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(n)]
    rows = sparse.csr_matrix(np.array([[0.1, 0.0, 0.7, 0.2]]))
    known = vocabulary([t for t, o in zip(texts, ordinary, strict=True) if o])
    found = explain("a strange text", base[7], rows, base, texts, given, ordinary, known)
    cosine = base @ base[7]
    wanted = sorted((i for i in range(n) if given[i] >= 0), key=lambda i: -cosine[i])[:5]
    assert [near.row for near in found.nearest] == wanted
    assert [near.label for near in found.nearest] == [given[i] for i in wanted]
    assert [near.cosine for near in found.nearest] == pytest.approx(list(cosine[wanted]))
    assert (found.component, found.responsibility) == (2, pytest.approx(0.7))
    rivals = sorted(np.flatnonzero(ordinary), key=lambda i: -cosine[i])[:10]
    assert list(found.rivals) == rivals
    assert [each.word for each in found.words] == ["strange"]  # "text" is in all, "a" no word


@pytest.mark.parametrize(
    ("p", "kept_back", "said"),
    [
        (0.005, 1_000, "1 in 200 known messages is as strange"),
        (0.0321, 1_000, "1 in 31 known messages is as strange"),
        (0.00081, 10_000, "1 in 1,200 known messages is as strange"),
        (0.3, 1_000, "3 in 10 known messages are as strange"),
        (1 / 401, 400, "none of 400 known messages kept back is as strange"),
    ],
)
def test_a_p_value_in_words(p: float, kept_back: int, said: str) -> None:
    assert as_strange(p, kept_back) == said

"""Whether people who labelled the same patterns said the same."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np


class Agreement(NamedTuple):
    """Two annotators on the patterns that both labelled."""

    first: str
    second: str
    patterns: int  # M that both labelled
    agreed: int  # of them with the same label
    kappa: float  # (p_o - p_e) / (1 - p_e), Cohen 1960; NaN where chance alone would agree


def cohen_kappa(first: np.ndarray, second: np.ndarray) -> float:
    """Agreement of two label arrays (M,) beyond chance: 1 perfect, 0 chance, NaN undefined.

    Undefined (p_e = 1) when both used one and the same label throughout, or M = 0.
    """
    if not len(first):
        return float("nan")
    names, codes = np.unique(np.concatenate([first, second]), return_inverse=True)
    a, b = codes[: len(first)], codes[len(first) :]
    shares = [np.bincount(each, minlength=len(names)) / len(first) for each in (a, b)]
    by_chance = float(shares[0] @ shares[1])
    observed = float((a == b).mean())
    return (observed - by_chance) / (1 - by_chance) if by_chance < 1 else float("nan")


def agreements(
    patterns: Sequence[str], annotators: Sequence[str], labels: Sequence[str]
) -> list[Agreement]:
    """Every pair of annotators with a pattern in common, the pair with most of them first.

    One row per opinion: the pattern, who, which label; a person has one opinion of a pattern.
    """
    said: dict[str, dict[str, str]] = {}
    for pattern, who, label in zip(patterns, annotators, labels, strict=True):
        said.setdefault(who, {})[pattern] = label
    found = []
    for first, second in combinations(sorted(said), 2):
        both = sorted(said[first].keys() & said[second].keys())
        if both:
            a = np.array([said[first][pattern] for pattern in both])
            b = np.array([said[second][pattern] for pattern in both])
            agreed = int((a == b).sum())
            found.append(Agreement(first, second, len(both), agreed, cohen_kappa(a, b)))
    return sorted(found, key=lambda each: -each.patterns)

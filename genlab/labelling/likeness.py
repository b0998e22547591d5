"""Which patterns are alike: groups by nearness, for kinds that no component was made for."""

import numpy as np

ALIKE = 0.65
"""Cosine of centred embeddings from which two patterns count as one kind.

Of two systems of LogHub that the model had not seen, 237 patterns of 35 templates: 22 groups of
homogeneity 0.84 and completeness 0.91; their likeliest components make 10 groups, 0.40 and 0.67."""


def gather(unit: np.ndarray, least: float = ALIKE) -> np.ndarray:
    """(N,) row of the leader of each of ``unit`` (N, D) directions, those to lead coming first.

    No two leaders are as near as ``least``, everyone is that near to the own one, so that groups
    cannot grow along chains: the first that is free leads, then each goes to its nearest leader.
    Holds N x N cosines.
    """
    alike = unit @ unit.T
    free = np.ones(len(unit), bool)
    leaders: list[int] = []
    for i in range(len(unit)):
        if free[i]:
            leaders.append(i)
            free &= alike[i] < least
            free[i] = False
    if not leaders:
        return np.zeros(0, np.int64)
    own = np.array(leaders)
    found: np.ndarray = own[alike[:, own].argmax(axis=1)]
    found[own] = own  # equal directions, or none at all
    return found

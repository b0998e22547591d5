"""The recursions of hidden Markov models over many sequences that lie end to end, compiled.

Rabiner, *A tutorial on hidden Markov models and selected applications in speech recognition*
(Proc. IEEE 1989); the forward-backward recursion is of Baum et al. (1970).  S states, T steps in
all, N sequences; sequence n is the steps ``begins[n]`` to ``begins[n + 1]``.  All float64.
"""

import math

import numpy as np
from numba import njit

TINY = 1e-200  # a step's probability from here down is left to the recursion in logarithms
LANES = 16  # sequences side by side: a step waits for the one before, other sequences do not


def scaled_expectations(
    start: np.ndarray, transition: np.ndarray, likelihoods: np.ndarray, begins: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Forward-backward with scaling (Rabiner section V.A), LANES sequences at a time.

    start (S,), transition (S, S), likelihoods (T, S) up to a factor of each step's, the largest 1
    (or all 0) -> scales (T,), the steps' probabilities given the past; posteriors (T, S),
    p(state | sequence) (eq. 27); pairs (S, S), expected transitions (sums of eq. 37); lost (N,),
    the sequences with a step of TINY or less: their posteriors and pairs are 0.
    """
    longest_first = np.argsort(-np.diff(begins), kind="stable")
    scales, posteriors = np.empty(len(likelihoods)), np.empty_like(likelihoods)
    pairs = np.zeros((*transition.shape, LANES))
    lost = np.zeros(len(longest_first), dtype=np.bool_)
    _scaled_pass(
        start, transition, likelihoods, begins, longest_first, scales, posteriors, pairs, lost
    )
    return scales, posteriors, pairs.sum(axis=2) * transition, lost


@njit(cache=True, error_model="numpy")
def _scaled_pass(start, transition, likelihoods, begins, order, scales, posteriors, pairs, lost):
    """Fill the last four; longest first, the lanes in use are always the first ones."""
    size = len(start)
    now = np.empty((size, LANES))
    other = np.empty((size, LANES))  # what the past says of this step; later what the future says
    share = np.empty(LANES)
    at = np.empty(LANES, dtype=np.int64)  # the row of each lane's first step
    length = np.empty(LANES, dtype=np.int64)
    for block in range(0, len(order), LANES):
        used = lanes = min(LANES, len(order) - block)
        for lane in range(lanes):
            at[lane] = begins[order[block + lane]]
            length[lane] = begins[order[block + lane] + 1] - at[lane]
            for j in range(size):
                other[j, lane] = start[j]
        for t in range(length[0]):  # eqs. 19, 20 and 92
            while length[lanes - 1] <= t:
                lanes -= 1
            for lane in range(lanes):
                share[lane] = 0.0
            for j in range(size):
                for lane in range(lanes):
                    now[j, lane] = other[j, lane] * likelihoods[at[lane] + t, j]
                    share[lane] += now[j, lane]
            for lane in range(lanes):
                if share[lane] > TINY:
                    scales[at[lane] + t] = share[lane]
                    share[lane] = 1.0 / share[lane]
                else:
                    scales[at[lane] + t] = 1.0
                    share[lane] = 0.0
                    lost[order[block + lane]] = True
            for j in range(size):
                for lane in range(lanes):
                    now[j, lane] *= share[lane]
                    posteriors[at[lane] + t, j] = now[j, lane]
                    other[j, lane] = 0.0
            for i in range(size):
                for j in range(size):
                    move = transition[i, j]
                    for lane in range(lanes):
                        other[j, lane] += now[i, lane] * move
        lanes = 0
        for t in range(length[0] - 1, -1, -1):  # eqs. 25, 27 and 37
            for j in range(size):
                for lane in range(lanes):
                    row = at[lane] + t + 1
                    now[j, lane] = likelihoods[row, j] * other[j, lane] / scales[row]
                    other[j, lane] = 0.0
            for i in range(size):
                for j in range(size):
                    move = transition[i, j]
                    for lane in range(lanes):
                        other[i, lane] += move * now[j, lane]
            for i in range(size):
                for lane in range(lanes):
                    share[lane] = posteriors[at[lane] + t, i]
                    posteriors[at[lane] + t, i] *= other[i, lane]
                for j in range(size):
                    for lane in range(lanes):
                        pairs[i, j, lane] += share[lane] * now[j, lane]
            while lanes < used and length[lanes] > t:  # their last step
                hope = 0.0 if lost[order[block + lanes]] else 1.0
                for j in range(size):
                    other[j, lanes] = hope
                    posteriors[at[lanes] + t, j] *= hope
                lanes += 1


@njit(cache=True)
def log_expectations(log_start, log_transition, log_densities, begins):
    """The same in logarithms: nothing underflows, at several times the work.

    log_densities (T, S) -> log-likelihoods (N,), -inf where a sequence is impossible (its rows are
    0 and its pairs not in); posteriors (T, S); pairs (S, S).
    """
    steps, size = log_densities.shape
    log_p = np.empty(len(begins) - 1)
    forward = np.empty((steps, size))
    posteriors = np.zeros((steps, size))
    pairs = np.zeros((size, size))
    terms = np.empty(size)
    for n in range(len(begins) - 1):
        begin, end = begins[n], begins[n + 1]
        for j in range(size):
            forward[begin, j] = log_start[j] + log_densities[begin, j]
        for t in range(begin + 1, end):
            for j in range(size):
                for i in range(size):
                    terms[i] = forward[t - 1, i] + log_transition[i, j]
                forward[t, j] = _log_sum(terms) + log_densities[t, j]
        log_p[n] = _log_sum(forward[end - 1])
        if log_p[n] == -np.inf:
            continue
        backward = np.zeros(size)
        ahead = np.empty(size)
        for t in range(end - 1, begin - 1, -1):
            if t < end - 1:
                for j in range(size):
                    ahead[j] = log_densities[t + 1, j] + backward[j]
                for i in range(size):
                    for j in range(size):
                        terms[j] = log_transition[i, j] + ahead[j]
                        pairs[i, j] += math.exp(forward[t, i] + terms[j] - log_p[n])
                    backward[i] = _log_sum(terms)
            for i in range(size):
                posteriors[t, i] = math.exp(forward[t, i] + backward[i] - log_p[n])
    return log_p, posteriors, pairs


@njit(cache=True)
def best_paths(log_start, log_transition, log_densities, begins):
    """Viterbi (Rabiner eqs. 32-35): the most likely states (T,) and their log-probabilities (N,).

    Of equals the state with the lower number; a path of an impossible sequence has -inf.
    """
    steps, size = log_densities.shape
    states = np.zeros(steps, dtype=np.int64)
    origin = np.zeros((steps, size), dtype=np.int64)
    log_p = np.empty(len(begins) - 1)
    best = np.empty(size)
    following = np.empty(size)
    for n in range(len(begins) - 1):
        begin, end = begins[n], begins[n + 1]
        for j in range(size):
            best[j] = log_start[j] + log_densities[begin, j]
        for t in range(begin + 1, end):
            for j in range(size):
                chosen, top = 0, best[0] + log_transition[0, j]
                for i in range(1, size):
                    candidate = best[i] + log_transition[i, j]
                    if candidate > top:
                        chosen, top = i, candidate
                origin[t, j] = chosen
                following[j] = top + log_densities[t, j]
            for j in range(size):
                best[j] = following[j]
        for j in range(size):
            if best[j] > best[states[end - 1]]:
                states[end - 1] = j
        log_p[n] = best[states[end - 1]]
        for t in range(end - 1, begin, -1):
            states[t - 1] = origin[t, states[t]]
    return states, log_p


@njit(cache=True)
def symbol_counts(symbols, posteriors, kinds):
    """Expected number of times each state shows each symbol: (T,), (T, S) -> (kinds, S)."""
    counts = np.zeros((kinds, posteriors.shape[1]))
    for t in range(len(symbols)):
        for i in range(posteriors.shape[1]):
            counts[symbols[t], i] += posteriors[t, i]
    return counts


@njit(cache=True)
def _log_sum(terms):
    top = -np.inf
    for term in terms:
        top = max(top, term)
    if top == -np.inf:
        return top
    total = 0.0
    for term in terms:
        total += math.exp(term - top)
    return top + math.log(total)

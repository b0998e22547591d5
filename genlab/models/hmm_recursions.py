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


@njit(cache=True, error_model="numpy")
def scaled_expectations(start, transition, likelihoods, begins):
    """Forward-backward with scaling (Rabiner section V.A), LANES sequences at a time.

    start (S,), transition (S, S), likelihoods (T, S) up to a factor of each step's, the largest 1
    (or all 0) -> scales (T,), the steps' probabilities given the past; posteriors (T, S),
    p(state | sequence) (eq. 27); pairs (S, S), expected transitions (sums of eq. 37); lost (N,),
    the sequences with a step of TINY or less: their posteriors and pairs are 0.
    """
    steps, size = likelihoods.shape
    lengths = begins[1:] - begins[:-1]
    order = np.argsort(-lengths)  # longest first: the lanes in use are always the first ones
    scales = np.empty(steps)
    posteriors = np.empty((steps, size))  # the forward variables, until the way back
    lost = np.zeros(len(lengths), dtype=np.bool_)
    pairs = np.zeros((size, size, LANES))
    now = np.empty((size, LANES))
    other = np.empty((size, LANES))  # what the past says of this step; later what the future says
    share = np.empty(LANES)
    at = np.empty(LANES, dtype=np.int64)  # the row of each lane's first step
    for block in range(0, len(order), LANES):
        own = order[block : block + LANES]
        lanes = len(own)
        for lane in range(lanes):
            at[lane] = begins[own[lane]]
            other[:, lane] = start
        for t in range(lengths[own[0]]):  # eqs. 19, 20 and 92
            while lengths[own[lanes - 1]] <= t:
                lanes -= 1
            share[:lanes] = 0.0
            for j in range(size):
                for lane in range(lanes):
                    now[j, lane] = other[j, lane] * likelihoods[at[lane] + t, j]
                    share[lane] += now[j, lane]
            for lane in range(lanes):
                possible = share[lane] > TINY
                lost[own[lane]] |= not possible
                scales[at[lane] + t] = share[lane] if possible else 1.0
                share[lane] = 1.0 / share[lane] if possible else 0.0
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
        for t in range(lengths[own[0]] - 1, -1, -1):  # eqs. 25, 27 and 37
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
            while lanes < len(own) and lengths[own[lanes]] > t:  # their last step
                hope = 0.0 if lost[own[lanes]] else 1.0
                other[:, lanes] = hope
                posteriors[at[lanes] + t] *= hope
                lanes += 1
    return scales, posteriors, pairs.sum(axis=2) * transition, lost


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
                ahead[:] = log_densities[t + 1] + backward
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
        best[:] = log_start + log_densities[begin]
        for t in range(begin + 1, end):
            for j in range(size):
                chosen, top = 0, best[0] + log_transition[0, j]
                for i in range(1, size):
                    candidate = best[i] + log_transition[i, j]
                    if candidate > top:
                        chosen, top = i, candidate
                origin[t, j] = chosen
                following[j] = top + log_densities[t, j]
            best[:] = following
        states[end - 1] = np.argmax(best)
        log_p[n] = best[states[end - 1]]
        for t in range(end - 1, begin, -1):
            states[t - 1] = origin[t, states[t]]
    return states, log_p


@njit(cache=True)
def symbol_counts(symbols, posteriors, kinds):
    """Expected number of times each state shows each symbol: (T,), (T, S) -> (S, kinds)."""
    counts = np.zeros((kinds, posteriors.shape[1]))
    for t in range(len(symbols)):
        for i in range(posteriors.shape[1]):
            counts[symbols[t], i] += posteriors[t, i]
    return counts.T.copy()


@njit(cache=True)
def _log_sum(terms):
    top = terms.max()
    if top == -np.inf:
        return top
    total = 0.0
    for term in terms:
        total += math.exp(term - top)
    return top + math.log(total)

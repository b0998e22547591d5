"""Hidden Markov models against every path enumerated, hmmlearn, and what Baum-Welch promises."""

import itertools

import numpy as np
import pytest
from hmmlearn.hmm import CategoricalHMM, GaussianHMM
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.metrics import adjusted_rand_score

from genlab.errors import InputError
from genlab.models import hmm, hmm_fit
from genlab.models.gaussian_family import Gaussians
from genlab.models.hmm_emissions import KINDS, Categorical, EmissionKind, Normal

SPACES: tuple[hmm.Space, ...] = ("scaled", "log")


def model(kind: EmissionKind, states: int = 3, seed: int = 0, zeros: bool = False) -> hmm.HMM:
    """Random; with ``zeros`` some starts, transitions and symbols are impossible."""
    rng = np.random.default_rng(seed)
    start, transition = rng.dirichlet(np.ones(states)), rng.dirichlet(np.ones(states), states)
    shown = rng.dirichlet(np.ones(4), states)
    if zeros:
        start[0] = transition[0, 1] = transition[1, 1] = shown[0, 2] = shown[1, 3] = 0
        start, transition, shown = (
            one / one.sum(axis=-1, keepdims=True) for one in (start, transition, shown)
        )
    if kind == "categorical":
        return hmm.HMM(start, transition, Categorical(shown))
    factors = rng.normal(size=(states, 2, 2))
    covariances = factors @ factors.swapaxes(1, 2) + 0.2 * np.eye(2)
    if kind == "diagonal":
        covariances = np.diagonal(covariances, axis1=1, axis2=2).copy()
    means = rng.normal(scale=1.5, size=(states, 2))
    return hmm.HMM(start, transition, Normal(Gaussians(means, covariances, kind)))


def drawn(truth: hmm.HMM, lengths: list[int], seed: int = 1) -> hmm.Sequences:
    return hmm.sample(truth, lengths, np.random.default_rng(seed))[0]


def densities(truth: hmm.HMM, x: np.ndarray) -> np.ndarray:
    """log p(x_t | state), by scipy: (T, S)."""
    with np.errstate(divide="ignore"):
        if isinstance(truth.emission, Categorical):
            return np.log(truth.emission.probabilities.T[x])
    means, covariances, kind = truth.emission.gaussians
    if kind == "diagonal":
        covariances = covariances[:, :, None] * np.eye(2)
    pairs = zip(means, covariances, strict=True)
    return np.column_stack([multivariate_normal(*pair).logpdf(x) for pair in pairs])


def joint_of(truth: hmm.HMM, x: np.ndarray, paths: np.ndarray) -> np.ndarray:
    """log p(path, x) of every path: (P, T) -> (P,)."""
    seen = densities(truth, x)
    with np.errstate(divide="ignore"):
        joint = np.log(truth.start)[paths[:, 0]] + seen[0, paths[:, 0]]
        for t in range(1, len(x)):
            joint += np.log(truth.transition)[paths[:, t - 1], paths[:, t]] + seen[t, paths[:, t]]
    return joint


def enumerated(truth: hmm.HMM, x: np.ndarray):
    """Every path and its log p(path, x)."""
    paths = np.array(list(itertools.product(range(len(truth.start)), repeat=len(x))))
    return paths, joint_of(truth, x, paths)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_likelihoods_posteriors_and_transitions_are_those_of_all_paths(kind, zeros, space):
    truth = model(kind, zeros=zeros)
    sequences = drawn(truth, [1, 6, 2, 5, *[3] * 20, 4])  # more than fit side by side
    found = hmm.expectations(sequences, truth, space)
    pairs = np.zeros((3, 3))
    for n, x in enumerate(sequences.split(sequences.x)):
        paths, joint = enumerated(truth, x)
        log_p = logsumexp(joint)
        assert found.log_likelihoods[n] == pytest.approx(log_p, abs=1e-10)
        weight = np.exp(joint - log_p)
        expected = [[weight[paths[:, t] == i].sum() for i in range(3)] for t in range(len(x))]
        own = sequences.split(found.posteriors)[n]
        np.testing.assert_allclose(own, expected, atol=1e-12)
        for t in range(1, len(x)):
            np.add.at(pairs, (paths[:, t - 1], paths[:, t]), weight)
    np.testing.assert_allclose(found.pairs, pairs, atol=1e-10)


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_viterbi_finds_the_best_of_all_paths(kind, zeros):
    truth = model(kind, zeros=zeros)
    sequences = drawn(truth, [1, 6, 2, 5, 3, 4])
    states, log_p = hmm.viterbi(sequences, truth)
    for n, x in enumerate(sequences.split(sequences.x)):
        paths, joint = enumerated(truth, x)
        assert log_p[n] == pytest.approx(joint.max(), abs=1e-10)
        assert sequences.split(states)[n].tolist() == paths[joint.argmax()].tolist()


def test_of_equal_paths_viterbi_takes_the_lower_states():
    even = np.full((2, 2), 0.5)
    states, _ = hmm.viterbi(hmm.join([[0, 1, 0]]), hmm.HMM(even[0], even, Categorical(even)))
    assert states.tolist() == [0, 0, 0]


def peer(start: hmm.HMM, **options):
    """hmmlearn's model with the same parameters and no prior of its own."""
    states = len(start.start)
    options |= {"init_params": "", "tol": -np.inf}
    if isinstance(start.emission, Categorical):
        other = CategoricalHMM(states, **options)
        other.emissionprob_ = start.emission.probabilities
    else:
        means, covariances, kind = start.emission.gaussians
        other = GaussianHMM(
            states,
            "diag" if kind == "diagonal" else kind,
            covars_prior=0,
            covars_weight=1,
            **options,
        )
        other.means_, other.covars_ = means, covariances
    other.startprob_, other.transmat_ = start.start, start.transition
    return other


@pytest.mark.parametrize("implementation", ["scaling", "log"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_start_and_steps_give_hmmlearns_model(kind, implementation):
    sequences = drawn(model(kind, 4), np.random.default_rng(0).integers(1, 60, 50).tolist())
    lengths = np.diff(sequences.begins)
    rows = sequences.x.reshape(len(sequences.x), -1)
    fitted = start = model(kind, 4, seed=9)
    for _ in range(5):
        fitted, _ = hmm.baum_welch_step(sequences, fitted, regularisation=0.0)
    other = peer(start, n_iter=5, implementation=implementation).fit(rows, lengths)
    np.testing.assert_allclose(fitted.start, other.startprob_, atol=1e-10)
    np.testing.assert_allclose(fitted.transition, other.transmat_, atol=1e-10)
    total = hmm.log_likelihood(sequences, fitted).sum()
    assert total == pytest.approx(other.score(rows, lengths), abs=1e-6)
    states, log_p = hmm.viterbi(sequences, fitted)
    expected, path = other.decode(rows, lengths, algorithm="viterbi")
    assert log_p.sum() == pytest.approx(expected, abs=1e-6)
    split = map(sequences.split, (sequences.x, states, path))
    for x, ours, theirs in zip(*split, strict=True):
        one, other_one = joint_of(fitted, x, np.array([ours, theirs]))
        assert ours.tolist() == theirs.tolist() or one == pytest.approx(other_one, abs=1e-9)
    assert (states == path).mean() > 0.95  # ties are few
    shares = hmm.posteriors(sequences, fitted)
    np.testing.assert_allclose(shares, other.predict_proba(rows, lengths), atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_the_log_likelihood_never_falls(kind):
    sequences = drawn(model(kind), [40] * 30)
    fitted, trace = model(kind, seed=4), []
    for _ in range(60):
        fitted, before = hmm.baum_welch_step(sequences, fitted, regularisation=0.0)
        trace.append(before)
    assert np.diff(trace).min() > -1e-9 * abs(trace[0])  # rounding alone
    assert trace[-1] > trace[0] + 1


def test_what_underflows_is_left_to_logarithms():
    """Far from every state but the one it cannot be in, each step costs thousands of nats."""
    gaussians = Gaussians(np.array([[0.0], [60.0]]), np.ones((2, 1)), "diagonal")
    stuck = hmm.HMM(np.array([1.0, 0.0]), np.eye(2), Normal(gaussians))
    sequences = hmm.join([np.zeros((3, 1)), np.full((4, 1), 60.0), np.ones((2, 1))])
    found = hmm.expectations(sequences, stuck)
    expected = hmm.expectations(sequences, stuck, "log")
    np.testing.assert_allclose(found.log_likelihoods, expected.log_likelihoods, rtol=1e-12)
    assert found.log_likelihoods[1] == pytest.approx(4 * (-1800 - 0.5 * np.log(2 * np.pi)))
    np.testing.assert_allclose(found.posteriors, expected.posteriors, atol=1e-12)
    np.testing.assert_allclose(found.pairs, [[6, 0], [0, 0]], atol=1e-12)


@pytest.mark.parametrize("space", SPACES)
def test_an_impossible_sequence_has_no_likelihood_and_is_named(space):
    """Symbol 1 has probability 0 in every state; it comes in the second sequence."""
    even = np.full((2, 2), 0.5)
    truth = hmm.HMM(even[0], even, Categorical(np.array([[1.0, 0.0], [1.0, 0.0]])))
    sequences = hmm.join([[0, 0], [0, 1, 0], [0]])
    found = hmm.expectations(sequences, truth, space)
    np.testing.assert_allclose(found.log_likelihoods, [0, -np.inf, 0], atol=1e-12)
    np.testing.assert_allclose(found.posteriors[2:5], 0)
    assert found.pairs.sum() == pytest.approx(1)  # of the first sequence alone
    assert hmm.viterbi(sequences, truth)[1].tolist()[1] == -np.inf
    for refused in (hmm.posteriors, hmm.baum_welch_step):
        with pytest.raises(InputError, match="cannot produce, the first is number 1"):
            refused(sequences, truth)


def test_a_pseudocount_leaves_no_symbol_impossible_and_a_dead_state_stays_as_it_was():
    sequences = drawn(model("categorical"), [50] * 5)
    fit = hmm_fit.fit(sequences, 2, "categorical", n_symbols=6, pseudocount=0.1)
    assert np.isfinite(hmm.log_likelihood(hmm.join([[5, 5]]), fit.model)).all()

    for kind in KINDS:
        truth = model(kind)
        start, moves = truth.start.copy(), truth.transition.copy()
        start[2] = moves[0, 2] = moves[1, 2] = 0  # nothing leads to the third state
        dead = hmm.HMM(
            start / start.sum(), moves / moves.sum(axis=1, keepdims=True), truth.emission
        )
        following, _ = hmm.baum_welch_step(drawn(dead, [30] * 4), dead)
        assert following.start[2] == 0
        np.testing.assert_array_equal(following.transition[2], dead.transition[2])
        for was, became in zip(dead.emission[0], following.emission[0], strict=False):
            assert np.shape(was) == np.shape(became)
        if isinstance(dead.emission, Normal):
            kept = following.emission.gaussians.means[2]
            np.testing.assert_array_equal(kept, dead.emission.gaussians.means[2])
        else:
            kept = following.emission.probabilities[2]
            np.testing.assert_array_equal(kept, dead.emission.probabilities[2])


@pytest.mark.parametrize("kind", KINDS)
def test_draws_follow_the_model(kind):
    truth = model(kind)
    sequences, states = hmm.sample(truth, [3] * 40_000, np.random.default_rng(0))
    paths = states.reshape(-1, 3)
    np.testing.assert_allclose(np.bincount(paths[:, 0]) / 40_000, truth.start, atol=0.01)
    for i in range(3):
        moved = np.bincount(paths[:, 1:][paths[:, :-1] == i], minlength=3)
        chance = 4 * np.sqrt(0.25 / moved.sum())
        np.testing.assert_allclose(moved / moved.sum(), truth.transition[i], atol=chance)
        own = sequences.x[states == i]
        if isinstance(truth.emission, Categorical):
            shown = np.bincount(own, minlength=4) / len(own)
            np.testing.assert_allclose(shown, truth.emission.probabilities[i], atol=0.01)
        else:
            mean = truth.emission.gaussians.means[i]
            np.testing.assert_allclose(own.mean(axis=0), mean, atol=0.05)
    unequal, states = hmm.sample(truth, [1, 5, 2], np.random.default_rng(0))
    assert np.diff(unequal.begins).tolist() == [1, 5, 2]
    assert len(states) == len(unequal.x) == 8


@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_finds_the_states_it_was_drawn_from(kind):
    start, transition = np.full(3, 1 / 3), np.full((3, 3), 0.02) + 0.94 * np.eye(3)
    if kind == "categorical":
        emission = Categorical(np.full((3, 6), 0.05) + 0.7 * np.eye(3, 6))
    else:
        spread = np.ones((3, 2)) if kind == "diagonal" else np.tile(np.eye(2), (3, 1, 1))
        means = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
        emission = Normal(Gaussians(means, spread, kind))
    truth = hmm.HMM(start, transition, emission)
    sequences, states = hmm.sample(truth, [200] * 20, np.random.default_rng(2))
    fit = hmm_fit.fit(sequences, 3, kind, restarts=2)
    assert fit.converged
    found = hmm.viterbi(sequences, fit.model)[0]
    assert adjusted_rand_score(states, found) > 0.9
    assert adjusted_rand_score(states, hmm.posteriors(sequences, fit.model).argmax(axis=1)) > 0.9
    # As good on what it was fitted to as the truth, which has more to say on what comes.
    assert fit.log_likelihoods[-1] > hmm.log_likelihood(sequences, truth).sum()
    alone = [hmm_fit.fit(sequences, 3, kind).log_likelihoods[-1], fit.log_likelihoods[-1]]
    assert max(alone) == fit.log_likelihoods[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_one_step_and_one_dimension_have_an_answer(kind):
    one = hmm.join([[2]] if kind == "categorical" else [[[2.0]]])
    fit = hmm_fit.fit(one, 1, kind, regularisation=0.5)
    assert np.isfinite(fit.log_likelihoods).all()
    np.testing.assert_allclose(hmm.posteriors(one, fit.model), [[1]])
    twice = hmm.join([[1] * 9] if kind == "categorical" else [np.ones((9, 1))])
    fit = hmm_fit.fit(twice, 2, kind)  # more states than distinct steps
    assert np.isfinite(fit.log_likelihoods).all()


def test_the_number_of_free_parameters_is_counted():
    assert hmm.parameters(model("categorical")) == 2 + 6 + 9
    assert hmm.parameters(model("diagonal")) == 2 + 6 + 6 + 6
    assert hmm.parameters(model("full")) == 2 + 6 + 6 + 9


def test_hostile_input_is_refused_with_what_was_found():
    points, letters = model("diagonal"), model("categorical")
    with pytest.raises(InputError, match="no sequence"):
        hmm.join([])
    with pytest.raises(InputError, match="sequence 1 without a step"):
        hmm.join([np.array([0]), np.array([], dtype=int)])
    with pytest.raises(InputError, match=r"shapes \(2, 1\), \(2, 3\)"):
        hmm.join([np.zeros((2, 3)), np.zeros((2, 1))])
    with pytest.raises(InputError, match=r"not finite .* the first is number 1"):
        hmm.log_likelihood(hmm.join([np.array([[0.0, 0.0], [0.0, np.nan]])]), points)
    with pytest.raises(InputError, match=r"expected \(N, 2\)"):
        hmm.log_likelihood(hmm.join([np.zeros((2, 3))]), points)
    with pytest.raises(InputError, match="symbols from 0 to 4, expected 0 to 3"):
        hmm.log_likelihood(hmm.join([[0, 4]]), letters)
    with pytest.raises(InputError, match="symbols from -1"):
        hmm_fit.fit(hmm.join([[0, -1]]), 1, "categorical")
    with pytest.raises(InputError, match="float64, expected integers"):
        hmm.viterbi(hmm.join([[0.0, 1.0]]), letters)
    with pytest.raises(InputError, match="5 states for 2 steps"):
        hmm_fit.fit(hmm.join([[0, 1]]), 5, "categorical")
    with pytest.raises(InputError, match="emission 'round'"):
        hmm_fit.fit(hmm.join([[0, 1]]), 1, "round")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="0 iterations"):
        hmm_fit.fit(hmm.join([[0, 1]]), 1, "categorical", iterations=0)
    with pytest.raises(InputError, match="each at least 1"):
        hmm.sample(letters, [3, 0], np.random.default_rng(0))

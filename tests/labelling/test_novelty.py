import numpy as np
import pytest
from scipy import stats

from genlab.config import load_settings
from genlab.errors import InputError
from genlab.labelling import conformal_p, verdicts

SETTINGS = load_settings().labelling


def test_p_value_counts_with_ties():
    calibration = np.array([3.0, 1.0, 2.0, 2.0])
    for score in (0.0, 1.0, 2.0, 2.5, 9.0):
        expected = (1 + sum(c >= score for c in calibration)) / 5
        assert conformal_p(calibration, np.array([score]))[0] == pytest.approx(expected)


@pytest.mark.parametrize("asked", [0.01, 0.05, 0.10])
def test_false_alarms_are_as_many_as_asked_for(asked):
    """2,000 fresh calibrations, one ordinary message each: P(p <= a) is in [a - 1/(M+1), a]."""
    random = np.random.default_rng(0)
    draws = random.gamma(2.0, size=(2000, 500))
    alarms = sum(int(conformal_p(row[1:], row[:1])[0] <= asked) for row in draws)
    low = stats.binom.ppf(0.0005, 2000, asked - 1 / 500)
    high = stats.binom.ppf(0.9995, 2000, asked)
    assert low <= alarms <= high


def test_without_calibration_nothing_is_novel():
    assert conformal_p(np.empty(0), np.array([1e9])).tolist() == [1.0]
    assert conformal_p(np.arange(3.0), np.empty(0)).shape == (0,)
    with pytest.raises(InputError, match="NaN"):
        conformal_p(np.array([np.nan]), np.array([1.0]))


def test_every_rule_and_their_order():
    table = [  # novelty_p, reach_p, chance of a name, confidence -> verdict
        (0.001, 0.0, 0.0, 0.0, "novel"),
        (0.001, 1.0, 1.0, 1.0, "novel"),
        (0.5, 0.05, 0.9, 0.1, "unnamed"),
        (0.5, 0.05, 0.9, 0.9, "unnamed"),
        (0.5, 0.9, 0.4, 0.1, "unnamed"),
        (0.5, 0.9, 0.4, 0.9, "unnamed"),
        (0.5, 0.9, 0.9, 0.4, "between"),
        (0.5, 0.9, 0.6, 0.9, "between"),  # 0.54: it may have no name
        (0.5, 0.9, 0.9, 0.9, "known"),
    ]
    *inputs, expected = (np.array(column) for column in zip(*table, strict=True))
    assert verdicts(*inputs, SETTINGS).tolist() == expected.tolist()
    labelled = np.array([True, False] * 4 + [True])
    found = verdicts(*inputs, SETTINGS, labelled)
    assert (found[::2] == "known").all()
    assert (found[1::2] == expected[1::2]).all()

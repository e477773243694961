import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from estimator.quantiles import log_quantiles

LOGS = arrays(np.float64, (2, 7), elements=st.floats(-8.0, 8.0))
WEIGHTS = arrays(np.float64, (2, 7), elements=st.floats(0.01, 1.0))


def test_one_hypothesis_has_the_width_of_the_noise() -> None:
    low, middle, high = log_quantiles(np.array([[math.log(5.0)]]), np.array([[1.0]]), 0.2)
    # 10th and 90th percentile of a normal one: 1.2816 sd = 0.2563 away in the log.
    assert float(np.exp(middle[0])) == pytest.approx(5.0)
    assert float(middle[0] - low[0]) == pytest.approx(0.2563, abs=1e-4)
    assert float(high[0] - middle[0]) == pytest.approx(0.2563, abs=1e-4)


def test_two_equal_hypotheses_meet_in_the_middle() -> None:
    low, middle, high = log_quantiles(np.array([[0.0, 2.0]]), np.array([[0.5, 0.5]]), 0.2)
    assert float(middle[0]) == pytest.approx(1.0, abs=1e-5)
    assert float(middle[0] - low[0]) == pytest.approx(float(high[0] - middle[0]), abs=1e-5)


def test_a_hypothesis_of_weight_nought_does_not_count() -> None:
    _, middle, _ = log_quantiles(np.array([[0.0, 9.0]]), np.array([[1.0, 0.0]]), 0.2)
    assert float(middle[0]) == pytest.approx(0.0, abs=1e-6)


@given(LOGS, WEIGHTS)
def test_quantiles_are_ordered_and_are_quantiles(logs: np.ndarray, weights: np.ndarray) -> None:
    weights = weights / weights.sum(axis=1, keepdims=True)
    found = log_quantiles(logs.copy(), weights, 0.2)
    scale = 0.2 * 1.2816 / math.log(9.0)
    for quantile, q in zip(found, (0.1, 0.5, 0.9), strict=True):
        reached = (weights / (1.0 + np.exp((logs - quantile[:, None]) / scale))).sum(axis=1)
        assert reached == pytest.approx(q, abs=1e-5)
    assert np.all(found[0] <= found[1])
    assert np.all(found[1] <= found[2])


@given(LOGS, WEIGHTS, st.floats(0.0, 3.0))
def test_quantiles_move_with_the_hypotheses(
    logs: np.ndarray, weights: np.ndarray, shift: float
) -> None:
    weights = weights / weights.sum(axis=1, keepdims=True)
    here, there = log_quantiles(logs, weights, 0.2), log_quantiles(logs + shift, weights, 0.2)
    for one, other in zip(here, there, strict=True):
        assert other - one == pytest.approx(shift, abs=1e-5)

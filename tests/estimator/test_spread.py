import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.interval import Interval
from estimator.spread import around, joined, log_widths, variance, widened

POSITIVE = st.floats(1e-6, 1e6)


def test_widths_add_in_quadrature_each_side_apart() -> None:
    # 3-4-5 below, 5-12-13 above
    assert joined((3.0, 5.0), (4.0, 12.0)) == pytest.approx((5.0, 13.0))


def test_a_factor_of_two_and_one_of_two_make_two_to_the_root_of_two() -> None:
    twice = Interval(5.0, 10.0, 20.0)
    found = widened(twice, log_widths(Interval(0.5, 1.0, 2.0)))
    assert found.high == pytest.approx(10.0 * 2 ** math.sqrt(2))
    assert found.low == pytest.approx(10.0 / 2 ** math.sqrt(2))


def test_nothing_times_anything_is_nothing() -> None:
    assert widened(Interval(0.0, 0.0, 0.0), (1.0, 1.0)) == Interval(0.0, 0.0, 0.0)


@given(POSITIVE, POSITIVE, POSITIVE)
def test_an_interval_is_its_middle_and_widths(a: float, b: float, c: float) -> None:
    low, typical, high = sorted((a, b, c))
    again = around(typical, log_widths(Interval(low, typical, high)))
    assert again.low == pytest.approx(low)
    assert again.high == pytest.approx(high)


def test_the_variance_of_a_normal_one() -> None:
    # 10th and 90th percentile of sd 0.2 are 1.2816 x 0.2 away on each side.
    assert variance((0.25632, 0.25632)) == pytest.approx(0.04, rel=1e-3)

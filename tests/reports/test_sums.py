import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.record import Range
from reports.sums import added, mean, scaled, total

_Z = 1.2815515655446004  # the 90th percentile of the standard normal


def _check(found: Range | None, low: float, typical: float, high: float) -> None:
    assert found is not None
    assert (found.low, found.typical, found.high) == pytest.approx((low, typical, high))


def test_the_mean_of_a_symmetric_figure_is_nearly_its_median() -> None:
    # Below: exp(.5409^2/2) Phi(-.5409) = 1.1575 * .2943; above: exp(.3164^2/2) Phi(.3164)
    # = 1.0513 * .6241. Together .9968 times the median.
    assert mean(Range(1, 2, 3)) == pytest.approx(2 * 0.9968, rel=1e-3)
    assert mean(Range(5, 5, 5)) == 5


def test_the_mean_of_a_lognormal_is_the_textbooks() -> None:
    # 1/e, 1, e are the percentiles of a lognormal with sigma = 1/z; its mean is exp(sigma^2/2).
    assert mean(Range(1 / math.e, 1, math.e)) == pytest.approx(math.exp(1 / _Z**2 / 2))


def test_the_mean_of_a_figure_with_an_end_at_zero() -> None:
    # Nothing in half of the cases, else along a line with slope 3 / z: 3 phi(0) / z = 0.9339.
    assert mean(Range(0, 0, 3)) == pytest.approx(3 * 0.39894 / _Z, rel=1e-4)
    # Below: 2 (0.4 - (.39894 - .17550) / z) = .4513; above: 2 exp(.3164^2/2) Phi(.3164) = 1.3122.
    assert mean(Range(0, 2, 3)) == pytest.approx(1.7635, rel=1e-3)
    assert mean(Range(0, 0, 0)) == 0


def test_a_tail_without_end_does_not_move_the_mean_out_of_its_interval() -> None:
    assert mean(Range(1, 2, 2_000)) == 2_000


def test_one_group_is_its_own_sum() -> None:
    assert total([Range(1, 2, 6, "modelled")]) == Range(1, 2, 6)
    assert total([Range(0, 0, 0), Range(1, 2, 6)]) == Range(1, 2, 6)
    assert total([Range(0, 0, 0), Range(0, 0, 0)]) == Range(0, 0, 0)


def test_nothing_has_no_sum() -> None:
    assert total([]) is None
    assert added([]) is None


def test_the_spreads_of_independent_symmetric_groups_add_as_squares() -> None:
    # 20 +- 3 and 10 +- 4 give 30 +- 5, up to what the pieces of a lognormal are off a normal.
    found = total([Range(17, 20, 23), Range(6, 10, 14)])
    assert found is not None
    assert (found.low, found.typical, found.high) == pytest.approx((25, 30, 35), abs=0.4)


def test_a_sum_adds_means_not_medians() -> None:
    # Each group: median 1, mean exp(1/z^2/2) = 1.3558. Of 400 the sum is nearly normal, so its
    # median is 542, and +- z * 20 * the deviation sqrt(w (w - 1)), w = exp(1/z^2).
    found = total([Range(1 / math.e, 1, math.e)] * 400)
    assert found is not None
    w = math.exp(1 / _Z**2)
    assert found.typical == pytest.approx(542, rel=1e-2)
    assert (found.high - found.low) / 2 == pytest.approx(_Z * 20 * math.sqrt(w * (w - 1)), 0.1)


def test_a_measured_group_shifts_a_sum_and_does_not_widen_it() -> None:
    _check(total([Range(1, 2, 6), Range(5, 5, 5)]), 6, 7, 11)
    _check(total([Range(0, 4, 5), Range(5, 5, 5)]), 5, 9, 10)


def test_within_one_model_percentiles_add() -> None:
    assert added([Range(1, 2, 6), Range(10, 12, 16)]) == Range(11, 14, 22)


def test_scaling_keeps_the_tier_and_the_unknown() -> None:
    assert scaled(Range(1, 2, 4, "assumed"), 0.5) == Range(0.5, 1, 2, "assumed")
    assert scaled(None, 2) is None


def _ordered(values: list[float]) -> Range:
    low, typical, high = sorted(values)
    return Range(low, typical, high)


_ranges = st.lists(st.floats(0, 1e6), min_size=3, max_size=3).map(_ordered)


@given(st.lists(_ranges, min_size=1, max_size=8))
def test_a_sum_is_ordered_and_never_wider_than_if_all_erred_together(parts: list[Range]) -> None:
    found, widest = total(parts), added(parts)
    assert found is not None
    assert widest is not None
    slack = 1e-9 * (1 + widest.high)
    assert found.low <= found.typical <= found.high
    assert widest.low - slack <= found.low
    assert found.high <= widest.high + slack


@given(st.lists(_ranges, min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_the_groups_does_not_matter(
    parts: list[Range], shuffle: random.Random
) -> None:
    mixed = list(parts)
    shuffle.shuffle(mixed)
    _same(total(parts), total(mixed))


def _same(first: Range | None, second: Range | None) -> None:
    assert first is not None
    assert second is not None
    ends = (second.low, second.typical, second.high)
    assert (first.low, first.typical, first.high) == pytest.approx(ends, abs=1e-6)


@given(st.lists(_ranges, min_size=1, max_size=6))
def test_a_sum_has_no_unit_of_its_own(parts: list[Range]) -> None:
    doubled = [Range(2 * one.low, 2 * one.typical, 2 * one.high) for one in parts]
    _same(scaled(total(parts), 2), total(doubled))


@given(st.lists(_ranges, min_size=1, max_size=6), st.floats(1, 10))
def test_a_sum_grows_with_its_largest_group(parts: list[Range], factor: float) -> None:
    parts.sort(key=lambda one: (one.high, one.typical, one.low))
    *rest, last = parts
    grown = Range(last.low * factor, last.typical * factor, last.high * factor)
    before, after = total(parts), total([*rest, grown])
    assert before is not None
    assert after is not None
    slack = 1 + 0.011  # one step of a rounded width at the 90th percentile: exp(z / 128) = 1.010
    assert before.low <= after.low * slack + 1e-6
    assert before.typical <= after.typical * slack + 1e-6
    assert before.high <= after.high * slack + 1e-6


def test_a_small_group_more_raises_a_sum() -> None:
    parts = [Range(1, 3, 20), Range(2, 5, 12)]
    before, after = total(parts), total([*parts, Range(0.5, 1, 4)])
    assert before is not None
    assert after is not None
    assert before.low + 0.5 <= after.low
    assert before.typical + 0.5 <= after.typical
    assert before.high + 0.5 <= after.high


def _skewed(rng: random.Random, groups: int) -> list[Range]:
    """Groups of unequal size, high/low from 3 to 30, up to nine tenths of it on one side."""
    found = []
    for _ in range(groups):
        typical = rng.lognormvariate(0, 1.5)
        log_ratio = rng.uniform(math.log(3), math.log(30))
        up = rng.uniform(0.1, 0.9) * log_ratio
        found.append(Range(typical * math.exp(up - log_ratio), typical, typical * math.exp(up)))
    return found


def _draw(rng: random.Random, one: Range) -> float:
    """A truth that is below low, typical and high in 10, 50 and 90 % of the draws."""
    z = rng.gauss(0, 1)
    sigma = math.log((one.high if z > 0 else one.low) / one.typical) / _Z
    return one.typical * math.exp(sigma * abs(z))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("groups", [2, 3, 5, 11, 24, 45])
def test_sums_of_skewed_groups_are_covered_as_single_figures_are(groups: int, seed: int) -> None:
    """80 % of the truths lie between low and high, a tenth on either side, half below typical.

    4,000 draws have a standard error of 0.6 points at 80 %, 0.5 at 10 % and 0.8 at 50 %.
    """
    rng = random.Random(1_000 * groups + seed)
    parts = _skewed(rng, groups)
    found = total(parts)
    assert found is not None
    truths = [sum(_draw(rng, one) for one in parts) for _ in range(4_000)]
    under = sum(truth < found.low for truth in truths) / len(truths)
    over = sum(truth > found.high for truth in truths) / len(truths)
    below = sum(truth <= found.typical for truth in truths) / len(truths)
    assert 0.07 <= under <= 0.13
    assert 0.07 <= over <= 0.13
    assert 0.76 <= 1 - under - over <= 0.84
    assert 0.45 <= below <= 0.55

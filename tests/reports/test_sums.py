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


def test_the_mean_of_a_symmetric_figure_is_its_median() -> None:
    assert mean(Range(1, 2, 3)) == pytest.approx(2)
    assert mean(Range(5, 5, 5)) == 5


def test_the_mean_of_a_lognormal_is_the_textbooks() -> None:
    # 1/e, 1, e are the percentiles of a lognormal with sigma = 1/z; its mean is exp(sigma^2/2).
    assert mean(Range(1 / math.e, 1, math.e)) == pytest.approx(math.exp(1 / _Z**2 / 2))


def test_one_group_is_its_own_sum() -> None:
    assert total([Range(1, 2, 6, "modelled")]) == Range(1, 2, 6)


def test_nothing_has_no_sum() -> None:
    assert total([]) is None
    assert added([]) is None


def test_the_spreads_of_independent_symmetric_groups_add_as_squares() -> None:
    # 20 +- 3 and 10 +- 4 give 30 +- 5.
    _check(total([Range(17, 20, 23), Range(6, 10, 14)]), 25, 30, 35)


def test_a_sum_adds_means_not_medians() -> None:
    # Each group: median 1, mean exp(1/z^2/2) = 1.3558. Of 10,000 the sum is nearly normal, so
    # its median is 13,558, and +- z * 100 * the deviation sqrt(w (w - 1)), w = exp(1/z^2).
    found = total([Range(1 / math.e, 1, math.e)] * 10_000)
    assert found is not None
    w = math.exp(1 / _Z**2)
    assert found.typical == pytest.approx(13_558, rel=1e-3)
    assert (found.high - found.low) / 2 == pytest.approx(_Z * 100 * math.sqrt(w * (w - 1)), 1e-2)


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
    first, second = total(parts), total(mixed)
    assert first is not None
    assert second is not None
    assert (first.low, first.typical, first.high) == pytest.approx(
        (second.low, second.typical, second.high), abs=1e-6
    )


@pytest.mark.parametrize("ratio", [1.7, 4.0, 10.0])
@pytest.mark.parametrize("groups", [2, 4, 12])
def test_sums_of_skewed_groups_are_covered_as_single_figures_are(groups: int, ratio: float) -> None:
    """80 % of the truths lie between low and high, half of them below typical.

    Each group is lognormal with high/low = `ratio`; 4,000 draws have a standard error of 0.6
    points at 80 % and 0.8 at 50 %.
    """
    rng = random.Random(20261123)
    sigma = math.log(ratio) / 2 / _Z
    medians = [rng.uniform(1, 3) for _ in range(groups)]
    low, high = math.exp(-_Z * sigma), math.exp(_Z * sigma)
    found = total(Range(m * low, m, m * high) for m in medians)
    assert found is not None
    truths = [sum(m * rng.lognormvariate(0, sigma) for m in medians) for _ in range(4_000)]
    covered = sum(found.low <= truth <= found.high for truth in truths) / len(truths)
    below = sum(truth <= found.typical for truth in truths) / len(truths)
    assert 0.75 <= covered <= 0.83
    assert 0.45 <= below <= 0.55

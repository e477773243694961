import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.record import Range
from reports.sums import added, mean, scaled, total


def _approx(figure: Range | None) -> Range:
    assert figure is not None
    return Range(*(pytest.approx(x) for x in (figure.low, figure.typical, figure.high)))


def test_the_mean_is_swansons() -> None:
    assert mean(Range(1, 2, 6)) == pytest.approx(2.9)  # 0.3 + 0.8 + 1.8


def test_one_group_is_its_own_sum() -> None:
    assert total([Range(1, 2, 6, "modelled")]) == Range(1, 2, 6)


def test_nothing_has_no_sum() -> None:
    assert total([]) is None
    assert added([]) is None


def test_two_independent_groups_add_means_and_squares_of_spreads() -> None:
    # Means 2.9 and 12.9; below: 1.9 and 2.9; above: 3.1 and 3.1.
    # M = 15.8; low = 15.8 - sqrt(3.61 + 8.41); high = 15.8 + sqrt(9.61 + 9.61)
    # Medians lie 0.9 and 0.9 below the means, so that of the sum lies 0.9 below M.
    found = total([Range(1, 2, 6), Range(10, 12, 16)])
    assert found == _approx(Range(15.8 - math.sqrt(12.02), 14.9, 15.8 + math.sqrt(19.22)))


def test_a_measured_group_shifts_a_sum_and_does_not_widen_it() -> None:
    assert total([Range(1, 2, 6), Range(5, 5, 5)]) == _approx(Range(6, 7, 11))


def test_of_many_equal_groups_the_width_grows_with_the_root_and_the_mean_with_the_number() -> None:
    # Mean 2.9; 100 groups: M = 290, below 10 * 1.9, above 10 * 3.1, median 0.9 below M.
    assert total([Range(1, 2, 6)] * 100) == _approx(Range(271, 289.1, 321))


def test_within_one_model_percentiles_add() -> None:
    assert added([Range(1, 2, 6), Range(10, 12, 16)]) == Range(11, 14, 22)


def test_scaling_keeps_the_tier_and_the_unknown() -> None:
    assert scaled(Range(1, 2, 4, "assumed"), 0.5) == Range(0.5, 1, 2, "assumed")
    assert scaled(None, 2) is None


_ranges = st.lists(st.floats(0, 1e6), min_size=3, max_size=3).map(lambda x: Range(*sorted(x)))


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
    sigma = math.log(ratio) / 2 / 1.2815515655446004  # the 90th percentile of a normal
    medians = [rng.uniform(1, 3) for _ in range(groups)]
    low, high = math.exp(-1.2815515655446004 * sigma), math.exp(1.2815515655446004 * sigma)
    found = total(Range(m * low, m, m * high) for m in medians)
    assert found is not None
    truths = [sum(m * rng.lognormvariate(0, sigma) for m in medians) for _ in range(4_000)]
    covered = sum(found.low <= truth <= found.high for truth in truths) / len(truths)
    below = sum(truth <= found.typical for truth in truths) / len(truths)
    assert 0.76 <= covered <= 0.85
    assert 0.45 <= below <= 0.55

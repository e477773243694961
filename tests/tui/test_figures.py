"""Numbers as people read them."""

import re
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.figures import (
    GRAMS,
    PLAIN,
    WATT_HOURS,
    Scale,
    bounds,
    clock,
    count,
    digits,
    duration,
    percent,
    quantity,
)


@dataclass(frozen=True)
class Triple:
    low: float
    typical: float
    high: float


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0214, "0.021"),
        (1.31, "1.3"),
        (9.96, "10"),
        (48.4, "48"),
        (99.7, "100"),
        (121.4, "121"),
    ],
)
def test_two_digits_below_a_hundred_and_three_from_there(value: float, text: str) -> None:
    assert digits(value) == text


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [
        (0.0213, GRAMS, "21 mg"),
        (48.2, GRAMS, "48 g"),
        (999.6, GRAMS, "1.0 kg"),  # not 1000 g
        (3_100, GRAMS, "3.1 kg"),
        (4e-7, GRAMS, "0.40 µg"),
        (0.0009, WATT_HOURS, "900 µWh"),
        (121, WATT_HOURS, "121 Wh"),
        (1_250, WATT_HOURS, "1.2 kWh"),
        (0, GRAMS, "0 g"),
        (84_210, PLAIN, "84k"),
    ],
)
def test_the_unit_steps_with_the_value(value: float, scale: Scale, text: str) -> None:
    assert quantity(value, scale) == text


def test_a_range_shares_the_unit_of_its_middle() -> None:
    assert bounds(Triple(36, 48, 61), GRAMS) == "(36\u201361)"
    assert bounds(Triple(0.71, 1.31, 2.4), GRAMS) == "(0.71\u20132.4)"
    assert bounds(Triple(0, 0, 0), GRAMS) == "(0\u20130)"


def test_ends_orders_of_magnitude_apart_carry_their_own_units() -> None:
    # 4 mg is 0.004 of a gram: below a hundredth of the middle's unit
    assert bounds(Triple(0.004, 1.3, 20), GRAMS) == "(4.0 mg\u201320 g)"


@given(st.floats(min_value=1e-12, max_value=1e12), st.sampled_from([GRAMS, WATT_HOURS, PLAIN]))
def test_what_is_shown_is_within_a_twentieth_of_what_is(value: float, scale: Scale) -> None:
    shown = quantity(value, scale)
    number, unit = re.fullmatch(r"(\S*?[0-9]) ?([^0-9 ]*)", shown).groups()  # type: ignore[union-attr] # every figure matches
    factor = next(factor for factor, name in scale if name == unit)
    # two digits: 1.0 stands for up to 1.05, an error of at most 5 %
    assert float(number) * factor == pytest.approx(value, rel=0.0501)


@given(st.floats(min_value=1e-6, max_value=9.99e8))
def test_a_mass_takes_at_most_six_cells_beside_its_unit(grams: float) -> None:
    assert len(quantity(grams, GRAMS)) <= 6


@given(st.integers(min_value=0, max_value=10**14))
def test_a_count_takes_at_most_four_cells(number: int) -> None:
    assert len(count(number)) <= 4


@given(
    st.lists(st.floats(min_value=1e-9, max_value=1e9), min_size=3, max_size=3).map(sorted),
)
def test_the_ends_of_a_range_survive_too(ends: list[float]) -> None:
    low, high = bounds(Triple(*ends), GRAMS).strip("()").split("\u2013")
    middle_unit = quantity(ends[1], GRAMS).split()[1]
    for text, value in ((low, ends[0]), (high, ends[2])):
        number, unit = text.split() if " " in text else (text, middle_unit)
        factor = next(factor for factor, name in GRAMS if name == unit)
        assert float(number) * factor == pytest.approx(value, rel=0.0501)


def test_a_share_is_nothing_or_all_only_when_it_is() -> None:
    assert [percent(share) for share in (0, 0.004, 0.914, 0.999, 1)] == [
        "0 %",
        "<1 %",
        "91 %",
        ">99 %",
        "100 %",
    ]


def test_times() -> None:
    assert [clock(seconds) for seconds in (0.4, 31, 725, 3725)] == [
        "00:00",
        "00:31",
        "12:05",
        "1:02:05",
    ]
    assert [duration(seconds) for seconds in (0.31, 2.41, 845)] == ["310 ms", "2.4 s", "14:05"]

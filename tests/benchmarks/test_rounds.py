"""Figures are compared inside a round, and the median of the rounds is told."""

import pytest

from benchmarks.rounds import Rounds, Visit, order


def rounds(**by_target: list[list[float]]) -> Rounds:
    """Visits of scenario `s` with metric `m`: for each target and round, the values in turn."""
    return Rounds(
        [
            Visit("s", number, target, {"m": value})
            for target, found in by_target.items()
            for number, values in enumerate(found)
            for value in values
        ]
    )


def test_direct_comes_first_and_in_the_middle_and_the_proxies_take_turns() -> None:
    names = ["a", "b", "c"]
    assert order(names, 0) == ["direct", "a", "b", "direct", "c"]
    assert order(names, 1) == ["direct", "b", "c", "direct", "a"]
    assert order(names, 3) == order(names, 0)
    assert order([], 5) == ["direct", "direct"]


def test_what_is_added_is_formed_within_each_round() -> None:
    found = rounds(direct=[[1, 3], [10, 10], [5, 5]], a=[[4], [11], [15]])
    # 4 - (1+3)/2 = 2; 11 - 10 = 1; 15 - 5 = 10; median 2
    assert found.added("s", "m", "a") == 2


def test_a_share_is_formed_within_each_round() -> None:
    found = rounds(nginx=[[100], [10]], a=[[50], [1]])
    assert found.share("s", "m", "a", "nginx") == pytest.approx(0.3)  # median of 0.5 and 0.1


def test_noise_is_the_distance_of_the_two_direct_visits() -> None:
    assert rounds(direct=[[1, 3], [10, 10], [5, 8]]).noise("s", "m") == 2  # of 2, 0, 3


def test_faults_are_summed_and_unknown_is_not_zero() -> None:
    found = rounds(a=[[1], [2]])
    assert found.total("s", "m", "a") == 3
    assert found.total("s", "other", "a") is None
    assert found.value("s", "m", "b") is None

"""Intervals of products: independent factors add in quadrature in the log, each side apart."""

import math

from estimator.interval import Interval

type LogWidths = tuple[float, float]
"""ln(typical / low) and ln(high / typical), both >= 0."""

NONE: LogWidths = (0.0, 0.0)

WIDTH_PER_SD = 2.5631
"""Distance of the 90th from the 10th percentile of a normal distribution of sd 1."""


def log_widths(interval: Interval) -> LogWidths:
    """How far the ends are from the middle, as logs; 0 where the middle is 0."""
    if interval.low <= 0.0:
        return NONE
    return math.log(interval.typical / interval.low), math.log(interval.high / interval.typical)


def joined(*widths: LogWidths) -> LogWidths:
    """The widths of a product of independent factors."""
    return math.hypot(*(w[0] for w in widths)), math.hypot(*(w[1] for w in widths))


def around(typical: float, widths: LogWidths) -> Interval:
    """The interval with that middle and those widths."""
    return Interval(typical * math.exp(-widths[0]), typical, typical * math.exp(widths[1]))


def widened(interval: Interval, widths: LogWidths) -> Interval:
    """The interval times an independent factor whose middle is 1."""
    return around(interval.typical, joined(log_widths(interval), widths))


def variance(widths: LogWidths) -> float:
    """The variance of the log of a normal one with these 10-90 % widths."""
    return ((widths[0] + widths[1]) / WIDTH_PER_SD) ** 2

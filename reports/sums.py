"""How the interval of a sum is formed.

Within one model and provider the errors are shared: if the model is larger than believed, it is
so in every request. So the 10th, 50th and 90th percentiles of such a group are the sums of its
parts'. Across groups errors are independent: there the means add, and the distances of the
percentiles from the mean add in quadrature.
"""

from collections.abc import Iterable
from math import hypot

from ledger.record import Range

J_PER_WH = 3_600.0


def mean(figure: Range) -> float:
    """The mean of a skewed figure from its three percentiles, in the figure's own unit.

    Swanson's rule, 0.3 P10 + 0.4 P50 + 0.3 P90: A. Hurst, G. C. Brown, R. I. Swanson, "Swanson's
    30-40-30 Rule", AAPG Bulletin 84 (12), 2000, pp. 1883-1891.
    """
    return 0.3 * figure.low + 0.4 * figure.typical + 0.3 * figure.high


def total(groups: Iterable[Range]) -> Range | None:
    """The interval of the sum of independent groups, each the sum over one (model, provider).

    `low` and `high` lie at the sum M of the means minus, plus the root of the summed squares of
    the groups' distances. `typical`, the median of the sum, lies below M by the groups' own
    distances of mean and median, each weighted by its squared width: the first term of the
    Cornish-Fisher expansion (Biometrika 1938), median = mean - third moment / (6 variance),
    whose moments add. One group comes back unchanged; of many equal ones the median nears the mean.
    """
    parts = list(groups)
    if not parts:
        return None
    if len(parts) == 1:
        return Range(parts[0].low, parts[0].typical, parts[0].high)
    means = [mean(part) for part in parts]
    below = hypot(*(m - part.low for m, part in zip(means, parts, strict=True)))
    above = hypot(*(part.high - m for m, part in zip(means, parts, strict=True)))
    middle = sum(means)
    skew = _weighted(
        (m - part.typical, (part.high - part.low) ** 2)
        for m, part in zip(means, parts, strict=True)
    )
    low, high = middle - below, middle + above
    return Range(low, min(max(middle - skew, low), high), high)  # clamps rounding, no more


def _weighted(pairs: Iterable[tuple[float, float]]) -> float:
    known = list(pairs)
    weight = sum(w for _, w in known)
    return sum(value * w for value, w in known) / weight if weight else 0.0


def added(figures: Iterable[Range]) -> Range | None:
    """The sum of parts that share their errors: percentile by percentile."""
    parts = list(figures)
    if not parts:
        return None
    return Range(
        sum(part.low for part in parts),
        sum(part.typical for part in parts),
        sum(part.high for part in parts),
    )


def scaled(figure: Range | None, factor: float) -> Range | None:
    """The figure times an exactly known `factor` >= 0; unknown stays unknown."""
    if figure is None:
        return None
    return Range(figure.low * factor, figure.typical * factor, figure.high * factor, figure.tier)

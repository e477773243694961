"""How the interval of a sum is formed.

Within one model and provider the errors are shared: if the model is larger than believed, it is
so in every request. So the 10th, 50th and 90th percentiles of such a group are the sums of its
parts'. Across groups errors are independent.

A group is a lognormal in two pieces that meet at its median, one width below and one above: so it
has its three percentiles however skewed they are. The sum is read off 512 fixed points, a Latin
hypercube (M. D. McKay, R. J. Beckman, W. J. Conover, "A comparison of three methods for selecting
values of input variables", Technometrics 21 (2), 1979): each group takes each of its 512 equally
likely values once, in a mixed order of its own. The same groups always give the same sum.
Adding moments is not enough: with tails this long the third moment is a matter of the hundredth
percentile, of which nobody knows anything, and says little of the tenth and the ninetieth.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from itertools import repeat
from math import erfc, exp, log, sqrt, sumprod
from operator import itemgetter
from random import Random
from statistics import NormalDist
from typing import Final

from ledger.record import Range

J_PER_WH: Final = 3_600.0
_Z90: Final = 1.2815515655446004  # the 90th percentile of the standard normal
_POINTS: Final = 512
_STRATA: Final = 16
_SEED: Final = 288  # of 40 tried the one whose sums of 2 to 45 groups are covered best
_STEPS: Final = 128  # widths are rounded to these, so that an end is off by 0.5 % at most
_FAR: Final = 1e6  # an end that many times off is as good as at zero: a straight line leads there
# Along a line, with phi the normal density and z its 90th percentile: the mean of 1 + x / z over
# -z < x < 0 is 0.4 - (phi(0) - phi(z)) / z, that of x / z over x > 0 is phi(0) / z.
_LINE_BELOW: Final = 0.4 - (0.3989422804 - 0.1754983319) / _Z90
_LINE_ABOVE: Final = 0.3989422804 / _Z90


def mean(figure: Range) -> float:
    """The mean of a skewed figure from its three percentiles, in the figure's own unit.

    At most the 90th percentile: a longer tail than that says nothing of the figure.
    """
    typical = figure.typical
    if figure.low * _FAR > typical:
        below = typical * _half_mean(-log(typical / figure.low) / _Z90)
    else:
        below = typical * _LINE_BELOW
    if typical * _FAR > figure.high:
        above = typical * _half_mean(log(figure.high / typical) / _Z90)
    else:
        above = typical / 2 + (figure.high - typical) * _LINE_ABOVE
    return min(below + above, figure.high)


def _half_mean(sigma: float) -> float:
    """The integral of exp(sigma z) over the normal density, over the z of the sign of sigma."""
    return exp(sigma * sigma / 2) * erfc(-sigma / sqrt(2)) / 2


def total(groups: Iterable[Range]) -> Range | None:
    """The interval of the sum of independent groups, each the sum over one (model, provider).

    Never wider than if all groups erred together.
    """
    parts = list(groups)
    widest = added(parts)
    if widest is None or len(parts) == 1:
        return widest
    open_ = sorted((part.high, part.typical, part.low) for part in parts if part.low < part.high)
    if len(open_) < 2:
        return widest
    drawn = [_draw(*ends) for ends in reversed(open_)]
    weights = [weight for weight, _ in drawn]
    mixed = (_order(place)(values) for place, (_, values) in enumerate(drawn))
    ordered = sorted(map(sumprod, repeat(weights), zip(*mixed, strict=True)))
    known = sum(sorted(part.typical for part in parts if part.low == part.high))
    low, typical, high = (known + _quantile(ordered, share) for share in (0.1, 0.5, 0.9))
    low = min(max(low, widest.low), widest.high)
    high = min(max(high, low), widest.high)
    return Range(low, min(max(typical, low), high), high)


def _draw(high: float, typical: float, low: float) -> tuple[float, tuple[float, ...]]:
    """A group's equally likely values in order, as multiples of a figure that comes first."""
    if typical * _FAR <= high:
        return high, _line_up()
    below = _below(_steps(typical / low)) if low * _FAR > typical else _line_down()
    return typical, below + _above(_steps(high / typical))


def _steps(ratio: float) -> int:
    """The width of a lognormal with its 90th percentile this much above its median."""
    return round(log(ratio) / _Z90 * _STEPS)


@cache
def _line_up() -> tuple[float, ...]:
    """Nothing as often as not, then along a line that has its 90th percentile at 1."""
    below, above = _normals()
    return (*(0.0 for _ in below), *(z / _Z90 for z in above))


@cache
def _line_down() -> tuple[float, ...]:
    """From a median of 1 along a line that is at 0 at the 10th percentile, and stays there."""
    return tuple(max(1 + z / _Z90, 0.0) for z in _normals()[0])


@lru_cache(maxsize=1024)
def _below(steps: int) -> tuple[float, ...]:
    """The lower half of a lognormal with the median 1."""
    return tuple(exp(steps / _STEPS * z) for z in _normals()[0])


@lru_cache(maxsize=1024)
def _above(steps: int) -> tuple[float, ...]:
    """The upper half."""
    return tuple(exp(steps / _STEPS * z) for z in _normals()[1])


@cache
def _normals() -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The middles of equally likely parts of the standard normal, below and above 0."""
    quantile = NormalDist().inv_cdf
    above = tuple(quantile(0.5 + (place + 0.5) / _POINTS) for place in range(_POINTS // 2))
    return tuple(-z for z in reversed(above)), above


@cache
def _order(place: int) -> Callable[[Sequence[float]], tuple[float, ...]]:
    """Mixes the values of the group at this place, always in the same way.

    The largest group keeps its order; of the others every run of 16 has one from each sixteenth.
    """
    mixed = list(range(_POINTS))
    if place:
        random, runs = Random(_SEED + place), _POINTS // _STRATA
        strata = [random.sample(range(n, n + runs), runs) for n in range(0, _POINTS, runs)]
        mixed = [
            strata[stratum][run]
            for run in range(runs)
            for stratum in random.sample(range(_STRATA), _STRATA)
        ]
    return itemgetter(*mixed)


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Between the two points whose middles enclose it."""
    at = share * len(ordered) - 0.5
    below = int(at)
    return ordered[below] + (at - below) * (ordered[below + 1] - ordered[below])


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

"""Figures of several rounds, compared only inside a round.

Every round visits each target once and the upstream itself twice, in an order that turns by one
from round to round. Differences and ratios are formed within a round; what is told is their median.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median

from benchmarks.visit import Figures

DIRECT = "direct"


@dataclass(frozen=True, slots=True)
class Visit:
    """What one target did in one scenario and round."""

    scenario: str
    round: int
    target: str
    figures: Figures


def order(proxies: Sequence[str], number: int) -> list[str]:
    """The visits of a round: direct first and in the middle, the proxies rotated.

    >>> order(["a", "b"], 1)
    ['direct', 'b', 'direct', 'a']
    """
    turn = number % len(proxies) if proxies else 0
    rotated = [*proxies[turn:], *proxies[:turn]]
    half = (len(rotated) + 1) // 2
    return [DIRECT, *rotated[:half], DIRECT, *rotated[half:]]


@dataclass(frozen=True, slots=True)
class Rounds:
    """All visits of a run."""

    visits: list[Visit] = field(default_factory=list)

    def value(self, scenario: str, metric: str, target: str) -> float | None:
        """The median over the rounds; a target visited twice in a round counts by its mean."""
        return _median(self._by_round(scenario, metric, target).values())

    def added(self, scenario: str, metric: str, target: str) -> float | None:
        """How much more than direct, in the unit of the metric."""
        return self._compared(scenario, metric, target, DIRECT, lambda a, b: a - b)

    def share(self, scenario: str, metric: str, target: str, of: str) -> float | None:
        """As a share of another target; 1 = equal."""
        return self._compared(scenario, metric, target, of, lambda a, b: a / b)

    def against(self, scenario: str, other: str, metric: str, target: str) -> float | None:
        """How much more than the same target in another scenario of the same round."""
        mine = self._by_round(scenario, metric, target)
        theirs = self._by_round(other, metric, target)
        return _median(mine[number] - theirs[number] for number in mine.keys() & theirs.keys())

    def total(self, scenario: str, metric: str, target: str) -> float | None:
        """The sum over all visits: for what must be zero."""
        found = [f for v in self._of(scenario, target) if (f := v.figures.get(metric)) is not None]
        return sum(found) if found else None

    def noise(self, scenario: str, metric: str) -> float | None:
        """How far the two direct visits of a round lie apart."""
        pairs: dict[int, list[float]] = {}
        for visit in self._of(scenario, DIRECT):
            pairs.setdefault(visit.round, []).append(visit.figures[metric])
        return _median(abs(pair[0] - pair[1]) for pair in pairs.values() if len(pair) == 2)

    def _of(self, scenario: str, target: str) -> list[Visit]:
        return [v for v in self.visits if v.scenario == scenario and v.target == target]

    def _by_round(self, scenario: str, metric: str, target: str) -> dict[int, float]:
        found: dict[int, list[float]] = {}
        for visit in self._of(scenario, target):
            if metric in visit.figures:
                found.setdefault(visit.round, []).append(visit.figures[metric])
        return {number: fmean(values) for number, values in found.items()}

    def _compared(
        self,
        scenario: str,
        metric: str,
        target: str,
        other: str,
        how: Callable[[float, float], float],
    ) -> float | None:
        mine = self._by_round(scenario, metric, target)
        theirs = self._by_round(scenario, metric, other)
        rounds = mine.keys() & theirs.keys()
        return _median(how(mine[number], theirs[number]) for number in rounds)


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return median(found) if found else None

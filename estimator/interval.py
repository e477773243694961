"""A figure that is uncertain: the 10th, 50th and 90th percentile of what we believe."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """`low <= typical <= high`, all in the unit that the name of the holding field says."""

    low: float
    typical: float
    high: float

    def __post_init__(self) -> None:
        """Refuse what is not ordered: a NaN fails the comparison too."""
        if not self.low <= self.typical <= self.high:
            raise ValueError(f"not an interval: {self.low}, {self.typical}, {self.high}")

    def scaled(self, factor: float) -> "Interval":
        """The interval of `factor` (>= 0, known exactly) times the figure."""
        return Interval(self.low * factor, self.typical * factor, self.high * factor)

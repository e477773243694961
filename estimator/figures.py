"""The values that an estimate is made of; how they come about is `estimator.estimate`'s part."""

from dataclasses import dataclass
from typing import Literal

from estimator.interval import Interval

METHOD = "2026.11.1"
"""Version of the method and its tables; goes up with every change of a figure."""

type Tier = Literal["modelled", "assumed", "unknown"]
"""`measured` comes from a counter on the hardware, never from here."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Energy at one boundary, in joules; unknown has no interval."""

    tier: Tier
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Energy:
    """The same energy at three boundaries; never add across them."""

    accelerator: Figure
    server: Figure
    """With host and idle share."""
    facility: Figure
    """With the building around it (PUE)."""


@dataclass(frozen=True, slots=True)
class Driver:
    """One cause of the width of `carbon_g`, as its share of the variance of the log."""

    name: str
    share: float


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """The name that was asked for, the one that was used, and how one led to the other."""

    asked: str | None
    name: str
    how: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one request took; every interval is the 10th, 50th and 90th percentile."""

    energy_j: Energy
    carbon_g: Interval | None
    """Operational: facility energy x grid."""
    embodied_g: Interval | None
    """The request's share of making the hardware; apart from `carbon_g`."""
    water_ml: Interval | None
    """On site."""
    intensity_g_per_kwh: Interval | None
    zone: str | None
    drivers: tuple[Driver, ...]
    sources: tuple[str, ...]
    """Rows of the tables, as `table:row`."""
    method: str
    model: ResolvedModel
    notes: tuple[str, ...]
    """What was assumed or could not be used, for people."""

    @property
    def tier(self) -> Tier:
        """The tier of the accelerator's figure, which all others are built on."""
        return self.energy_j.accelerator.tier

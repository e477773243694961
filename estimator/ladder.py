"""From the energy of the accelerators to the server's, the facility's, to carbon and water.

Each rung is a factor with an interval of its own, independent of the rungs below: middles
multiply, widths add in quadrature in the log. Arrays hold one entry per request.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from estimator.case import Case
from estimator.hypotheses import Floats
from estimator.interval import Interval
from estimator.spread import LogWidths
from estimator.units import J_PER_KWH

_ML_PER_L = 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class Rung:
    """One quantity of many requests: its middle, and its log widths downwards and upwards."""

    typical: Floats
    down: Floats
    up: Floats

    def times(self, factor: Interval, widths: LogWidths, unit: float = 1.0) -> "Rung":
        """The quantity times an independent factor, in another unit."""
        return Rung(
            self.typical * (factor.typical * unit),
            np.hypot(self.down, widths[0]),
            np.hypot(self.up, widths[1]),
        )

    def widened(self, down: Floats, up: Floats) -> "Rung":
        """The quantity with another independent cause of width."""
        return Rung(self.typical, np.hypot(self.down, down), np.hypot(self.up, up))

    def intervals(self) -> list[Interval]:
        """One interval per request."""
        low = (self.typical * np.exp(-self.down)).tolist()
        high = (self.typical * np.exp(self.up)).tolist()
        return list(map(Interval, low, self.typical.tolist(), high))


@dataclass(frozen=True, slots=True)
class Rungs:
    """The figures of one request, from the accelerator outwards."""

    accelerator_j: Interval
    server_j: Interval
    facility_j: Interval
    carbon_g: Interval
    embodied_g: Interval
    water_ml: Interval


def ladder(case: Case, accelerator: Rung) -> Iterator[Rungs]:
    """All figures of each request, from the energy of its accelerators in joules."""
    server = accelerator.times(case.server_factor, case.server_widths)
    facility = server.times(case.place.pue, case.pue_widths)
    carbon = facility.times(case.place.intensity_g_per_kwh, case.intensity_widths, 1.0 / J_PER_KWH)
    embodied = accelerator.times(case.embodied_g_per_j, case.embodied_widths)
    water = server.times(case.place.wue_l_per_kwh, case.wue_widths, _ML_PER_L / J_PER_KWH)
    rungs = (accelerator, server, facility, carbon, embodied, water)
    return map(Rungs, *(rung.intervals() for rung in rungs))

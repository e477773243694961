"""Numbers as people read them: two or three digits, a unit that fits, a range in brackets.

Pure text. Two digits below a hundred, three from there on; the unit steps (mg, g, kg) so that an
order of magnitude is never lost and a column never overflows.
"""

from math import floor, isfinite, log10
from typing import Final, Protocol

EN_DASH: Final = "\u2013"

type Scale = tuple[tuple[float, str], ...]
"""Factors of the given unit with the name of each step, smallest first."""

GRAMS: Scale = ((1e-6, "µg"), (1e-3, "mg"), (1.0, "g"), (1e3, "kg"), (1e6, "t"))
WATT_HOURS: Scale = ((1e-6, "µWh"), (1e-3, "mWh"), (1.0, "Wh"), (1e3, "kWh"), (1e6, "MWh"))
PLAIN: Scale = ((1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T"))
BYTES: Scale = ((1.0, "B"), (1e3, "kB"), (1e6, "MB"), (1e9, "GB"))
MILLILITRES: Scale = ((1e-3, "µl"), (1.0, "ml"), (1e3, "l"), (1e6, "m³"))
GRAMS_PER_KWH: Scale = ((1.0, "g/kWh"),)


class Spread(Protocol):
    """A figure with its 10th, 50th and 90th percentile."""

    @property
    def low(self) -> float:
        """The 10th percentile."""
        ...

    @property
    def typical(self) -> float:
        """The 50th percentile."""
        ...

    @property
    def high(self) -> float:
        """The 90th percentile."""
        ...


def digits(value: float) -> str:
    """Two significant digits below 100, whole numbers from there on; scientific where far off."""
    size = abs(value)
    if size == 0:
        return "0"
    if not isfinite(value):
        return str(value)
    if not 5e-4 <= size < 1e6:
        return f"{value:.1e}"
    if size >= 99.5:
        return f"{value:.0f}"
    places = 1 - floor(log10(size))
    if round(size, places) >= 10 ** (2 - places):  # 9.96 reads 10, not 10.0
        places -= 1
    return f"{value:.{max(places, 0)}f}"


def step(value: float, scale: Scale) -> tuple[float, str]:
    """The step of `scale` in which the value reads as 1 to 999, or the nearest there is."""
    size = abs(value)
    if size == 0:
        return next((pair for pair in scale if pair[0] == 1.0), scale[0])
    chosen = scale[0]
    for factor, unit in scale:
        if size / factor >= 0.9995:  # 999.6 g reads 1.0 kg
            chosen = (factor, unit)
    return chosen


def figure(value: float, scale: Scale) -> tuple[str, str]:
    """The digits and the unit of a value, apart so that columns can be aligned."""
    factor, unit = step(value, scale)
    return digits(value / factor), unit


def quantity(value: float, scale: Scale) -> str:
    """One value with its unit: `48 g`, `1.3 kWh`, `84k`."""
    number, unit = figure(value, scale)
    return f"{number} {unit}" if scale is not PLAIN else f"{number}{unit}"


def bounds(spread: Spread, scale: Scale, dash: str = EN_DASH) -> str:
    """`(36-61)` in the unit of the typical value; each end with its own unit where they part."""
    factor, _ = step(spread.typical, scale)
    low, high = spread.low / factor, spread.high / factor
    if all(end == 0 or 0.01 <= abs(end) < 10_000 for end in (low, high)):
        return f"({digits(low)}{dash}{digits(high)})"
    return f"({quantity(spread.low, scale)}{dash}{quantity(spread.high, scale)})"


def count(value: int) -> str:
    """A number of things in at most four characters up to 999 G: `640`, `1.2k`, `84k`."""
    return str(value) if abs(value) < 1000 else quantity(value, PLAIN)


def percent(share: float) -> str:
    """A share of 0 to 1; neither `0 %` nor `100 %` unless it is."""
    if 0 < share < 0.005:
        return "<1 %"
    if 0.995 <= share < 1:
        return ">99 %"
    return f"{share * 100:.0f} %"


def clock(seconds: float) -> str:
    """An elapsed time: `00:31`, `12:05`, `1:02:05`."""
    whole = max(int(seconds), 0)
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def duration(seconds: float) -> str:
    """A measured time: `310 ms`, `2.4 s`, `14:05`."""
    if seconds >= 100:
        return clock(seconds)
    return quantity(seconds, ((1e-3, "ms"), (1.0, "s")))

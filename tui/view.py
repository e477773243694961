"""How the screen is being looked at: its width, the unit, the signs. Every builder takes one."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import Final, Literal

from textual.content import Content

from reports.totals import Totals
from tui.figures import GRAMS, PLAIN, WATT_HOURS, Scale, Spread, bounds, figure, quantity
from tui.marks import UNICODE, Marks

type Unit = Literal["g", "Wh", "tokens"]

UNITS: Final[tuple[Unit, ...]] = ("g", "Wh", "tokens")
SCALES: Final[dict[Unit, Scale]] = {"g": GRAMS, "Wh": WATT_HOURS, "tokens": PLAIN}

MUTED: Final = "$muted"
STRONG: Final = "bold"
WARN: Final = "bold $warning"
GOOD: Final = "$success"


@dataclass(frozen=True, slots=True)
class View:
    """The width in cells without the margins, and what the keys have chosen."""

    width: int = 78
    height: int = 24
    unit: Unit = "g"
    marks: Marks = UNICODE
    timezone: tzinfo | None = UTC
    """None: the machine's own."""

    @property
    def wide(self) -> bool:
        """Room for panels side by side."""
        return self.width >= 118

    @property
    def now_rows(self) -> int:
        """Lines for the requests in flight."""
        return 2 + max(self.height - 24, 0) // 8

    @property
    def group_rows(self) -> int:
        """Lines below the head of the tables by developer, model and client."""
        return 3 + max(self.height - 24, 0) // 3

    def resized(self, width: int, height: int) -> "View":
        """The same on another screen."""
        return replace(self, width=width, height=height)

    def in_unit(self, unit: Unit) -> "View":
        """The same in another unit."""
        return replace(self, unit=unit)

    def local(self, moment: datetime) -> datetime:
        """The moment on the clock of the person who looks."""
        return moment.astimezone(self.timezone)

    def text(self, figure: str) -> str:
        """The figure in the letters of the terminal."""
        return self.marks.spelled(figure)

    def amount(self, spread: Spread | None, scale: Scale) -> str:
        """The typical value with its unit, or that nobody knows."""
        return self.marks.unknown if spread is None else self.text(quantity(spread.typical, scale))

    def bounds(self, spread: Spread, scale: Scale) -> str:
        """The 10th and 90th percentile in brackets; nothing where they are one."""
        return "" if spread.low == spread.high else self.text(bounds(spread, scale))

    def mark(self, spread: Spread | None, tier: str) -> str:
        """The sign of a figure's tier; none where it is zero, which has nothing to be unsure of."""
        return " " if spread is not None and not spread.high else self.marks.tier(tier)

    def cell(self, spread: Spread | None, scale: Scale) -> str:
        """A figure for a column: digits, then the unit in as many cells as the widest takes."""
        unit_cells = max(len(unit) for _, unit in scale[:4])
        if spread is None:
            return self.marks.unknown + " " * (unit_cells + 1)
        digits, unit = figure(spread.typical, scale)
        return self.text(f"{digits} {unit:<{unit_cells}}")


def chosen(totals: Totals, unit: Unit) -> float | None:
    """The typical value of the unit that the keys have chosen."""
    if unit == "tokens":
        return float(totals.input_tokens + totals.output_tokens)
    spread = totals.carbon_g if unit == "g" else totals.energy_wh
    return None if spread is None else spread.typical


def lines(*rows: Content) -> Content:
    """The rows under each other."""
    return Content("\n").join(rows)


def spread_out(left: Content, right: Content, width: int) -> Content:
    """One line with a text at each edge; the left one gives way."""
    room = max(width - right.cell_length - 2, 0)
    kept = left.truncate(room, ellipsis=True) if left.cell_length > room else left
    return kept.pad_right(width - kept.cell_length - right.cell_length) + right

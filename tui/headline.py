"""The top of the screen: what it all costs, with its range, and what one Tab costs."""

from datetime import datetime
from typing import Final

from textual.content import Content

from reports.snapshot import Snapshot
from reports.tabs import Tabs
from reports.totals import Totals
from tui.cells import clean
from tui.figures import GRAMS, WATT_HOURS, Scale, Spread, count, percent
from tui.sight import Period, Sight
from tui.view import GOOD, MUTED, STRONG, WARN, View, lines, spread_out

PERIOD_WORDS: Final[dict[Period, str]] = {
    "today": "today",
    "24h": "last 24 h",
    "7d": "last 7 days",
}


def header(
    sight: Sight,
    now: datetime,
    developer: str | None,
    view: View,
    *,
    period: Period = "today",
    paused: bool = False,
    looked: bool = True,
) -> Content:
    """Who, when, and whether the proxy listens; `period` is the one that was asked for."""
    who = clean(developer) if developer else "everyone"
    asking = view.marks.cut if period != sight.period else ""
    time = f"{PERIOD_WORDS[period]}{asking} {view.local(now):%H:%M}"
    left = Content.assemble(("tabwatt", "bold $primary"), "  ", who)
    right = Content.assemble((time, MUTED), "   ", _state(sight, view, paused, looked))
    return spread_out(left, right, view.width)


def _state(sight: Sight, view: View, paused: bool, looked: bool) -> tuple[str, str]:
    marks = view.marks
    if paused:
        return f"{marks.off} paused", WARN
    if not looked:
        return f"{marks.off} looking", MUTED
    if sight.proxy is None:
        return f"{marks.off} proxy not running", WARN
    return f"{marks.on} proxy listening", GOOD


def headline(snapshot: Snapshot, view: View) -> Content:
    """Three columns of three lines: carbon, energy, Tabs."""
    boxes = [
        _cost(snapshot.totals, "carbon", view),
        _cost(snapshot.totals, "energy", view),
        _tab(snapshot.tabs, snapshot.tabs.tier, view),
    ]
    narrow = max((view.width - 38) // 2, 18)
    widths = (narrow, narrow, view.width - 2 * narrow)
    if view.wide:
        widths = (view.width // 3,) * 3
    return lines(
        *(
            Content("").join(
                _boxed(box[line], cells) for box, cells in zip(boxes, widths, strict=True)
            )
            for line in range(3)
        )
    )


def _boxed(text: Content, cells: int) -> Content:
    kept = text.truncate(cells, ellipsis=True) if text.cell_length > cells else text
    return kept.pad_right(cells - kept.cell_length)


def _cost(totals: Totals, what: str, view: View) -> list[Content]:
    carbon = what == "carbon"
    spread: Spread | None = totals.carbon_g if carbon else totals.energy_wh
    scale: Scale = GRAMS if carbon else WATT_HOURS
    missing = totals.carbon_unknown if carbon else totals.energy_unknown
    gap = f"{count(missing)} not priced" if missing else ""
    label = " CO2e" if carbon else ""
    if spread is None:
        mark = f"{view.marks.unknown} "
        return [
            Content.assemble((f"{mark}{what} not known", STRONG)),
            Content.assemble((f"  {gap}", WARN)),
            Content(""),
        ]
    mark = view.marks.tier(totals.tier) if spread.high else " "
    range_ = view.bounds(spread, scale) if spread.high else "no requests"
    last = (f"  {gap}", WARN) if gap else (f"  {_shares(totals, view) if carbon else ''}", MUTED)
    return [
        Content.assemble((f"{mark} {view.amount(spread, scale)}{label}", STRONG)),
        Content.assemble((f"  {range_}", MUTED)),
        Content.assemble(last),
    ]


def _shares(totals: Totals, view: View) -> str:
    """How much of the energy is measured, modelled, assumed: the strongest two fit."""
    parts = sorted(totals.tiers, key=lambda part: -part.share)
    cells = 3 if view.wide else 1
    return ", ".join(f"{percent(part.share)} {part.tier}" for part in parts[:cells])


def _tab(tabs: Tabs, tier: str, view: View) -> list[Content]:
    if not tabs.requested:
        return [Content.assemble(("  no Tabs asked", MUTED)), Content(""), Content("")]
    cost, scale = (tabs.cost_g, GRAMS) if view.unit != "Wh" else (tabs.cost_wh, WATT_HOURS)
    asked = f"{count(tabs.requested)} asked {count(tabs.delivered)} delivered"
    unseen = tabs.unseen_share
    notes = []
    if tabs.accepted is None:
        notes.append("accepts not known")
    elif unseen is not None:
        notes.append(f"{percent(unseen)} went unseen")
    if tabs.accepted is not None:
        asked += f" {count(tabs.accepted)} accepted"
    if cost is None:
        first = f"{view.marks.unknown} cost of a Tab not known"
        return [Content.assemble((first, STRONG)), _note(notes), _note([asked])]
    mark = view.marks.tier(tier)
    first = f"{mark} {view.amount(cost, scale)} per {tabs.per} Tab"
    notes.insert(0, view.bounds(cost, scale))
    return [Content.assemble((first, STRONG)), _note(notes), _note([asked])]


def _note(words: list[str]) -> Content:
    return Content.assemble(("  " + "  ".join(words), MUTED))

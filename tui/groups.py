"""Tables by developer, model and client, sorted by name: this is no ranking of people."""

from collections.abc import Sequence
from typing import Final

from textual.content import Content

from reports.snapshot import Row
from reports.totals import Totals
from tui.cells import clean, cut_middle, left, right
from tui.cells import width as width_of
from tui.figures import GRAMS, WATT_HOURS, count
from tui.now import person
from tui.view import MUTED, View, lines

_GRAMS, _WH, _COUNT = 6, 7, 5
_TAB_HEADS: Final = {"accepted": "/accept", "delivered": "/deliver"}


def people(rows: Sequence[Row], room: int, width: int, view: View) -> Content:
    """Name, Tabs, requests, energy, carbon, carbon of one Tab."""
    costs = _WH + _GRAMS + _GRAMS + 3 * 3
    name_cells = max(width - 2 * (_COUNT + 2) - costs, 6)
    per = _divisor(rows)
    head = (
        left("people", name_cells)
        + right("tabs", _COUNT + 2)
        + right("reqs", _COUNT + 2)
        + right("energy", _WH + 3)
        + right("carbon", _GRAMS + 3)
        + right(_TAB_HEADS[per], _GRAMS + 3)
    )
    names = _names(rows, name_cells)
    drawn = [
        _person(row, left(name, name_cells, view.marks.cut), per, view)
        for row, name in zip(rows, names, strict=True)
    ]
    return _table(head, drawn, room, view)


def _names(rows: Sequence[Row], cells: int) -> list[str]:
    """All whole; where one has no room, all without their domain if that still tells them apart."""
    whole = [clean(row.name) or "not named" for row in rows]
    short = [person(name) for name in whole]
    fits = all(width_of(name) <= cells for name in whole)
    return whole if fits or len(set(short)) < len(short) else short


def _divisor(rows: Sequence[Row]) -> str:
    """What the cost of a Tab is divided by: accepted as soon as one person's client says so.

    Costs by different divisors never share a column.
    """
    found = {row.tabs.per for row in rows if row.tabs is not None}
    return "accepted" if "accepted" in found or "delivered" not in found else "delivered"


def _person(row: Row, name: str, per: str, view: View) -> Content:
    totals, tabs = row.totals, row.tabs
    asked = view.marks.unknown if tabs is None else count(tabs.requested)
    cost = None if tabs is None or tabs.per != per else tabs.cost_g
    tab_mark = " " if tabs is None or cost is None else view.mark(cost, tabs.tier)
    return Content.assemble(
        name,
        right(asked, _COUNT + 2),
        right(count(totals.requests), _COUNT + 2),
        *_costs(totals, view),
        f" {tab_mark} " + right(view.cell(cost, GRAMS), _GRAMS),
    )


def _costs(totals: Totals, view: View) -> tuple[str, str]:
    """Energy and carbon, each behind the sign of its tier."""
    energy, carbon = totals.energy_wh, totals.carbon_g
    return (
        f" {view.mark(energy, totals.tier)} " + right(view.cell(energy, WATT_HOURS), _WH),
        f" {view.mark(carbon, totals.tier)} " + right(view.cell(carbon, GRAMS), _GRAMS),
    )


def others(title: str, rows: Sequence[Row], room: int, width: int, view: View) -> Content:
    """Name, requests, energy, carbon: models or clients."""
    name_cells = max(width - _COUNT - 2 - _WH - _GRAMS - 2 * 3, 8)
    head = (
        left(title, name_cells)
        + right("reqs", _COUNT + 2)
        + right("energy", _WH + 3)
        + right("carbon", _GRAMS + 3)
    )
    names = [row.name for row in rows]
    drawn = [
        _other(row, _apart(row) if names.count(row.name) > 1 else row.name, name_cells, view)
        for row in rows
    ]
    return _table(head, drawn, room, view)


def _apart(row: Row) -> str:
    """The name of a model that several providers serve."""
    return f"{row.name} {row.provider}" if row.provider else row.name


def _other(row: Row, full: str, name_cells: int, view: View) -> Content:
    totals = row.totals
    name = cut_middle(clean(full) or "not named", name_cells - 1, view.marks.cut)
    return Content.assemble(
        left(name, name_cells),
        right(count(totals.requests), _COUNT + 2),
        *_costs(totals, view),
    )


def _table(head: str, rows: list[Content], room: int, view: View) -> Content:
    """The head and as many rows as there is room for; the rest is counted, not dropped."""
    shown = rows if len(rows) <= room else rows[: max(room - 1, 0)]
    table = [Content.assemble((head, MUTED)), *shown]
    if len(shown) < len(rows):
        table.append(Content.assemble((f"and {len(rows) - len(shown)} more", MUTED)))
    if not rows:
        table.append(Content.assemble((f"{view.marks.unknown} nobody yet", MUTED)))
    return lines(*table)

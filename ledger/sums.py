"""Sums over any window of time, grouped by any part of the roll-up's key.

Whole hours come from the roll-up; a window's ragged ends come from the rows themselves, through
the same arithmetic, so a sum is exact wherever it begins and ends.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import add
from typing import Final

from sqlalchemy import Connection, Select, func, select

from ledger import rollup
from ledger.record import Range, RequestRecord
from ledger.rows import COLUMNS, microseconds, record_of
from ledger.tables import HOURLY, REQUESTS

_AT: Final = {name: place for place, name in enumerate(rollup.AMOUNT_COLUMNS)}
_KEY_AT: Final = {name: place for place, name in enumerate(rollup.KEY_COLUMNS)}
_BEGINNING = 0


@dataclass(frozen=True, slots=True)
class Sums:
    """The sums of one group, by column of the roll-up."""

    places: Mapping[str, int]
    """Column -> its place in `values`; one mapping for all groups of a query."""
    values: tuple[int, ...]

    def __getitem__(self, column: str) -> int:
        """One sum, in the unit that the column's name ends with."""
        return self.values[self.places[column]]

    def __add__(self, other: "Sums") -> "Sums":
        """The sums of both groups, which were asked for the same columns."""
        return Sums(self.places, tuple(map(add, self.values, other.values)))

    def range(self, quantity: str) -> Range:
        """The three sums of a quantity in joules, grams or millilitres: no interval yet."""
        low, typical, high, _ = rollup.range_columns(quantity)
        scale = rollup.RANGES[quantity][1]
        return Range(self[low] / scale, self[typical] / scale, self[high] / scale)


@dataclass(frozen=True, slots=True)
class Window:
    """Since <= start < until; None is open."""

    since: datetime | None = None
    until: datetime | None = None


type Groups = dict[tuple[str | int | bool, ...], Sums]


def sums(
    connection: Connection,
    by: Sequence[str],
    columns: Sequence[str],
    window: Window = Window(),
    *,
    developer: str | None = None,
) -> Groups:
    """Sums of `columns` per distinct value of the key columns `by`; empty groups are absent."""
    since_us = _BEGINNING if window.since is None else microseconds(window.since)
    first_hour = -(-since_us // rollup.HOUR_US)
    until_us = None if window.until is None else microseconds(window.until)
    last_hour = None if until_us is None else max(until_us // rollup.HOUR_US, first_hour)
    groups = _whole_hours(connection, by, columns, first_hour, last_hour, developer)
    for start_us, end_us in _ragged(since_us, first_hour, last_hour, until_us):
        for record in _rows(connection, start_us, end_us, developer):
            _include(groups, record, by, columns)
    return groups


def _whole_hours(
    connection: Connection,
    by: Sequence[str],
    columns: Sequence[str],
    first_hour: int,
    last_hour: int | None,
    developer: str | None,
) -> Groups:
    keys = [HOURLY.c[name] for name in by]
    query = select(*keys, *(func.sum(HOURLY.c[name]) for name in columns))
    if first_hour > _BEGINNING:
        query = query.where(HOURLY.c.hour >= first_hour)
    if last_hour is not None:
        query = query.where(HOURLY.c.hour < last_hour)
    if developer is not None:
        query = query.where(HOURLY.c.developer_id == developer)
    places, width = _places(columns), len(keys)
    return {
        tuple(row[:width]): Sums(places, tuple(map(int, row[width:])))
        for row in connection.execute(query.group_by(*keys) if keys else query)
        if row[-1] is not None
    }


def _places(columns: Sequence[str]) -> dict[str, int]:
    return {name: place for place, name in enumerate(columns)}


def _ragged(
    since_us: int, first_hour: int, last_hour: int | None, until_us: int | None
) -> list[tuple[int, int]]:
    """The parts of the window that are not whole hours."""
    first_us = first_hour * rollup.HOUR_US
    if until_us is None or last_hour is None:
        spans = [(since_us, first_us)]
    else:
        last_us = last_hour * rollup.HOUR_US
        spans = [(since_us, min(first_us, until_us)), (max(last_us, since_us), until_us)]
        if first_us > until_us:  # the whole window lies inside one hour
            spans = [(since_us, until_us)]
    return [(start, end) for start, end in spans if start < end]


def _rows(
    connection: Connection, start_us: int, end_us: int, developer: str | None
) -> list[RequestRecord]:
    time = REQUESTS.c.started_at_us
    query: Select[tuple[object, ...]] = select(*(REQUESTS.c[name] for name in COLUMNS))
    query = query.where(time >= start_us, time < end_us)
    if developer is not None:
        query = query.where(REQUESTS.c.developer_id == developer)
    return [record_of(row) for row in connection.execute(query)]


def _include(
    groups: Groups, record: RequestRecord, by: Sequence[str], columns: Sequence[str]
) -> None:
    hour_key, amounts = rollup.hour_key(record), rollup.amounts(record)
    key = tuple(hour_key[_KEY_AT[name]] for name in by)
    one = Sums(_places(columns), tuple(amounts[_AT[name]] for name in columns))
    groups[key] = groups[key] + one if key in groups else one

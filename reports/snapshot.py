"""Everything the live screen prints from the ledger, as values at one moment.

Sums come from the hourly roll-up, the newest requests from the rows by index, so it takes
milliseconds on a ledger of a million rows.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ledger.record import Range, RequestRecord
from ledger.rollup import HOUR_US, tab_fate
from ledger.rows import microseconds, moment
from ledger.store import Store, newest_records
from ledger.sums import Window, sums
from reports.sums import J_PER_WH, scaled
from reports.tabs import Tabs, tabs
from reports.totals import COLUMNS, Group, GroupKey, Totals, totals

_SERIES_HOURS = 24


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table by developer, model or client."""

    name: str
    """Empty: the requests did not say."""
    totals: Totals
    provider: str = ""
    """Only of a model."""
    tabs: Tabs | None = None
    """Only of a developer."""


@dataclass(frozen=True, slots=True)
class HourPoint:
    """One hour of the series; an hour without requests cost 0."""

    start: datetime
    totals: Totals


@dataclass(frozen=True, slots=True)
class Recent:
    """One request as a line of the list of the newest."""

    id: str
    started_at: datetime
    developer: str
    client: str | None
    provider: str | None
    model: str | None
    purpose: str
    speculative: bool
    outcome: str
    provisional: bool
    upstream: str | None
    http_status: int | None
    ttft_s: float | None
    duration_s: float | None
    output_tokens_per_s: float | None
    input_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    input_how: str
    output_how: str
    accelerator_wh: Range | None
    server_wh: Range | None
    energy_wh: Range | None
    """At the facility's meter."""
    carbon_g: Range | None
    embodied_g: Range | None
    zone: str | None
    intensity_g_per_kwh: Range | None
    method: str | None
    tier: str
    """Of the energy; `unknown` where there is none."""
    tab_fate: str
    """`accepted`, `shown`, `unseen`, `unknown`; empty for no Tab."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The ledger between `since` and `until` as seen at `now`."""

    since: datetime | None
    until: datetime | None
    now: datetime
    totals: Totals
    tabs: Tabs
    developers: tuple[Row, ...]
    """By name, not by grams: this is no ranking."""
    models: tuple[Row, ...]
    clients: tuple[Row, ...]
    hours: tuple[HourPoint, ...]
    """The last 24 hours by the clock in UTC, oldest first; the last one is still running."""
    newest: tuple[Recent, ...]
    """The newest requests of the whole ledger, newest first."""


def snapshot(
    store: Store,
    since: datetime | None,
    until: datetime | None,
    now: datetime,
    newest: int = 50,
) -> Snapshot:
    """Read one state of the ledger. An `until` that is not past leaves the window open."""
    window = Window(since, None if until is None or until >= now else until)
    with store.reading() as connection:
        groups = [
            (GroupKey._make(key), found)
            for key, found in sums(connection, GroupKey._fields, COLUMNS, window).items()
        ]
        series = _series(connection, now)
        latest = newest_records(connection, newest)
    return Snapshot(
        since=since,
        until=until,
        now=now,
        totals=totals(groups),
        tabs=tabs(groups),
        developers=_developers(groups),
        models=_models(groups),
        clients=_rows(groups, lambda key: key.client),
        hours=series,
        newest=tuple(recent(record) for record in latest),
    )


def _split[K: Hashable](
    groups: Iterable[Group], of: Callable[[GroupKey], K]
) -> list[tuple[K, list[Group]]]:
    """The groups apart by a part of their key, in the order of that part."""
    found: dict[K, list[Group]] = {}
    for key, group in groups:
        found.setdefault(of(key), []).append((key, group))
    return sorted(found.items(), key=lambda item: str(item[0]).casefold())


def _rows(groups: Iterable[Group], of: Callable[[GroupKey], str]) -> tuple[Row, ...]:
    return tuple(Row(name, totals(parts)) for name, parts in _split(groups, of))


def _developers(groups: Iterable[Group]) -> tuple[Row, ...]:
    return tuple(
        Row(name, totals(parts), tabs=tabs(parts))
        for name, parts in _split(groups, lambda key: key.developer_id)
    )


def _models(groups: Iterable[Group]) -> tuple[Row, ...]:
    return tuple(
        Row(model, totals(parts), provider)
        for (model, provider), parts in _split(groups, lambda key: (key.model, key.provider))
    )


def _series(connection: Connection, now: datetime) -> tuple[HourPoint, ...]:
    running = microseconds(now) // HOUR_US
    first = running - _SERIES_HOURS + 1
    window = Window(moment(first * HOUR_US), None)
    by_hour: dict[int, list[Group]] = {}
    for (hour, *key), found in sums(connection, ("hour", *_SERIES_KEY), COLUMNS, window).items():
        group = GroupKey("", "", str(key[0]), str(key[1]), "", "", False, str(key[2]), "")
        by_hour.setdefault(int(hour), []).append((group, found))
    start = moment(first * HOUR_US)
    return tuple(
        HourPoint(start + timedelta(hours=place), totals(by_hour.get(first + place, ())))
        for place in range(_SERIES_HOURS)
    )


_SERIES_KEY = ("provider", "model", "tier")


def recent(record: RequestRecord) -> Recent:
    """The record as a line of the list."""
    return Recent(
        id=record.id,
        started_at=record.started_at,
        developer=record.developer,
        client=record.client,
        provider=record.provider,
        model=record.model_served or record.model_requested,
        purpose=record.purpose,
        speculative=record.speculative,
        outcome=record.outcome,
        provisional=record.provisional,
        upstream=record.upstream,
        http_status=record.http_status,
        ttft_s=record.ttft_s,
        duration_s=record.duration_s,
        output_tokens_per_s=record.output_tokens_per_s,
        input_tokens=record.input_tokens,
        cache_read_tokens=record.cache_read_tokens,
        cache_write_tokens=record.cache_write_tokens,
        output_tokens=record.output_tokens,
        reasoning_tokens=record.reasoning_tokens,
        input_how=record.input_how,
        output_how=record.output_how,
        accelerator_wh=scaled(record.accelerator_j, 1 / J_PER_WH),
        server_wh=scaled(record.server_j, 1 / J_PER_WH),
        energy_wh=scaled(record.facility_j, 1 / J_PER_WH),
        carbon_g=record.carbon_g,
        embodied_g=record.embodied_g,
        zone=record.zone,
        intensity_g_per_kwh=record.intensity_g_per_kwh,
        method=record.method,
        tier=(record.facility_j.tier if record.facility_j else None) or "unknown",
        tab_fate=tab_fate(record),
    )

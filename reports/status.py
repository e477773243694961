"""The day's carbon, energy and Tab cost for a status bar.

Asked for every few seconds, so it reads the ledger file with `sqlite3` alone: no module that
takes long to import may be imported here.
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from ledger.record import Range
from ledger.rollup import HOUR_US, NG_PER_G, UJ_PER_J
from ledger.rows import microseconds
from reports.sums import J_PER_WH, scaled, total

SCHEMA: Final = 1
"""The version of the ledger's schema that the query below was written for."""

_RAGGED_START = f"""
    SELECT coalesce(provider, ''), coalesce(nullif(model_served, ''), model_requested, ''),
      purpose, outcome, CASE kind WHEN 'cold_start' THEN 0 ELSE requests END,
      facility_low_j IS NULL, carbon_low_g IS NULL,
      coalesce(round(facility_low_j * {UJ_PER_J}), 0),
      coalesce(round(facility_typical_j * {UJ_PER_J}), 0),
      coalesce(round(facility_high_j * {UJ_PER_J}), 0),
      coalesce(round(carbon_low_g * {NG_PER_G}), 0),
      coalesce(round(carbon_typical_g * {NG_PER_G}), 0),
      coalesce(round(carbon_high_g * {NG_PER_G}), 0),
      coalesce(tab_accepted, 0), tab_accepted IS NULL
    FROM requests WHERE started_at_us >= :since_us AND started_at_us < :hour * {HOUR_US}
"""
_QUERY = f"""
  SELECT provider, model, purpose, outcome, sum(requests), sum(energy_unknown),
    sum(carbon_unknown), sum(energy_low), sum(energy_typical), sum(energy_high), sum(carbon_low),
    sum(carbon_typical), sum(carbon_high), sum(accepted), sum(accepted_unknown)
  FROM (
    SELECT provider, model, purpose, outcome, requests, facility_unknown AS energy_unknown,
      carbon_unknown, facility_low_uj AS energy_low, facility_typical_uj AS energy_typical,
      facility_high_uj AS energy_high, carbon_low_ng AS carbon_low,
      carbon_typical_ng AS carbon_typical, carbon_high_ng AS carbon_high,
      tab_accepted AS accepted, tab_accepted_unknown AS accepted_unknown
    FROM hourly WHERE hour >= :hour
    UNION ALL {_RAGGED_START}
  ) GROUP BY provider, model, purpose, outcome
"""


class NoLedger(Exception):
    """There is nothing to read: no file, no tables, or tables of a newer program."""


class _Group(NamedTuple):
    provider: str
    model: str
    purpose: str
    outcome: str
    requests: int
    energy_unknown: int
    carbon_unknown: int
    energy_low: int
    energy_typical: int
    energy_high: int
    carbon_low: int
    carbon_typical: int
    carbon_high: int
    accepted: int
    accepted_unknown: int


@dataclass(frozen=True, slots=True)
class Status:
    """Figures since `since`; `None` is unknown."""

    since: datetime
    requests: int
    energy_wh: Range | None
    carbon_g: Range | None
    energy_unknown: int
    carbon_unknown: int
    tab_per: str | None
    """`accepted`, or `delivered` where no client says what was accepted."""
    tab_count: int
    tab_wh: Range | None
    tab_g: Range | None


def status(ledger: Path, since: datetime) -> Status:
    """The sums since a moment, usually the last midnight."""
    if not ledger.exists():
        raise NoLedger(f"no ledger yet at {ledger}; start one with: tabwatt up")
    since_us = microseconds(since)
    bounds = {"since_us": since_us, "hour": -(-since_us // HOUR_US)}
    try:
        with closing(_connect(ledger)) as connection:
            found = connection.execute("SELECT max(version) FROM schema_version").fetchone()[0]
            if found != SCHEMA:
                raise NoLedger(f"{ledger} has schema {found}, this tabwatt knows {SCHEMA}")
            groups = [_Group(*row) for row in connection.execute(_QUERY, bounds)]
    except sqlite3.Error as error:
        raise NoLedger(f"cannot read {ledger}: {error}; see: tabwatt doctor") from None
    return _status(groups, since)


def _connect(ledger: Path) -> sqlite3.Connection:
    """Writing is off, but the file is opened for it: else a killed writer's WAL is unreadable."""
    connection = sqlite3.connect(f"{ledger.absolute().as_uri()}?mode=rw", uri=True, timeout=0.1)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _status(groups: list[_Group], since: datetime) -> Status:
    tab = [group for group in groups if group.purpose == "tab"]
    signalled = any(group.requests > group.accepted_unknown for group in tab)
    accepted = sum(group.accepted for group in tab)
    delivered = sum(group.requests for group in tab if group.outcome == "ok")
    count = accepted if signalled else delivered
    share = 1 / count if count else 0.0
    return Status(
        since=since,
        requests=sum(group.requests for group in groups),
        energy_wh=_energy_wh(groups),
        carbon_g=_carbon_g(groups),
        energy_unknown=sum(group.energy_unknown for group in groups),
        carbon_unknown=sum(group.carbon_unknown for group in groups),
        tab_per=("accepted" if signalled else "delivered") if count else None,
        tab_count=count,
        tab_wh=scaled(_energy_wh(tab), share) if count else None,
        tab_g=scaled(_carbon_g(tab), share) if count else None,
    )


def _energy_wh(groups: list[_Group]) -> Range | None:
    sums = ((g, g.energy_unknown, (g.energy_low, g.energy_typical, g.energy_high)) for g in groups)
    return _interval(sums, 1 / (UJ_PER_J * J_PER_WH))


def _carbon_g(groups: list[_Group]) -> Range | None:
    sums = ((g, g.carbon_unknown, (g.carbon_low, g.carbon_typical, g.carbon_high)) for g in groups)
    return _interval(sums, 1 / NG_PER_G)


def _interval(
    groups: Iterable[tuple[_Group, int, tuple[int, int, int]]], unit: float
) -> Range | None:
    """The same rule as everywhere: shared errors in a model and provider, independent between."""
    per_model: dict[tuple[str, str], tuple[int, int, int]] = {}
    anything = False
    for group, unknown, (low, typical, high) in groups:
        anything = anything or group.requests > 0
        if group.requests > unknown or high:
            model = (group.provider, group.model)
            before = per_model.get(model, (0, 0, 0))
            per_model[model] = (before[0] + low, before[1] + typical, before[2] + high)
    if not per_model:
        return None if anything else Range(0.0, 0.0, 0.0)
    return scaled(total(Range(*sums) for sums in per_model.values()), unit)


def line(status: Status) -> str:
    """One line for people: `48 g (36-61) · 121 Wh (92-150) · Tab 0.021 g (0.012-0.037)`."""
    parts = [_shown(status.carbon_g, "g"), _shown(status.energy_wh, "Wh")]
    if status.tab_per is not None:
        label = "Tab" if status.tab_per == "accepted" else "delivered Tab"
        parts.append(f"{label} {_shown(status.tab_g, 'g')}")
    if status.energy_unknown:
        parts.append(f"{status.energy_unknown} of {status.requests} unknown")
    return " · ".join(parts)


def _shown(figure: Range | None, unit: str) -> str:
    if figure is None:
        return f"? {unit}"
    typical, low, high = (_digits(x) for x in (figure.typical, figure.low, figure.high))
    return f"{typical} {unit}" if low == high else f"{typical} {unit} ({low}\N{EN DASH}{high})"


def _digits(value: float) -> str:
    """Two significant digits, and whole numbers above ten: no more is known."""
    if value >= 10 or value == 0:
        return f"{value:.0f}"
    return f"{float(f'{value:.2g}'):.12f}".rstrip("0").rstrip(".")


def answer(status: Status) -> dict[str, Any]:
    """The `--json` object, version 1; what is unknown is absent."""
    found: dict[str, Any] = {
        "v": 1,
        "since": status.since.astimezone(UTC).isoformat(timespec="seconds")[:-6] + "Z",
        "requests": status.requests,
        "energy_unknown": status.energy_unknown,
        "carbon_unknown": status.carbon_unknown,
    }
    found |= _ranges(energy_wh=status.energy_wh, carbon_g=status.carbon_g)
    if status.tab_per is not None:
        tab = {"per": status.tab_per, "count": status.tab_count}
        found["tab"] = tab | _ranges(energy_wh=status.tab_wh, carbon_g=status.tab_g)
    return found


def _ranges(**figures: Range | None) -> dict[str, Any]:
    return {
        name: {"low": figure.low, "typical": figure.typical, "high": figure.high}
        for name, figure in figures.items()
        if figure is not None
    }

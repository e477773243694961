"""A request record as one flat row, and back.

A time is an integer number of microseconds since 1970 in UTC: exact, the same eight bytes in
SQLite and PostgreSQL, compared and cut into hours without any driver's idea of a time zone.
The absent team is the empty string, because a key column cannot be NULL.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from math import isfinite
from operator import attrgetter
from typing import Any

from ledger.record import Cost, Measured, Range, RequestRecord, TabCounts

KEY_COLUMNS = ("team_id", "developer_id", "id")

# Columns that are fields of the record under the same name.
_PLAIN_NAMES = (
    "kind requests revision provisional duration_s ttft_s output_tokens_per_s machine client "
    "client_version editor language session project purpose speculative capture provider api "
    "upstream model_requested model_served stream http_status outcome request_bytes "
    "response_bytes input_how output_how input_tokens cache_read_tokens cache_write_tokens "
    "output_tokens reasoning_tokens zone method trace_id"
)
_PLAIN = tuple(_PLAIN_NAMES.split())
_FLAGS = frozenset(("provisional", "speculative", "stream"))
_TAB = ("source", "shown", "accepted", "partial", "rejected")
_TIERED = (("accelerator_j", "accelerator"), ("server_j", "server"), ("facility_j", "facility"))
_UNTIERED = ("carbon_g", "embodied_g", "water_ml", "intensity_g_per_kwh")


def _range_columns(field: str) -> tuple[str, str, str]:
    """`carbon_g` -> `carbon_low_g`, `carbon_typical_g`, `carbon_high_g`."""
    noun, unit = field.split("_", 1)
    return (f"{noun}_low_{unit}", f"{noun}_typical_{unit}", f"{noun}_high_{unit}")


COLUMNS: tuple[str, ...] = (
    *KEY_COLUMNS,
    "started_at_us",
    "ended_at_us",
    *_PLAIN,
    "modalities",
    "is_tab",
    *(f"tab_{name}" for name in _TAB),
    *(c for field, noun in _TIERED for c in (*_range_columns(field), f"{noun}_tier")),
    *(c for field in _UNTIERED for c in _range_columns(field)),
    "measured_active_j",
    "measured_idle_share_j",
    "measured_devices",
    "measured_method",
    "cost_usd",
    "cost_basis",
)
"""The order of every row tuple in this package."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_plain_values: Callable[[RequestRecord], tuple[Any, ...]] = attrgetter(*_PLAIN)
_tab_values: Callable[[TabCounts], tuple[Any, ...]] = attrgetter(*_TAB)
_tiered_values: Callable[[RequestRecord], tuple[Range | None, ...]] = attrgetter(
    *(field for field, _ in _TIERED)
)
_untiered_values: Callable[[RequestRecord], tuple[Range | None, ...]] = attrgetter(*_UNTIERED)
_NO_TAB = (False, None, None, None, None, None)


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 UTC of an aware moment."""
    if moment.tzinfo is None:
        raise ValueError("a time without a time zone")
    return (moment - _EPOCH) // _MICROSECOND


def moment(microseconds_since_1970: int) -> datetime:
    """The aware UTC moment."""
    return _EPOCH + timedelta(microseconds=microseconds_since_1970)


def key_of(record: RequestRecord) -> tuple[str, str, str]:
    """The primary key: (team_id, developer_id, id)."""
    return (clean(record.team or ""), clean(record.developer), clean(record.id))


def clean(text: str) -> str:
    """`text` as both stores can hold it: no NUL, no lone surrogate (headers may carry them)."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode().replace("\0", "?")


def cleaned(values: list[Any]) -> list[Any]:
    """The values with their text as both stores can hold it."""
    text = "".join([value for value in values if type(value) is str])
    if text.isascii() and "\0" not in text:  # nearly always: one look at all of it
        return values
    return [clean(value) if type(value) is str else value for value in values]


def row_of(record: RequestRecord) -> tuple[Any, ...]:
    """The flat row, in the order of `COLUMNS`."""
    ended = record.ended_at
    tab, measured, cost = record.tab, record.measured, record.cost
    row: list[Any] = [
        record.team or "",
        record.developer,
        record.id,
        microseconds(record.started_at),
        None if ended is None else microseconds(ended),
        *_plain_values(record),
        ",".join(record.modalities),
    ]
    row += _NO_TAB if tab is None else (True, *_tab_values(tab))
    for tiered in _tiered_values(record):
        row += (
            (None, None, None, None)
            if tiered is None
            else (tiered.low, tiered.typical, tiered.high, tiered.tier)
        )
    for untiered in _untiered_values(record):
        row += (
            (None, None, None)
            if untiered is None
            else (untiered.low, untiered.typical, untiered.high)
        )
    row += _measured_columns(measured)
    row += (None, None) if cost is None else (cost.usd, cost.basis)
    if not isfinite(_unsummed(record)):
        raise ValueError("a figure is not finite")
    return tuple(cleaned(row))


def _unsummed(record: RequestRecord) -> float:
    """The figures that no sum looks at, added up: finite only if each of them is."""
    whole = record.output_tokens_per_s or 0.0
    intensity, measured = record.intensity_g_per_kwh, record.measured
    if intensity is not None:
        whole += intensity.low + intensity.typical + intensity.high
    if measured is not None:
        whole += (measured.active_j or 0.0) + (measured.idle_share_j or 0.0)
    return whole


def _measured_columns(measured: Measured | None) -> tuple[Any, ...]:
    if measured is None:
        return (None, None, None, None)
    devices = "\n".join(measured.devices)
    return (measured.active_j, measured.idle_share_j, devices, measured.method)


_AT = {name: position for position, name in enumerate(COLUMNS)}
_FIRST_PLAIN = _AT[_PLAIN[0]]


def record_of(row: Sequence[Any]) -> RequestRecord:
    """The record whose flat row this is."""
    fields: dict[str, Any] = dict(zip(_PLAIN, row[_FIRST_PLAIN:], strict=False))
    for name in _FLAGS:
        fields[name] = bool(fields[name])
    for field, noun in _TIERED:
        start = _AT[_range_columns(field)[0]]
        fields[field] = _range(row, start, row[_AT[f"{noun}_tier"]])
    for field in _UNTIERED:
        fields[field] = _range(row, _AT[_range_columns(field)[0]], None)
    ended, modalities = row[_AT["ended_at_us"]], row[_AT["modalities"]]
    usd = row[_AT["cost_usd"]]
    return RequestRecord(
        team=row[0] or None,
        developer=row[1],
        id=row[2],
        started_at=moment(row[3]),
        ended_at=None if ended is None else moment(ended),
        modalities=tuple(modalities.split(",")) if modalities else (),
        tab=_tab(row),
        measured=_measured(row),
        cost=None if usd is None else Cost(usd, row[_AT["cost_basis"]]),
        **fields,
    )


def _range(row: Sequence[Any], start: int, tier: Any) -> Range | None:
    low = row[start]
    return None if low is None else Range(low, row[start + 1], row[start + 2], tier)


def _tab(row: Sequence[Any]) -> TabCounts | None:
    start = _AT["is_tab"]
    return TabCounts(*row[start + 1 : start + 1 + len(_TAB)]) if row[start] else None


def _measured(row: Sequence[Any]) -> Measured | None:
    start = _AT["measured_active_j"]
    active, idle, devices, method = row[start : start + 4]
    if devices is None:
        return None
    return Measured(active, idle, tuple(devices.split("\n")) if devices else (), method)

"""The record as one line of JSON: `tabwatt export --format ndjson`, version 1.

The order of the fields of `_Line` is the contract's. Absent is unknown: null is never written and
reads as absent; 0 is a known zero. Times have milliseconds and `Z`. Fields that this version does
not know are passed over, so that a later minor addition does not break a reader.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from ledger.record import Cost, Measured, Outcome, Range, RequestRecord, TabCounts, Tier

VERSION: Final = 1

type _Count = Annotated[int, msgspec.Meta(ge=0)] | None
type _Amount = Annotated[float, msgspec.Meta(ge=0)] | None


class _Sparse(msgspec.Struct, omit_defaults=True):
    """An object that leaves out what is unknown."""


class _Spread(_Sparse, kw_only=True):
    tier: Tier | None = None
    low: float
    typical: float
    high: float


class _How(_Sparse):
    input: str | None = None
    output: str | None = None


class _Usage(_Sparse):
    how: _How | None = None
    input_tokens: _Count = None
    cache_read_tokens: _Count = None
    cache_write_tokens: _Count = None
    output_tokens: _Count = None
    reasoning_tokens: _Count = None


class _Tab(_Sparse):
    source: Literal["telemetry", "event", "otlp", "inferred"] | None = None
    shown: _Count = None
    accepted: _Count = None
    partial: _Count = None
    rejected: _Count = None


class _Energy(_Sparse):
    accelerator: _Spread | None = None
    server: _Spread | None = None
    facility: _Spread | None = None


class _Measured(_Sparse):
    active: _Amount = None
    idle_share: _Amount = None
    devices: list[str] | None = None
    method: Literal["tokens", "time"] | None = None


class _Cost(_Sparse, kw_only=True):
    usd: float
    basis: str | None = None


class _Line(_Sparse, kw_only=True):
    v: Literal[1]
    id: Annotated[str, msgspec.Meta(min_length=1)]
    kind: Literal["request", "cold_start", "aggregate"] | None = None
    requests: _Count = None
    revision: _Count = None
    provisional: bool | None = None
    started_at: str
    ended_at: str | None = None
    duration_s: _Amount = None
    ttft_s: _Amount = None
    output_tokens_per_s: _Amount = None
    developer: str
    team: str | None = None
    machine: str | None = None
    client: str | None = None
    client_version: str | None = None
    editor: str | None = None
    language: str | None = None
    session: str | None = None
    project: str | None = None
    purpose: str | None = None
    speculative: bool | None = None
    capture: Literal["reverse", "intercept", "otlp", "imported"] | None = None
    provider: str | None = None
    api: str | None = None
    upstream: str | None = None
    model_requested: str | None = None
    model_served: str | None = None
    stream: bool | None = None
    http_status: int | None = None
    outcome: Outcome | None = None
    request_bytes: _Count = None
    response_bytes: _Count = None
    modalities: list[str] | None = None
    usage: _Usage | None = None
    tab: _Tab | None = None
    energy_j: _Energy | None = None
    measured_j: _Measured | None = None
    carbon_g: _Spread | None = None
    embodied_g: _Spread | None = None
    water_ml: _Spread | None = None
    zone: str | None = None
    intensity_g_per_kwh: _Spread | None = None
    cost: _Cost | None = None
    method: str | None = None
    trace_id: str | None = None


_NAMES = (
    "id kind requests revision provisional duration_s ttft_s output_tokens_per_s developer team "
    "machine client client_version editor language session project purpose speculative capture "
    "provider api upstream model_requested model_served stream http_status outcome request_bytes "
    "response_bytes zone method trace_id"
)
_SAME_NAME = tuple(_NAMES.split())
_TOKENS = (
    *("input_tokens", "cache_read_tokens", "cache_write_tokens"),
    *("output_tokens", "reasoning_tokens"),
)
_RANGES = ("carbon_g", "embodied_g", "water_ml", "intensity_g_per_kwh")
_BOUNDARIES = ("accelerator", "server", "facility")

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Line)


def line(record: RequestRecord) -> bytes:
    """The record as one line of JSON, without the line's end."""
    return _encoder.encode(_line(record))


def fields(record: RequestRecord) -> dict[str, Any]:
    """The record as the contract's object, unknown fields absent."""
    found: dict[str, Any] = msgspec.to_builtins(_line(record))
    return found


def record(text: bytes | str) -> RequestRecord:
    """The record that one line of JSON holds; ValueError says what is wrong with it, and where."""
    try:
        found = _decoder.decode(text)
    except msgspec.MsgspecError as error:
        raise ValueError(f"not a record: {error}") from None
    except UnicodeError:
        raise ValueError("not a record: not UTF-8") from None
    return _record(found)


def _line(record: RequestRecord) -> _Line:
    same: dict[str, Any] = {name: getattr(record, name) for name in _SAME_NAME}
    same |= {name: _spread(getattr(record, name), tiered=False) for name in _RANGES}
    return _Line(
        v=VERSION,
        started_at=_written(record.started_at),
        ended_at=None if record.ended_at is None else _written(record.ended_at),
        modalities=list(record.modalities) or None,
        usage=_usage(record),
        tab=_tab(record.tab),
        energy_j=_energy(record),
        measured_j=_measured(record.measured),
        cost=None if record.cost is None else _Cost(usd=record.cost.usd, basis=record.cost.basis),
        **same,
    )


def _written(moment: datetime) -> str:
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds") + "Z"


def _usage(record: RequestRecord) -> _Usage:
    how = _How(input=record.input_how, output=record.output_how)
    return _Usage(how=how, **{name: getattr(record, name) for name in _TOKENS})


def _tab(tab: TabCounts | None) -> _Tab | None:
    if tab is None:
        return None
    return _Tab(
        source=tab.source,
        shown=tab.shown,
        accepted=tab.accepted,
        partial=tab.partial,
        rejected=tab.rejected,
    )


def _energy(record: RequestRecord) -> _Energy | None:
    spreads = {name: _spread(getattr(record, f"{name}_j"), tiered=True) for name in _BOUNDARIES}
    return _Energy(**spreads) if any(spreads.values()) else None


def _spread(figure: Range | None, *, tiered: bool) -> _Spread | None:
    if figure is None:
        return None
    tier = figure.tier if tiered else None
    return _Spread(tier=tier, low=figure.low, typical=figure.typical, high=figure.high)


def _measured(measured: Measured | None) -> _Measured | None:
    if measured is None:
        return None
    return _Measured(
        active=measured.active_j,
        idle_share=measured.idle_share_j,
        devices=list(measured.devices) or None,
        method=measured.method,
    )


def _record(line: _Line) -> RequestRecord:
    usage, energy = line.usage or _Usage(), line.energy_j or _Energy()
    how = usage.how or _How()
    given = {name: getattr(line, name) for name in _SAME_NAME}
    given |= {name: getattr(usage, name) for name in _TOKENS}
    given |= {name: _range(getattr(line, name), name) for name in _RANGES}
    given |= {
        f"{name}_j": _range(getattr(energy, name), f"energy_j.{name}") for name in _BOUNDARIES
    }
    given |= {
        "started_at": _moment(line.started_at, "started_at"),
        "ended_at": None if line.ended_at is None else _moment(line.ended_at, "ended_at"),
        "modalities": None if line.modalities is None else tuple(line.modalities),
        "input_how": how.input,
        "output_how": how.output,
        "tab": None if line.tab is None else TabCounts(**msgspec.structs.asdict(line.tab)),
        "measured": _measured_values(line.measured_j),
        "cost": None if line.cost is None else Cost(line.cost.usd, line.cost.basis),
    }
    return RequestRecord(**{name: value for name, value in given.items() if value is not None})


def _moment(text: str, field: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"not a record: {field} is not an ISO 8601 time") from None
    if found.tzinfo is None:
        raise ValueError(f"not a record: {field} has no time zone; write Z for UTC")
    return found.astimezone(UTC)


def _range(spread: _Spread | None, field: str) -> Range | None:
    if spread is None:
        return None
    if not spread.low <= spread.typical <= spread.high:
        raise ValueError(f"not a record: {field} is not low <= typical <= high")
    return Range(spread.low, spread.typical, spread.high, spread.tier)


def _measured_values(measured: _Measured | None) -> Measured | None:
    if measured is None:
        return None
    devices = tuple(measured.devices or ())
    return Measured(measured.active, measured.idle_share, devices, measured.method)

"""What one request adds to its hour: a key and a tuple of whole numbers.

Sums are integers (microjoules, nanograms, nanolitres, microseconds, nanodollars), so that adding
a revision and taking the old one away leaves exactly the sum of the rows: floats would drift.
Unknown is not zero: each quantity has a count of the requests for which it is unknown.
"""

from collections.abc import Iterable
from functools import cache
from operator import add, sub
from typing import Final

from ledger.record import Range, RequestRecord
from ledger.rows import cleaned, microseconds

HOUR_US: Final = 3_600_000_000
UJ_PER_J: Final = 1_000_000
NG_PER_G: Final = 1_000_000_000
NL_PER_ML: Final = 1_000_000
US_PER_S: Final = 1_000_000
NUSD_PER_USD: Final = 1_000_000_000
_LARGEST: Final = 2**60  # eight of these still fit into a signed 64-bit sum

KEY_COLUMNS: Final = (
    *("team_id", "developer_id", "hour", "provider", "model", "client", "purpose", "project"),
    *("capture", "kind", "outcome", "speculative", "input_how", "output_how", "tier", "tab_fate"),
)
RANGES: Final = {
    "accelerator": ("uj", UJ_PER_J),
    "server": ("uj", UJ_PER_J),
    "facility": ("uj", UJ_PER_J),
    "carbon": ("ng", NG_PER_G),
    "embodied": ("ng", NG_PER_G),
    "water": ("nl", NL_PER_ML),
}
"""Quantity -> (unit of its sums, how many of them make the record's unit)."""

_COUNTED = (
    *("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens"),
    *("reasoning_tokens", "request_bytes", "response_bytes", "duration_us", "ttft_us"),
    *("cost_nusd", "tab_shown", "tab_accepted", "tab_partial", "tab_rejected"),
)


@cache
def range_columns(quantity: str) -> tuple[str, str, str, str]:
    """`carbon` -> its three sums in nanograms and the count of unknown ones."""
    unit, _ = RANGES[quantity]
    low, typical, high = (f"{quantity}_{end}_{unit}" for end in ("low", "typical", "high"))
    return (low, typical, high, f"{quantity}_unknown")


AMOUNT_COLUMNS: Final[tuple[str, ...]] = (
    "row_count",
    "requests",
    "cacheable_tokens",
    *(column for name in _COUNTED for column in (name, f"{name}_unknown")),
    *(column for quantity in RANGES for column in range_columns(quantity)),
)

type Key = tuple[str | int | bool, ...]
type Amounts = tuple[int, ...]


def hour_key(record: RequestRecord) -> Key:
    """The roll-up row this request belongs to; the unknown is the empty string."""
    key: list[str | int | bool] = [
        record.team or "",
        record.developer,
        microseconds(record.started_at) // HOUR_US,
        record.provider or "",
        record.model_served or record.model_requested or "",
        record.client or "",
        record.purpose,
        record.project or "",
        record.capture,
        record.kind,
        record.outcome,
        record.speculative,
        record.input_how,
        record.output_how,
        tier(record),
        tab_fate(record),
    ]
    return tuple(cleaned(key))


def tier(record: RequestRecord) -> str:
    """The tier of the widest boundary that has a figure; empty where none has."""
    for figure in (record.facility_j, record.server_j, record.accelerator_j):
        if figure is not None:
            return figure.tier or ""
    return ""


def tab_fate(record: RequestRecord) -> str:
    """How far a Tab came: `accepted`, `shown`, `unseen`, `unknown`; empty for no Tab."""
    tab = record.tab
    if tab is None:
        return "unknown" if record.purpose == "tab" else ""
    if tab.accepted or tab.partial:
        return "accepted"
    if tab.shown is None:
        return "unknown"
    return "shown" if tab.shown else "unseen"


def amounts(record: RequestRecord) -> Amounts:
    """What the request adds, in the order of `AMOUNT_COLUMNS`; ValueError where it cannot be."""
    n = requests(record)
    return (
        1,
        n,
        _cacheable(record),
        *_count(record.input_tokens, n),
        *_count(record.cache_read_tokens, n),
        *_count(record.cache_write_tokens, n),
        *_count(record.output_tokens, n),
        *_count(record.reasoning_tokens, n),
        *_count(record.request_bytes, n),
        *_count(record.response_bytes, n),
        *_scaled(record.duration_s, US_PER_S, n),
        *_scaled(record.ttft_s, US_PER_S, n),
        *_scaled(None if record.cost is None else record.cost.usd, NUSD_PER_USD, n),
        *_tab_amounts(record),
        *_spread(record.accelerator_j, UJ_PER_J, n),
        *_spread(record.server_j, UJ_PER_J, n),
        *_spread(record.facility_j, UJ_PER_J, n),
        *_spread(record.carbon_g, NG_PER_G, n),
        *_spread(record.embodied_g, NG_PER_G, n),
        *_spread(record.water_ml, NL_PER_ML, n),
    )


def requests(record: RequestRecord) -> int:
    """How many requests the record stands for; loading a model is none, though it costs."""
    return 0 if record.kind == "cold_start" else record.requests


def _cacheable(record: RequestRecord) -> int:
    """Input tokens of a request whose cached part is known: what a hit rate divides by."""
    if record.cache_read_tokens is None:
        return 0
    return record.cache_read_tokens if record.input_tokens is None else record.input_tokens


def _count(value: int | None, requests: int) -> tuple[int, int]:
    if value is None:
        return (0, requests)
    if not -_LARGEST < value < _LARGEST:
        raise ValueError("a count is too large to sum")
    return (value, 0)


def _scaled(value: float | None, scale: int, requests: int) -> tuple[int, int]:
    return (0, requests) if value is None else (_whole(value, scale), 0)


def _whole(value: float, scale: int) -> int:
    scaled = value * scale
    if not -_LARGEST < scaled < _LARGEST:  # also true of a NaN
        raise ValueError("a figure is not finite or too large to sum")
    return round(scaled)


def _tab_amounts(record: RequestRecord) -> tuple[int, ...]:
    """Shown, accepted, partial, rejected; unknown only where there is a Tab to know about."""
    tab, n = record.tab, requests(record)
    if tab is None:
        unknown = n if record.purpose == "tab" else 0
        return (0, unknown) * 4
    return (
        *_count(tab.shown, n),
        *_count(tab.accepted, n),
        *_count(tab.partial, n),
        *_count(tab.rejected, n),
    )


def _spread(figure: Range | None, scale: int, requests: int) -> tuple[int, int, int, int]:
    if figure is None:
        return (0, 0, 0, requests)
    low, typical, high = figure.low, figure.typical, figure.high
    if not low <= typical <= high:
        raise ValueError("a range is not ordered low <= typical <= high")
    if not (low * scale > -_LARGEST and high * scale < _LARGEST):
        raise ValueError("a figure is not finite or too large to sum")
    return (round(low * scale), round(typical * scale), round(high * scale), 0)


def difference(new: Iterable[RequestRecord], old: Iterable[RequestRecord]) -> dict[Key, Amounts]:
    """What replacing the `old` records by the `new` ones changes, per roll-up row."""
    changes: dict[Key, Amounts] = {}
    zero = (0,) * len(AMOUNT_COLUMNS)
    for record in new:
        key = hour_key(record)
        changes[key] = tuple(map(add, changes.get(key, zero), amounts(record)))
    for record in old:
        key = hour_key(record)
        changes[key] = tuple(map(sub, changes.get(key, zero), amounts(record)))
    return changes

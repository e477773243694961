"""Records as files that other programs read, written as they come: memory stays flat."""

import csv
from collections.abc import Iterable, Mapping
from typing import IO, Any, Final

from ledger import ndjson
from ledger.record import RequestRecord

_SPREADS: Final = ("low", "typical", "high")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_BOUNDARIES: Final = ("accelerator", "server", "facility")

CSV_COLUMNS: Final[tuple[str, ...]] = (
    *("v", "id", "kind", "requests", "revision", "provisional"),
    *("started_at", "ended_at", "duration_s", "ttft_s", "output_tokens_per_s"),
    *("developer", "team", "machine", "client", "client_version", "editor", "language"),
    *("session", "project", "purpose", "speculative", "capture", "provider", "api", "upstream"),
    *("model_requested", "model_served", "stream", "http_status", "outcome"),
    *("request_bytes", "response_bytes", "modalities"),
    *("usage.how.input", "usage.how.output"),
    *("usage.input_tokens", "usage.cache_read_tokens", "usage.cache_write_tokens"),
    *("usage.output_tokens", "usage.reasoning_tokens"),
    *("tab.source", "tab.shown", "tab.accepted", "tab.partial", "tab.rejected"),
    *(f"energy_j.{name}.{end}" for name in _BOUNDARIES for end in ("tier", *_SPREADS)),
    *("measured_j.active", "measured_j.idle_share", "measured_j.devices", "measured_j.method"),
    *(f"{name}.{end}" for name in ("carbon_g", "embodied_g", "water_ml") for end in _SPREADS),
    "zone",
    *(f"intensity_g_per_kwh.{end}" for end in _SPREADS),
    *("cost.usd", "cost.basis", "method", "trace_id"),
)
"""The fields of the JSON form by their path; lists are joined with `;`, unknown is empty."""


def write_ndjson(records: Iterable[RequestRecord], out: IO[bytes]) -> int:
    """One JSON object a line, version 1; returns how many."""
    count = 0
    for record in records:
        out.write(ndjson.line(record) + b"\n")
        count += 1
    return count


def write_csv(records: Iterable[RequestRecord], out: IO[str]) -> int:
    """One record a line under a header, RFC 4180; returns how many.

    Text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    writer = csv.writer(out)
    writer.writerow(CSV_COLUMNS)
    count = 0
    for record in records:
        flat = _flat(ndjson.fields(record))
        writer.writerow([_inert(flat.get(column, "")) for column in CSV_COLUMNS])
        count += 1
    return count


def _flat(fields: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = _cell(value)
    return flat


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return ";".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    return value


def _inert(cell: Any) -> Any:
    """The cell as text where a client's words would otherwise be run; numbers stay numbers."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell

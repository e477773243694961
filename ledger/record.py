"""The record of one request, version 1: the value that goes into the ledger and comes out of it.

Absent (`None`) is unknown; 0 is a known zero. Field names and shapes of the JSON form are a
contract (`tabwatt export --format ndjson`); SQL rows live in `ledger/tables.py`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

type Tier = Literal["measured", "modelled", "assumed", "unknown"]
type Outcome = Literal["ok", "cancelled", "cut", "upstream_error", "refused"]


@dataclass(frozen=True, slots=True)
class Range:
    """10th, 50th and 90th percentile, in the unit of the field that holds it."""

    low: float
    typical: float
    high: float
    tier: Tier | None = None
    """Only energy carries a tier, one per boundary."""


@dataclass(frozen=True, slots=True)
class TabCounts:
    """What became of an inline completion; `None` in a field is unknown (telemetry off)."""

    source: Literal["telemetry", "event", "otlp", "inferred"] | None = None
    shown: int | None = None
    accepted: int | None = None
    partial: int | None = None
    rejected: int | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """What counters on the hardware gave this request, in joules."""

    active_j: float | None = None
    idle_share_j: float | None = None
    """Belongs to the server's boundary, not to the accelerator's."""
    devices: tuple[str, ...] = ()
    method: Literal["tokens", "time"] | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What the request cost in money, and by which list."""

    usd: float
    basis: str | None = None


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One call of a model, whatever came of it."""

    id: str
    started_at: datetime
    developer: str
    kind: Literal["request", "cold_start", "aggregate"] = "request"
    requests: int = 1
    revision: int = 1
    provisional: bool = False
    ended_at: datetime | None = None
    duration_s: float | None = None
    ttft_s: float | None = None
    output_tokens_per_s: float | None = None
    team: str | None = None
    machine: str | None = None
    client: str | None = None
    client_version: str | None = None
    editor: str | None = None
    language: str | None = None
    session: str | None = None
    project: str | None = None
    purpose: str = "other"
    speculative: bool = False
    capture: Literal["reverse", "intercept", "otlp", "imported"] = "reverse"
    provider: str | None = None
    api: str | None = None
    upstream: str | None = None
    model_requested: str | None = None
    model_served: str | None = None
    stream: bool = False
    http_status: int | None = None
    outcome: Outcome = "ok"
    request_bytes: int | None = None
    response_bytes: int | None = None
    modalities: tuple[str, ...] = ()
    input_how: str = "none"
    output_how: str = "none"
    input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    tab: TabCounts | None = None
    accelerator_j: Range | None = None
    server_j: Range | None = None
    facility_j: Range | None = None
    carbon_g: Range | None = None
    embodied_g: Range | None = None
    water_ml: Range | None = None
    zone: str | None = None
    intensity_g_per_kwh: Range | None = None
    method: str | None = None
    trace_id: str | None = None
    measured: Measured | None = None
    cost: Cost | None = None

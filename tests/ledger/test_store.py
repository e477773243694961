import os
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_records import TEN, record, records, spread
from sqlalchemy import event, select

from ledger import rollup
from ledger.failures import LedgerUnavailable
from ledger.record import RequestRecord
from ledger.store import Applied, Store, open_store
from ledger.tables import HOURLY


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "ledger.db")
    yield opened
    opened.close()


def _hours(store: Store) -> dict[rollup.Key, rollup.Amounts]:
    """The roll-up as it stands in the database."""
    columns = [HOURLY.c[name] for name in (*rollup.KEY_COLUMNS, *rollup.AMOUNT_COLUMNS)]
    width = len(rollup.KEY_COLUMNS)
    with store.reading() as connection:
        rows = connection.execute(select(*columns)).all()
    return {tuple(row[:width]): tuple(row[width:]) for row in rows}


def test_a_record_comes_back_as_it_was(store: Store) -> None:
    given_record = record(facility_j=spread(1, 2, 3), modalities=("image", "text"))
    assert store.apply([given_record]) == Applied(inserted=1)
    assert store.get("r1") == [given_record]


def test_a_higher_revision_replaces_and_the_sums_follow(store: Store) -> None:
    store.apply([record(input_tokens=100, facility_j=spread(1, 2, 3))])
    later = record(revision=2, input_tokens=120, facility_j=spread(2, 3, 4))
    assert store.apply([later]) == Applied(replaced=1)
    assert store.get("r1") == [later]
    (amounts,) = _hours(store).values()
    found = dict(zip(rollup.AMOUNT_COLUMNS, amounts, strict=True))
    assert found["requests"] == 1
    assert found["input_tokens"] == 120  # 100 + (120 - 100)
    assert found["facility_typical_uj"] == 3_000_000  # 2 J + (3 J - 2 J)


def test_the_same_or_a_lower_revision_is_ignored(store: Store) -> None:
    store.apply([record(revision=2, input_tokens=1)])
    stale = [record(revision=2, input_tokens=5), record(revision=1, input_tokens=7)]
    assert store.apply(stale) == Applied(ignored=2)
    assert [found.input_tokens for found in store.get("r1")] == [1]


def test_of_one_batch_the_highest_revision_counts(store: Store) -> None:
    batch = [record(revision=n, input_tokens=n) for n in (1, 3, 2)]
    assert store.apply(batch) == Applied(inserted=1, ignored=2)
    assert [found.input_tokens for found in store.get("r1")] == [3]


def test_a_revision_that_changes_the_key_leaves_no_empty_hour_behind(store: Store) -> None:
    store.apply([record(provisional=True)])
    store.apply([record(revision=2, model_served="m")])
    (key,) = _hours(store)
    assert key[rollup.KEY_COLUMNS.index("model")] == "m"


def test_two_developers_may_use_the_same_id(store: Store) -> None:
    assert store.apply([record("x"), record("x", developer="bob")]) == Applied(inserted=2)
    assert {found.developer for found in store.get("x")} == {"alice", "bob"}


_batches = st.lists(st.lists(records(st.sampled_from("abcd")), max_size=6), max_size=4)


@settings(max_examples=60, deadline=None)
@given(_batches)
def test_the_hourly_sums_equal_the_sums_of_the_rows(batches: list[list[RequestRecord]]) -> None:
    with TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "ledger.db")
        for batch in batches:
            store.apply(batch)
            assert _hours(store) == rollup.difference(store.between(), [])
            assert store.apply(batch).inserted == store.apply(batch).replaced == 0
        store.close()


@settings(max_examples=40, deadline=None)
@given(_batches)
def test_the_ledger_ends_with_the_highest_revisions(batches: list[list[RequestRecord]]) -> None:
    highest: dict[tuple[str, str, str], RequestRecord] = {}
    with TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "ledger.db")
        for batch in batches:
            store.apply(batch)
            for one in batch:
                key = (one.team or "", one.developer, one.id)
                if key not in highest or one.revision > highest[key].revision:
                    highest[key] = one
        found = {(one.team or "", one.developer, one.id): one for one in store.between()}
        store.close()
    assert found == highest


def test_a_batch_with_a_bad_record_is_not_stored_at_all(store: Store) -> None:
    with pytest.raises(ValueError, match="not finite"):
        store.apply([record("good"), record("bad", duration_s=float("nan"))])
    assert list(store.between()) == []
    assert _hours(store) == {}


def test_the_newest_come_first(store: Store) -> None:
    store.apply([record(f"r{n}", started_at=TEN + timedelta(seconds=n)) for n in range(5)])
    store.apply([record("bob", developer="bob")])
    assert [found.id for found in store.newest(2)] == ["r4", "r3"]
    assert [found.id for found in store.newest(9, developer="bob")] == ["bob"]


@pytest.mark.parametrize("page", [1, 2, 3, 100])
def test_a_window_holds_its_start_and_not_its_end(store: Store, page: int) -> None:
    # Two records share each second, so that pages end between equal times.
    moments = [TEN + timedelta(seconds=n // 2) for n in range(8)]
    store.apply([record(f"r{n}", started_at=at) for n, at in enumerate(moments)])
    found = store.between(TEN + timedelta(seconds=1), TEN + timedelta(seconds=3), page=page)
    assert [one.id for one in found] == ["r2", "r3", "r4", "r5"]


def test_a_window_can_be_one_developers(store: Store) -> None:
    store.apply([record("a"), record("b", developer="bob")])
    assert [one.id for one in store.between(developer="bob")] == ["b"]


def test_the_ledger_and_its_folder_are_private(tmp_path: Path) -> None:
    path = tmp_path / "home" / "ledger.db"
    store = open_store(f"sqlite:///{path}")
    store.apply([record()])
    modes = {file.name: oct(file.stat().st_mode & 0o777) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(("ledger.db", "ledger.db-wal", "ledger.db-shm"), "0o600")
    assert oct(path.parent.stat().st_mode & 0o777) == "0o700"
    store.close()


def test_a_ledger_that_others_could_read_becomes_private(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.touch()
    path.chmod(0o644)
    open_store(path).close()
    assert oct(path.stat().st_mode & 0o777) == "0o600"


def test_sqlite_runs_as_the_store_asks(store: Store) -> None:
    with store.engine.connect() as connection:
        values = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "temp_store")
        ]
    assert values == ["wal", 1, 2]  # NORMAL, MEMORY


def test_reading_does_not_make_a_ledger(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable, match="gone"):
        open_store(tmp_path / "ledger.db", create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"somebody's notes" * 100)
    with pytest.raises(LedgerUnavailable, match="not a database"):
        open_store(path)
    assert path.read_bytes() == b"somebody's notes" * 100


def test_an_error_never_quotes_a_row(tmp_path: Path) -> None:
    store = open_store(tmp_path / "ledger.db", busy_timeout_s=0)
    other = sqlite3.connect(tmp_path / "ledger.db")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerUnavailable) as caught:
        store.apply([record(client="a-secret-word")])
    assert str(caught.value) == "OperationalError: database is locked"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    other.close()
    store.close()


def test_another_ledger_put_in_the_place_is_used(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    store = open_store(path)
    store.apply([record("old")])
    store.close()
    other = open_store(tmp_path / "other.db")
    other.close()
    os.replace(tmp_path / "other.db", path)
    store.apply([record("new")])
    assert [one.id for one in store.between()] == ["new"]
    store.close()


def test_an_unknown_kind_of_store_is_refused() -> None:
    with pytest.raises(ValueError, match="mysql:// is not supported"):
        open_store("mysql://localhost/ledger")


def test_replace_keeps_the_earlier_record_out_of_the_sums(store: Store) -> None:
    one = record(facility_j=spread(0.1, 0.2, 0.3))
    store.apply([one])
    for revision in range(2, 50):
        store.apply([replace(one, revision=revision, facility_j=spread(0.1, 0.7 * revision, 99))])
    (amounts,) = _hours(store).values()
    assert amounts[rollup.AMOUNT_COLUMNS.index("facility_low_uj")] == 100_000
    assert amounts[rollup.AMOUNT_COLUMNS.index("facility_typical_uj")] == 34_300_000  # 0.7 * 49


def test_no_query_of_a_batch_scans_the_table(store: Store) -> None:
    seen: list[str] = []

    def note(*arguments: object) -> None:
        seen.append(str(arguments[2]))

    event.listen(store.engine, "before_cursor_execute", note)
    store.apply([record("a"), record("b", revision=2)])
    event.remove(store.engine, "before_cursor_execute", note)
    lookups = [statement for statement in seen if statement.startswith("SELECT")]
    assert lookups
    with store.engine.connect() as connection:
        for statement in lookups:
            blanks = ("",) * statement.count("?")
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", blanks)
            assert not [row for row in plan if "SCAN requests" in row[3]]

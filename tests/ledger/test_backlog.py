import os
import resource
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sample_records import record

from ledger.backlog import Backlog, Counters
from ledger.failures import LedgerUnavailable
from ledger.record import RequestRecord
from ledger.store import open_store

_NOBODY = 65_534


class FakeStore:
    """Stores batches in a list, unless it is told to fail."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.failure: Exception | None = None
        self.poison = "no such id"
        self.closed = False

    def apply(self, records: Iterable[RequestRecord]) -> None:
        ids = [one.id for one in records]
        if self.failure is not None:
            raise self.failure
        if self.poison in ids:
            raise ValueError("a figure is not finite")
        self.batches.append(ids)

    def close(self) -> None:
        self.closed = True


def _ids(path: Path) -> list[str]:
    """What another process would read."""
    connection = sqlite3.connect(path)
    found = [row[0] for row in connection.execute("SELECT id FROM requests ORDER BY id")]
    connection.close()
    return found


def test_a_flush_writes_a_batch_and_says_when_to_come_back() -> None:
    store = FakeStore()
    backlog = Backlog(lambda: store, batch=2, tick_s=0.1)
    for id in "abc":
        assert backlog.put(record(id))
    assert backlog.counters == Counters(waiting=3)
    assert backlog.flush() == 0.0  # one more waits
    assert backlog.flush() == 0.1
    assert store.batches == [["a", "b"], ["c"]]
    assert backlog.counters == Counters(written=3)


def test_a_full_queue_counts_what_it_cannot_take() -> None:
    store = FakeStore()
    backlog = Backlog(lambda: store, capacity=2)
    assert [backlog.put(record(id)) for id in "abc"] == [True, True, False]
    assert backlog.counters == Counters(waiting=2, lost=1)
    backlog.flush()
    assert backlog.put(record("d"))


def test_a_store_that_is_away_is_tried_more_and_more_slowly() -> None:
    store = FakeStore()
    store.failure = LedgerUnavailable("OperationalError: database is locked")
    backlog = Backlog(lambda: store, tick_s=0.1)
    backlog.put(record("a"))
    assert [backlog.flush() for _ in range(6)] == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert backlog.counters == Counters(
        waiting=1, last_error="LedgerUnavailable: OperationalError: database is locked"
    )
    store.failure = None
    assert backlog.flush() == 0.1
    assert backlog.counters == Counters(written=1)
    store.failure = LedgerUnavailable("again")
    backlog.put(record("b"))
    assert backlog.flush() == 0.2


def test_an_opener_that_fails_is_tried_again() -> None:
    store = FakeStore()
    failures = [LedgerUnavailable("NotADirectoryError: Not a directory")]

    def opener() -> FakeStore:
        if failures:
            raise failures.pop()
        return store

    backlog = Backlog(opener)
    backlog.put(record("a"))
    assert backlog.flush() > 0.1
    assert backlog.flush() == 0.1
    assert store.batches == [["a"]]


def test_a_record_that_nothing_can_hold_costs_no_other_its_place() -> None:
    store = FakeStore()
    store.poison = "b"
    backlog = Backlog(lambda: store)
    for id in "abc":
        backlog.put(record(id))
    backlog.flush()
    assert store.batches == [["a"], ["c"]]
    assert backlog.counters == Counters(
        written=2, lost=1, last_error="ValueError: a figure is not finite"
    )


def test_a_fault_of_ours_is_named_but_its_message_is_not_quoted() -> None:
    store = FakeStore()
    store.failure = TypeError("what the user typed")
    backlog = Backlog(lambda: store)
    backlog.put(record("a"))
    backlog.flush()
    assert backlog.counters == Counters(lost=1, last_error="TypeError")


def test_closing_closes_the_store() -> None:
    store = FakeStore()
    backlog = Backlog(lambda: store)
    backlog.flush()
    backlog.close()
    assert store.closed


def test_rows_wait_for_a_locked_store(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    backlog = Backlog(lambda: open_store(path, busy_timeout_s=0))
    backlog.flush()
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")
    backlog.put(record("a"))
    assert backlog.flush() > 0.1
    assert "database is locked" in str(backlog.counters.last_error)
    other.rollback()
    backlog.flush()
    assert _ids(path) == ["a"]
    other.close()
    backlog.close()


def test_rows_wait_for_a_store_that_was_moved_away(tmp_path: Path) -> None:
    path = tmp_path / "home" / "ledger.db"
    backlog = Backlog(lambda: open_store(path))
    backlog.put(record("a"))
    backlog.flush()
    path.parent.rename(tmp_path / "elsewhere")
    backlog.put(record("b"))
    assert backlog.flush() > 0.1
    assert "gone; put it back" in str(backlog.counters.last_error)
    assert not path.parent.exists()
    (tmp_path / "elsewhere").rename(path.parent)
    backlog.flush()
    assert _ids(path) == ["a", "b"]
    backlog.close()


@contextmanager
def _disk_that_ends_at(limit_bytes: int) -> Iterator[None]:
    """Writes past `limit_bytes` of any file fail, as they do on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_rows_wait_for_room_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    backlog = Backlog(lambda: open_store(path))
    backlog.put(record("a"))
    backlog.flush()
    wanted = ["a", *(f"b{n:03}" for n in range(500))]
    for id in wanted[1:]:
        backlog.put(record(id))
    with _disk_that_ends_at(100_000):
        assert backlog.flush() > 0.1
    assert backlog.counters.waiting == 500
    assert str(backlog.counters.last_error).startswith("LedgerUnavailable: OperationalError: d")
    backlog.flush()
    assert backlog.counters == Counters(written=501)
    assert _ids(path) == wanted
    backlog.close()


@contextmanager
def _without_privileges() -> Iterator[None]:
    """File modes bind root too, for a while."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_rows_wait_until_a_read_only_store_can_be_written() -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        open_store(path).close()
        if os.geteuid() == 0:
            os.chown(folder, _NOBODY, -1)
            os.chown(path, _NOBODY, -1)
        with _without_privileges():
            path.chmod(0o400)
            backlog = Backlog(lambda: open_store(path))
            backlog.put(record("a"))
            assert backlog.flush() > 0.1
            assert "readonly" in str(backlog.counters.last_error)
            path.chmod(0o600)
            backlog.flush()
            assert backlog.counters == Counters(written=1)
            assert _ids(path) == ["a"]
            backlog.close()


@pytest.mark.parametrize("capacity", [0, 1])
def test_the_queue_never_holds_more_than_its_capacity(capacity: int) -> None:
    backlog = Backlog(FakeStore, capacity=capacity)
    taken = [backlog.put(record(id)) for id in "ab"]
    assert sum(taken) == backlog.counters.waiting == capacity
    assert backlog.counters.lost == 2 - capacity

import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
from sample_records import record
from sqlalchemy import select

from ledger import rollup
from ledger.backlog import Counters
from ledger.failures import LedgerUnavailable
from ledger.record import RequestRecord
from ledger.store import open_store
from ledger.tables import HOURLY
from ledger.writer import Writer


class GatedStore:
    """Lets a batch pass only when the gate is open."""

    def __init__(self) -> None:
        self.gate = Event()
        self.entered = Event()
        self.ids: list[str] = []

    def apply(self, records: Iterable[RequestRecord]) -> None:
        self.entered.set()
        self.gate.wait()
        self.ids += [one.id for one in records]

    def close(self) -> None:
        pass


def test_closing_writes_what_waits(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    writer = Writer(lambda: open_store(path))
    wanted = [record(f"r{n:05}") for n in range(5_000)]
    assert all(writer.put(one) for one in wanted)
    assert writer.close(timeout_s=60)
    assert writer.counters == Counters(written=5_000)
    store = open_store(path)
    assert list(store.between()) == wanted
    store.close()


def test_a_put_never_waits_for_the_store() -> None:
    store = GatedStore()
    writer = Writer(lambda: store, capacity=3)
    assert writer.put(record("a"))
    store.entered.wait()  # the thread is stuck in the store with `a`, which still counts
    assert [writer.put(record(id)) for id in "bcd"] == [True, True, False]
    assert writer.counters == Counters(waiting=3, lost=1)
    store.gate.set()
    assert writer.close(timeout_s=60)
    assert store.ids == ["a", "b", "c"]


def test_many_threads_may_put(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    writer = Writer(lambda: open_store(path))
    threads = [
        Thread(target=lambda t=t: [writer.put(record(f"{t}-{n}")) for n in range(500)])
        for t in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.close(timeout_s=60)
    assert writer.counters == Counters(written=2_000)


def test_after_closing_a_record_is_refused_and_counted() -> None:
    store = GatedStore()
    store.gate.set()
    writer = Writer(lambda: store)
    assert writer.close(timeout_s=60)
    assert not writer.put(record())
    assert writer.counters == Counters(lost=1)
    assert writer.close(timeout_s=60)


def test_closing_gives_up_in_time_and_says_what_still_waits() -> None:
    def opener() -> GatedStore:
        raise LedgerUnavailable("PermissionError: Permission denied")

    now = [0.0]

    def wait(event: Event, seconds: float) -> bool:
        """Time passes only here."""
        now[0] += seconds
        return event.is_set()

    writer = Writer(opener, clock=lambda: now[0], wait=wait)
    writer.put(record())
    assert not writer.close(timeout_s=5.0)
    assert writer.counters.waiting == 1
    assert writer.counters.last_error == "LedgerUnavailable: PermissionError: Permission denied"


def _puts(pipe: Iterator[str]) -> Iterator[tuple[int, int, float]]:
    for line in pipe:
        parts = line.split()
        if len(parts) == 3 and line.endswith("\n"):  # the last line may be cut
            yield int(parts[0]), int(parts[1]), float(parts[2])


@pytest.mark.parametrize("after_s", [0.9, 1.37])
def test_a_killed_process_has_lost_nothing_but_the_last_half_second(
    tmp_path: Path, after_s: float
) -> None:
    path = tmp_path / "ledger.db"
    child = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("child_that_writes.py")), str(path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    with child, child.stdout as pipe:
        puts = []
        for put in _puts(pipe):
            puts.append(put)
            if put[2] - puts[0][2] > after_s:
                child.kill()
                break
        puts += _puts(pipe)  # what it said before it died
    killed_s = puts[-1][2]
    expected: dict[str, int] = {}
    for number, revision, at_s in puts:
        if at_s < killed_s - 0.5:
            expected[f"r{number}"] = max(revision, expected.get(f"r{number}", 0))
    assert len(expected) > 100

    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    store = open_store(path)
    rows = list(store.between())
    found = {one.id: one.revision for one in rows}
    late = {id: found.get(id) for id, revision in expected.items() if found.get(id, 0) < revision}
    assert late == {}
    columns = [HOURLY.c[name] for name in (*rollup.KEY_COLUMNS, *rollup.AMOUNT_COLUMNS)]
    with store.reading() as reading:
        hours = [tuple(row) for row in reading.execute(select(*columns))]
    store.close()
    assert hours == [(*key, *sums) for key, sums in rollup.difference(rows, []).items()]

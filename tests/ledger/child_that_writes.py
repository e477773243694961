"""Puts records until it is killed, and says of each when it did: `number revision seconds`."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ledger.record import Range, RequestRecord
from ledger.store import open_store
from ledger.writer import Writer


def _record(number: int, revision: int) -> RequestRecord:
    return RequestRecord(
        id=f"r{number}",
        started_at=datetime(2026, 11, 23, 10, tzinfo=UTC),
        developer="alice",
        revision=revision,
        facility_j=Range(1.0, 2.0 * revision, 9.0 * revision, "modelled"),
    )


def main(path: str) -> None:
    """Some two thousand rows a second, every third with a revision soon after."""
    writer = Writer(lambda: open_store(path))
    for number in range(10**9):
        for put, revision in ((number, 1), (number - 20, 2)):
            if revision == 2 and (put < 0 or put % 3):
                continue
            if not writer.put(_record(put, revision)):
                raise SystemExit("the queue is full")
            print(put, revision, time.monotonic(), flush=True)
        if number % 10 == 0:
            time.sleep(0.005)


if __name__ == "__main__":
    main(sys.argv[1])

"""Records that wait for the store, and how they get there. Reads no clock, starts no thread.

A store that is locked, full, read-only or away costs nothing but memory: records stay in the
bounded queue and are tried again, more slowly each time. Only overflow and records that no store
could hold are lost, and both are counted.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from threading import Lock
from typing import Protocol

from ledger.failures import LedgerUnavailable, NewerLedger
from ledger.record import RequestRecord

_SLOWEST_RETRY_S = 2.0
_OURS = (LedgerUnavailable, NewerLedger, ValueError)


class Sink(Protocol):
    """What a batch is given to: `ledger.store.Store`, or a fake in a test."""

    def apply(self, records: Iterable[RequestRecord]) -> object:
        """Store the batch wholly or raise; the same record again changes nothing."""

    def close(self) -> None:
        """Let go of the store."""


@dataclass(frozen=True, slots=True)
class Counters:
    """Where the records have gone, at one moment."""

    written: int = 0
    waiting: int = 0
    lost: int = 0
    """Came while the queue was full, or could be held by no store."""
    last_error: str | None = None
    """Class and reason on one line, without values; None again once a batch was written."""


class Backlog:
    """A bounded queue in front of a store. `put` from any thread, `flush` from one."""

    def __init__(
        self,
        opener: Callable[[], Sink],
        *,
        capacity: int = 100_000,
        batch: int = 2_000,
        tick_s: float = 0.1,
    ) -> None:
        """`opener` opens the store; it is called until it succeeds, and never again after."""
        self._opener = opener
        self._sink: Sink | None = None
        self._queue: deque[RequestRecord] = deque()
        self._capacity = capacity
        self._batch = batch
        self._tick_s = tick_s
        self._retry_s = tick_s
        self._lock = Lock()
        self._written = 0
        self._lost = 0
        self._last_error: str | None = None

    def put(self, record: RequestRecord) -> bool:
        """Queue the record without waiting; False: the queue is full, the record is counted."""
        with self._lock:
            if len(self._queue) >= self._capacity:
                self._lost += 1
                return False
            self._queue.append(record)
            return True

    def refuse(self) -> None:
        """Count a record that came too late to be queued."""
        with self._lock:
            self._lost += 1

    @property
    def counters(self) -> Counters:
        """The counters now, from any thread."""
        with self._lock:
            return Counters(self._written, len(self._queue), self._lost, self._last_error)

    def flush(self) -> float:
        """Write one batch; return the seconds after which to call again.

        0: more is waiting. The tick: all written. More than that: the store cannot be used.
        """
        with self._lock:
            batch = list(islice(self._queue, self._batch))
        try:
            sink = self._sink = self._sink or self._opener()
            stored = self._store(sink, batch) if batch else 0
        except Exception as error:  # the thread that flushes is the last to see it: recorded
            return self._later(_line(error))
        self._done(len(batch), stored)
        return 0.0 if self.counters.waiting else self._tick_s

    def close(self) -> None:
        """Close the store, if it was ever opened. What still waits stays counted."""
        if self._sink is not None:
            self._sink.close()
            self._sink = None

    def _store(self, sink: Sink, batch: list[RequestRecord]) -> int:
        """How many of the batch were stored; the others can never be."""
        try:
            sink.apply(batch)
        except LedgerUnavailable:
            raise
        except Exception as error:
            if len(batch) == 1:
                with self._lock:
                    self._last_error = _line(error)
                return 0
            return sum(self._store(sink, [record]) for record in batch)
        return len(batch)

    def _later(self, error: str) -> float:
        with self._lock:
            self._last_error = error
        self._retry_s = min(2 * self._retry_s, _SLOWEST_RETRY_S)
        return self._retry_s

    def _done(self, taken: int, stored: int) -> None:
        self._retry_s = self._tick_s
        with self._lock:
            for _ in range(taken):
                self._queue.popleft()
            self._written += stored
            self._lost += taken - stored
            if taken and taken == stored:
                self._last_error = None


def _line(error: Exception) -> str:
    """One line without values: a message is quoted only where this package wrote it."""
    name = type(error).__name__
    return f"{name}: {error}" if type(error) in _OURS else name

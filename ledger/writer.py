"""The one thread that writes to the ledger, so that no request ever waits for a disk."""

from collections.abc import Callable
from threading import Event, Thread
from time import monotonic

from ledger.backlog import Backlog, Counters, Sink
from ledger.record import RequestRecord

type Wait = Callable[[Event, float], bool]
"""Wait for the event or for so many seconds; true when the event is set."""


def _wait(event: Event, seconds: float) -> bool:
    return event.wait(seconds)


class Writer:
    """Records in from any thread, batches out from its own, every `tick_s`.

    A record is on disk within a tick and the time of one batch, so it survives `kill -9` after
    that; `close` writes what is still waiting.
    """

    def __init__(
        self,
        store_opener: Callable[[], Sink],
        tick_s: float = 0.1,
        capacity: int = 100_000,
        *,
        clock: Callable[[], float] = monotonic,
        wait: Wait = _wait,
    ) -> None:
        """Start the thread; the store is opened in it, so that a missing one delays nobody."""
        self._backlog = Backlog(store_opener, capacity=capacity, tick_s=tick_s)
        self._clock = clock
        self._wait = wait
        self._closing = Event()
        self._deadline_s = float("inf")
        self._thread = Thread(target=self._run, name="tabwatt-ledger", daemon=True)
        self._thread.start()

    def put(self, record: RequestRecord) -> bool:
        """Queue the record without waiting; False: full or closed, the record is counted."""
        if self._closing.is_set():
            self._backlog.refuse()
            return False
        return self._backlog.put(record)

    @property
    def counters(self) -> Counters:
        """How many were written, wait, were lost; and what went wrong last."""
        return self._backlog.counters

    def close(self, timeout_s: float = 5.0) -> bool:
        """Write what is waiting, for at most so long; False: something still waits, unwritten."""
        if not self._closing.is_set():
            self._deadline_s = self._clock() + timeout_s
            self._closing.set()
        self._thread.join(timeout_s + 1.0)
        return self.counters.waiting == 0

    def _run(self) -> None:
        delay_s = 0.0
        while not self._wait(self._closing, delay_s):
            delay_s = self._backlog.flush()
        unset = Event()  # only ever waited for: closing goes on until empty or out of time
        while self.counters.waiting and self._clock() < self._deadline_s:
            delay_s = self._backlog.flush()
            if self.counters.waiting and delay_s:
                self._wait(unset, min(delay_s, self._deadline_s - self._clock(), 0.1))
        self._backlog.close()

"""Finished exchanges in, rows out: a thread of its own, so that no request ever waits for it.

Large texts are counted late: the row is there within half a second with a guess, marked
provisional, and a revision follows.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Protocol

from estimator.estimate import Estimate, estimate_many
from estimator.query import Query
from estimator.usage import Usage
from ledger.record import RequestRecord
from proxy.accounting import Place, needs_counting, query, record, usage
from proxy.counters import Counters
from proxy.exchange import Exchange

log = logging.getLogger(__name__)

TICK_S = 0.05
BATCH = 256
MAX_WAITING = 20_000
COUNT_AT_ONCE = 256 * 1024
"""Characters per batch that are counted before the rows are written: some 20 ms of work."""
MAX_LATE_CHARS = 256 * 1024 * 1024
"""Text waiting to be counted; beyond it counts stay guesses."""


class Store(Protocol):
    """Where rows go; `put` never blocks and says whether the row was taken."""

    def put(self, record: RequestRecord) -> bool:
        """Take a row."""
        ...


def _unexplained(queries: Sequence[Query]) -> list[Estimate]:
    return estimate_many(queries, explained=False)


@dataclass(slots=True)
class Recorder:
    """The accounting thread."""

    store: Store
    counters: Counters
    place: Place
    estimates: Callable[[Sequence[Query]], list[Estimate]] = _unexplained
    _queue: SimpleQueue[Exchange | None] = field(default_factory=SimpleQueue)
    _late: deque[tuple[Exchange, int]] = field(default_factory=deque)
    _late_chars: int = 0
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; the tokenizer and the tables load in the thread, at the first need."""
        self._thread = threading.Thread(target=self._run, name="accounting", daemon=True)
        self._thread.start()

    def submit(self, exchange: Exchange) -> None:
        """Take a finished exchange. Never blocks, never raises."""
        if self._queue.qsize() >= MAX_WAITING:
            self.counters.uncounted += 1
            exchange.drop_text()
            return
        self._queue.put(exchange)

    def close(self, timeout_s: float) -> None:
        """Write what waits, then end; what cannot be counted in time stays provisional."""
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        closing = False
        while not closing:
            batch, closing = self._take()
            if batch:
                self._account(batch)
            elif self._late:
                self._count_late()
        while self._late:
            self._count_late()

    def _take(self) -> tuple[list[Exchange], bool]:
        """What has finished, at most a batch; waits a tick for the first one."""
        batch: list[Exchange] = []
        try:
            item = self._queue.get(timeout=0 if self._late else TICK_S)
            while item is not None:
                batch.append(item)
                if len(batch) >= BATCH:
                    return batch, False
                item = self._queue.get_nowait()
        except Empty:
            return batch, False
        return batch, True

    def _account(self, batch: Sequence[Exchange]) -> None:
        now: list[tuple[Exchange, Usage, bool]] = []
        budget = COUNT_AT_ONCE
        for exchange in batch:
            try:
                chars = needs_counting(exchange)
                final = chars <= budget
                budget -= chars if final else 0
                used = usage(exchange, count=final)
                if exchange.fault is not None:
                    self._uncounted(exchange, exchange.fault)
            except Exception as error:
                self._uncounted(exchange, type(error).__name__)
                used, final, chars = Usage(), True, 0
            if not final:
                final = not self._postpone(exchange, chars)
            now.append((exchange, used, final))
        self._write(now, revision=1)

    def _postpone(self, exchange: Exchange, chars: int) -> bool:
        if self._late_chars + chars > MAX_LATE_CHARS:
            self.counters.guessed += 1
            return False
        self._late.append((exchange, chars))
        self._late_chars += chars
        return True

    def _count_late(self) -> None:
        exchange, chars = self._late.popleft()
        self._late_chars -= chars
        try:
            used = usage(exchange, count=True)
        except Exception as error:
            self._uncounted(exchange, type(error).__name__)
            used = usage(exchange, count=False)
        self._write([(exchange, used, True)], revision=2)

    def _write(self, counted: Sequence[tuple[Exchange, Usage, bool]], *, revision: int) -> None:
        estimates = self._estimated(counted)
        for (exchange, used, final), estimate in zip(counted, estimates, strict=True):
            try:
                row = record(exchange, used, estimate, self.place, revision=revision, final=final)
                if not self.store.put(row):
                    self.counters.uncounted += 1
            except Exception as error:  # costs this row, never the thread
                self._uncounted(exchange, type(error).__name__)
            if final:
                exchange.drop_text()

    def _estimated(self, counted: Sequence[tuple[Exchange, Usage, bool]]) -> list[Estimate | None]:
        """An estimate for each; where a batch fails together, each is tried alone."""
        try:
            return list(self.estimates([query(e, used, self.place) for e, used, _ in counted]))
        except Exception as error:
            if len(counted) > 1:
                return [found for one in counted for found in self._estimated([one])]
            log.warning("an estimate failed (%s); its row is without one", type(error).__name__)
            return [None] * len(counted)

    def _uncounted(self, exchange: Exchange, reason: str) -> None:
        self.counters.uncounted += 1
        log.warning("request %s passed but was not read wholly: %s", exchange.id, reason)

"""Finished exchanges in, rows out: a thread of its own, so that no request ever waits for it.

A row is there within half a second. What would take longer comes as a revision of a row marked
provisional: large texts are counted late, and when more finishes than can be estimated in time,
estimates come late too.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import Protocol

from estimator.estimate import Estimate, estimate_many
from estimator.query import Query
from estimator.usage import Usage
from ledger.record import RequestRecord
from proxy.accounting import Place, needs_counting, query, record, unread, usage
from proxy.counters import Counters
from proxy.exchange import Exchange

log = logging.getLogger(__name__)

TICK_S = 0.05
BATCH = 256
MAX_WAITING = 20_000
COUNT_AT_ONCE = 256 * 1024
"""Characters per batch that are counted before the rows are written: some 20 ms of work."""
HURRY_S = 0.15
"""When the oldest finished request waits longer, its row goes out without an estimate."""
LATE_BATCH = 64
MAX_LATE = 50_000
MAX_LATE_CHARS = 256 * 1024 * 1024
"""Text waiting to be counted; beyond it counts stay guesses."""


class Store(Protocol):
    """Where rows go; `put` never blocks and says whether the row was taken."""

    def put(self, record: RequestRecord) -> bool:
        """Take a row."""
        ...


def _unexplained(queries: Sequence[Query]) -> list[Estimate]:
    return estimate_many(queries, explained=False)


@dataclass(frozen=True, slots=True)
class Counted:
    """An exchange with what it used."""

    exchange: Exchange
    used: Usage
    chars: int = 0
    """Characters that are still to be counted; until then `used` holds guesses."""
    late: bool = False
    """A revision will follow."""


@dataclass(slots=True)
class Recorder:
    """The accounting thread."""

    store: Store
    counters: Counters
    place: Place
    complete: Callable[[Exchange], None] | None = None
    """Reads the body of a request that was too costly to read while it was open."""
    estimates: Callable[[Sequence[Query]], list[Estimate]] = _unexplained
    _queue: SimpleQueue[Exchange | None] = field(default_factory=SimpleQueue)
    monotonic: Callable[[], float] = time.monotonic
    _late: deque[Counted] = field(default_factory=deque)
    _texts: SimpleQueue[Counted] = field(default_factory=SimpleQueue)
    _texts_chars: int = 0
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; the tokenizer and the tables load in the threads, at the first need."""
        self._thread = threading.Thread(target=self._run, name="accounting", daemon=True)
        self._thread.start()
        threading.Thread(target=self._count_texts, name="counting", daemon=True).start()

    def submit(self, exchange: Exchange) -> None:
        """Take a finished exchange. Never blocks, never raises."""
        if self._queue.qsize() >= MAX_WAITING:
            self.counters.miss()
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
                self._catch_up()
        while self._late:
            self._catch_up()

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
        """Rows for what has finished; under pressure without what can be added later."""
        lag_s = self.monotonic() - (batch[0].ended_s or 0.0)
        hurried = lag_s > HURRY_S and len(self._late) < MAX_LATE
        budget = 0 if hurried else COUNT_AT_ONCE
        counted: list[Counted] = []
        for exchange in batch:
            one, spent = self._counted(exchange, budget)
            budget -= spent
            counted.append(replace(one, late=self._postpone(one)) if hurried or one.chars else one)
        later = hurried and all(one.late for one in counted)
        self._write(counted, [None] * len(counted) if later else None, revision=1)

    def _counted(self, exchange: Exchange, budget: int) -> tuple[Counted, int]:
        """What an exchange used, and the characters counted for it.

        Texts of more characters than the budget are guessed for now.
        """
        try:
            if exchange.deferred and self.complete is not None:
                self.complete(exchange)
            chars = needs_counting(exchange)
            at_once = chars <= budget
            used = usage(exchange, count=at_once)
            if exchange.fault is not None:
                self._uncounted(exchange, exchange.fault)
            elif exchange.outcome == "ok" and used.output_tokens is None and unread(exchange):
                self._uncounted(exchange, "answer not understood")
            return Counted(exchange, used, 0 if at_once else chars), chars if at_once else 0
        except BaseException as error:  # also a panic of the tokenizer, which is no Exception
            self._uncounted(exchange, type(error).__name__)
            return Counted(exchange, Usage()), 0

    def _postpone(self, one: Counted) -> bool:
        """Whether a revision will follow."""
        if not one.chars:
            one.exchange.drop_text()
            self._late.append(one)
            return True
        if self._texts_chars + one.chars > MAX_LATE_CHARS:
            self.counters.guessed += 1
            return False
        self._texts_chars += one.chars
        self._texts.put(one)
        return True

    def _catch_up(self) -> None:
        """A few of the rows that went out without an estimate."""
        taken = [self._late.popleft() for _ in range(min(LATE_BATCH, len(self._late)))]
        self._write([replace(one, late=False) for one in taken], None, revision=2)

    def _count_texts(self) -> None:
        """Large texts, one after the other, on a thread of their own: rows never wait for them."""
        while True:
            one = self._texts.get()
            try:
                counted = Counted(one.exchange, usage(one.exchange, count=True))
            except BaseException as error:  # also a panic of the tokenizer, which is no Exception
                self._uncounted(one.exchange, type(error).__name__)
                counted = Counted(one.exchange, one.used)
            self._texts_chars -= one.chars
            self._write([counted], None, revision=2)

    def _write(
        self, counted: Sequence[Counted], known: list[None] | None, *, revision: int
    ) -> None:
        estimates = self._estimated(counted) if known is None else known
        for one, estimate in zip(counted, estimates, strict=True):
            try:
                final = not one.late
                row = record(
                    one.exchange, one.used, estimate, self.place, revision=revision, final=final
                )
                if not self.store.put(row):
                    self.counters.miss()
            except Exception as error:  # costs this row, never the thread
                self._uncounted(one.exchange, type(error).__name__)
            if not one.late:
                one.exchange.drop_text()

    def _estimated(self, counted: Sequence[Counted]) -> Sequence[Estimate | None]:
        """An estimate for each; where a batch fails together, each is tried alone."""
        try:
            return self.estimates([query(one.exchange, one.used, self.place) for one in counted])
        except Exception as error:
            if len(counted) > 1:
                return [found for one in counted for found in self._estimated([one])]
            log.warning("an estimate failed (%s); its row is without one", type(error).__name__)
            return [None] * len(counted)

    def _uncounted(self, exchange: Exchange, reason: str) -> None:
        self.counters.miss()
        log.warning("request %s passed but was not read wholly: %s", exchange.id, reason)

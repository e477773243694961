"""The accounting thread: what finishes becomes a row, whatever happens to the others."""

import re
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from estimator.estimate import estimate_many
from ledger.record import RequestRecord
from proxy.accounting import Place
from proxy.counters import Counters
from proxy.exchange import Exchange
from proxy.protocols.openai_chat import OpenAIChat
from proxy.protocols.protocol import Ask, Prompt, Reading, Reply
from proxy.recorder import COUNT_AT_ONCE, MAX_LATE_CHARS, MAX_WAITING, Recorder
from proxy.routing import Route, upstream

ROUTE = Route(upstream("openai", "http://127.0.0.1:1"), "/v1/chat/completions", "")


class Rows:
    """A store that keeps rows and can be waited for."""

    def __init__(self, takes: bool = True) -> None:
        self.rows: list[RequestRecord] = []
        self.takes = takes
        self._changed = threading.Condition()

    def put(self, record: RequestRecord) -> bool:
        with self._changed:
            self.rows.append(record)
            self._changed.notify_all()
        return self.takes

    def wait(self, count: int) -> list[RequestRecord]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.rows) >= count, 10)
            return list(self.rows)


def finished(id: str, text: str = "one two", protocol: Any = None) -> Exchange:
    exchange = Exchange(
        id=id,
        route=ROUTE,
        protocol=protocol or OpenAIChat(),
        headers={},
        started_at=datetime(2026, 11, 23, 10, tzinfo=UTC),
        started_s=100.0,
    )
    exchange.request_body(b'{"model":"gpt-4o-mini","messages":[]}')
    exchange.read_request()
    exchange.reading.add(text)
    exchange.status = 200
    exchange.outcome = "ok"
    exchange.ended_s = 101.0
    return exchange


class Dead(OpenAIChat):
    """Counts no prompt."""

    def prompt(self, body: bytes) -> Prompt:
        raise RuntimeError("a secret of the request")


class Nameless:
    """A family that not even a row can be made of."""

    paths: ClassVar[re.Pattern[str]] = re.compile("$^")

    @property
    def api(self) -> str:
        raise RuntimeError("a secret of the request")

    def ask(self, path: str, body: bytes) -> Ask:
        return Ask()

    def prompt(self, body: bytes) -> Prompt:
        return Prompt(())

    def reply(self, ask: Ask) -> Reply:
        raise AssertionError("nobody answers")


def recorder(rows: Rows, **more: Any) -> Recorder:
    return Recorder(rows, Counters(), Place(), **({"monotonic": lambda: 101.0} | more))


def test_what_finishes_becomes_a_row_with_figures() -> None:
    rows = Rows()
    made = recorder(rows)
    made.start()
    made.submit(finished("a"))
    row = rows.wait(1)[0]
    made.close(5)
    assert (row.id, row.revision, row.provisional) == ("a", 1, False)
    assert (row.output_tokens, row.output_how) == (2, "counted")
    assert row.facility_j is not None
    assert made.counters == Counters()


def test_closing_writes_what_waits() -> None:
    rows = Rows()
    made = recorder(rows)
    for number in range(1000):
        made.submit(finished(f"n{number}"))
    made.start()
    made.close(10)
    assert [row.id for row in rows.rows] == [f"n{number}" for number in range(1000)]


def test_a_large_text_has_its_row_at_once_and_is_counted_after() -> None:
    rows = Rows()
    made = recorder(rows)
    text = " word" * (COUNT_AT_ONCE // 5 + 1)
    made.submit(finished("large", text))
    made.submit(finished("small"))
    made.start()
    found = rows.wait(3)
    made.close(10)
    large, small, later = found
    assert (large.id, large.revision, large.provisional) == ("large", 1, True)
    assert (large.output_how, large.output_tokens) == ("guessed", round(len(text) / 4.2))
    assert (small.id, small.provisional) == ("small", False)
    assert (later.id, later.revision, later.provisional) == ("large", 2, False)
    assert (later.output_how, later.output_tokens) == ("counted", COUNT_AT_ONCE // 5 + 1)


def test_under_pressure_rows_go_out_first_and_figures_follow() -> None:
    rows = Rows()
    made = recorder(rows, monotonic=lambda: 101.2)  # 0.2 s after the end: behind
    made.submit(finished("a", ""))
    made.submit(finished("b", " word" * 9))
    made.start()
    found = rows.wait(4)
    made.close(10)
    assert [(row.id, row.revision, row.provisional) for row in found] == [
        ("a", 1, True),
        ("b", 1, True),
        ("a", 2, False),
        ("b", 2, False),
    ]
    assert [row.facility_j is not None for row in found] == [False, False, True, True]
    assert [row.output_how for row in found[1::2]] == ["guessed", "counted"]
    assert found[3].output_tokens == 9


def test_too_much_to_count_stays_a_guess_and_is_told() -> None:
    rows = Rows()
    made = recorder(rows, _texts_chars=MAX_LATE_CHARS)
    made.submit(finished("large", " word" * (COUNT_AT_ONCE // 5 + 1)))
    made.start()
    row = rows.wait(1)[0]
    made.close(10)
    assert (row.output_how, row.provisional) == ("guessed", False)
    assert made.counters.guessed == 1


def test_a_full_queue_turns_away_and_forgets_the_text() -> None:
    made = recorder(Rows())
    for _ in range(MAX_WAITING):
        made.submit(finished("x", ""))
    last = finished("last", "secret")
    made.submit(last)
    assert made.counters.uncounted == 1
    assert last.reading.text == []
    assert last.body == b""


def test_one_that_cannot_be_counted_has_a_row_without_figures(caplog: Any) -> None:
    rows = Rows()
    made = recorder(rows)
    made.submit(finished("dead", protocol=Dead()))
    made.submit(finished("fine"))
    made.start()
    dead, fine = rows.wait(2)
    made.close(5)
    assert (dead.id, dead.input_tokens, dead.input_how) == ("dead", None, "none")
    assert (fine.id, fine.output_tokens) == ("fine", 2)
    assert made.counters.uncounted == 1
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text


def test_one_that_cannot_be_a_row_costs_only_itself(caplog: Any) -> None:
    rows = Rows()
    made = recorder(rows)
    made.start()
    made.submit(finished("nameless", protocol=Nameless()))
    made.submit(finished("fine"))
    assert rows.wait(1)[0].id == "fine"
    made.close(5)
    assert made.counters.uncounted == 1
    assert "secret" not in caplog.text


def test_without_an_estimate_the_row_is_kept(caplog: Any) -> None:
    def broken(queries: Sequence[object]) -> list[Any]:
        raise ArithmeticError("a secret of the request")

    rows = Rows()
    made = recorder(rows, estimates=broken)
    made.start()
    made.submit(finished("a"))
    row = rows.wait(1)[0]
    made.close(5)
    assert (row.output_tokens, row.facility_j) == (2, None)
    assert "ArithmeticError" in caplog.text
    assert "secret" not in caplog.text


def test_one_bad_estimate_does_not_take_the_others() -> None:
    """A batch whose estimates fail together is tried one by one."""

    def picky(queries: Sequence[Any]) -> list[Any]:
        if any(query.id == "bad" for query in queries):
            raise ArithmeticError
        return list(estimate_many(queries))

    rows = Rows()
    made = recorder(rows, estimates=picky)
    for id in ("good", "bad"):
        made.submit(finished(id))
    made.start()
    good, bad = rows.wait(2)
    made.close(5)
    assert good.facility_j is not None
    assert bad.facility_j is None


def test_a_store_that_takes_nothing_is_counted() -> None:
    rows = Rows(takes=False)
    made = recorder(rows)
    made.start()
    made.submit(finished("a"))
    rows.wait(1)
    made.close(5)
    assert made.counters.uncounted == 1


def test_reading_faults_are_counted_and_have_their_row(caplog: Any) -> None:
    rows = Rows()
    made = recorder(rows)
    made.start()
    exchange = finished("a", "")
    exchange.reading = Reading()
    exchange.response_bytes = 10
    exchange.fault = "response event too long"
    made.submit(exchange)
    row = rows.wait(1)[0]
    made.close(5)
    assert (row.output_tokens, row.output_how) == (None, "none")
    assert made.counters.uncounted == 1
    assert "response event too long" in caplog.text


def test_rows_do_not_wait_for_a_large_text_and_closing_loses_none() -> None:
    """The text takes seconds to count; what finished after it is there when `close` returns."""
    rows = Rows()
    made = recorder(rows)
    made.start()
    made.submit(finished("large", " word" * 3_000_000))
    rows.wait(1)
    for number in range(5):
        made.submit(finished(f"small{number}"))
    made.close(2.0)
    assert [row.id for row in rows.rows if row.id.startswith("small")] == [
        f"small{number}" for number in range(5)
    ]


def test_a_body_that_was_not_read_yet_is_read_first() -> None:
    rows = Rows()
    read: list[str] = []
    made = recorder(rows, complete=lambda exchange: read.append(exchange.id))
    late = finished("late")
    late.deferred = True
    made.submit(late)
    made.submit(finished("early"))
    made.start()
    rows.wait(2)
    made.close(5)
    assert read == ["late"]


def test_an_answer_that_made_no_sense_is_unknown_and_uncounted() -> None:
    rows = Rows()
    made = recorder(rows)
    odd = finished("odd", "")
    odd.reading.deltas = 0
    odd.response_bytes = 40
    made.submit(odd)
    made.start()
    row = rows.wait(1)[0]
    made.close(5)
    assert (row.output_tokens, row.output_how) == (None, "none")
    assert made.counters.uncounted == 1

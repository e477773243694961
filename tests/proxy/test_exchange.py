"""An exchange fed by hand: what it learns, and that nothing it meets can stop the bytes."""

import gzip
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.exchange import MAX_REQUEST_BYTES, READ_AT_ONCE, Exchange
from proxy.protocols.openai_chat import OpenAIChat
from proxy.protocols.protocol import Ask, Prompt, Protocol, Reading, Reply
from proxy.routing import Route, upstream

ROUTE = Route(upstream("openai", "http://127.0.0.1:1"), "/v1/chat/completions", "")
BODY = b'{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"hi"}]}'
SSE = {"content-type": "text/event-stream", "transfer-encoding": "chunked"}


def exchange(protocol: Protocol | None = None, **headers: str) -> Exchange:
    return Exchange(
        id="x1",
        route=ROUTE,
        protocol=protocol or OpenAIChat(),
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        started_at=datetime(2026, 11, 23, 10, tzinfo=UTC),
        started_s=100.0,
    )


def delta(text: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode()


def stream(*texts: str) -> bytes:
    return b"".join(delta(text) + b"\n\n" for text in texts) + b"data: [DONE]\n\n"


def asked(made: Exchange, body: bytes = BODY) -> Exchange:
    made.request_body(body)
    made.read_request()
    return made


def test_a_stream_is_read_as_it_comes() -> None:
    made = asked(exchange())
    assert made.ask == Ask(model="gpt-4o-mini", stream=True, modalities=("text",))
    made.response_head(200, SSE)
    made.response_body(stream("one", " two"), 101.5)
    made.finish("ok", 102.0)
    assert made.reading.text == ["one", " two"]
    assert made.reading.ended
    assert (made.first_output_s, made.ended_s, made.outcome) == (101.5, 102.0, "ok")
    assert made.fault is None


@given(st.lists(st.integers(1, 200), unique=True), st.sampled_from(["", "gzip"]))
def test_cuts_and_codings_change_nothing(cuts: list[int], coding: str) -> None:
    body = stream("one", " two", " drei ü")
    body = gzip.compress(body, mtime=0) if coding else body
    borders = [0, *sorted(cut for cut in cuts if cut < len(body)), len(body)]
    made = asked(exchange())
    made.response_head(200, SSE | {"content-encoding": coding})
    for start, end in pairwise(borders):
        made.response_body(body[start:end], 101.0)
    made.finish("ok", 102.0)
    assert "".join(made.reading.text) == "one two drei ü"
    assert made.response_bytes == len(body)


@pytest.mark.parametrize(
    ("how", "body", "status", "outcome"),
    [
        ("ok", stream("a"), 200, "ok"),
        ("ok", delta("a") + b"\n\n", 200, "ok"),  # no end marker, but a clean end
        ("cut", delta("a") + b"\n\n", 200, "cut"),
        ("cancelled", delta("a") + b"\n\n", 200, "cancelled"),
        ("cancelled", stream("a"), 200, "ok"),  # the client had the end marker
        ("cut", stream("a"), 200, "ok"),
        ("ok", b'data: {"error":{"type":"overloaded"}}\n\n', 200, "cut"),
        ("ok", b'{"error":{"type":"rate_limit"}}', 429, "upstream_error"),
        ("ok", b"<html>", 500, "upstream_error"),
        ("refused", b"", None, "refused"),
    ],
)
def test_the_vendors_word_goes_before_the_connections(
    how: str, body: bytes, status: int | None, outcome: str
) -> None:
    made = asked(exchange())
    if status is not None:
        made.response_head(status, SSE if status == 200 else {"content-type": "application/json"})
        made.response_body(body, 101.0)
    made.finish(how, 102.0)  # type: ignore[arg-type] # one of the outcomes
    assert made.outcome == outcome


def test_a_stream_that_only_its_connection_ends_is_cut_without_an_end_marker() -> None:
    for body, outcome in ((delta("a") + b"\n\n", "cut"), (stream("a"), "ok")):
        made = asked(exchange())
        made.response_head(200, {"content-type": "text/event-stream"})
        made.response_body(body, 101.0)
        made.finish("ok", 102.0)
        assert made.outcome == outcome


def test_the_servers_own_timing_gives_the_speed() -> None:
    made = asked(exchange())
    made.reading.decode_s = 0.5
    assert made.output_tokens_per_s(20) == 40.0  # 20 tokens in half a second


def test_a_large_or_compressed_request_is_read_when_it_is_over() -> None:
    plain, packed = exchange(), exchange()
    plain.request_body(b"x" * (READ_AT_ONCE + 1))
    packed.headers = {"content-encoding": "gzip"}
    assert (plain.costly, packed.costly, exchange().costly) == (True, True, False)


def test_speed_is_the_median_gap_and_not_the_wall_time() -> None:
    """Ten arrivals, 0.1 s apart, with a stall of 5 s: 20 tokens in 10 arrivals, 2 per 0.1 s."""
    made = asked(exchange())
    made.response_head(200, SSE)
    now_s = 101.0
    for number in range(10):
        made.response_body(delta(" a") + b"\n\n", now_s)
        now_s += 5.0 if number == 4 else 0.1
    made.finish("ok", now_s)
    assert made.output_tokens_per_s(20) == pytest.approx(20.0)
    assert made.output_tokens_per_s(None) is None


def test_a_burst_counts_as_one_arrival() -> None:
    """Sixteen deltas in eight bursts, 0.1 s apart: 16 tokens / 8 arrivals / 0.1 s = 20 / s."""
    made = asked(exchange())
    made.response_head(200, SSE)
    for number in range(8):
        for _ in range(2):
            made.response_body(delta(" a") + b"\n\n", 101.0 + number / 10)
    made.finish("ok", 102.0)
    assert made.output_tokens_per_s(16) == pytest.approx(20.0)


def test_too_few_arrivals_say_nothing() -> None:
    made = asked(exchange())
    made.response_head(200, SSE)
    for number in range(7):
        made.response_body(delta(" a") + b"\n\n", 101.0 + number)
    made.finish("ok", 110.0)
    assert made.output_tokens_per_s(7) is None


def test_a_request_above_the_bound_is_counted_in_bytes_and_not_kept() -> None:
    made = exchange()
    for _ in range(MAX_REQUEST_BYTES // 2**20 + 1):
        made.request_body(b" " * 2**20)
    assert made.request_bytes == MAX_REQUEST_BYTES + 2**20
    assert made.body == b""
    made.read_request()
    assert made.ask.model is None


def test_a_coded_request_is_read() -> None:
    made = asked(exchange(content_encoding="gzip"), gzip.compress(BODY))
    assert made.ask.model == "gpt-4o-mini"
    assert made.body == BODY


def bomb() -> bytes:
    """300 MiB of blanks in 300 KB."""
    return gzip.compress(b" " * (300 * 2**20), compresslevel=9)


def test_a_bomb_stops_the_reading_and_nothing_else() -> None:
    small = bomb()
    made = asked(exchange())
    made.response_head(200, SSE | {"content-encoding": "gzip"})
    for start in range(0, len(small), 4096):
        made.response_body(small[start : start + 4096], 101.0)
    made.finish("ok", 102.0)
    assert made.fault == "response not readable (decoded body too large)"
    assert made.response_bytes == len(small)
    assert (made.outcome, made.status) == ("ok", 200)


def test_an_event_above_the_bound_stops_the_reading_and_nothing_else() -> None:
    made = asked(exchange())
    made.response_head(200, SSE)
    made.response_body(delta("kept") + b"\n\n", 101.0)
    for _ in range(9):
        made.response_body(b"x" * 2**20, 101.0)
    made.response_body(stream("after"), 101.0)
    made.finish("ok", 102.0)
    assert made.fault == "response event too long"
    assert made.reading.text == ["kept"]
    assert made.response_bytes > 9 * 2**20


def test_unreadable_codings_are_remembered() -> None:
    for coding, reason in (("gzip", "corrupt content coding"), ("rot13", "unknown content coding")):
        made = asked(exchange())
        made.response_head(200, SSE | {"content-encoding": coding})
        made.response_body(b"no such thing", 101.0)
        made.finish("ok", 102.0)
        assert made.fault == f"response not readable ({reason})"


class Dead:
    """A family whose code fails at one place."""

    api: ClassVar[str] = "dead.chat"
    paths: ClassVar[re.Pattern[str]] = re.compile("$^")

    def __init__(self, place: str) -> None:
        self.place = place
        self.reading = Reading()

    def fail(self, place: str) -> None:
        if place == self.place:
            raise KeyError("a secret of the request")

    def ask(self, path: str, body: bytes) -> Ask:
        self.fail("ask")
        return Ask(stream=True)

    def prompt(self, body: bytes) -> Prompt:
        self.fail("prompt")
        return Prompt(("hi",))

    def reply(self, ask: Ask) -> Reply:
        self.fail("reply")
        return self

    def event(self, name: str, data: bytes) -> None:
        self.fail("event")


def places() -> Iterator[str]:
    yield from ("ask", "reply", "event")


@pytest.mark.parametrize("place", places())
def test_a_dead_meter_never_raises_and_names_no_content(place: str) -> None:
    made = asked(exchange(Dead(place)))
    made.response_head(200, SSE)
    made.response_body(stream("a", "b"), 101.0)
    made.finish("ok", 102.0)
    assert made.fault == "KeyError"
    assert made.outcome == "ok"
    assert made.response_bytes == len(stream("a", "b"))


def test_text_is_forgotten_when_it_has_been_counted() -> None:
    made = asked(exchange(authorization="Bearer k"))
    made.response_head(200, SSE)
    made.response_body(stream("secret"), 101.0)
    made.finish("ok", 102.0)
    made.drop_text()
    assert made.body == b""
    assert made.headers == {}
    assert made.reading.text == []
    assert "secret" not in repr(made)

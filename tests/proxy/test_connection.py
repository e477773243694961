"""One upstream connection fed by hand: whole, byte by byte, and broken off at any place."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.connection import Connection, ResponseHead


class Socket(asyncio.Transport):
    """Keeps what is written and whether it was aborted; tells the connection, as a loop does."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.written = b""
        self.reading = True
        self.aborted = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted


class Heard:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.head: ResponseHead | None = None
        self.body = b""
        self.ends: list[str | None] = []

    def response_head(self, head: ResponseHead) -> None:
        assert self.head is None
        self.head = head

    def response_body(self, data: bytes) -> None:
        assert data
        self.body += data

    def response_end(self, fault: str | None) -> None:
        self.ends.append(fault)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A connection wants a loop; none of these tests runs it."""
    made = asyncio.new_event_loop()
    yield made
    made.close()


def exchange(
    pieces: Sequence[bytes], *, head_only: bool = False, lost: Exception | bool = False
) -> tuple[Connection, Heard, Socket]:
    """Feed an answer in pieces; `lost`: then the connection ends, with an error or without."""
    connection = Connection(loop=None)  # type: ignore[arg-type] # only kept, never used
    socket = Socket(connection)
    connection.connection_made(socket)
    heard = Heard()
    connection.begin(heard, head_only=head_only)
    for piece in pieces:
        connection.data_received(piece)
    if lost is not False:
        connection.connection_lost(None if lost is True else lost)
    return connection, heard, socket


LENGTH = b"HTTP/1.1 200 Fine by me\r\nX-A: 1\r\nx-a:  2\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2\r\nhe\r\n3;ext=1\r\nllo\r\n0\r\nX-Trailer: 1\r\n\r\n"
)
CLOSE = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + LENGTH


@pytest.mark.parametrize("answer", [LENGTH, CHUNKED, INTERIM])
@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_an_answer_is_the_same_however_it_is_cut(answer: bytes, size: int) -> None:
    pieces = [answer[i : i + size] for i in range(0, len(answer), size)]
    connection, heard, _ = exchange(pieces)
    assert heard.head is not None
    assert heard.head.status == 200
    assert heard.body == b"hello"
    assert heard.ends == [None]
    assert connection.reusable
    assert connection.heard


@given(st.lists(st.integers(1, len(CHUNKED) - 1), unique=True))
def test_an_answer_is_the_same_cut_at_random(cuts: list[int]) -> None:
    borders = [0, *sorted(cuts), len(CHUNKED)]
    pieces = [CHUNKED[a:b] for a, b in pairwise(borders)]
    _, heard, _ = exchange(pieces)
    assert (heard.body, heard.ends) == (b"hello", [None])


def test_head_is_kept_as_it_came() -> None:
    _, heard, _ = exchange([LENGTH])
    assert heard.head == ResponseHead(
        200,
        b"Fine by me",
        [(b"X-A", b"1"), (b"x-a", b"2"), (b"Content-Length", b"5")],
        5,
    )


def test_a_body_may_end_with_the_connection() -> None:
    connection, heard, _ = exchange([CLOSE], lost=True)
    assert heard.head is not None
    assert heard.head.content_length is None
    assert (heard.body, heard.ends) == (b"hello", [None])
    assert not connection.reusable


@pytest.mark.parametrize(
    ("pieces", "lost", "fault"),
    [
        ([], True, "connection closed early"),
        ([LENGTH[:20]], True, "connection closed early"),
        ([LENGTH[:-1]], True, "connection closed early"),
        ([CHUNKED[:-2]], True, "connection closed early"),
        ([CLOSE], ConnectionResetError(), "connection reset"),
        ([LENGTH[:-1]], ConnectionResetError(), "connection reset"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"], False, "malformed"),
        ([b"SSH-2.0-OpenSSH_9.6\r\n"], False, "malformed"),
    ],
)
def test_a_broken_answer_is_told_once(
    pieces: list[bytes], lost: Exception | bool, fault: str
) -> None:
    connection, heard, _ = exchange(pieces, lost=lost)
    assert len(heard.ends) == 1
    assert (heard.ends[0] or "").startswith(fault)
    assert not connection.reusable


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_answers_without_body_end_at_once(status: bytes) -> None:
    answer = b"HTTP/1.1 " + status + b"\r\nETag: x\r\nContent-Length: 99\r\n\r\n"
    answer = answer if status.startswith(b"304") else answer.replace(b"Content-Length: 99\r\n", b"")
    connection, heard, _ = exchange([answer])
    assert (heard.body, heard.ends) == (b"", [None])
    assert connection.reusable


@pytest.mark.parametrize("answer", [LENGTH[:-5], CHUNKED[: CHUNKED.index(b"2\r\n")]])
def test_an_answer_to_head_ends_with_its_head(answer: bytes) -> None:
    _, heard, _ = exchange([answer], head_only=True)
    assert (heard.body, heard.ends) == (b"", [None])


@pytest.mark.parametrize(
    "more",
    [LENGTH, b"rubbish", b"\0", b"HTTP/1.1 200 OK\r\n"],
    ids=["answer", "word", "nul", "head"],
)
def test_what_follows_an_answer_spoils_the_connection_and_not_the_answer(more: bytes) -> None:
    connection, heard, _ = exchange([LENGTH + more])
    assert (heard.body, heard.ends) == (b"hello", [None])
    assert not connection.reusable


def test_what_comes_while_nobody_asks_ends_the_connection() -> None:
    connection, heard, socket = exchange([LENGTH])
    connection.data_received(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
    assert socket.aborted
    assert heard.ends == [None]


def test_who_keeps_the_connection_hears_of_its_end() -> None:
    connection, _, _ = exchange([LENGTH])
    told: list[Connection] = []
    connection.on_idle_close = told.append
    connection.connection_lost(None)
    assert told == [connection]
    assert not connection.reusable


def test_a_tunnel_passes_everything_after_101() -> None:
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    connection, heard, _ = exchange([head + b"\x81\x02hi", b"\x81\x02yo"], lost=True)
    assert heard.head is not None
    assert heard.head.status == 101
    assert heard.body == b"\x81\x02hi\x81\x02yo"
    assert heard.ends == [None]
    assert not connection.reusable


async def test_a_full_buffer_holds_the_sender_and_frees_it_when_the_peer_is_lost() -> None:
    connection, _, _ = exchange([])
    connection.pause_writing()
    assert not connection.writable
    waiting = asyncio.ensure_future(connection.drained())
    await asyncio.sleep(0)
    assert not waiting.done()
    connection.connection_lost(None)
    await waiting
    connection.write(b"into the void")  # allowed: the end was told to the sink

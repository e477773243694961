"""An answer on its way to a client that may be slow, old, or gone."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from multidict import CIMultiDict, CIMultiDictProxy

from proxy.connection import ResponseHead
from proxy.passage import Passage, wants_websocket


@dataclass
class Upstream:
    """Counts how often it is told to wait."""

    paused: bool = False

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False


@dataclass
class Client:
    """What a passage needs of aiohttp's request: a transport, and whether it is full."""

    version: tuple[int, int] = (1, 1)
    method: str = "POST"
    keep_alive: bool = True
    writing_paused: bool = False
    written: bytes = b""
    drained: asyncio.Event = field(default_factory=asyncio.Event)
    gone: bool = False
    headers: Any = field(default_factory=lambda: CIMultiDictProxy(CIMultiDict[str]()))

    @property
    def transport(self) -> "Client | None":
        return None if self.gone else self

    @property
    def protocol(self) -> "Client":
        return self

    def write(self, data: bytes) -> None:
        self.written += data

    def abort(self) -> None:
        self.gone = True

    async def _drain_helper(self) -> None:
        await self.drained.wait()
        if self.gone:
            raise ConnectionResetError


def passage(client: Client, upstream: Upstream) -> Passage:
    made: Any = Passage
    return made(client, upstream, None, lambda: 0.0, lambda _: None)  # type: ignore[no-any-return]


def head(length: int | None, *headers: tuple[bytes, bytes]) -> ResponseHead:
    return ResponseHead(200, b"OK", list(headers), length)


async def test_a_slow_client_holds_the_upstream_back_until_it_reads() -> None:
    client, upstream = Client(), Upstream()
    passing = passage(client, upstream)
    passing.response_head(head(100))
    client.writing_paused = True
    passing.response_body(b"a" * 50)
    assert upstream.paused
    client.drained.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not upstream.paused


async def test_an_answer_that_is_over_leaves_its_connection_readable() -> None:
    """The connection may serve another client while this one is still slow."""
    client, upstream = Client(), Upstream()
    passing = passage(client, upstream)
    passing.response_head(head(50))
    client.writing_paused = True
    passing.response_body(b"a" * 50)
    passing.response_end(None)
    assert passing.done.result() is None
    assert not upstream.paused
    upstream.pause()  # by the next answer's own passage
    client.drained.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert upstream.paused


async def test_a_body_of_unknown_length_is_chunked_for_a_modern_client() -> None:
    client = Client()
    passing = passage(client, Upstream())
    passing.response_head(head(None, (b"X-A", b"1")))
    passing.response_body(b"hello")
    passing.response_end(None)
    assert client.written == (
        b"HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    )
    assert passing.keep_alive


async def test_a_body_of_unknown_length_ends_with_the_connection_of_an_old_client() -> None:
    client = Client(version=(1, 0))
    passing = passage(client, Upstream())
    passing.response_head(head(None, (b"Transfer-Encoding", b"chunked")))
    passing.response_body(b"hello")
    passing.response_end(None)
    assert client.written == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"
    assert not passing.keep_alive


async def test_a_broken_body_has_no_last_chunk() -> None:
    client = Client()
    passing = passage(client, Upstream())
    passing.response_head(head(None))
    passing.response_body(b"hello")
    passing.response_end("connection reset")
    assert client.written.endswith(b"5\r\nhello\r\n")
    assert not passing.keep_alive
    assert passing.done.result() == "connection reset"


async def test_a_client_that_is_gone_costs_nothing() -> None:
    client = Client()
    passing = passage(client, Upstream())
    passing.response_head(head(5))
    client.gone = True
    passing.response_body(b"hello")
    passing.response_end(None)
    assert passing.done.result() is None


def test_websockets_are_recognised_by_their_upgrade() -> None:
    assert wants_websocket([(b"Upgrade", b"WebSocket")])
    assert wants_websocket([(b"upgrade", b"h2c, websocket")])
    assert not wants_websocket([(b"Upgrade", b"h2c")])
    assert not wants_websocket([(b"X-Upgrade", b"websocket")])

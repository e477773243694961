"""One answer on its way from an upstream connection to the client's: written as it comes.

The head is written as bytes, since a framework's response object would add headers, change their
order and refuse values that are not UTF-8. Body pieces go from one transport to the other within
the same callback. uvloop sends what was written at the end of the loop's turn, so the meter sees
them in the next one: reading an event never delays it.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from aiohttp import web

from proxy.connection import Connection, ResponseHead
from proxy.exchange import Exchange
from proxy.headers import head, listed, lookup, towards_client

type Watch = Callable[[bytes], None]


class Passage:
    """The sink of one upstream answer. `done` resolves to the fault, or `None`."""

    def __init__(
        self,
        request: web.BaseRequest,
        connection: Connection,
        exchange: Exchange | None,
        monotonic: Callable[[], float],
        on_tunnel: Callable[[ResponseHead], Watch | None],
    ) -> None:
        """`on_tunnel` is called at 101; what it returns watches the upstream's bytes."""
        self._request = request
        self._connection = connection
        self._exchange = exchange
        self._monotonic = monotonic
        self._on_tunnel = on_tunnel
        self._watch: Watch | None = None
        self._chunked = False
        self._resuming: asyncio.Task[None] | None = None
        self._unseen: list[Callable[[], None]] = []
        self.head: ResponseHead | None = None
        self.keep_alive = True
        """Whether the client's connection may serve another request afterwards."""
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[str | None] = self._loop.create_future()

    def response_head(self, answer: ResponseHead) -> None:
        """Write the head to the client, framing the body as the client can take it."""
        self.head = answer
        request = self._request
        tunnel = answer.status == 101
        modern = request.version >= (1, 1)
        framed = answer.content_length is not None or request.method == "HEAD" or tunnel
        self._chunked = not framed and modern
        self.keep_alive = (framed or modern) and not tunnel and request.keep_alive
        headers = towards_client(answer.headers, chunked=self._chunked)
        if tunnel:
            upgraded = [(k, v) for k, v in answer.headers if k.lower() == b"upgrade"]
            headers = [*upgraded, (b"Connection", b"Upgrade"), *headers]
        elif not self.keep_alive:
            headers.append((b"Connection", b"close"))
        line = b"HTTP/1.1 %d %s" % (answer.status, answer.reason)
        self._write(head(line, headers))
        if self._exchange is not None and not tunnel:
            self._later(partial(self._meter_head, self._exchange, answer))
        if tunnel:
            self._watch = self._on_tunnel(answer)

    def response_body(self, data: bytes) -> None:
        """Write a piece of the body; if the client is slow, stop reading from the upstream."""
        if self._chunked:
            self._write(b"%x\r\n%b\r\n" % (len(data), data))
        else:
            self._write(data)
        if self._request.protocol.writing_paused and self._resuming is None:
            self._connection.pause()
            self._resuming = asyncio.create_task(self._resume())
        if self._watch is not None:
            self._watch(data)
        elif self._exchange is not None:
            self._later(partial(self._exchange.response_body, data, self._monotonic()))

    def response_end(self, fault: str | None) -> None:
        """Close the framing; a broken answer ends in a broken connection, as it came."""
        if self.head is not None:
            if fault is None and self._chunked:
                self._write(b"0\r\n\r\n")
            if fault is not None:
                # aiohttp closes the connection: what came is delivered, the end marker is not.
                self.keep_alive = False
        if fault is None and self._resuming is not None:
            # The connection may serve another client before this one has read on.
            self._resuming.cancel()
            self._connection.resume()
        if not self.done.done():
            self.done.set_result(fault)

    def drop(self) -> None:
        """Nobody waits for the answer any more."""
        self.settle()
        if self._resuming is not None:
            self._resuming.cancel()
        if not self.done.done():
            self.done.cancel()

    def settle(self) -> None:
        """Let the meter see what it has not seen yet; nothing is left for later."""
        unseen, self._unseen = self._unseen, []
        for look in unseen:
            look()

    def _later(self, look: Callable[[], None]) -> None:
        if not self._unseen:
            self._loop.call_soon(self.settle)
        self._unseen.append(look)

    @staticmethod
    def _meter_head(exchange: Exchange, answer: ResponseHead) -> None:
        exchange.response_head(answer.status, lookup(answer.headers))

    async def _resume(self) -> None:
        try:
            await self._request.protocol._drain_helper()
        except ConnectionError:
            return  # the handler hears of it as a cancellation
        finally:
            self._resuming = None
        self._connection.resume()

    def _write(self, data: bytes) -> None:
        transport = self._request.transport
        if transport is not None:
            transport.write(data)


class Sent(web.StreamResponse):
    """Tells aiohttp that the answer has been written already."""

    def __init__(self, *, keep_alive: bool) -> None:
        """Skips the parent's headers on purpose: nothing of it is used."""
        self._keep = keep_alive

    @property
    def keep_alive(self) -> bool | None:
        """Whether aiohttp may read another request from this connection."""
        return self._keep

    async def prepare(self, request: web.BaseRequest) -> None:
        """The head is out."""

    async def write_eof(self, data: bytes = b"") -> None:
        """The body is out."""


def wants_websocket(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether a request asks to become a WebSocket."""
    return b"websocket" in listed(headers, b"upgrade")

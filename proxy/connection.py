"""One HTTP/1.1 connection to an upstream: heads as bytes, bodies as they come.

aiohttp's client costs twice what this does per request and parses what we only pass on, so the
upstream half is an `asyncio.Protocol` around httptools. Body bytes keep their content coding.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

import httptools

from proxy.headers import Header, listed


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """Status line and headers of an answer, as they came."""

    status: int
    reason: bytes
    headers: list[Header]
    content_length: int | None
    """`None`: chunked, or delimited by the end of the connection."""


class Sink(Protocol):
    """Who gets the answer. Calls come from the event loop, in order."""

    def response_head(self, head: ResponseHead) -> None:
        """The head is complete (1xx answers are skipped, 101 is not)."""
        ...

    def response_body(self, data: bytes) -> None:
        """A piece of the body, after transfer coding."""
        ...

    def response_end(self, fault: str | None) -> None:
        """The answer is over; `fault` says how it broke off. Comes exactly once."""
        ...


class Connection(asyncio.Protocol):
    """A connection that serves one request at a time, and can be kept for the next."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """`on_idle_close` is called if the peer closes while nobody uses the connection."""
        self._loop = loop
        self.transport: asyncio.Transport | None = None
        self.on_idle_close: Callable[[Connection], None] | None = None
        self.idle_since = 0.0
        self.reused = False
        self.heard = False
        """Whether any byte of the answer came."""
        self._sink: Sink | None = None
        self._tunnel = False
        self.on_writable: Callable[[], None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    # ---- request side ----

    def begin(self, sink: Sink, *, head_only: bool) -> None:
        """Take the sink for one exchange; `head_only`: the answer has no body (HEAD)."""
        self._sink = sink
        self._head_only = head_only
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[Header] = []
        self._reason = b""
        self._body: list[bytes] = []
        self._head: ResponseHead | None = None
        self._ended = False
        self._keep = True
        self.heard = False

    def write(self, data: bytes) -> None:
        """Send bytes; nothing happens on a lost connection (its end is told to the sink)."""
        if self.transport is not None:
            self.transport.write(data)

    @property
    def writable(self) -> bool:
        """Whether the send buffer has room."""
        return self._writable.is_set()

    async def drained(self) -> None:
        """Wait until the peer takes more."""
        await self._writable.wait()

    @property
    def reusable(self) -> bool:
        """Whether another request may follow on this connection."""
        return self._ended and self._keep and self.transport is not None

    def pause(self) -> None:
        """Stop reading: the client is slower than the upstream."""
        if self.transport is not None:
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self.transport is not None:
            self.transport.resume_reading()

    def close(self) -> None:
        """Drop the connection at once; the sink hears nothing more."""
        self._sink = None
        if self.transport is not None:
            self.transport.abort()

    # ---- asyncio.Protocol ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; Nagle is off by default for asyncio TCP."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it

    def pause_writing(self) -> None:
        """The send buffer is full."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The send buffer has room again."""
        self._writable.set()
        if self.on_writable is not None:
            self.on_writable()

    def data_received(self, data: bytes) -> None:
        """Parse, and hand on what is body in one piece per read."""
        sink = self._sink
        if sink is None:  # bytes that nobody asked for: not a connection to keep
            self.close()
            return
        self.heard = True
        if self._tunnel:
            sink.response_body(data)
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._flush(sink)
            self._tunnel = True
            rest = data[upgrade.args[0] :]
            if rest:
                sink.response_body(rest)
            return
        except httptools.HttpParserError as error:
            self._flush(sink)
            self._keep = False
            # Rubbish after a complete answer spoils the connection, not the answer.
            self._end(None if self._ended else f"malformed response ({type(error).__name__})")
            return
        self._flush(sink)
        if self._ended:
            self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """An end of the connection is the end of a body that has no other, else a fault."""
        self.transport = None
        self._writable.set()
        if self._sink is None:
            if self.on_idle_close is not None:
                self.on_idle_close(self)
            return
        head = self._head
        delimited_by_close = (
            head is not None
            and head.content_length is None
            and b"chunked" not in listed(head.headers, b"transfer-encoding")
        )
        if self._tunnel or (delimited_by_close and exc is None):
            self._end(None)
        else:
            self._end("connection reset" if exc is not None else "connection closed early")

    # ---- httptools callbacks ----

    def on_message_begin(self) -> None:
        """A new head begins, also after a 1xx answer; after the last one nobody asked for it."""
        if self._ended:
            self._keep = False
        self._headers = []
        self._reason = b""

    def on_status(self, reason: bytes) -> None:
        """The reason phrase, maybe in pieces."""
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; after the body it is a trailer and is dropped with the framing."""
        if self._head is None:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is there."""
        status = self._parser.get_status_code()
        if status < 200 and status != 101:
            return
        sink = self._sink
        if self._ended or sink is None:
            return
        length = next((v for k, v in self._headers if k.lower() == b"content-length"), None)
        bodiless = self._head_only or status in {204, 304}
        self._head = ResponseHead(
            status=status,
            reason=self._reason,
            headers=self._headers,
            content_length=0 if bodiless else int(length) if length is not None else None,
        )
        self._keep = self._parser.should_keep_alive()
        sink.response_head(self._head)
        if self._head_only:
            self._ended = True
            # The parser waits for a body that HEAD does not have.
            self._keep = self._keep and (length is None or int(length) == 0)

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        if not self._ended:
            self._body.append(data)

    def on_message_complete(self) -> None:
        """The end of the message, unless it was a 1xx."""
        if self._head is not None and self._head.status != 101:
            self._ended = True

    # ----

    def _flush(self, sink: Sink) -> None:
        if self._body:
            data = self._body[0] if len(self._body) == 1 else b"".join(self._body)
            self._body = []
            sink.response_body(data)

    def _end(self, fault: str | None) -> None:
        sink, self._sink = self._sink, None
        if fault is not None:
            self._keep = False
            if self.transport is not None:
                self.transport.abort()
        if sink is not None:
            sink.response_end(fault)

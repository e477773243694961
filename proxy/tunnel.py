"""A WebSocket that passes by: bytes go through as they are, and turns are read from copies.

The handshake, its extensions, every ping and every frame are the two ends' own business. Where
the family is known (OpenAI Responses), each `response.create` is one request with its own row.
"""

from collections.abc import Sequence
from typing import Protocol as Seam

from ledger.record import Outcome
from proxy.connection import Connection
from proxy.exchange import Exchange
from proxy.framing.websocket import WebSocketMessages
from proxy.headers import Header
from proxy.protocols.openai_responses import starts_turn
from proxy.protocols.protocol import Protocol
from proxy.routing import Route
from proxy.traffic import Traffic


class FlowControl(Seam):
    """The client's connection, as far as reading from it can be paused."""

    def pause_reading(self) -> None:
        """Take nothing more from the client."""
        ...

    def resume_reading(self) -> None:
        """Read on."""
        ...


class Tunnel:
    """Both directions of one WebSocket, and the turn that is open."""

    def __init__(
        self, traffic: Traffic, route: Route, protocol: Protocol | None, headers: dict[str, str]
    ) -> None:
        """`protocol` is `None` for a socket of no known family: it passes unread."""
        self._traffic = traffic
        self._route = route
        self._protocol = protocol if traffic.metering else None
        self._headers = headers
        self._client: WebSocketMessages | None = None
        self._upstream: WebSocketMessages | None = None
        self._turn: Exchange | None = None

    def open(self, headers: Sequence[Header]) -> None:
        """The upstream agreed; `headers` are its answer's."""
        if self._protocol is None:
            return
        extensions = b", ".join(
            value for name, value in headers if name.lower() == b"sec-websocket-extensions"
        ).decode("latin-1")
        self._client = WebSocketMessages(True, extensions)
        self._upstream = WebSocketMessages(False, extensions)

    def from_client(self, data: bytes) -> None:
        """Bytes that went to the upstream."""
        if self._client is None or self._protocol is None:
            return
        for name, message in self._client.feed(data):
            if name == "close":  # who says it first has left the turn that is open
                self._end("cancelled")
            elif name == "text" and starts_turn(message):
                self._begin(self._protocol, message)

    def from_upstream(self, data: bytes) -> None:
        """Bytes that went to the client."""
        if self._upstream is None:
            return
        for name, message in self._upstream.feed(data):
            turn = self._turn
            if name == "close":
                self._end("cut")
            if turn is None or name != "text":
                continue
            turn.message(message, self._traffic.monotonic())
            if turn.reading.ended:
                self._end("ok")

    def close(self, outcome: Outcome) -> None:
        """The socket is gone; a turn that was open then did not end by itself."""
        broken: Outcome = "cancelled" if outcome == "cancelled" else "cut"
        self._end("refused" if outcome == "refused" else broken)
        for messages in (self._client, self._upstream):
            if messages is not None and (messages.stopped or messages.overflow):
                self._traffic.counters.miss()

    def _begin(self, protocol: Protocol, message: bytes) -> None:
        self._end("cut")  # a second turn before the first has ended
        turn = self._traffic.begin(self._route, protocol, self._headers)
        turn.request_body(message)
        turn.status = 101
        self._traffic.describe(turn)
        turn.start_messages()
        self._turn = turn

    def _end(self, outcome: Outcome) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            self._traffic.finish(turn, outcome)


class ClientSide:
    """What aiohttp feeds with the client's bytes once the connection is a WebSocket."""

    def __init__(self, connection: Connection, tunnel: Tunnel, client: FlowControl) -> None:
        """`connection` is the upstream's."""
        self._connection = connection
        self._tunnel = tunnel
        self._client = client
        connection.on_writable = self._resume
        self._paused = False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Pass bytes on; stop reading while the upstream is slower than the client."""
        self._connection.write(data)
        if not self._connection.writable and not self._paused:
            self._paused = True
            self._client.pause_reading()
        self._tunnel.from_client(data)
        return False, b""

    def feed_eof(self) -> None:
        """The client hung up; the handler is cancelled and drops the upstream connection."""

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self._client.resume_reading()

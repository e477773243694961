"""A request's body on its way to the upstream: sent as it comes, kept for a second try."""

from aiohttp import web

from proxy.connection import Connection
from proxy.exchange import Exchange
from proxy.headers import listed

REPLAY_BYTES = 1024 * 1024
"""A request up to this size is sent again if a kept connection turns out to be dead."""


class ClientGone(Exception):
    """The client hung up while its own body was being read."""


class Upload:
    """The request's body on its way to the upstream."""

    def __init__(self, request: web.BaseRequest, exchange: Exchange | None) -> None:
        """Bytes are also given to the exchange, once."""
        self._content = request.content
        self._chunked = b"chunked" in listed(request.raw_headers, b"transfer-encoding")
        self._exchange = exchange
        self._pieces: list[bytes] | None = []
        self._size = 0
        self.sent = False
        """Whether the whole body has been written to the connection in use."""

    @property
    def complete(self) -> bool:
        """Whether the whole body has been read from the client."""
        return self._content.at_eof() or self._content.is_eof()

    @property
    def replayable(self) -> bool:
        """Whether all of the body so far could be sent again."""
        return self._pieces is not None

    def take(self) -> None:
        """Read what is here, without waiting for more."""
        data = b"" if self._content.at_eof() else self._content.read_nowait(-1)
        if data:
            self._keep(data)

    def send_at_once(self, start: bytes, connection: Connection) -> bool:
        """Send head and body in one write if the body is here already."""
        self.sent = False
        if not self._content.is_eof():
            return False
        before = self._pieces or []  # of a first try
        data = b"" if self._content.at_eof() else self._content.read_nowait(-1)
        pieces = [*before, data] if data else before
        connection.write(start + b"".join(map(self._framed, pieces)) + self._last())
        if data:
            self._keep(data)
        self.sent = True
        return True

    async def send(self, connection: Connection) -> None:
        """Send the body as it comes; raises `ClientGone` if it stops coming."""
        for data in self._pieces or ():
            connection.write(self._framed(data))
        while not self._content.at_eof():
            try:
                data = await self._content.readany()
            except Exception as error:  # a hang-up, or aiohttp's own kinds for bad chunking
                raise ClientGone from error
            if data:
                self._keep(data)
                connection.write(self._framed(data))
                await connection.drained()
        connection.write(self._last())
        self.sent = True

    def _keep(self, data: bytes) -> None:
        if self._exchange is not None:
            self._exchange.request_body(data)
        self._size += len(data)
        if self._size > REPLAY_BYTES:
            self._pieces = None
        elif self._pieces is not None:
            self._pieces.append(data)

    def _framed(self, data: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data

    def _last(self) -> bytes:
        return b"0\r\n\r\n" if self._chunked else b""

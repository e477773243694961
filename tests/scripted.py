"""An upstream that does exactly what a test's script says, byte by byte."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from wire import PATIENCE_S, Header


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived."""

    line: bytes
    headers: tuple[Header, ...]
    body: bytes

    def header(self, name: bytes) -> bytes | None:
        """The first header of that name, case apart."""
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)


class Peer:
    """One connection that the proxy made."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.taken = 0
        """Bytes handed to the kernel by `flood` so far."""

    async def head(self) -> Asked:
        """Read a head; the body stays where it is."""
        raw = await self.reader.readuntil(b"\r\n\r\n")
        line, *lines = raw[:-4].split(b"\r\n")
        headers = [(k, v.strip()) for k, _, v in (x.partition(b":") for x in lines)]
        return Asked(line, tuple(headers), b"")

    async def asked(self) -> Asked:
        """Read a request whose body has a length."""
        head = await self.head()
        length = int(head.header(b"content-length") or 0)
        return Asked(head.line, head.headers, await self.reader.readexactly(length))

    async def send(self, data: bytes | bytearray) -> None:
        """Write as it is."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, body: bytes = b"{}", *lines: str, status: str = "200 OK") -> None:
        """Send an answer with a length."""
        head = [f"HTTP/1.1 {status}", *lines, f"Content-Length: {len(body)}", "", ""]
        await self.send("\r\n".join(head).encode("latin-1") + body)

    async def left(self) -> None:
        """Wait until the proxy hangs up."""
        with suppress(ConnectionError):
            while await self.reader.read(2**16):
                pass

    def reset(self) -> None:
        """Hang up with RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


type Script = Callable[[Peer], Awaitable[None]]


class Scripted:
    """Plays the script on every connection, then hangs up; keeps the connections."""

    def __init__(
        self, script: Script, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> None:
        self.peers: list[Peer] = []
        self.url = ""
        self._script = script
        self._host = host
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._met, self._host, 0, ssl=self._tls, limit=2**22
        )
        named = f"[{self._host}]" if ":" in self._host else self._host
        self.url = f"{'https' if self._tls else 'http'}://{named}:{self.port}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for peer in self.peers:
            peer.writer.transport.abort()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*self._tasks)

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        peer = Peer(reader, writer)
        self.peers.append(peer)
        try:
            await self._script(peer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the proxy hung up: what that means is asserted elsewhere
        finally:
            self._tasks.discard(task)
            writer.close()
            with suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    await writer.wait_closed()

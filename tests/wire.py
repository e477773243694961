"""A client that sends exact bytes and keeps exactly what came back, for tests of the proxy."""

import asyncio
import socket
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

type Header = tuple[bytes, bytes]

HOP_BY_HOP = frozenset({b"connection", b"keep-alive", b"transfer-encoding"})
PATIENCE_S = 10.0
"""A test that waits longer than this fails; none of them waits for this to pass."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer as it came over the wire."""

    status: int
    reason: bytes
    headers: tuple[Header, ...]
    body: bytes
    """After transfer coding, content coding kept."""
    whole: bool
    """Whether the framing came to its end; False for a broken stream."""
    interim: tuple[int, ...] = ()
    """Status codes of 1xx answers before it."""

    @property
    def end_to_end(self) -> tuple[Header, ...]:
        """The headers that concern more than one connection, in order."""
        return tuple((k, v) for k, v in self.headers if k.lower() not in HOP_BY_HOP)

    def header(self, name: bytes) -> bytes | None:
        """The first header of that name, case apart."""
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)


def request(
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    *,
    host: str | None = "127.0.0.1",
    chunks: Sequence[bytes] | None = None,
    version: str = "HTTP/1.1",
) -> bytes:
    """The bytes of a request; `chunks` sends a chunked body, else it has a length."""
    lines = [f"{method} {target} {version}"]
    lines += [f"Host: {host}"] if host is not None else []
    lines += [f"{name}: {value}" for name, value in headers]
    if chunks is not None:
        lines.append("Transfer-Encoding: chunked")
        body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    elif body or method in {"POST", "PUT"}:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


class Wire:
    """One connection of a client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, url: str, *, receive_buffer: int | None = None) -> Self:
        """Connect; a small `receive_buffer` makes a client that can be slow on purpose."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 80
        if receive_buffer is None:
            return cls(*await asyncio.open_connection(host, port, limit=2**20))
        sock = socket.socket(socket.AF_INET)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (host, port))
        return cls(*await asyncio.open_connection(sock=sock, limit=1024))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def send(self, data: bytes | bytearray) -> None:
        """Write as it is."""
        self.writer.write(data)
        async with asyncio.timeout(PATIENCE_S):
            await self.writer.drain()

    async def ask(self, data: bytes, *, head_only: bool = False) -> Reply:
        """Send a request and read its answer."""
        await self.send(data)
        return await self.reply(head_only=head_only)

    async def reply(self, *, head_only: bool = False) -> Reply:
        """Read one answer; `head_only`: it is one to HEAD."""
        async with asyncio.timeout(PATIENCE_S):
            status, reason, headers = await self._head()
            interim: list[int] = []
            while status < 200 and status != 101:
                interim.append(status)
                status, reason, headers = await self._head()
            bodiless = head_only or status in {101, 204, 304}
            body, whole = (b"", True) if bodiless else await self._body(headers)
        return Reply(status, reason, tuple(headers), body, whole, tuple(interim))

    async def head(self) -> tuple[int, bytes, list[Header]]:
        """Read a head alone; the body is left to `some` or `rest`."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._head()

    async def some(self, size: int = 2**16) -> bytes:
        """Read what is there, at least one byte; nothing at the end."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.read(size)

    async def exactly(self, size: int) -> bytes:
        """Read so many bytes."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.readexactly(size)

    async def rest(self) -> bytes:
        """Read up to the end of the connection, however it ends."""
        async with asyncio.timeout(PATIENCE_S):
            return await _until_closed(self.reader)

    async def close(self) -> None:
        """Hang up politely."""
        self.writer.close()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self.writer.wait_closed()
        except ConnectionError:
            return

    def reset(self) -> None:
        """Hang up with RST, as a process that dies does."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def _head(self) -> tuple[int, bytes, list[Header]]:
        raw = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = raw[:-4].split(b"\r\n")
        _, status, *reason = first.split(b" ", 2)
        headers = [(name, value.strip()) for name, _, value in (x.partition(b":") for x in lines)]
        return int(status), b"".join(reason), headers

    async def _body(self, headers: Sequence[Header]) -> tuple[bytes, bool]:
        by_name = {name.lower(): value for name, value in headers}
        if by_name.get(b"transfer-encoding", b"").lower() == b"chunked":
            return await self._chunked()
        if b"content-length" in by_name:
            length = int(by_name[b"content-length"])
            body = await _at_most(self.reader, length)
            return body, len(body) == length
        return await _until_closed(self.reader), True

    async def _chunked(self) -> tuple[bytes, bool]:
        parts: list[bytes] = []
        try:
            while True:
                size = int((await self.reader.readuntil(b"\r\n")).partition(b";")[0], 16)
                if size == 0:
                    while await self.reader.readuntil(b"\r\n") != b"\r\n":
                        pass
                    return b"".join(parts), True
                part = await _at_most(self.reader, size)
                parts.append(part)
                if len(part) < size or await self.reader.readexactly(2) != b"\r\n":
                    return b"".join(parts), False
        except (asyncio.IncompleteReadError, ConnectionError):
            return b"".join(parts), False


async def _at_most(reader: asyncio.StreamReader, size: int) -> bytes:
    try:
        return await reader.readexactly(size)
    except asyncio.IncompleteReadError as error:
        return error.partial
    except ConnectionError:
        return b""


async def _until_closed(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    try:
        while part := await reader.read(2**16):
            parts.append(part)
    except ConnectionError:
        return b"".join(parts)
    return b"".join(parts)

"""CONNECT: a way through the company's proxy to an upstream that speaks TLS."""

import asyncio
import ssl

MAX_HEAD_BYTES = 64 * 1024


class NoPassage(Exception):
    """The proxy did not open the way; the message says what it answered."""


class _Answer(asyncio.Protocol):
    """Waits for the head of the proxy's answer; nothing follows it before we speak TLS."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.head: asyncio.Future[bytes] = loop.create_future()
        self._seen = b""

    def data_received(self, data: bytes) -> None:
        self._seen += data
        if self.head.done():
            return
        head, end, _ = self._seen.partition(b"\r\n\r\n")
        if end:
            self.head.set_result(head)
        elif len(self._seen) > MAX_HEAD_BYTES:
            self.head.set_exception(NoPassage("answered nothing to CONNECT"))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.head.done():
            self.head.set_exception(NoPassage("broke off the CONNECT"))


async def connect(
    loop: asyncio.AbstractEventLoop,
    proxy: tuple[str, int, ssl.SSLContext | None],
    target: str,
    credentials: bytes | None,
) -> asyncio.Transport:
    """Open a connection to a proxy and have it lead to `target`; raises `NoPassage`, `OSError`."""
    host, port, tls = proxy
    transport, answer = await loop.create_connection(lambda: _Answer(loop), host, port, ssl=tls)
    lines = [f"CONNECT {target} HTTP/1.1".encode(), b"Host: " + target.encode()]
    if credentials is not None:
        lines.append(b"Proxy-Authorization: " + credentials)
    transport.write(b"\r\n".join(lines) + b"\r\n\r\n")
    try:
        code = (await answer.head).split(b" ", 2)[1:2]
        if code != [b"200"]:
            said = code[0][:3].decode("latin-1") if code else "nothing"
            raise NoPassage(f"answered {said} to CONNECT")
    except BaseException:
        transport.abort()
        raise
    return transport

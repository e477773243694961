"""Sending an answer: paced, coded, cut, framed, and broken where a test asks for it."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

from aiohttp import web

from tabwatt.demo.answer import Answer
from tabwatt.demo.call import Call
from tabwatt.demo.coding import cut, encoded

type Sleep = Callable[[float], Awaitable[None]]

BAD_CHUNK = b"zz\r\nthis is no chunk\r\n"


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait between two pieces, and with what."""

    delay_s: float
    sleep: Sleep


class UntilClose(web.StreamResponse):
    """A reply whose body has neither length nor chunks: it ends with the connection."""

    _length_check = False  # aiohttp then leaves the framing alone, as it does for WebSockets


class Fault(Exception):
    """The reply was broken off as the test asked."""


def pieces(answer: Answer, fault: str) -> list[bytes]:
    """The plain pieces of a body, with the fault that concerns its content."""
    events = list(answer.events)
    if fault == "error-event":
        return [*events[: max(1, len(events) // 2)], answer.failure]
    if fault != "no-end-marker":
        events.append(answer.end)
    return [piece for piece in events if piece]


def body(call: Call, answer: Answer) -> Iterator[bytes]:
    """The body as it goes out, piece by piece."""
    asked = call.controls
    return cut(encoded(pieces(answer, asked.fault), asked.encoding), asked.cuts)


def unanswered(request: web.BaseRequest, fault: str) -> None:
    """Break the connection before or inside the head."""
    transport = request.transport
    if transport is None:
        return
    if fault == "reset-head":
        transport.write(b"HTTP/1.1 200 OK\r\nContent-Ty")
    reset(transport)


def reset(transport: asyncio.Transport) -> None:
    """Close a connection with RST rather than FIN."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def response(
    call: Call, answer: Answer, headers: list[tuple[str, str]], status: int
) -> web.StreamResponse:
    """Make the head; streams are chunked, everything else has a length unless asked otherwise."""
    asked = call.controls
    framing = asked.framing or ("chunked" if answer.stream else "length")
    if asked.fault == "bad-chunk":
        framing = "chunked"
    made = (UntilClose if framing == "close" else web.StreamResponse)(status=status)
    for name, value in headers:
        made.headers.add(name, value)
    if asked.encoding != "identity":
        made.headers["Content-Encoding"] = asked.encoding.removesuffix("-raw")
        made.headers["Vary"] = "Accept-Encoding"
    if framing == "length":
        made.content_length = sum(len(piece) for piece in body(call, answer))
    elif framing == "close":
        made.force_close()
    return made


async def paced(parts: Iterator[bytes], pace: Pace) -> AsyncIterator[bytes]:
    """Wait before every piece but the first; without a delay only let others run."""
    for index, part in enumerate(parts):
        if index:
            await (pace.sleep(pace.delay_s) if pace.delay_s else asyncio.sleep(0))
        yield part


async def send(
    request: web.BaseRequest,
    made: web.StreamResponse,
    parts: AsyncIterator[bytes],
    call: Call,
    hang: Callable[[], Awaitable[None]],
    sent: Callable[[int], None],
) -> None:
    """Write a body; `sent` hears of every piece, `hang` waits for as long as a hang lasts.

    Raises `Fault` when the test's fault has broken the connection.
    """
    fault, limit = call.controls.fault, call.controls.fault_number
    stops = fault in {"cut", "hang"}
    total = 0
    async for part in parts:
        piece = part[: limit - total] if stops else part
        if piece:
            await made.write(piece)
            total += len(piece)
            sent(len(piece))
        if stops and total >= limit:
            await _stop(request, fault, hang)
        if fault == "bad-chunk":
            _write_raw(request, BAD_CHUNK)
            raise Fault(fault)


async def _stop(request: web.BaseRequest, fault: str, hang: Callable[[], Awaitable[None]]) -> None:
    if fault == "hang":
        await hang()
    if request.transport is not None:
        request.transport.close()
    raise Fault(fault)


def _write_raw(request: web.BaseRequest, raw: bytes) -> None:
    if request.transport is not None:
        request.transport.write(raw)
        request.transport.close()

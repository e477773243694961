"""A fake model service on 127.0.0.1 that speaks every API family and keeps what it was sent."""

import asyncio
import ssl
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

from aiohttp import WSCloseCode, web

from tabwatt.demo import delivery
from tabwatt.demo.answer import Answer, Truth
from tabwatt.demo.call import Call, bare_path, call
from tabwatt.demo.delivery import Pace, Sleep
from tabwatt.demo.heads import head
from tabwatt.demo.routes import Route, route, socket_route
from tabwatt.demo.seen import Frame, Seen
from tabwatt.demo.sockets import serve_socket

MAX_HEADER_BYTES = 256 * 1024
UNREAD = "x-fake-read"
CLIENT_LEFT = 499
"""A status that nobody receives: aiohttp wants a response even for a connection that is gone."""


class FakeUpstream:
    """The service, as an async context manager; `url` is its address while it runs."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        chunk_delay_s: float = 0.0,
        first_delay_s: float = 0.0,
        sleep: Sleep = asyncio.sleep,
        keep: int = 1000,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Pace events `chunk_delay_s` apart; keep the last `keep` requests, 0 for none."""
        self.requests: deque[Seen] = deque(maxlen=keep)
        self.truths: deque[Truth] = deque(maxlen=keep)
        """What each request that generated something cost, in order of arrival."""
        self.seen: Counter[str] = Counter()
        """Requests so far by family, those without generation too."""
        self.url = ""
        self._host = host
        self._port = port
        self._chunk_delay_s = chunk_delay_s
        self._first_delay_s = first_delay_s
        self._sleep = sleep
        self._ssl = ssl_context
        self._changed = asyncio.Condition()
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        """Listen."""
        app = web.Application()
        app.router.add_route("*", "/{anything:.*}", self._answer)
        runner = web.AppRunner(
            app,
            access_log=None,
            auto_decompress=False,
            handler_cancellation=True,
            max_field_size=MAX_HEADER_BYTES,
            max_line_size=MAX_HEADER_BYTES,
            shutdown_timeout=0.5,
        )
        await runner.setup()
        site = web.TCPSite(runner, self._host, self._port, ssl_context=self._ssl)
        await site.start()
        self._runner = runner
        port = runner.addresses[0][1]
        named = f"[{self._host}]" if ":" in self._host else self._host
        self.url = f"{'https' if self._ssl else 'http'}://{named}:{port}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let hanging replies go and stop listening."""
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def until(self, holds: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Wait until `holds()` after something has come in, gone out or ended."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(holds)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path, _, _ = request.raw_path.partition("?")
        headers = {name.lower(): value for name, value in request.headers.items()}
        row = _row(request.method, path, headers)
        seen = self._note(request, row)
        try:
            raw = b"" if headers.get(UNREAD) == "no" else await self._read(request, seen)
            asked = call(request.method, path, request.query, headers, raw)
            await self._wait_before(asked)
            return await self._reply(request, asked, row, seen)
        except asyncio.CancelledError:
            seen.left = True
            raise
        except ConnectionError:
            seen.left = True
            return web.Response(status=CLIENT_LEFT)
        finally:
            seen.ended = True
            await asyncio.shield(self._tell())

    def _note(self, request: web.Request, row: Route) -> Seen:
        peer = request.transport.get_extra_info("peername") if request.transport else None
        seen = Seen(
            method=request.method,
            raw_path=request.raw_path,
            raw_headers=tuple(request.raw_headers),
            family=row.family,
            connection=str(peer),
        )
        self.requests.append(seen)
        self.seen[row.family] += 1
        return seen

    async def _read(self, request: web.Request, seen: Seen) -> bytes:
        """Take the body as it comes: what a client sent before it left is known."""
        pieces: list[bytes] = []
        async for piece in request.content.iter_any():
            pieces.append(piece)
            seen.body_bytes += len(piece)
            await self._tell()
        raw = b"".join(pieces)
        seen.body = raw if self.requests.maxlen else b""
        return raw

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _wait_before(self, asked: Call) -> None:
        delay_s = asked.controls.delay_s + self._first_delay_s
        if delay_s:
            await self._sleep(delay_s)

    async def _hang(self) -> None:
        await self._tell()
        await self._closing.wait()

    async def _reply(
        self, request: web.Request, asked: Call, row: Route, seen: Seen
    ) -> web.StreamResponse:
        fault = asked.controls.fault
        if fault in {"refuse", "reset-head"}:
            delivery.unanswered(request, fault)
            return web.Response(status=502)
        if fault == "hang" and not asked.controls.fault_number:
            await self._hang()
        status = asked.controls.status
        if _upgrades(asked.headers) and status == 200:
            pace = Pace(self._delay_s(asked), self._sleep)
            note, record = self._frame(seen), self._record(seen)
            socket = await serve_socket(request, asked, pace, note, record)
            seen.left = socket.close_code == WSCloseCode.ABNORMAL_CLOSURE
            return socket
        answer = row.answer(asked) if status == 200 else row.error(asked, status)
        if answer.truth is not None:
            self._record(seen)(answer.truth)
        await self._tell()
        return await self._deliver(request, asked, answer, row, seen)

    def _frame(self, seen: Seen) -> Callable[[Frame], Awaitable[None]]:
        async def note(frame: Frame) -> None:
            seen.frames.append(frame)
            await self._tell()

        return note

    def _record(self, seen: Seen) -> Callable[[Truth], None]:
        def record(truth: Truth) -> None:
            seen.truth = truth
            self.truths.append(truth)

        return record

    async def _deliver(
        self, request: web.Request, asked: Call, answer: Answer, row: Route, seen: Seen
    ) -> web.StreamResponse:
        status = asked.controls.status if asked.controls.status != 200 else answer.status
        made = delivery.response(asked, answer, head(asked, row.family, answer, status), status)
        await made.prepare(request)
        if request.method == "HEAD":
            return made

        def sent(count: int) -> None:
            seen.sent_bytes += count

        pace = Pace(self._delay_s(asked), self._sleep)
        with suppress(delivery.Fault):
            parts = delivery.paced(delivery.body(asked, answer), pace)
            await delivery.send(request, made, parts, asked, self._hang, sent)
            await made.write_eof()
        return made

    def _delay_s(self, asked: Call) -> float:
        if asked.controls.fault == "slow":
            return asked.controls.fault_number / 1000
        return self._chunk_delay_s


def _upgrades(headers: Mapping[str, str]) -> bool:
    return headers.get("upgrade", "").lower() == "websocket"


def _row(method: str, path: str, headers: Mapping[str, str]) -> Route:
    bare = bare_path(path)
    return socket_route(bare) if _upgrades(headers) else route(method, bare)

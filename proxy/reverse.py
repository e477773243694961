"""The reverse proxy: takes requests on loopback and passes them to the upstream they name.

The server half is aiohttp's low-level server (its router costs a third more), the client half
`proxy.connection`. Bodies stream both ways at once; nothing waits for accounting.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiohttp import web

from ledger.record import Outcome
from proxy import refusals
from proxy.access import Access
from proxy.connection import Connection, ResponseHead
from proxy.exchange import Exchange
from proxy.headers import Header, doubtful, head, listed, lookup, towards_upstream
from proxy.passage import Passage, Sent, Watch, wants_websocket
from proxy.pool import Pool, Unreachable
from proxy.protocols import Recognition, recognise
from proxy.routing import Route, RoutingTable, Unrouted
from proxy.traffic import Traffic
from proxy.tunnel import ClientSide, Tunnel
from proxy.upload import ClientGone, Upload

log = logging.getLogger(__name__)

MAX_HEAD_LINE_BYTES = 64 * 1024
DEAD_WITHIN_S = 0.5
"""A kept connection that was dead already says so within a round trip; one that closes later may
have taken the request, which must not run twice."""
type OwnPath = Callable[[web.BaseRequest], web.Response]


class BrokenOff(Exception):
    """The upstream took the connection and closed it before an answer came."""


@dataclass(slots=True)
class ReverseProxy:
    """Handles every request of the reverse listener."""

    table: RoutingTable
    pool: Pool
    traffic: Traffic
    access: Access
    own: OwnPath
    """Answers `/_tabwatt/…`."""
    closing: bool = False
    """Set at shutdown: what is cut then is cut by us, not left by the client."""
    _open: set[asyncio.Task[object]] = field(default_factory=set)

    def server(self) -> web.Server:
        """The aiohttp server; bodies are passed as they come, compressed or not."""
        return web.Server(
            self.handle,
            handler_cancellation=True,
            access_log=None,
            auto_decompress=False,
            max_line_size=MAX_HEAD_LINE_BYTES,
            max_field_size=MAX_HEAD_LINE_BYTES,
            max_headers=512,
            lingering_time=2.0,
            keepalive_timeout=300.0,  # also for a connection that never sends a request
        )

    async def drain(self, timeout_s: float) -> None:
        """Let open requests end, then cut the rest; each has its row when this returns."""
        if self._open:
            await asyncio.wait(self._open, timeout=timeout_s)
        self.closing = True
        for task in self._open:
            task.cancel()
        if self._open:
            await asyncio.wait(self._open, timeout=0.5)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Pass one request on, or answer it ourselves."""
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            return await self._answer(request)
        except Exception:  # the outer edge: whatever it is, the client hears of it
            self.traffic.counters.faults += 1
            log.exception("a request failed by a fault of tabwatt's")
            return _json(500, refusals.body(None, 500, "internal_error", "a fault of its own"))
        finally:
            self._open.discard(task)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = list(request.raw_headers)
        by_name = lookup(headers)
        refused = self._refusal(request.method, headers, by_name)
        if refused is not None:
            self.traffic.counters.refused += 1
            answer = _json(refused[0], refusals.body(None, refused[0], "refused", refused[1]))
            if refused[0] == 400:
                answer.force_close()  # what follows may be no request of its own
            return answer
        target = request.raw_path
        if target.startswith("/_tabwatt/"):
            return self.own(request)
        route = self.table.route(target, anthropic="anthropic-version" in by_name)
        if isinstance(route, Unrouted):
            if route.path == "/" and request.method in {"HEAD", "GET"}:
                return web.Response(text="tabwatt is listening; see /_tabwatt/health\n")
            return self._unrouted(route)
        recognition = recognise(request.method, route.path, websocket=wants_websocket(headers))
        self._count(recognition)
        return await self._forward(request, headers, by_name, route, recognition)

    def _refusal(
        self, method: str, headers: list[Header], by_name: dict[str, str]
    ) -> tuple[int, str] | None:
        doubt = doubtful(method, headers, by_name)
        return (400, doubt) if doubt is not None else self.access.refusal(by_name)

    def _unrouted(self, unrouted: Unrouted) -> web.StreamResponse:
        self.traffic.counters.refused += 1
        names = ", ".join(sorted(self.table.upstreams))
        message = f"{unrouted.reason}; use /<upstream>/…, one of: {names}"
        family = recognise("POST", unrouted.path).protocol
        api = family.api if family is not None else None
        return _json(404, refusals.body(api, 404, "not_found_error", message))

    def _count(self, recognition: Recognition) -> None:
        if recognition.kind == "side":
            self.traffic.counters.side_traffic += 1
        elif recognition.kind == "unknown":
            self.traffic.counters.not_recognised += 1

    async def _forward(
        self,
        request: web.BaseRequest,
        headers: list[Header],
        by_name: dict[str, str],
        route: Route,
        recognition: Recognition,
    ) -> web.StreamResponse:
        protocol = recognition.protocol
        websocket = wants_websocket(headers)
        exchange: Exchange | None = None
        if protocol is not None and not websocket and self.traffic.metering:
            exchange = self.traffic.begin(route, protocol, by_name)
        tunnel = Tunnel(self.traffic, route, protocol, by_name) if websocket else None
        try:
            sent, fault = await self._pass(request, headers, route, exchange, tunnel)
        except asyncio.CancelledError:
            self._finish(exchange, tunnel, "cut" if self.closing else "cancelled")
            raise
        except ClientGone:
            self._finish(exchange, tunnel, "cancelled")
            return Sent(keep_alive=False)
        except (Unreachable, BrokenOff) as error:
            log.warning("%s", error)
            self._finish(exchange, tunnel, "refused" if isinstance(error, Unreachable) else "cut")
            api = protocol.api if protocol is not None else None
            return _json(502, refusals.body(api, 502, "upstream_unreachable", str(error)))
        except Exception:
            self._finish(exchange, tunnel, "cut")
            raise
        self._finish(exchange, tunnel, "cut" if fault else "ok")
        return sent

    def _finish(self, exchange: Exchange | None, tunnel: Tunnel | None, outcome: Outcome) -> None:
        if exchange is not None:
            self.traffic.finish(exchange, outcome)
        if tunnel is not None:
            tunnel.close(outcome)

    async def _pass(
        self,
        request: web.BaseRequest,
        headers: list[Header],
        route: Route,
        exchange: Exchange | None,
        tunnel: Tunnel | None,
    ) -> tuple[web.StreamResponse, str | None]:
        """Send the request, stream the answer; a dead kept connection is replaced once."""
        if request.headers.get("Expect", "").lower() == "100-continue":
            assert request.transport is not None
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        upload = Upload(request, exchange)
        start = self._request_head(request, headers, route, tunnel is not None)
        fresh = False
        while True:
            try:
                connection = await self.pool.acquire(route.upstream, fresh=fresh)
            except Unreachable:
                upload.take()
                raise
            passage = Passage(
                request,
                connection,
                exchange,
                self.traffic.monotonic,
                partial(self._tunnelled, request, connection, tunnel),
            )
            began_s = self.traffic.monotonic()
            connection.begin(passage, head_only=request.method == "HEAD")
            try:
                fault = await self._exchange_bodies(start, connection, passage, upload, exchange)
                passage.settle()
            except BaseException as error:
                passage.drop()
                connection.close()
                ours = isinstance(error, Exception) and not isinstance(error, ClientGone)
                if passage.head is None or not ours:
                    raise
                # Half an answer is out: nothing may follow it but the end of the connection.
                log.exception("an answer was cut by a fault of tabwatt's")
                self.traffic.counters.faults += 1
                return Sent(keep_alive=False), "a fault of tabwatt's"
            dead = (
                fault is not None
                and connection.reused
                and not connection.heard
                and self.traffic.monotonic() - began_s < DEAD_WITHIN_S
            )
            if dead and upload.replayable and not fresh:
                fresh = True
                continue
            break
        if upload.sent:
            self.pool.release(route.upstream, connection)
        else:  # answered early: the rest of the request would be read as the next one
            connection.close()
        if passage.head is None:
            raise BrokenOff(f"{route.upstream.name}: {fault}, before an answer came")
        return Sent(keep_alive=passage.keep_alive and upload.complete), fault

    async def _exchange_bodies(
        self,
        start: bytes,
        connection: Connection,
        passage: Passage,
        upload: Upload,
        exchange: Exchange | None,
    ) -> str | None:
        if upload.send_at_once(start, connection):
            # In the loop's next turn: what was written leaves at the end of this one.
            asyncio.get_running_loop().call_soon(self._describe, exchange)
            return await passage.done
        connection.write(start)
        sending = asyncio.create_task(self._send(upload, connection, exchange))
        try:
            waits: set[asyncio.Future[Any]] = {sending, passage.done}
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
            return await passage.done
        finally:
            if not sending.done():
                sending.cancel()

    async def _send(
        self, upload: Upload, connection: Connection, exchange: Exchange | None
    ) -> None:
        """Send the body as it comes; it is read before this lets go, hence before any answer."""
        await upload.send(connection)
        self._describe(exchange)

    def _describe(self, exchange: Exchange | None) -> None:
        if exchange is not None and exchange.caller is None:
            self.traffic.describe(exchange)

    def _tunnelled(
        self,
        request: web.BaseRequest,
        connection: Connection,
        tunnel: Tunnel | None,
        answer: ResponseHead,
    ) -> Watch | None:
        if tunnel is None:
            return None
        tunnel.open(answer.headers)
        client = ClientSide(connection, tunnel, request.protocol)
        request.protocol.set_parser(client)  # type: ignore[arg-type] # same two methods
        return tunnel.from_upstream

    def _request_head(
        self, request: web.BaseRequest, headers: list[Header], route: Route, websocket: bool
    ) -> bytes:
        upstream = route.upstream
        out = towards_upstream(
            headers,
            upstream.authority.encode(),
            chunked=b"chunked" in listed(headers, b"transfer-encoding"),
            upgrade=websocket,
        )
        prefix = self.pool.absolute_form(upstream)
        credentials = self.pool.proxy_authorization(upstream)
        if credentials is not None:
            out.append((b"Proxy-Authorization", credentials))
        target = (prefix or b"") + route.target.encode("utf-8", "surrogateescape")
        return head(b"%b %b HTTP/1.1" % (request.method.encode(), target), out)


def _json(status: int, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json")

"""Connections to upstreams, kept for reuse: direct, through TLS, through another HTTP proxy."""

import asyncio
import base64
import ipaddress
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import (  # type: ignore[attr-defined] # missing in typeshed, not in CPython
    proxy_bypass_environment,
)

from proxy.connect import NoPassage, connect
from proxy.connection import Connection
from proxy.routing import Upstream

CONNECT_TIMEOUT_S = 30.0
IDLE_LOCAL_S = 4.0
"""uvicorn, Node and cpp-httplib close idle connections after 5 s; a new local one is cheap."""
IDLE_REMOTE_S = 55.0
"""Load balancers commonly close after 60 s."""
MAX_IDLE_PER_UPSTREAM = 64


class Unreachable(Exception):
    """An upstream that could not be connected to; the message is one clear line."""


@dataclass(frozen=True, slots=True)
class OutboundProxies:
    """The company's own proxy, as `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say it."""

    http: str | None = None
    https: str | None = None
    no_proxy: str = ""

    def choose(self, upstream: Upstream) -> SplitResult | None:
        """The proxy for an upstream, or none; loopback never goes through one."""
        url = self.https if upstream.scheme == "https" else self.http
        if not url or upstream.local:
            return None
        if self.no_proxy and proxy_bypass_environment(upstream.host, {"no": self.no_proxy}):
            return None
        return proxy_url(url)


def proxy_url(url: str) -> SplitResult:
    """A proxy as the variables name it, maybe without scheme; ValueError if it cannot be one."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("not an http(s) proxy")
    _ = parts.port  # raises for what is no port
    return parts


def outbound_proxies(env: Mapping[str, str]) -> OutboundProxies:
    """Read the usual variables; the lower-case spelling wins, as in curl."""

    def get(name: str) -> str | None:
        return env.get(name.lower()) or env.get(name) or None

    every = get("ALL_PROXY")
    return OutboundProxies(
        http=get("HTTP_PROXY") or every,
        https=get("HTTPS_PROXY") or every,
        no_proxy=get("NO_PROXY") or "",
    )


@dataclass(slots=True)
class Pool:
    """Idle connections by upstream, and the ways to make new ones."""

    loop: asyncio.AbstractEventLoop
    tls: ssl.SSLContext
    outbound: OutboundProxies = field(default_factory=OutboundProxies)
    own_ports: frozenset[int] = frozenset()
    """Ports we listen on: going there again would be a loop."""
    _idle: dict[Upstream, list[Connection]] = field(default_factory=dict)

    async def acquire(self, upstream: Upstream, *, fresh: bool = False) -> Connection:
        """A kept connection if there is a young one, else a new one; raises `Unreachable`."""
        idle = self._idle.get(upstream)
        limit_s = IDLE_LOCAL_S if upstream.local else IDLE_REMOTE_S
        while idle and not fresh:
            connection = idle.pop()
            if connection.transport is None or connection.transport.is_closing():
                continue
            if self.loop.time() - connection.idle_since > limit_s:
                connection.close()
                continue
            connection.on_idle_close = None
            connection.reused = True
            return connection
        return await self._connect(upstream)

    def release(self, upstream: Upstream, connection: Connection) -> None:
        """Keep a connection whose answer is complete, or drop it."""
        idle = self._idle.setdefault(upstream, [])
        if not connection.reusable or len(idle) >= MAX_IDLE_PER_UPSTREAM:
            connection.close()
            return
        connection.idle_since = self.loop.time()
        connection.on_idle_close = self._forget(idle)
        idle.append(connection)

    def loops(self) -> list[str]:
        """The outbound proxies that are our own listener; they are passed by."""
        named = filter(None, {self.outbound.http, self.outbound.https})
        return [url for url in named if _is_own(proxy_url(url), self.own_ports)]

    def absolute_form(self, upstream: Upstream) -> bytes | None:
        """What stands before the path when a plain HTTP proxy takes the request."""
        if upstream.scheme == "http" and self._proxy(upstream) is not None:
            return f"http://{upstream.authority}".encode()
        return None

    def proxy_authorization(self, upstream: Upstream) -> bytes | None:
        """Credentials for the plain HTTP proxy, from its URL."""
        proxy = self._proxy(upstream) if upstream.scheme == "http" else None
        return _basic(proxy) if proxy is not None else None

    def close(self) -> None:
        """Drop all idle connections."""
        for connections in self._idle.values():
            for connection in list(connections):
                connection.on_idle_close = None
                connection.close()
        self._idle.clear()

    @staticmethod
    def _forget(idle: list[Connection]) -> Callable[[Connection], None]:
        def forget(connection: Connection) -> None:
            if connection in idle:
                idle.remove(connection)

        return forget

    def _proxy(self, upstream: Upstream) -> SplitResult | None:
        """The outbound proxy, unless it is our own listener: going there would be a loop."""
        proxy = self.outbound.choose(upstream)
        return None if proxy is None or _is_own(proxy, self.own_ports) else proxy

    async def _connect(self, upstream: Upstream) -> Connection:
        proxy = self._proxy(upstream)
        where = f"{proxy.hostname}:{proxy.port}" if proxy is not None else upstream.authority
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                if proxy is not None:
                    return await self._through(proxy, upstream)
                return await self._direct(upstream)
        except TimeoutError:
            raise Unreachable(
                f"{upstream.name}: no answer from {where} within {CONNECT_TIMEOUT_S:.0f} s"
            ) from None
        except ssl.SSLCertVerificationError as error:
            raise Unreachable(
                f"{upstream.name}: certificate of {where} not trusted ({error.verify_message});"
                " set SSL_CERT_FILE to a bundle that holds its CA"
            ) from None
        except OSError as error:
            raise Unreachable(f"{upstream.name}: cannot reach {where} ({_reason(error)})") from None
        except NoPassage as error:
            raise Unreachable(f"{upstream.name}: proxy {where} {error}") from None

    async def _direct(self, upstream: Upstream) -> Connection:
        secure = upstream.scheme == "https"
        if is_link_local(address((upstream.host,))):
            raise Unreachable(f"{upstream.name}: {upstream.host} is a link-local address")
        _, connection = await self.loop.create_connection(
            lambda: Connection(self.loop),
            upstream.host,
            upstream.port,
            ssl=self.tls if secure else None,
            server_hostname=upstream.host if secure else None,
        )
        transport = connection.transport
        if transport is not None:
            peer = address(transport.get_extra_info("peername"))
            here = address(transport.get_extra_info("sockname"))
            if is_link_local(peer):
                connection.close()
                raise Unreachable(f"{upstream.name}: {upstream.host} is a link-local address")
            if upstream.port in self.own_ports and _same_machine(peer, here):
                connection.close()
                raise Unreachable(f"{upstream.name}: {upstream.authority} is tabwatt itself")
        return connection

    async def _through(self, proxy: SplitResult, upstream: Upstream) -> Connection:
        port = proxy.port or (443 if proxy.scheme == "https" else 8080)
        secure = proxy.scheme == "https"
        if upstream.scheme == "http":
            _, connection = await self.loop.create_connection(
                lambda: Connection(self.loop),
                proxy.hostname or "",
                port,
                ssl=self.tls if secure else None,
            )
            return connection
        transport = await connect(
            self.loop,
            (proxy.hostname or "", port, self.tls if secure else None),
            f"{_bracketed(upstream.host)}:{upstream.port}",
            _basic(proxy),
        )
        connection = Connection(self.loop)
        try:
            inner = await self.loop.start_tls(
                transport, connection, self.tls, server_hostname=upstream.host
            )
        except BaseException:
            transport.abort()
            raise
        assert inner is not None
        connection.connection_made(inner)
        return connection


type Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_link_local(address: Address | None) -> bool:
    """Whether an address is in 169.254/16 or fe80::/10 (cloud metadata lives there)."""
    return address is not None and address.is_link_local


def address(peername: object) -> Address | None:
    """The address in a socket's name; an IPv4 address in IPv6 clothes is the IPv4 one."""
    if not isinstance(peername, tuple) or not peername:
        return None
    try:
        found = ipaddress.ip_address(str(peername[0]).partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def _same_machine(peer: Address | None, here: Address | None) -> bool:
    return peer is not None and (peer.is_loopback or peer == here)


def _is_own(proxy: SplitResult, own_ports: frozenset[int]) -> bool:
    return proxy.hostname in {"127.0.0.1", "localhost", "::1"} and proxy.port in own_ports


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _basic(proxy: SplitResult) -> bytes | None:
    if proxy.username is None:
        return None
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return b"Basic " + base64.b64encode(pair.encode())


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__

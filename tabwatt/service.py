"""The running proxy: listeners, accounting and store put together, started and drained.

The only place where the parts meet; each of them gets plain values.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from aiohttp import web

from ledger.failures import LedgerUnavailable, NewerLedger
from ledger.store import Store, open_store
from ledger.writer import Writer
from proxy.access import Access
from proxy.accounting import Place
from proxy.identity import Identification
from proxy.own import OwnPaths
from proxy.pool import OutboundProxies, Pool, outbound_proxies, proxy_url
from proxy.recorder import Recorder
from proxy.reverse import ReverseProxy
from proxy.routing import LOOPBACK_NAMES, BadUpstream, RoutingTable, routing_table
from proxy.traffic import Traffic
from tabwatt import __version__
from tabwatt.endpoint import url_of
from tabwatt.errors import UsageError
from tabwatt.home import hash_key, prepare
from tabwatt.people import developer_here
from tabwatt.settings import Settings

log = logging.getLogger(__name__)

DRAIN_S = 2.0
"""How long open requests may go on after SIGTERM; what is left then is cut and recorded so."""
FLUSH_S = 1.0
"""How long the last rows may take."""


class Service:
    """One reverse listener with everything behind it."""

    def __init__(self, settings: Settings, home: Path, env: Mapping[str, str]) -> None:
        """Nothing is opened yet."""
        self._settings = settings
        self._home = home
        self._env = env
        self.url: str | None = None
        """Where the reverse proxy listens, once started."""

    async def start(self) -> None:
        """Open the ledger and listen; raises `UsageError` with one clear line."""
        settings, loop = self._settings, asyncio.get_running_loop()
        table, access, tls = self._table(), self._access(), self._tls()
        prepare(self._home)
        store = partial(open_store, settings.store_url or self._home / "ledger.db")
        await asyncio.to_thread(_refuse_newer, store)
        identification = Identification(
            fallback=settings.developer or developer_here(),
            hash_key=hash_key(self._home),
            order=settings.developer_order,
            keys=settings.keys,
        )
        self._writer = Writer(store)
        self._traffic = Traffic(
            identification, self._submit, time.monotonic, lambda: datetime.now(UTC)
        )
        self._recorder = Recorder(
            self._writer,
            self._traffic.counters,
            Place(settings.team, settings.zone),
            complete=self._traffic.complete,
        )
        self._recorder.start()
        self._pool = Pool(loop, tls, self._outbound())
        own = OwnPaths(self._traffic, __version__, time.monotonic(), self._store_state)
        self._proxy = ReverseProxy(table, self._pool, self._traffic, access, own)
        self._runner = web.ServerRunner(self._proxy.server(), shutdown_timeout=0.1)
        await self._runner.setup()
        if settings.port is not None:
            await self._listen(settings.host, settings.port)

    async def stop(self) -> None:
        """Stop listening, let open requests end for a while, cut the rest, write every row."""
        for site in list(self._runner.sites):
            await site.stop()
        await self._proxy.drain(DRAIN_S)
        await self._runner.cleanup()
        self._pool.close()
        await asyncio.to_thread(self._recorder.close, FLUSH_S)
        await asyncio.to_thread(self._writer.close, FLUSH_S)

    def _submit(self, exchange: object) -> None:
        self._recorder.submit(exchange)  # type: ignore[arg-type] # made by Traffic

    def _store_state(self) -> Mapping[str, object]:
        return asdict(self._writer.counters)

    async def _listen(self, host: str, port: int) -> None:
        site = web.TCPSite(self._runner, host, port, backlog=1024)
        try:
            await site.start()
        except OSError as error:
            raise UsageError(
                f"cannot listen on {host}:{port} ({error.strerror});"
                " is tabwatt running already? choose another with --port, or --port 0"
            ) from None
        server = self._runner.addresses[0]
        bound = server[1]
        self._pool.own_ports = frozenset({bound})
        if self._pool.loops():
            log.warning("the outbound proxy of the environment is tabwatt itself: it is passed by")
        self.url = url_of(host, bound)

    def _table(self) -> RoutingTable:
        try:
            return routing_table(self._settings.upstreams, self._settings.routes)
        except BadUpstream as error:
            raise UsageError(str(error)) from None

    def _access(self) -> Access:
        settings = self._settings
        beyond = settings.host not in LOOPBACK_NAMES and not settings.host.startswith("127.")
        if beyond and settings.token is None:
            raise UsageError(
                f"{settings.host} can be reached by others: set a token (TABWATT_TOKEN or"
                " [server] token), or listen on 127.0.0.1"
            )
        return Access(frozenset(name.lower() for name in settings.hosts), settings.token)

    def _outbound(self) -> OutboundProxies:
        named, found = self._settings.upstream_proxy, outbound_proxies(self._env)
        if named is not None:
            found = OutboundProxies(named, named, found.no_proxy)
        try:
            for url in filter(None, (found.http, found.https)):
                proxy_url(url)
        except ValueError:
            raise UsageError(
                "the outbound proxy is no http(s) URL; see HTTPS_PROXY, HTTP_PROXY, ALL_PROXY"
                " or [upstream] proxy"
            ) from None
        return found

    def _tls(self) -> ssl.SSLContext:
        """The system's roots (or `SSL_CERT_FILE`) and the company's own CA on top."""
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        path = self._settings.upstream_ca
        if path is not None:
            try:
                context.load_verify_locations(path)
            except (OSError, ssl.SSLError) as error:
                raise UsageError(f"upstream.ca: {path} not readable as PEM ({error})") from None
        return context


def _refuse_newer(open_ledger: Callable[[], Store]) -> None:
    """A ledger of a newer tabwatt is not ours to write; any other trouble may pass by itself."""
    try:
        open_ledger().close()
    except NewerLedger as error:
        raise UsageError(f"{error}; install the newer tabwatt, or set TABWATT_HOME") from None
    except LedgerUnavailable as error:
        log.warning("ledger not usable yet, requests pass all the same: %s", error)

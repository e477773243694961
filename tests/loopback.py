"""The proxy between a test and a fake upstream: in this process, or as the real command."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wire import PATIENCE_S, Reply, Wire, request

from ledger.record import RequestRecord
from ledger.store import open_store
from tabwatt.service import Service
from tabwatt.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
NAMES = (
    "anthropic",
    "azure",
    "copilot",
    "deepseek",
    "gemini",
    "llamacpp",
    "mistral",
    "ollama",
    "openai",
    "vllm",
)
"""Upstreams that all lead to the one fake of a test."""
DEVELOPER = "dev@example.org"


def upstreams(url: str) -> dict[str, str]:
    """Every name with the same address."""
    return dict.fromkeys(NAMES, url)


async def eventually(holds: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait for what another thread or process does, of which no event tells us."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = holds()
            if isinstance(found, bool):
                if found:
                    return
            elif await found:
                return
            await asyncio.sleep(0.005)


def read_rows(home: Path) -> list[RequestRecord]:
    """Every row of a ledger, oldest first."""
    store = open_store(home / "ledger.db", create=False)
    try:
        return list(store.between())
    finally:
        store.close()


@dataclass
class Loopback:
    """A running proxy in this process."""

    service: Service
    home: Path
    running: bool = True

    @property
    def url(self) -> str:
        assert self.service.url is not None
        return self.service.url

    async def wire(self) -> Wire:
        """A new client's connection."""
        return await Wire.open(self.url)

    async def ask(self, data: bytes, *, head_only: bool = False) -> Reply:
        """One request over a connection of its own."""
        async with await self.wire() as wire:
            return await wire.ask(data, head_only=head_only)

    async def health(self) -> dict[str, Any]:
        """What the proxy says about itself."""
        reply = await self.ask(request("GET", "/_tabwatt/health"))
        assert reply.status == 200
        return dict(json.loads(reply.body))

    async def live(self) -> list[dict[str, Any]]:
        """The requests in flight, as the proxy shows them."""
        reply = await self.ask(request("GET", "/_tabwatt/live"))
        return list(json.loads(reply.body)["in_flight"])

    async def counters(self) -> dict[str, int]:
        """What the proxy counts."""
        return dict((await self.health())["counters"])

    async def ended(self, requests: int) -> None:
        """Wait until so many model calls are over."""

        async def holds() -> bool:
            return (await self.counters())["requests"] >= requests

        await eventually(holds)

    async def stop(self) -> None:
        """Drain, once."""
        if self.running:
            self.running = False
            await self.service.stop()

    async def rows(self) -> list[RequestRecord]:
        """Stop the proxy, which writes every row, and read them."""
        await self.stop()
        return read_rows(self.home)

    async def row(self) -> RequestRecord:
        """The only row there is."""
        rows = await self.rows()
        assert len(rows) == 1, [(row.developer, row.outcome) for row in rows]
        return rows[0]

    async def by_developer(self) -> dict[str, RequestRecord]:
        """The rows of a test that sent each request in another developer's name."""
        rows = await self.rows()
        found = {row.developer: row for row in rows}
        assert len(found) == len(rows)
        return found


@asynccontextmanager
async def loopback(
    home: Path, upstream_url: str = "", *, env: Mapping[str, str] | None = None, **settings: Any
) -> AsyncIterator[Loopback]:
    """Start the proxy on a free port with a home of its own, and stop it in any case."""
    given: dict[str, Any] = {
        "port": 0,
        "developer": DEVELOPER,
        "upstreams": upstreams(upstream_url) if upstream_url else {},
    }
    service = Service(Settings(**(given | settings)), home, env or {})
    await service.start()
    running = Loopback(service, home)
    try:
        yield running
    finally:
        await running.stop()


@dataclass
class Served:
    """`tabwatt serve` as a process."""

    process: asyncio.subprocess.Process
    home: Path
    url: str
    said: dict[str, Any] = field(default_factory=dict)
    """The line it printed when it was ready."""

    async def ask(self, data: bytes) -> Reply:
        """One request over a connection of its own."""
        async with await Wire.open(self.url) as wire:
            return await wire.ask(data)

    async def health(self) -> dict[str, Any]:
        """What the proxy says about itself."""
        reply = await self.ask(request("GET", "/_tabwatt/health"))
        return dict(json.loads(reply.body))

    async def kill(self) -> None:
        """As the kernel does it when memory is short."""
        self.process.kill()
        await self.process.wait()

    async def leave(self, within_s: float = 5.0) -> int:
        """Ask it to go; 5 s are what it promises."""
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(within_s):
            return await self.process.wait()


@asynccontextmanager
async def served(
    home: Path,
    *flags: str,
    env: Mapping[str, str] | None = None,
    wrap: tuple[str, ...] = (),
) -> AsyncIterator[Served]:
    """Run the real command on a free port; it is gone when the block is left."""
    process = await asyncio.create_subprocess_exec(
        *wrap,
        *(sys.executable, "-m", "tabwatt", "serve", "--port", "0", "--json", *flags),
        cwd=ROOT,
        env={"PATH": os.environ.get("PATH", ""), "TABWATT_HOME": str(home), **(env or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(3 * PATIENCE_S):
            line = await process.stdout.readline()
        said = json.loads(line or b"{}")
        assert said.get("ready"), await process.communicate()
        yield Served(process, home, said["reverse"], said)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def upstream_flags(url: str) -> tuple[str, ...]:
    """Flags of `serve` that lead every name to one address."""
    return tuple(x for name in NAMES for x in ("--upstream", f"{name}={url}"))

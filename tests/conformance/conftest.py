"""The conformance suite runs on the event loop that `tabwatt serve` uses."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
from loopback import Loopback, loopback

from tabwatt.demo.upstream import FakeUpstream

type LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pytest_asyncio_loop_factories() -> Mapping[str, LoopFactory]:
    try:
        import uvloop
    except ImportError:  # Windows
        return {"asyncio": asyncio.new_event_loop}
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as running:
        yield running


@pytest.fixture
async def proxy(upstream: FakeUpstream, tmp_path: Path) -> AsyncIterator[Loopback]:
    async with loopback(tmp_path / "home", upstream.url) as running:
        yield running

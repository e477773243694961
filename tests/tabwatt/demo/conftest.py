from collections.abc import AsyncIterator

import aiohttp
import pytest

from tabwatt.demo.upstream import FakeUpstream


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as running:
        yield running


@pytest.fixture
async def client(upstream: FakeUpstream) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(upstream.url, auto_decompress=False) as session:
        yield session

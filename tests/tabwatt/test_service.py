"""The parts put together: what the store does never touches the traffic."""

import asyncio
import socket
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from conversations import CONVERSATIONS
from loopback import Loopback, eventually, loopback, read_rows
from wire import request

from ledger.store import open_store
from tabwatt.demo.upstream import FakeUpstream
from tabwatt.errors import UsageError
from tabwatt.service import Service
from tabwatt.settings import Settings

STREAM = next(said for said in CONVERSATIONS if said.name == "chat-stream")


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as running:
        yield running


def asked(developer: str = "alice", *fake: tuple[str, str]) -> bytes:
    return request("POST", f"/u/{developer}{STREAM.path}", [*STREAM.headers, *fake], STREAM.raw)


async def passes(proxy: Loopback, developer: str = "alice") -> None:
    reply = await proxy.ask(asked(developer))
    assert (reply.status, reply.whole) == (200, True)


async def troubled(proxy: Loopback) -> None:
    """Wait until the store has said that it cannot be used."""

    async def holds() -> bool:
        return (await proxy.health())["store"]["last_error"] is not None

    await eventually(holds)


async def written(proxy: Loopback, count: int) -> None:
    async def holds() -> bool:
        return bool((await proxy.health())["store"]["written"] >= count)

    await eventually(holds)


async def test_a_row_is_in_the_ledger_while_the_proxy_runs(
    upstream: FakeUpstream, tmp_path: Path
) -> None:
    async with loopback(tmp_path, upstream.url) as proxy:
        await passes(proxy)
        await written(proxy, 1)
        row = read_rows(tmp_path)[0]
        assert (row.developer, row.outcome, row.input_how) == ("alice", "ok", "reported")
        assert row.facility_j is not None
        assert row.facility_j.low <= row.facility_j.typical <= row.facility_j.high


async def test_a_locked_store_delays_rows_and_nothing_else(
    upstream: FakeUpstream, tmp_path: Path
) -> None:
    open_store(tmp_path / "ledger.db").close()
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    try:
        async with loopback(tmp_path, upstream.url) as proxy:
            other.execute("BEGIN IMMEDIATE")
            for _ in range(5):
                await passes(proxy)
            await troubled(proxy)
            health = await proxy.health()
            assert health["status"] == "degraded"
            assert "locked" in health["store"]["last_error"]
            assert health["store"]["waiting"] == 5
            other.execute("ROLLBACK")
            await written(proxy, 5)
            health = await proxy.health()
            assert (health["status"], health["store"]["waiting"]) == ("ok", 0)
            assert len(await proxy.rows()) == 5
    finally:
        other.close()


async def test_a_ledger_that_is_taken_away_delays_rows_and_nothing_else(
    upstream: FakeUpstream, tmp_path: Path
) -> None:
    """As a network folder that goes; the tests of the ledger have the file made read-only."""
    home, away = tmp_path / "home", tmp_path / "away.db"
    async with loopback(home, upstream.url) as proxy:
        await passes(proxy)
        await written(proxy, 1)
        (home / "ledger.db").rename(away)
        for _ in range(3):
            await passes(proxy)
        await troubled(proxy)
        assert "gone" in (await proxy.health())["store"]["last_error"]
        away.rename(home / "ledger.db")
        await written(proxy, 4)
        assert len(await proxy.rows()) == 4


async def test_what_waits_for_a_locked_store_is_told_at_the_end(
    upstream: FakeUpstream, tmp_path: Path
) -> None:
    """Stopping does not wait for a lock that nobody gives back."""
    open_store(tmp_path / "ledger.db").close()
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    try:
        async with loopback(tmp_path, upstream.url) as proxy:
            other.execute("BEGIN IMMEDIATE")
            await passes(proxy)
            async with asyncio.timeout(5):
                await proxy.stop()
        other.execute("ROLLBACK")
        assert read_rows(tmp_path) == []
    finally:
        other.close()


async def test_stopping_takes_no_longer_when_everything_hangs(
    upstream: FakeUpstream, tmp_path: Path
) -> None:
    """A stream that never ends and a store that is locked: five seconds are promised."""
    open_store(tmp_path / "ledger.db").close()
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    try:
        async with loopback(tmp_path, upstream.url) as proxy:
            other.execute("BEGIN IMMEDIATE")
            client = await proxy.wire()
            await client.send(asked("open", ("x-fake-fault", "hang:2000")))
            await client.head()
            async with asyncio.timeout(5):
                await proxy.stop()
            await client.close()
    finally:
        other.close()


async def test_a_newer_ledger_is_refused_and_left_alone(tmp_path: Path) -> None:
    open_store(tmp_path / "ledger.db").close()
    newer = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    newer.execute("INSERT INTO schema_version (version) VALUES (999)")
    newer.close()
    before = (tmp_path / "ledger.db").read_bytes()
    with pytest.raises(UsageError, match="newer"):
        async with loopback(tmp_path):
            pass
    assert (tmp_path / "ledger.db").read_bytes() == before


async def test_open_streams_are_cut_at_the_end_and_recorded_so(
    upstream: FakeUpstream, tmp_path: Path
) -> None:
    async with loopback(tmp_path, upstream.url) as proxy:
        await passes(proxy, "done")
        client = await proxy.wire()
        await client.send(asked("open", ("x-fake-fault", "hang:2000")))
        await client.head()
        await client.some()
        waiting = await proxy.wire()
        await waiting.send(asked("waiting", ("x-fake-fault", "hang")))
        await upstream.until(lambda: len(upstream.requests) == 3)
        rows = await proxy.by_developer()
        left = await client.rest()
        assert not left.endswith(b"0\r\n\r\n")  # a stream that was cut does not look whole
        await client.close()
        await waiting.close()
    told = {name: (row.outcome, row.http_status) for name, row in rows.items()}
    assert told == {"done": ("ok", 200), "open": ("cut", 200), "waiting": ("cut", None)}


async def test_what_ends_while_draining_ends_well(upstream: FakeUpstream, tmp_path: Path) -> None:
    """A stream that needs another moment when SIGTERM comes gets it."""
    async with loopback(tmp_path, upstream.url) as proxy:
        client = await proxy.wire()
        await client.send(asked("slow", ("x-fake-fault", "slow:5")))
        await client.head()
        await asyncio.gather(proxy.stop(), until_whole(client.some))
        await client.close()
        assert [row.outcome for row in read_rows(tmp_path)] == ["ok"]


async def until_whole(some: object) -> None:
    got = b""
    while not got.endswith(b"0\r\n\r\n"):
        got += await some()  # type: ignore[operator] # a bound method of a wire


@pytest.mark.parametrize("port", [None, 0])
async def test_a_listener_may_be_off(port: int | None, tmp_path: Path) -> None:
    service = Service(Settings(port=port, developer="x"), tmp_path, {})
    await service.start()
    assert (service.url is None) == (port is None)
    await service.stop()


async def test_a_port_that_is_taken_is_one_clear_line(
    upstream: FakeUpstream, tmp_path: Path
) -> None:
    port = int(upstream.url.rpartition(":")[2])
    with pytest.raises(UsageError, match=rf"cannot listen on 127\.0\.0\.1:{port} \(.*--port 0"):
        async with loopback(tmp_path, port=port):
            pass


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"upstreams": {"v1": "http://x"}}, "start of a known path"),
        ({"upstreams": {"gpu": "ftp://x"}}, "not an http"),
        ({"routes": {"openai": "nobody"}}, "names no upstream"),
        ({"host": "192.0.2.1"}, "can be reached by others"),
    ],
)
async def test_settings_that_cannot_be_are_refused_before_anything_is_opened(
    settings: dict[str, Any], says: str, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    with pytest.raises(UsageError, match=says):
        async with loopback(home, **settings):
            pass
    assert not home.exists()


async def test_the_home_is_private(upstream: FakeUpstream, tmp_path: Path) -> None:
    home = tmp_path / "home"
    async with loopback(home, upstream.url) as proxy:
        await passes(proxy)
        await written(proxy, 1)
        assert home.stat().st_mode & 0o777 == 0o700
        for file in home.iterdir():
            assert file.stat().st_mode & 0o077 == 0, file.name


@pytest.mark.parametrize("url", ["ftp://proxy", "http://", "http://proxy:no", "http://[::"])
async def test_an_outbound_proxy_that_is_no_url_is_one_clear_line(tmp_path: Path, url: str) -> None:
    service = Service(Settings(port=0), tmp_path / "home", {"HTTPS_PROXY": url})
    with pytest.raises(UsageError, match="no http\\(s\\) URL; see HTTPS_PROXY") as told:
        await service.start()
    assert url not in str(told.value)  # it may hold a password


async def test_our_own_listener_as_outbound_proxy_gives_a_notice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = {"HTTPS_PROXY": f"http://127.0.0.1:{port}"}
    service = Service(Settings(port=port), tmp_path / "home", env)
    await service.start()
    await service.stop()
    assert "it is passed by" in caplog.text

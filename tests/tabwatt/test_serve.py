"""The real command: what it says when it is ready, how it leaves, how it fails."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from conversations import CONVERSATIONS
from loopback import ROOT, eventually, read_rows, served, upstream_flags
from wire import Wire, request

from tabwatt.demo.upstream import FakeUpstream

STREAM = next(said for said in CONVERSATIONS if said.name == "chat-stream")


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as running:
        yield running


def asked(developer: str, *fake: tuple[str, str]) -> bytes:
    return request("POST", f"/u/{developer}{STREAM.path}", [*STREAM.headers, *fake], STREAM.raw)


async def test_ready_serves_and_leaves(upstream: FakeUpstream, tmp_path: Path) -> None:
    """SIGTERM with streams open: gone within five seconds, every row there."""
    async with served(tmp_path, *upstream_flags(upstream.url)) as proxy:
        assert proxy.said == {
            "ready": True,
            "reverse": proxy.url,
            "intercept": None,
            "ca": None,
            "pid": proxy.process.pid,
        }
        for number in range(20):
            assert (await proxy.ask(asked(f"n{number}"))).whole
        streams = [await Wire.open(proxy.url) for _ in range(5)]
        for number, stream in enumerate(streams):
            await stream.send(asked(f"open{number}", ("x-fake-fault", "hang:2000")))
            await stream.head()
        assert await proxy.leave(within_s=5) == 0
        for stream in streams:
            assert not (await stream.rest()).endswith(b"0\r\n\r\n")
            await stream.close()
    rows = {row.developer: row.outcome for row in read_rows(tmp_path)}
    assert rows == {
        **{f"n{number}": "ok" for number in range(20)},
        **{f"open{number}": "cut" for number in range(5)},
    }


async def test_killed_under_load_the_ledger_holds_what_had_finished(
    upstream: FakeUpstream, tmp_path: Path
) -> None:
    """All but the last half second: what the store said it had, and what was read back."""
    finished: dict[str, float] = {}
    clock = asyncio.get_running_loop().time

    async def work(name: str, url: str) -> None:
        number = 0
        try:
            async with await Wire.open(url) as client:
                while True:
                    reply = await client.ask(asked(f"{name}.{number}"))
                    if not reply.whole:
                        return
                    finished[f"{name}.{number}"] = clock()
                    number += 1
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # that is the kill

    async with served(tmp_path, *upstream_flags(upstream.url)) as proxy:
        workers = [asyncio.create_task(work(f"w{n}", proxy.url)) for n in range(8)]
        began_s = clock()
        # Long enough that some of it is older than half a second.
        await eventually(lambda: clock() - began_s > 1.2 and len(finished) > 100)
        killed_s = clock()
        await proxy.kill()
        await asyncio.gather(*workers)
    due = {name for name, ended_s in finished.items() if ended_s < killed_s - 0.5}
    assert due
    rows = {row.developer for row in read_rows(tmp_path)}
    assert due <= rows
    async with served(tmp_path, *upstream_flags(upstream.url)) as again:
        assert (await again.health())["store"]["last_error"] is None
        assert (await again.ask(asked("after"))).whole
        assert await again.leave() == 0
    assert {row.developer for row in read_rows(tmp_path)} == rows | {"after"}


async def test_a_full_disk_delays_rows_and_nothing_else(
    upstream: FakeUpstream, tmp_path: Path
) -> None:
    """A limit on the size of files stands in for a full disk; it is lifted while it runs."""
    resource = pytest.importorskip("resource")
    if not hasattr(resource, "prlimit"):
        pytest.skip("only Linux can lift another process's limit")
    unlimited = resource.RLIM_INFINITY
    async with served(tmp_path, *upstream_flags(upstream.url)) as proxy:
        assert (await proxy.ask(asked("first"))).whole

        async def wrote_first() -> bool:
            return bool((await proxy.health())["store"]["written"] >= 1)

        await eventually(wrote_first)
        limit = largest(tmp_path)
        resource.prlimit(proxy.process.pid, resource.RLIMIT_FSIZE, (limit, unlimited))
        for number in range(30):
            assert (await proxy.ask(asked(f"n{number}"))).whole

        async def troubled() -> bool:
            return bool((await proxy.health())["status"] == "degraded")

        await eventually(troubled)
        resource.prlimit(proxy.process.pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))

        async def healed() -> bool:
            store = (await proxy.health())["store"]
            return bool(store["written"] == 31 and store["waiting"] == 0)

        await eventually(healed)
        assert await proxy.leave() == 0
    assert len(read_rows(tmp_path)) == 31


def largest(folder: Path) -> int:
    """Bytes of the largest file."""
    return max(file.stat().st_size for file in folder.iterdir() if file.is_file())


async def run(home: Path, *flags: str, **env: str) -> tuple[int, str, str]:
    """A `serve` that is expected to fail."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tabwatt", "serve", *flags),
        cwd=ROOT,
        env={"PATH": os.environ.get("PATH", ""), "TABWATT_HOME": str(home), **env},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


@pytest.mark.parametrize(
    ("flags", "env", "says"),
    [
        (("--upstream", "vllm"), {}, "--upstream vllm: expected NAME=URL"),
        (("--upstream", "api=http://x"), {}, "the name is the start of a known path"),
        (("--port", "99999"), {}, "--port 99999: expected a port from 0 to 65535, or off"),
        (("--host", "0.0.0.0", "--port", "0"), {}, "set a token"),
        ((), {"TABWATT_PROT": "1"}, "did you mean TABWATT_PORT?"),
    ],
)
async def test_wrong_usage_is_one_line_and_exit_2(
    flags: tuple[str, ...], env: dict[str, str], says: str, tmp_path: Path
) -> None:
    code, out, err = await run(tmp_path, *flags, **env)
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err


async def test_a_taken_port_is_one_line(upstream: FakeUpstream, tmp_path: Path) -> None:
    port = upstream.url.rpartition(":")[2]
    code, _, err = await run(tmp_path, "--port", port)
    assert code == 2
    assert "--port 0" in err
    assert len(err.strip().splitlines()) == 1


async def test_without_json_it_says_how_to_point_a_client_at_it(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tabwatt", "serve", "--port", "0"),
        cwd=ROOT,
        env={"PATH": os.environ.get("PATH", ""), "TABWATT_HOME": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        lines = [(await process.stdout.readline()).decode() for _ in range(4)]
        process.terminate()
        await process.communicate()
    assert process.returncode == 0
    assert lines[0].startswith("tabwatt is listening on http://127.0.0.1:")
    assert "OPENAI_BASE_URL=http://127.0.0.1:" in lines[2]
    assert json.dumps("ready") not in "".join(lines)

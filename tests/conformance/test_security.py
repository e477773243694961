"""What must not pass, does not: nothing of it reaches an upstream."""

import asyncio
import json
from pathlib import Path

import pytest
from conversations import CONVERSATIONS
from loopback import Loopback, loopback
from wire import Wire, request

from tabwatt.demo.upstream import FakeUpstream
from tabwatt.errors import UsageError

WHOLE = next(said for said in CONVERSATIONS if said.name == "chat")
PATHS = [WHOLE.path, "/openai/v1/models", "/_tabwatt/health", "/_tabwatt/live", "/_tabwatt/metrics"]


def asked(path: str, *headers: tuple[str, str], host: str | None = "127.0.0.1") -> bytes:
    method = "POST" if path == WHOLE.path else "GET"
    return request(method, path, headers, WHOLE.raw if method == "POST" else b"", host=host)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("header", "status"),
    [
        (("Host", "evil.com"), 421),
        (("Host", "127.0.0.1.evil.com:8229"), 421),
        (("Host", ""), 421),
        (("Origin", "https://evil.com"), 403),
        (("Origin", "null"), 403),
        (("Sec-Fetch-Site", "cross-site"), 403),
    ],
)
async def test_pages_of_others_get_nothing(
    path: str, header: tuple[str, str], status: int, upstream: FakeUpstream, proxy: Loopback
) -> None:
    host = None if header[0] == "Host" else "127.0.0.1"
    reply = await proxy.ask(asked(path, header, host=host))
    assert reply.status == status
    assert json.loads(reply.body)["error"]["type"] == "refused"
    assert not any(name.lower().startswith(b"access-control") for name, _ in reply.headers)
    assert (await proxy.counters())["refused"] == 1
    assert not upstream.requests
    assert await proxy.rows() == []


@pytest.mark.parametrize("path", PATHS)
async def test_pages_of_this_machine_and_of_editors_pass(path: str, proxy: Loopback) -> None:
    for origin in ("http://localhost:3000", "vscode-webview://abc"):
        reply = await proxy.ask(asked(path, ("Origin", origin)))
        assert reply.status == 200
        assert not any(name.lower().startswith(b"access-control") for name, _ in reply.headers)


async def test_a_preflight_is_the_upstreams_business(
    upstream: FakeUpstream, proxy: Loopback
) -> None:
    """We grant nothing of our own: what allows a page to read is the upstream's to say."""
    headers = [("Origin", "http://localhost:3000"), ("Access-Control-Request-Method", "POST")]
    reply = await proxy.ask(request("OPTIONS", WHOLE.path, headers))
    assert upstream.requests[-1].method == "OPTIONS"
    assert not any(name.lower().startswith(b"access-control") for name, _ in reply.headers)


EVIL = b"GET /openai/evil HTTP/1.1\r\nHost: localhost\r\n\r\n"
START = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        START + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + EVIL,
        START + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + EVIL,
        START + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello" + EVIL,
        START + b"Content-Length: 5, 5\r\n\r\nhello" + EVIL,
        START + b"Content-Length: +5\r\n\r\nhello" + EVIL,
        START + b"Content-Length: -1\r\n\r\n" + EVIL,
        START + b"Content-Length: 0x5\r\n\r\nhello" + EVIL,
        START + b"Content-Length : 5\r\n\r\nhello" + EVIL,
        START + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + EVIL,
        START + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + EVIL,
        START + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + EVIL,
        START + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + EVIL,
        START + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + EVIL,
        START + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + EVIL,
        START + b"Transfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n" + EVIL,
        START + b"Host: evil.com\r\nContent-Length: 0\r\n\r\n" + EVIL,
        START + b"X: a\r\n Content-Length: 5\r\n\r\nhello" + EVIL,
        START + b"X: a\x00b\r\nContent-Length: 0\r\n\r\n" + EVIL,
        START + b"X: a\rY: b\r\nContent-Length: 0\r\n\r\n" + EVIL,
        b"POST /v1/chat/completions HTTP/1.0\r\nHost: localhost\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + EVIL,
        b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 0\r\n\r\n" + EVIL,
        b"POST /v1/chat/completions HTTP/9.9\r\nHost: localhost\r\n\r\n" + EVIL,
        b"CONNECT evil.com:443 HTTP/1.1\r\nHost: localhost\r\n\r\n" + EVIL,
        b"POST /v1/responses HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
        b"Upgrade: websocket\r\nContent-Length: 5\r\n\r\nhello" + EVIL,
        b"GET /v1/responses HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
        b"Upgrade: websocket\r\nContent-Length: 5\r\n\r\nhello" + EVIL,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)  # fmt: skip
async def test_shapes_that_two_servers_could_read_differently_are_refused(
    raw: bytes, upstream: FakeUpstream, proxy: Loopback
) -> None:
    async with await proxy.wire() as client:
        await client.send(raw)
        status, _, _ = await client.head()
        assert 400 <= status < 500
        await client.rest()
    assert not upstream.requests
    assert await proxy.rows() == []


async def test_an_absolute_target_chooses_no_upstream(
    upstream: FakeUpstream, proxy: Loopback
) -> None:
    for target in ("http://evil.com/v1/chat/completions", "//evil.com/v1/x", "*", "evil"):
        reply = await proxy.ask(request("GET", target))
        assert reply.status in {400, 404}
    assert not upstream.requests


async def test_own_paths_are_only_read(proxy: Loopback) -> None:
    for path in ("health", "live", "metrics"):
        assert (await proxy.ask(request("POST", f"/_tabwatt/{path}"))).status == 405
    assert (await proxy.ask(request("GET", "/_tabwatt/nothing"))).status == 404
    assert (await proxy.ask(request("GET", "/u/alice/_tabwatt/health"))).status == 404


# ---- beyond loopback ----


async def test_listening_beyond_loopback_wants_a_token(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"0\.0\.0\.0 can be reached by others: set a token"):
        async with loopback(tmp_path, host="0.0.0.0"):
            pass


@pytest.mark.parametrize("path", PATHS)
async def test_beyond_loopback_the_token_opens(
    path: str, upstream: FakeUpstream, tmp_path: Path
) -> None:
    async with loopback(tmp_path, upstream.url, host="0.0.0.0", token="t0ken") as proxy:
        url = proxy.url.replace("0.0.0.0", "127.0.0.1")
        async with await Wire.open(url) as client:
            assert (await client.ask(asked(path, host="10.0.0.9:8229"))).status == 401
            token = ("X-Tabwatt-Token", "t0ken")
            assert (await client.ask(asked(path, token, host="10.0.0.9:8229"))).status == 200
        for seen in upstream.requests:
            assert seen.header("x-tabwatt-token") is None
        assert len(upstream.requests) == (0 if path.startswith("/_") else 1)


async def test_link_local_upstreams_are_not_reached(tmp_path: Path) -> None:
    """169.254.169.254 is where clouds hand out credentials."""
    async with loopback(tmp_path, "http://169.254.169.254:80") as proxy:
        async with asyncio.timeout(5):
            reply = await proxy.ask(asked(WHOLE.path))
        assert reply.status == 502
        assert b"link-local" in reply.body


async def test_our_own_port_is_not_reached(tmp_path: Path) -> None:
    async with (
        loopback(tmp_path, "http://127.0.0.1:9") as first,
        loopback(tmp_path / "b", first.url) as second,
    ):
        assert (await second.ask(asked(WHOLE.path))).status == 502  # of the first: no loop
    async with FakeUpstream() as free:
        port = int(free.url.rpartition(":")[2])
    async with loopback(tmp_path / "c", f"http://localhost:{port}", port=port) as looped:
        reply = await looped.ask(asked(WHOLE.path))
        assert reply.status == 502
        assert b"is tabwatt itself" in reply.body
        assert (await looped.row()).outcome == "refused"

"""Ways to an upstream: direct, kept, through TLS, through another proxy, and none at all."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from loopback import eventually, loopback
from scripted import Peer, Scripted
from wire import request

from proxy.pool import (
    OutboundProxies,
    Pool,
    Unreachable,
    address,
    is_link_local,
    outbound_proxies,
)
from proxy.routing import upstream
from tabwatt.errors import UsageError

CHAT = "/v1/chat/completions"
BODY = b'{"model":"gpt-4o-mini","messages":[]}'
ANSWER = b'{"choices":[],"usage":{"prompt_tokens":8,"completion_tokens":1}}'
NOWHERE = "model.test"
"""A name that nobody resolves: only a proxy can know it."""


async def always(peer: Peer) -> None:
    while True:
        await peer.asked()
        await peer.answer(ANSWER)


def proxies(env: dict[str, str]) -> dict[str, str | None]:
    """The proxy chosen for each of some upstreams."""
    found = outbound_proxies(env)
    urls = {
        "https": "https://api.openai.com",
        "http": "http://gpu1:8000",
        "local": "http://127.0.0.1:8000",
    }
    chosen = {name: found.choose(upstream(name, url)) for name, url in urls.items()}
    return {name: None if parts is None else parts.netloc for name, parts in chosen.items()}


@pytest.mark.parametrize(
    ("env", "https", "http"),
    [
        ({}, None, None),
        ({"HTTPS_PROXY": "http://p:1"}, "p:1", None),
        ({"HTTP_PROXY": "http://p:1"}, None, "p:1"),
        ({"https_proxy": "http://low:1", "HTTPS_PROXY": "http://up:1"}, "low:1", None),
        ({"ALL_PROXY": "p:1"}, "p:1", "p:1"),
        ({"HTTPS_PROXY": "http://u:w@p:1", "NO_PROXY": ".openai.com"}, None, None),
        ({"HTTPS_PROXY": "p:1", "no_proxy": "gpu1,api.openai.com"}, None, None),
        ({"ALL_PROXY": "p:1", "NO_PROXY": "gpu1"}, "p:1", None),
        ({"ALL_PROXY": "p:1", "NO_PROXY": "*"}, None, None),
    ],
)
def test_the_usual_variables_choose_the_proxy_and_loopback_needs_none(
    env: dict[str, str], https: str | None, http: str | None
) -> None:
    assert proxies(env) == {"https": https, "http": http, "local": None}


@pytest.mark.parametrize(
    ("peer", "link_local"),
    [
        (("169.254.169.254", 80), True),
        (("fe80::1%eth0", 80, 0, 2), True),
        (("::ffff:169.254.169.254", 80, 0, 0), True),
        (("127.0.0.1", 80), False),
        (("10.0.0.1", 80), False),
        (("fd00::1", 80, 0, 0), False),
        ("/run/socket", False),
        (None, False),
    ],
)
def test_link_local_addresses_are_recognised(peer: object, link_local: bool) -> None:
    assert is_link_local(address(peer)) is link_local


async def pool(**more: object) -> Pool:
    return Pool(asyncio.get_running_loop(), ssl.create_default_context(), **more)  # type: ignore[arg-type]


async def test_our_own_port_is_no_upstream() -> None:
    async with Scripted(always) as listener:
        ours = await pool(own_ports=frozenset({listener.port}))
        for host in ("127.0.0.1", "localhost", "0.0.0.0", "[::ffff:127.0.0.1]"):
            with pytest.raises(Unreachable, match="is tabwatt itself"):
                await ours.acquire(upstream("loop", f"http://{host}:{listener.port}"))
        assert not any(peer.taken for peer in listener.peers)


async def test_a_connection_is_kept_for_its_own_upstream_alone() -> None:
    async with Scripted(always) as one, Scripted(always) as other:
        ours = await pool()
        first, second = upstream("a", one.url), upstream("b", other.url)
        connection = await ours.acquire(first)
        connection.begin(Ignored(), head_only=False)
        connection.write(request("POST", CHAT, (), BODY))
        await eventually(lambda: connection.reusable)
        ours.release(first, connection)
        assert await ours.acquire(second) is not connection
        assert await ours.acquire(first, fresh=True) is not connection
        assert await ours.acquire(first) is connection
        assert connection.reused
        assert await ours.acquire(first) is not connection
        ours.close()


class Ignored:
    """A sink that wants nothing."""

    def response_head(self, head: object) -> None:
        pass

    def response_body(self, data: bytes) -> None:
        pass

    def response_end(self, fault: str | None) -> None:
        pass


async def test_the_refusal_names_upstream_address_and_reason() -> None:
    gone = Scripted(always)
    async with gone:
        url = gone.url
    with pytest.raises(Unreachable, match=r"^vllm: cannot reach 127\.0\.0\.1:\d+ \("):
        await (await pool()).acquire(upstream("vllm", url))


# ---- TLS ----


def certificate(tmp_path: Path, *names: str) -> tuple[ssl.SSLContext, Path]:
    """A server's context for these names, and its CA as a file."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return context, path


async def test_an_upstream_over_tls_is_trusted_through_the_companys_ca(tmp_path: Path) -> None:
    context, ca = certificate(tmp_path, "127.0.0.1")
    async with (
        Scripted(always, tls=context) as secure,
        loopback(tmp_path / "home", secure.url, upstream_ca=str(ca)) as proxy,
    ):
        for _ in range(2):
            assert (await proxy.ask(request("POST", CHAT, (), BODY))).body == ANSWER
        assert len(secure.peers) == 1
        assert [row.outcome for row in await proxy.rows()] == ["ok", "ok"]


async def test_an_unknown_ca_is_one_clear_line(tmp_path: Path) -> None:
    context, _ = certificate(tmp_path, "127.0.0.1")
    async with (
        Scripted(always, tls=context) as secure,
        loopback(tmp_path / "home", secure.url) as proxy,
    ):
        reply = await proxy.ask(request("POST", CHAT, (), BODY))
        assert reply.status == 502
        assert b"certificate of 127.0.0.1" in reply.body
        assert b"set SSL_CERT_FILE" in reply.body
        assert b"\\n" not in reply.body
        assert (await proxy.row()).outcome == "refused"


async def test_a_certificate_of_another_name_is_not_taken(tmp_path: Path) -> None:
    context, ca = certificate(tmp_path, "other.test")
    async with (
        Scripted(always, tls=context) as secure,
        loopback(tmp_path / "home", secure.url, upstream_ca=str(ca)) as proxy,
    ):
        reply = await proxy.ask(request("POST", CHAT, (), BODY))
        assert reply.status == 502
        assert b"not trusted" in reply.body


async def test_tls_where_plain_http_is_spoken_is_a_clear_502(tmp_path: Path) -> None:
    async def plain(peer: Peer) -> None:
        await peer.reader.read(1)
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with Scripted(plain) as upstream_:
        url = upstream_.url.replace("http://", "https://")
        async with loopback(tmp_path / "home", url) as proxy:
            reply = await proxy.ask(request("POST", CHAT, (), BODY))
            assert reply.status == 502
            assert b"cannot reach" in reply.body


async def test_a_ca_that_is_none_is_refused_at_start(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("no certificate")
    with pytest.raises(UsageError, match="not readable as PEM"):
        async with loopback(tmp_path / "home", "http://127.0.0.1:1", upstream_ca=str(path)):
            pass


# ---- through the company's proxy ----


class Company:
    """An HTTP proxy that knows one name, and keeps what it was asked for."""

    def __init__(self, target: int) -> None:
        self.asked: list[tuple[bytes, bytes | None]] = []
        self._target = target

    async def __call__(self, peer: Peer) -> None:
        if b"CONNECT" not in (head := await peer.head()).line:
            self.asked.append((head.line, head.header(b"proxy-authorization")))
            await peer.reader.readexactly(int(head.header(b"content-length") or 0))
            await peer.answer(ANSWER)
            return
        self.asked.append((head.line, head.header(b"proxy-authorization")))
        reader, writer = await asyncio.open_connection("127.0.0.1", self._target)
        await peer.send(b"HTTP/1.1 200 Connection established\r\nX-Via: company\r\n\r\n")
        ways = [pump(peer.reader, writer), pump(reader, peer.writer)]
        done, left = await asyncio.wait(
            [asyncio.ensure_future(way) for way in ways], return_when=asyncio.FIRST_COMPLETED
        )
        for way in left:
            way.cancel()
        await asyncio.gather(*done, *left, return_exceptions=True)
        writer.close()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(2**16):
        writer.write(data)
        await writer.drain()


BASIC = b"Basic " + base64.b64encode(b"al ice:p@ss")


@asynccontextmanager
async def company(target: int) -> AsyncIterator[tuple[Company, str]]:
    """A running company proxy and its URL with credentials in it."""
    script = Company(target)
    async with Scripted(script) as server:
        yield script, f"http://al%20ice:p%40ss@127.0.0.1:{server.port}"


async def test_https_goes_through_connect_and_stays_end_to_end(tmp_path: Path) -> None:
    context, ca = certificate(tmp_path, NOWHERE)
    async with Scripted(always, tls=context) as secure, company(secure.port) as (via, url):
        name, port = f"https://{NOWHERE}:{secure.port}", secure.port
        env = {"HTTPS_PROXY": url}
        async with loopback(tmp_path / "home", name, env=env, upstream_ca=str(ca)) as proxy:
            for _ in range(3):
                assert (await proxy.ask(request("POST", CHAT, (), BODY))).body == ANSWER
        assert via.asked == [(f"CONNECT {NOWHERE}:{port} HTTP/1.1".encode(), BASIC)]
        assert len(secure.peers) == 1


async def test_http_goes_through_in_absolute_form(tmp_path: Path) -> None:
    async with company(1) as (via, url):
        env = {"HTTP_PROXY": url}
        async with loopback(tmp_path / "home", f"http://{NOWHERE}:8000/base", env=env) as proxy:
            reply = await proxy.ask(request("POST", CHAT + "?a=1", (), BODY))
            assert reply.body == ANSWER
        line = f"POST http://{NOWHERE}:8000/base{CHAT}?a=1 HTTP/1.1".encode()
        assert via.asked == [(line, BASIC)]


async def test_a_proxy_named_in_the_settings_goes_before_the_environments(tmp_path: Path) -> None:
    async with company(1) as (via, url), company(1) as (other, other_url):
        env = {"HTTP_PROXY": other_url}
        name = f"http://{NOWHERE}:8000"
        async with loopback(tmp_path / "home", name, env=env, upstream_proxy=url) as proxy:
            await proxy.ask(request("POST", CHAT, (), BODY))
        assert len(via.asked) == 1
        assert other.asked == []


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", b"answered 407 to CONNECT"),
        (b"HTTP/1.1 200", b"broke off the CONNECT"),
        (b"rubbish\r\n\r\n", b"answered nothing to CONNECT"),
    ],
)
async def test_a_company_proxy_that_refuses_is_a_clear_502(
    script: bytes, says: bytes, tmp_path: Path
) -> None:
    async def refuse(peer: Peer) -> None:
        await peer.head()
        await peer.send(script)

    async with Scripted(refuse) as via:
        url, env = f"https://{NOWHERE}", {"HTTPS_PROXY": via.url}
        async with loopback(tmp_path / "home", url, env=env) as proxy:
            reply = await proxy.ask(request("POST", CHAT, (), BODY))
            assert reply.status == 502
            assert says in reply.body
            assert (await proxy.row()).outcome == "refused"


async def test_our_own_listener_as_company_proxy_is_passed_by(tmp_path: Path) -> None:
    """An editor's environment names us as its proxy, and so does ours: no loop."""
    lines: list[bytes] = []

    async def serve(peer: Peer) -> None:
        lines.append((await peer.asked()).line)
        await peer.answer(ANSWER)

    async with Scripted(serve) as there:
        ours = OutboundProxies(http="http://me:secret@127.0.0.1:8229")
        made = await pool(outbound=ours, own_ports=frozenset({8229}))
        target = upstream("gpu", f"http://0.0.0.0:{there.port}")
        assert ours.choose(target) is not None
        assert made.absolute_form(target) is None
        assert made.proxy_authorization(target) is None
        connection = await made.acquire(target)
        peername = connection.transport.get_extra_info("peername") if connection.transport else None
        assert peername == ("127.0.0.1", there.port)
        made.close()
        connection.close()


async def test_ipv6_loopback(tmp_path: Path) -> None:
    async with (
        Scripted(always, host="::1") as there,
        loopback(tmp_path, there.url, host="::1") as proxy,
    ):
        assert proxy.url.startswith("http://[::1]:")
        reply = await proxy.ask(request("POST", CHAT, (), BODY, host="[::1]:1234"))
        assert reply.body == ANSWER
        assert (await proxy.row()).provider == "openai"

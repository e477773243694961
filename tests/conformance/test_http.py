"""HTTP in its less usual shapes: they pass as they would without us."""

import asyncio
from pathlib import Path

import psutil
import pytest
from conversations import CONVERSATIONS
from loopback import Loopback, loopback
from scripted import Peer, Scripted
from wire import Reply, Wire, request

from tabwatt.demo.upstream import FakeUpstream

WHOLE = next(said for said in CONVERSATIONS if said.name == "chat")
STREAM = next(said for said in CONVERSATIONS if said.name == "chat-stream")


def says(*pieces: bytes) -> Scripted:
    """An upstream that answers every request with these bytes."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.asked()
            for piece in pieces:
                await peer.send(piece)

    return Scripted(script)


async def through(answer: bytes, home: Path, asked: bytes | None = None) -> tuple[Reply, Reply]:
    """The same request directly and through the proxy, to an upstream that says `answer`."""
    asked = asked or request("POST", WHOLE.path, WHOLE.headers, WHOLE.raw)
    head_only = asked.startswith(b"HEAD ")
    async with says(answer) as upstream, loopback(home, upstream.url) as proxy:
        async with await Wire.open(upstream.url) as direct:
            plain = await direct.ask(asked, head_only=head_only)
        return plain, await proxy.ask(asked, head_only=head_only)


def same(plain: Reply, passed: Reply) -> bool:
    return (plain.status, plain.reason, plain.end_to_end, plain.body, plain.whole) == (
        passed.status,
        passed.reason,
        passed.end_to_end,
        passed.body,
        passed.whole,
    )


@pytest.mark.parametrize(
    "headers",
    [
        b"X-Latin: caf\xe9 \xff\xfe\r\n",
        b"X-Twice: 1\r\nx-twice: 2\r\nX-TWICE: 1\r\n",
        b"X-Long: " + b"a" * 30_000 + b"\r\n",
        b"X-Empty:\r\nX-Space: a  b \r\n",
        b"Server: nginx\r\nDate: yesterday\r\nVia: 1.1 cdn\r\n",
        b"Set-Cookie: a=1\r\nSet-Cookie: b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT\r\n",
        b"Content-Type: text/event-stream; charset=utf-8\r\n",
        b'Alt-Svc: h3=":443"\r\nStrict-Transport-Security: max-age=1\r\n',
    ],
)
async def test_headers_of_answers_pass_as_they_came(headers: bytes, tmp_path: Path) -> None:
    answer = b"HTTP/1.1 200 Fine by me\r\n" + headers + b"Content-Length: 2\r\n\r\n{}"
    plain, passed = await through(answer, tmp_path)
    assert same(plain, passed)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 99\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 299 Strange\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 302 Found\r\nLocation: http://evil.test/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2;a=b\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n",
    ],
)
async def test_answers_of_all_kinds_pass(answer: bytes, tmp_path: Path) -> None:
    plain, passed = await through(answer, tmp_path)
    assert same(plain, passed)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
async def test_head_has_a_head(answer: bytes, tmp_path: Path) -> None:
    plain, passed = await through(answer, tmp_path, request("HEAD", "/openai/v1/models"))
    assert same(plain, passed)


async def test_an_expectation_is_met_and_not_passed_on(
    upstream: FakeUpstream, proxy: Loopback
) -> None:
    async with await proxy.wire() as client:
        asked = request("POST", WHOLE.path, [("Expect", "100-continue")], WHOLE.raw)
        await client.send(asked[: -len(WHOLE.raw)])
        assert (await client.head())[0] == 100
        await client.send(WHOLE.raw)
        assert (await client.reply()).status == 200
    assert upstream.requests[-1].header("expect") is None
    assert upstream.requests[-1].body == WHOLE.raw


@pytest.mark.parametrize("keep", [(), (("Connection", "keep-alive"),)])
async def test_an_old_client_gets_a_body_without_chunks(
    keep: tuple[tuple[str, str], ...], upstream: FakeUpstream, proxy: Loopback
) -> None:
    async with await Wire.open(upstream.url) as direct:
        plain = await direct.ask(request("POST", STREAM.path, STREAM.headers, STREAM.raw))
    async with await proxy.wire() as client:
        headers = [*STREAM.headers, *keep]
        asked = request("POST", STREAM.path, headers, STREAM.raw, version="HTTP/1.0")
        passed = await client.ask(asked)
    assert passed.body == plain.body
    assert passed.header(b"transfer-encoding") is None
    assert (await proxy.row()).output_how == "reported"


async def test_requests_sent_without_waiting_are_answered_in_order(proxy: Loopback) -> None:
    asked = [request("POST", f"/u/n{i}{STREAM.path}", (), STREAM.raw) for i in range(5)]
    async with await proxy.wire() as client:
        await client.send(b"".join(asked))
        replies = [await client.reply() for _ in asked]
    assert all(reply.whole and reply.status == 200 for reply in replies)
    assert [row.developer for row in await proxy.rows()] == [f"n{i}" for i in range(5)]


async def test_connections_are_kept_on_both_sides(upstream: FakeUpstream, proxy: Loopback) -> None:
    async with await proxy.wire() as client:
        for said in (WHOLE, STREAM, WHOLE):
            assert (await client.ask(request("POST", said.path, (), said.raw))).whole
    assert len({seen.connection for seen in upstream.requests}) == 1


async def test_many_clients_at_once_get_their_own_answers(
    upstream: FakeUpstream, proxy: Loopback
) -> None:
    async def one(number: int) -> bytes:
        headers = [("x-fake-text", f"client{number};"), ("x-fake-cuts", f"random:{number}")]
        path = f"/u/n{number}{STREAM.path}"
        return (await proxy.ask(request("POST", path, headers, STREAM.raw))).body

    bodies = await asyncio.gather(*(one(number) for number in range(40)))
    for number, body in enumerate(bodies):
        assert f"client{number};".encode() in body
    assert len(await proxy.by_developer()) == 40


async def test_an_answer_while_the_body_still_comes_reaches_the_client(tmp_path: Path) -> None:
    """413 to an upload that goes on: the answer comes through, the rest is not waited for."""

    async def refuse(peer: Peer) -> None:
        await peer.head()
        await peer.answer(b'{"error":"too large"}', status="413 Payload Too Large")
        await peer.left()

    async with Scripted(refuse) as upstream, loopback(tmp_path, upstream.url) as proxy:
        async with await proxy.wire() as client:
            await client.send(request("POST", WHOLE.path, (), b"x" * 2_000_000)[:1_000_000])
            reply = await client.reply()
        assert (reply.status, reply.body) == (413, b'{"error":"too large"}')
        row = await proxy.row()
        assert (row.outcome, row.http_status) == ("upstream_error", 413)


async def test_a_large_body_does_not_stay_in_memory(
    upstream: FakeUpstream, proxy: Loopback
) -> None:
    """A body to a path that asks no model is kept nowhere: 96 MiB pass in far less."""
    me = psutil.Process()
    chunk = b"x" * 2**20
    before = me.memory_info().rss
    highest = before
    upstream.requests = type(upstream.requests)(maxlen=0)
    async with await proxy.wire() as client:
        length = 96 * len(chunk)
        head = "PUT /openai/v1/files HTTP/1.1\r\nHost: localhost\r\nx-fake-read: no\r\n"
        await client.send(f"{head}Content-Length: {length}\r\n\r\n".encode())
        for _ in range(8):
            await client.send(chunk)
            highest = max(highest, me.memory_info().rss)
    assert highest - before < 48 * 2**20

"""The reverse proxy against upstreams that do one particular thing."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from loopback import loopback
from scripted import Peer, Scripted
from wire import request

from proxy.upload import REPLAY_BYTES, Upload

CHAT = "/v1/chat/completions"
BODY = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}]}'
ANSWER = (
    b'{"id":"x","object":"chat.completion","model":"gpt-4o-mini","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"hello"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":8,"completion_tokens":1,"total_tokens":9}}'
)
JSON = "Content-Type: application/json"


async def always(peer: Peer) -> None:
    while True:
        await peer.asked()
        await peer.answer(ANSWER, JSON)


async def test_a_connection_to_the_upstream_is_used_again(tmp_path: Path) -> None:
    async with Scripted(always) as upstream, loopback(tmp_path, upstream.url) as proxy:
        for _ in range(3):
            assert (await proxy.ask(request("POST", CHAT, (), BODY))).body == ANSWER
        assert len(upstream.peers) == 1


async def test_a_kept_connection_that_died_is_replaced_and_nobody_sees(tmp_path: Path) -> None:
    """The upstream closes an idle connection just as the next request is on its way."""
    bodies: list[bytes] = []

    async def once(peer: Peer) -> None:
        await peer.asked()
        await peer.answer(ANSWER, JSON)
        if len(upstream.peers) == 1:
            await peer.head()  # takes the next request, and hangs up without a word
        else:
            bodies.append((await peer.asked()).body)
            await peer.answer(ANSWER, JSON)

    async def serve(peer: Peer) -> None:
        if len(upstream.peers) == 1:
            await once(peer)
        else:
            bodies.append((await peer.asked()).body)
            await peer.answer(ANSWER, JSON)

    async with Scripted(serve) as upstream, loopback(tmp_path, upstream.url) as proxy:
        async with await proxy.wire() as client:
            first = await client.ask(request("POST", CHAT, (), BODY))
            second = await client.ask(request("POST", CHAT, (), BODY))
        assert first.body == second.body == ANSWER
        assert bodies == [BODY]
        assert len(upstream.peers) == 2
        assert [row.outcome for row in await proxy.rows()] == ["ok", "ok"]


async def test_a_fresh_connection_that_dies_is_not_tried_again(tmp_path: Path) -> None:
    async def hang_up(peer: Peer) -> None:
        await peer.asked()

    async with Scripted(hang_up) as upstream, loopback(tmp_path, upstream.url) as proxy:
        reply = await proxy.ask(request("POST", CHAT, (), BODY))
        assert reply.status == 502
        assert len(upstream.peers) == 1
        row = await proxy.row()
        assert (row.outcome, row.http_status, row.output_tokens) == ("cut", None, 0)


async def test_a_body_half_sent_when_the_connection_died_is_sent_again_whole(
    tmp_path: Path,
) -> None:
    """The rest of the body comes while the second connection is being made."""
    got_head = asyncio.Event()
    bodies: list[bytes] = []

    async def serve(peer: Peer) -> None:
        if len(upstream.peers) == 1:
            await peer.asked()
            await peer.answer(ANSWER, JSON)
            await peer.head()
            await peer.reader.readexactly(10)
            got_head.set()
            peer.reset()
        else:
            bodies.append((await peer.asked()).body)
            await peer.answer(ANSWER, JSON)

    async with Scripted(serve) as upstream, loopback(tmp_path, upstream.url) as proxy:
        async with await proxy.wire() as client:
            await client.ask(request("POST", CHAT, (), BODY))
            again = request("POST", CHAT, (), BODY)
            await client.send(again[: -len(BODY) + 10])
            async with asyncio.timeout(10):
                await got_head.wait()
            await client.send(again[-len(BODY) + 10 :])
            assert (await client.reply()).body == ANSWER
        assert bodies == [BODY]


async def test_an_early_answer_leaves_no_half_sent_request_behind(tmp_path: Path) -> None:
    """413 before the body is there: that connection must never serve another request."""

    async def serve(peer: Peer) -> None:
        if len(upstream.peers) == 1:
            await peer.head()
            await peer.answer(b"{}", JSON, status="413 Payload Too Large")
            await peer.left()
        else:
            await always(peer)

    async with Scripted(serve) as upstream, loopback(tmp_path, upstream.url) as proxy:
        async with await proxy.wire() as client:
            await client.send(request("POST", CHAT, (), b"x" * 10**6)[:-1000])
            early = await client.reply()
        assert early.status == 413
        assert (await proxy.ask(request("POST", CHAT, (), BODY))).body == ANSWER
        assert len(upstream.peers) == 2
        outcomes = [(row.outcome, row.http_status) for row in await proxy.rows()]
        assert outcomes == [("upstream_error", 413), ("ok", 200)]


async def test_bytes_after_an_answer_end_the_connection(tmp_path: Path) -> None:
    """A second answer that nobody asked for must not become the next request's."""
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

    async def serve(peer: Peer) -> None:
        await peer.asked()
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(ANSWER)
        await peer.send(head + ANSWER + (evil if len(upstream.peers) == 1 else b""))
        await peer.left()

    async with Scripted(serve) as upstream, loopback(tmp_path, upstream.url) as proxy:
        for _ in range(2):
            assert (await proxy.ask(request("POST", CHAT, (), BODY))).body == ANSWER
        assert len(upstream.peers) == 2


async def test_a_connection_option_cannot_take_the_length_away(tmp_path: Path) -> None:
    """`Connection: Content-Length` would turn the body into a request of its own."""
    asked: list[object] = []

    async def serve(peer: Peer) -> None:
        while True:
            one = await peer.asked()
            asked.append((one.line, one.body))
            await peer.answer(ANSWER, JSON, "Connection: keep-alive, Content-Length")

    async with Scripted(serve) as upstream, loopback(tmp_path, upstream.url) as proxy:
        smuggled = b"GET /evil HTTP/1.1\r\nHost: x\r\n\r\n"
        headers = [("Connection", "keep-alive, Content-Length")]
        async with await proxy.wire() as client:
            reply = await client.ask(request("POST", CHAT, headers, smuggled))
            assert reply.body == ANSWER
            assert reply.header(b"content-length") == str(len(ANSWER)).encode()
            assert (await client.ask(request("POST", CHAT, (), BODY))).body == ANSWER
        line = b"POST /v1/chat/completions HTTP/1.1"
        assert asked == [(line, smuggled), (line, BODY)]


async def test_who_was_refused_an_upstream_is_known(tmp_path: Path) -> None:
    gone = Scripted(always)
    async with gone:
        url = gone.url
    async with loopback(tmp_path, url) as proxy:
        reply = await proxy.ask(request("POST", f"/u/alice+shop{CHAT}", (), BODY))
        assert reply.status == 502
        row = await proxy.row()
        assert (row.outcome, row.developer, row.project) == ("refused", "alice", "shop")
        assert (row.model_requested, row.purpose) == ("gpt-4o-mini", "chat")
        assert (row.input_tokens, row.output_tokens) == (0, 0)
        assert row.request_bytes == len(BODY)


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
async def test_java_asks_for_http_2_in_passing_and_is_served(version: str, tmp_path: Path) -> None:
    """Java's client sends `Upgrade: h2c` with its first request, body and all."""
    bodies: list[bytes] = []

    async def serve(peer: Peer) -> None:
        asked = await peer.asked()
        bodies.append(asked.body)
        assert asked.header(b"upgrade") is None
        assert asked.header(b"http2-settings") is None
        await peer.answer(ANSWER, JSON)

    headers = [
        ("Connection", "Upgrade, HTTP2-Settings"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA"),
    ]
    async with Scripted(serve) as upstream, loopback(tmp_path, upstream.url) as proxy:
        reply = await proxy.ask(request("POST", CHAT, headers, BODY, version=version))
        assert reply.body == ANSWER
        assert bodies == [BODY]


@dataclass
class Body:
    """What an upload needs of aiohttp's request."""

    content: StreamReader
    raw_headers: tuple[tuple[bytes, bytes], ...] = ((b"Content-Length", b"10"),)


@dataclass
class Written:
    """What an upload needs of a connection."""

    data: bytes = b""

    def write(self, data: bytes) -> None:
        self.data += data

    async def drained(self) -> None:
        pass


class Quiet(asyncio.Transport):
    """A client's connection that may be paused."""

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


def body_reader() -> StreamReader:
    protocol = BaseProtocol(asyncio.get_running_loop())
    protocol.connection_made(Quiet())
    return StreamReader(protocol, 2**22)


def upload_of(content: StreamReader) -> Upload:
    made: Any = Upload
    return made(Body(content), None)  # type: ignore[no-any-return]


@pytest.mark.parametrize("rest_before", [True, False])
async def test_a_second_try_sends_what_the_first_one_sent_and_the_rest(rest_before: bool) -> None:
    """The rest may be here when the second try begins, or come later."""
    content = body_reader()
    upload = upload_of(content)
    first, second = Written(), Written()
    to_first: Any = first
    to_second: Any = second
    content.feed_data(b"hello")
    assert not upload.send_at_once(b"HEAD ", to_first)
    sending = asyncio.ensure_future(upload.send(to_first))
    await asyncio.sleep(0)
    assert first.data == b"hello"
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    assert not upload.sent
    if rest_before:
        content.feed_data(b"world")
        content.feed_eof()
        assert upload.send_at_once(b"HEAD ", to_second)
    else:
        assert not upload.send_at_once(b"HEAD ", to_second)
        second.write(b"HEAD ")
        sending = asyncio.ensure_future(upload.send(to_second))
        await asyncio.sleep(0)
        content.feed_data(b"world")
        content.feed_eof()
        await sending
    assert second.data == b"HEAD helloworld"
    assert upload.sent
    assert upload.complete


async def test_a_body_too_large_to_keep_cannot_be_sent_again() -> None:
    content = body_reader()
    upload = upload_of(content)
    content.feed_data(b"x" * (REPLAY_BYTES + 1))
    content.feed_eof()
    written: Any = Written()
    assert upload.send_at_once(b"", written)
    assert not upload.replayable

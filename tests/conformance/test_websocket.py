"""WebSockets pass as they are; turns of the Responses API are read from copies."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType
from loopback import Loopback, loopback
from scripted import Peer, Scripted
from wire import Wire, request
from wsproto.frame_protocol import FrameProtocol, Opcode

from proxy.framing.websocket import WebSocketMessages
from tabwatt.demo.upstream import FakeUpstream

type Json = dict[str, Any]

PATH = "/v1/responses"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", KEY),
    ("Authorization", "Bearer none"),
]
CLOCK = b"date"
"""The one header that differs between two answers: the second may turn between them."""
DEFLATE = ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")


def turn(text: str = "order the list", **more: Any) -> Json:
    return {
        "type": "response.create",
        "model": "gpt-4o-mini",
        "input": [{"role": "user", "content": text}],
        **more,
    }


@asynccontextmanager
async def socket(
    url: str, path: str = PATH, **options: Any
) -> AsyncIterator[ClientWebSocketResponse]:
    async with ClientSession() as session, session.ws_connect(url + path, **options) as made:
        yield made


async def said(ws: ClientWebSocketResponse) -> list[str]:
    """Everything of one turn."""
    texts: list[str] = []
    while True:
        message = await ws.receive(10)
        assert message.type is WSMsgType.TEXT, message
        texts.append(message.data)
        if json.loads(message.data)["type"] in {"response.completed", "response.failed"}:
            return texts


@pytest.mark.parametrize("compress", [0, 15])
async def test_turns_are_rows_and_warm_ups_are_none(
    compress: int, upstream: FakeUpstream, proxy: Loopback
) -> None:
    turns = [turn(generate=False), turn("one"), turn("two", generate=False), turn("two"), turn("x")]
    async with (
        socket(upstream.url, compress=compress) as direct,
        socket(proxy.url, f"/u/alice{PATH}", compress=compress) as through,
    ):
        assert through.compress == direct.compress
        for sent in turns:
            await direct.send_json(sent)
            await through.send_json(sent)
            assert await said(through) == await said(direct)
        await through.close()
        assert through.close_code == 1000
    first, second = upstream.requests
    assert [frame.data for frame in first.frames] == [frame.data for frame in second.frames]
    assert second.header("authorization") == first.header("authorization")
    truths = list(upstream.truths)[1::2]
    rows = await proxy.rows()
    told = [(row.input_tokens, row.output_tokens, row.outcome, row.developer) for row in rows]
    assert told == [(t.input_tokens, t.output_tokens, "ok", "alice") for t in truths]
    assert len(rows) == 3
    for row in rows:
        assert (row.api, row.stream, row.http_status) == ("openai.responses", True, 101)
        assert (row.input_how, row.output_how) == ("reported", "reported")
        assert row.ttft_s is not None
    counters = proxy.service._traffic.counters
    assert (counters.requests, counters.uncounted) == (3, 0)


@pytest.mark.parametrize("extra", [[], [DEFLATE]], ids=["plain", "deflate"])
async def test_bytes_are_equal_both_ways(
    extra: list[tuple[str, str]], upstream: FakeUpstream, proxy: Loopback
) -> None:
    """Fragments, pings between them, and odd cuts: what goes in comes out, byte for byte."""
    frames = FrameProtocol(client=True, extensions=[])
    text = json.dumps(turn()).encode()
    wire = (
        frames._serialize_frame(Opcode.TEXT, text[:10], fin=False)
        + frames.ping(b"hello")
        + frames._serialize_frame(Opcode.CONTINUATION, text[10:20], fin=False)
        + frames._serialize_frame(Opcode.CONTINUATION, text[20:], fin=True)
    )
    heads, bodies = [], []
    for url in (upstream.url, proxy.url):
        async with await Wire.open(url) as client:
            await client.send(request("GET", PATH, [*HANDSHAKE, *extra]))
            status, _, headers = await client.head()
            assert status == 101
            plain = ((name.lower(), value.lower()) for name, value in headers)
            heads.append(sorted(pair for pair in plain if pair[0] != CLOCK))
            for start in range(0, len(wire), 7):
                await client.send(wire[start : start + 7])
                await asyncio.sleep(0)
            got, seen = b"", b""
            reader = WebSocketMessages(False, "permessage-deflate" if extra else "")
            while b'"type":"response.completed"' not in seen:
                got += (some := await client.some())
                seen += b"".join(message for _, message in reader.feed(some))
            await client.send(frames.close(1000))
            bodies.append(got + await client.rest())
    assert heads[0] == heads[1]
    assert bodies[0] == bodies[1]
    assert bodies[0].startswith(b"\x8a\x05hello")  # the pong
    assert (await proxy.row()).outcome == "ok"


async def test_a_big_message_passes(upstream: FakeUpstream, proxy: Loopback) -> None:
    text = "x " * 2_000_000
    async with socket(proxy.url, max_msg_size=0) as through:
        await through.send_json(turn(text))
        await said(through)
    assert len(upstream.requests[0].frames[0].data) > 4_000_000
    row = await proxy.row()
    assert (row.outcome, row.request_bytes) == ("ok", len(json.dumps(turn(text))))


async def test_unknown_sockets_pass_unread(upstream: FakeUpstream, proxy: Loopback) -> None:
    async with socket(proxy.url, "/openai/v1/realtime?model=x", protocols=("realtime",)) as ws:
        assert ws.protocol == "realtime"
        await ws.send_str("hi")
        assert (await ws.receive(10)).data == "hi"
        await ws.send_bytes(bytes(range(256)))
        assert (await ws.receive(10)).data == bytes(range(256))
        await ws.ping(b"p")
    assert upstream.requests[0].raw_path == "/v1/realtime?model=x"
    assert await proxy.rows() == []


async def test_an_upgrade_that_is_refused_passes_and_the_connection_lives(
    upstream: FakeUpstream, proxy: Loopback
) -> None:
    async with await proxy.wire() as client:
        refused = await client.ask(request("GET", PATH, [*HANDSHAKE, ("x-fake-status", "426")]))
        assert refused.status == 426
        assert refused.whole
        listed = await client.ask(request("GET", "/v1/models"))
        assert listed.status == 200
    assert await proxy.rows() == []


async def test_a_socket_to_nowhere_is_refused(tmp_path: Path) -> None:
    async with FakeUpstream() as gone:
        url = gone.url
    async with loopback(tmp_path, url) as proxy:
        assert (await proxy.ask(request("GET", PATH, HANDSHAKE))).status == 502
        assert await proxy.rows() == []


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_the_client_leaves_in_the_middle_of_a_turn(how: str, tmp_path: Path) -> None:
    async with Scripted(half_a_turn) as upstream, loopback(tmp_path, upstream.url) as proxy:
        client = await opened(proxy.url)
        frames = FrameProtocol(client=True, extensions=[])
        await client.send(frames.send_data(json.dumps(turn()), fin=True))
        await client.some()
        if how == "close":
            await client.send(frames.close(1001))
            await client.rest()
            await client.close()
        else:
            client.reset()
        await proxy.ended(1)
        row = await proxy.row()
        assert (row.outcome, row.output_tokens, row.output_how) == ("cancelled", 2, "counted")
        assert row.model_requested == "gpt-4o-mini"


@pytest.mark.parametrize("how", ["close", "end", "reset"])
async def test_the_upstream_leaves_in_the_middle_of_a_turn(how: str, tmp_path: Path) -> None:
    async def leave(peer: Peer) -> None:
        await half_a_turn(peer, wait=False)
        if how == "close":
            await peer.send(b"\x88\x02\x03\xf3")  # close, 1011
            await peer.left()
        elif how == "reset":
            peer.reset()

    async with Scripted(leave) as upstream, loopback(tmp_path, upstream.url) as proxy:
        client = await opened(proxy.url)
        frames = FrameProtocol(client=True, extensions=[])
        await client.send(frames.send_data(json.dumps(turn()), fin=True))
        if how == "close":
            got = b""
            while not got.endswith(b"\x88\x02\x03\xf3"):
                got += await client.some()
            await client.send(frames.close(1011))
            await client.close()
        else:
            await client.rest()
            await client.close()
        await proxy.ended(1)
        row = await proxy.row()
        assert (row.outcome, row.output_tokens) == ("cut", 2)


async def test_a_turn_that_fails_is_cut_and_the_next_is_fine(
    upstream: FakeUpstream, proxy: Loopback
) -> None:
    async with socket(proxy.url) as through:
        await through.send_json(turn(metadata={"x-fake-fault": "error-event"}))
        assert json.loads((await said(through))[-1])["type"] == "response.failed"
        await through.send_json(turn())
        await said(through)
    assert [row.outcome for row in await proxy.rows()] == ["cut", "ok"]


async def test_frames_that_cannot_be_read_pass_and_are_counted(
    upstream: FakeUpstream, proxy: Loopback
) -> None:
    """A frame of a reserved kind: the two ends decide what it means, we only stop reading."""
    async with await opened(proxy.url) as client:
        await client.send(b"\xf3\x80\x00\x00\x00\x00")
        await client.rest()
    await upstream.until(lambda: upstream.requests[0].ended)
    assert await proxy.rows() == []
    assert proxy.service._traffic.counters.uncounted == 1


async def opened(url: str) -> Wire:
    client = await Wire.open(url)
    await client.send(request("GET", PATH, HANDSHAKE))
    assert (await client.head())[0] == 101
    return client


async def half_a_turn(peer: Peer, *, wait: bool = True) -> None:
    """Open the socket, take a frame, say two words of an answer."""
    await peer.head()
    await peer.send(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    )
    await peer.reader.read(2**16)
    frames = FrameProtocol(client=False, extensions=[])
    delta = {"type": "response.output_text.delta", "delta": "one two"}
    await peer.send(frames.send_data(json.dumps(delta), fin=True))
    if wait:
        heard = await peer.reader.read(2**16)
        if heard[:1] == b"\x88":
            await peer.send(b"\x88\x02\x03\xe9")  # the answer to a close

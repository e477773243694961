"""What goes wrong upstream or at the client: the client sees the same, and the row says so."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conversations import CONVERSATIONS, Conversation
from loopback import Loopback, eventually, loopback
from scripted import Peer, Scripted
from wire import Wire, request

from tabwatt.demo.upstream import FakeUpstream

BY_NAME = {said.name: said for said in CONVERSATIONS}
STREAMS = [BY_NAME[name] for name in ("chat-uncounted", "messages-stream", "ollama-unsaid")]
CHAT = BY_NAME["chat-uncounted"]
WHOLE = BY_NAME["chat"]


def name(said: Conversation) -> str:
    return said.name


def post(said: Conversation, *fake: str, path: str | None = None) -> bytes:
    """A request with controls of the fake, each as `name=value`."""
    asked = [(f"x-fake-{pair.partition('=')[0]}", pair.partition("=")[2]) for pair in fake]
    return request("POST", path or said.path, [*said.headers, *asked], said.raw)


# ---- the upstream ----

SHAPES: dict[str, tuple[str, Callable[[Any], str]]] = {
    "chat": ("/v1/chat/completions", lambda told: told["error"]["message"]),
    "anthropic": ("/v1/messages", lambda told: told["error"]["message"]),
    "gemini": (
        "/v1beta/models/gemini-2.5-flash:generateContent",
        lambda told: told["error"]["message"],
    ),
    "mistral": ("/v1/fim/completions", lambda told: told["message"]),
    "ollama": ("/api/chat", lambda told: told["error"]),
}


@pytest.mark.parametrize("family", SHAPES)
async def test_an_upstream_that_is_not_there_is_told_in_the_clients_own_shape(
    family: str, tmp_path: Path
) -> None:
    async with FakeUpstream() as gone:
        url = gone.url
    path, message = SHAPES[family]
    async with loopback(tmp_path, url) as proxy:
        reply = await proxy.ask(request("POST", path, (), b'{"model":"m"}'))
        assert (reply.status, reply.header(b"content-type")) == (502, b"application/json")
        assert message(json.loads(reply.body)).startswith("tabwatt: ")
        row = await proxy.row()
        assert (row.outcome, row.http_status) == ("refused", None)
        assert (row.input_tokens, row.output_tokens) == (0, 0)


@pytest.mark.parametrize("fault", ["refuse", "reset-head"])
async def test_a_connection_reset_before_the_answer(fault: str, proxy: Loopback) -> None:
    reply = await proxy.ask(post(WHOLE, f"fault={fault}"))
    assert reply.status == 502
    row = await proxy.row()
    assert (row.outcome, row.http_status, row.model_requested) == ("cut", None, "gpt-4o-mini")
    assert row.output_tokens == 0


@pytest.mark.parametrize("said", STREAMS, ids=name)
@pytest.mark.parametrize("cut", [0, 1, 300, 1500, 4000])
async def test_a_stream_that_is_cut_is_seen_broken_and_its_output_counted(
    said: Conversation, cut: int, upstream: FakeUpstream, proxy: Loopback
) -> None:
    asked = post(said, f"fault=cut:{cut}", "output-tokens=60", "framing=chunked")
    async with await Wire.open(upstream.url) as direct:
        plain = await direct.ask(asked)
    passed = await proxy.ask(asked)
    assert (passed.status, passed.body, passed.whole) == (200, plain.body, False)
    assert passed.end_to_end == plain.end_to_end
    row = await proxy.row()
    assert (row.outcome, row.http_status, row.response_bytes) == ("cut", 200, cut)
    assert row.output_how == "counted"
    # every word of the fake is one token, whoever counts it
    assert row.output_tokens == words_in(said, plain.body)


def words_in(said: Conversation, body: bytes) -> int:
    """Words of all complete deltas in what arrived of a stream."""
    count = 0
    for line in body.split(b"\n")[:-1]:
        data = line.removeprefix(b"data: ")
        if not data.startswith(b"{"):
            continue
        told = json.loads(data)
        for text in (
            told.get("message", {}).get("content", ""),
            told.get("delta", {}).get("text", ""),
            *(choice["delta"].get("content", "") for choice in told.get("choices", [])),
        ):
            count += len(text.split()) if isinstance(text, str) else 0
    return count


async def test_a_length_that_is_not_kept_is_seen_broken(proxy: Loopback) -> None:
    reply = await proxy.ask(post(WHOLE, "fault=cut:100", "framing=length"))
    assert (reply.status, len(reply.body), reply.whole) == (200, 100, False)
    assert (await proxy.row()).outcome == "cut"


async def test_malformed_chunks_are_seen_broken(proxy: Loopback) -> None:
    reply = await proxy.ask(post(CHAT, "fault=bad-chunk"))
    assert not reply.whole
    assert (await proxy.row()).outcome == "cut"


@pytest.mark.parametrize("said", STREAMS, ids=name)
async def test_an_error_event_in_the_middle_passes_and_the_row_is_cut(
    said: Conversation, proxy: Loopback
) -> None:
    reply = await proxy.ask(post(said, "fault=error-event", "output-tokens=40"))
    assert reply.whole
    row = await proxy.row()
    assert (row.outcome, row.http_status) == ("cut", 200)
    assert 0 < (row.output_tokens or 0) < 40


async def test_a_stream_without_its_end_marker_is_still_an_answer(proxy: Loopback) -> None:
    reply = await proxy.ask(post(CHAT, "fault=no-end-marker", "output-tokens=40"))
    assert reply.whole
    row = await proxy.row()
    assert (row.outcome, row.output_tokens) == ("ok", 40)


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503, 529])
@pytest.mark.parametrize("said", [WHOLE, *STREAMS], ids=name)
async def test_errors_of_the_upstream_pass_with_every_header(
    said: Conversation, status: int, upstream: FakeUpstream, proxy: Loopback
) -> None:
    asked = post(said, f"status={status}")
    async with await Wire.open(upstream.url) as direct:
        plain = await direct.ask(asked)
    passed = await proxy.ask(asked)
    assert (passed.status, passed.reason, passed.body) == (status, plain.reason, plain.body)
    assert passed.end_to_end == plain.end_to_end
    assert (passed.header(b"retry-after") == b"7") == (status in {429, 500, 503, 529})
    row = await proxy.row()
    assert (row.outcome, row.http_status) == ("upstream_error", status)
    assert row.model_requested == said.body["model"]
    if status < 500:  # turned away before a model saw it
        assert (row.input_tokens, row.output_tokens) == (0, 0)


async def test_every_try_has_its_own_row(proxy: Loopback) -> None:
    async with await proxy.wire() as client:
        assert (await client.ask(post(WHOLE, "status=429"))).status == 429
        assert (await client.ask(post(WHOLE))).status == 200
    rows = await proxy.rows()
    assert [(row.outcome, row.http_status) for row in rows] == [
        ("upstream_error", 429),
        ("ok", 200),
    ]
    assert len({row.id for row in rows}) == 2


# ---- the client ----


async def in_flight(proxy: Loopback, count: int) -> None:
    async def holds() -> bool:
        return len(await proxy.live()) == count

    await eventually(holds)


@pytest.mark.parametrize("reset", [False, True])
async def test_the_client_leaves_before_its_body_is_out(
    reset: bool, upstream: FakeUpstream, proxy: Loopback
) -> None:
    client = await proxy.wire()
    await client.send(post(WHOLE, path=f"/u/alice{WHOLE.path}")[:-10])
    await upstream.until(lambda: bool(upstream.requests) and upstream.requests[0].body_bytes > 0)
    client.reset() if reset else await client.close()
    await upstream.until(lambda: upstream.requests[0].ended)
    await proxy.ended(1)
    row = await proxy.row()
    assert (row.outcome, row.developer, row.http_status) == ("cancelled", "alice", None)
    assert row.request_bytes == len(WHOLE.raw) - 10


@pytest.mark.parametrize("reset", [False, True])
async def test_the_client_leaves_before_the_first_byte(
    reset: bool, upstream: FakeUpstream, proxy: Loopback
) -> None:
    client = await proxy.wire()
    await client.send(post(CHAT, "fault=hang"))
    await upstream.until(lambda: bool(upstream.requests) and bool(upstream.requests[0].body))
    client.reset() if reset else await client.close()
    await upstream.until(lambda: upstream.requests[0].left)
    await proxy.ended(1)
    row = await proxy.row()
    assert (row.outcome, row.http_status, row.output_tokens) == ("cancelled", None, 0)
    assert row.model_requested == "gpt-4o-mini"
    assert row.input_how == "counted"


@pytest.mark.parametrize("said", STREAMS, ids=name)
async def test_the_client_leaves_in_the_middle(
    said: Conversation, upstream: FakeUpstream, proxy: Loopback
) -> None:
    """Escape in an editor: what was received is counted, and the upstream stops working."""
    client = await proxy.wire()
    await client.send(post(said, "fault=hang:1500", "output-tokens=60", "framing=close"))
    _, _, _ = await client.head()
    got = b""
    while len(got) < 1500:  # chunked for us, so somewhat more comes
        got += await client.some()
    await client.close()
    await upstream.until(lambda: upstream.requests[0].left)
    await proxy.ended(1)
    row = await proxy.row()
    assert (row.outcome, row.http_status, row.response_bytes) == ("cancelled", 200, 1500)
    assert row.output_how == "counted"
    assert 0 < (row.output_tokens or 0) < 60


async def test_the_client_leaves_right_after_the_end_marker(tmp_path: Path) -> None:
    """Some hang up at `[DONE]`, before the framing has ended: that is a whole answer."""
    release = asyncio.Event()
    events = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\ndata: [DONE]\n\n'

    async def hold(peer: Peer) -> None:
        await peer.asked()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        chunk = b"%x\r\n%b\r\n" % (len(events), events)
        await peer.send(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk)
        await peer.left()
        release.set()

    async with Scripted(hold) as upstream, loopback(tmp_path, upstream.url) as proxy:
        client = await proxy.wire()
        await client.send(post(CHAT))
        got = b""
        while b"[DONE]\n\n" not in got:
            got += await client.some()
        await client.close()
        async with asyncio.timeout(10):
            await release.wait()
        await proxy.ended(1)
        row = await proxy.row()
        assert (row.outcome, row.output_tokens) == ("ok", 1)


async def test_the_client_stops_sending_after_an_early_head(tmp_path: Path) -> None:
    """The answer has begun while the body still comes; then the client is gone."""

    async def early(peer: Peer) -> None:
        await peer.head()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        await peer.send(head + b"Transfer-Encoding: chunked\r\n\r\n5\r\n: hi\n\r\n")
        await peer.left()

    async with Scripted(early) as upstream, loopback(tmp_path, upstream.url) as proxy:
        client = await proxy.wire()
        await client.send(post(CHAT)[:-10])
        await client.head()
        client.reset()
        await proxy.ended(1)
        counters = await proxy.counters()
        assert (await proxy.row()).outcome == "cancelled"
        assert counters["faults"] == 0


async def test_an_answer_that_begins_before_the_body_has_ended_streams_both_ways(
    tmp_path: Path,
) -> None:
    bodies: list[bytes] = []

    async def both(peer: Peer) -> None:
        head = await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
        bodies.append(await peer.reader.readexactly(int(head.header(b"content-length") or 0)))
        await peer.send(b"after")

    async with Scripted(both) as upstream, loopback(tmp_path, upstream.url) as proxy:
        async with await proxy.wire() as client:
            asked = post(WHOLE)
            await client.send(asked[:-5])
            await client.head()
            assert await client.exactly(5) == b"first"
            await client.send(asked[-5:])
            assert await client.exactly(5) == b"after"
        assert bodies == [WHOLE.raw]


# ---- both hurry, both wait ----


async def test_a_client_that_does_not_read_holds_the_upstream_back(tmp_path: Path) -> None:
    """An endless fast stream must pile up at its source, not in the proxy."""
    enough = 64 * 2**20

    async def flood(peer: Peer) -> None:
        await peer.asked()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        chunk = b": " + b"x" * 65533 + b"\n"
        while peer.taken < enough:
            peer.writer.write(chunk)
            await peer.writer.drain()
            peer.taken += len(chunk)

    async with Scripted(flood) as upstream, loopback(tmp_path, upstream.url) as proxy:
        client = await Wire.open(proxy.url, receive_buffer=4096)
        await client.send(post(CHAT))
        await eventually(lambda: bool(upstream.peers) and upstream.peers[0].taken > 0)
        held = 0  # rounds in a row in which the upstream could write nothing more
        while held < 20:
            taken = upstream.peers[0].taken
            await proxy.health()
            held = held + 1 if upstream.peers[0].taken == taken < enough else 0
            assert taken < enough // 2
        client.reset()
        await proxy.ended(1)
        assert (await proxy.row()).outcome == "cancelled"


async def test_an_upstream_that_does_not_read_holds_the_client_back(tmp_path: Path) -> None:
    stop = asyncio.Event()

    async def deaf(peer: Peer) -> None:
        await peer.head()
        await stop.wait()

    enough = 64 * 2**20
    async with Scripted(deaf) as upstream, loopback(tmp_path, upstream.url) as proxy:
        client = await proxy.wire()
        head = f"POST {CHAT.path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {enough}\r\n\r\n"
        await client.send(head.encode())
        sent, before = 0, -1
        while sent != before and sent < enough:
            before = sent
            client.writer.write(b"x" * 2**16)
            try:
                async with asyncio.timeout(0.5):
                    await client.writer.drain()
            except TimeoutError:
                break
            sent += 2**16
        assert sent < enough // 2
        client.reset()
        stop.set()
        await proxy.ended(1)
        # A client that is held back is not read from, so its leaving may show too late.
        assert (await proxy.row()).outcome in {"cancelled", "cut"}

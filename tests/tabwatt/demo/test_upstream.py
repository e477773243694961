"""What the fake does with bytes: what it keeps, how it codes and cuts, how it breaks off."""

import asyncio
import gzip
import json
import zlib
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import brotli
import pytest
import zstandard
from aiohttp import WSMsgType

from tabwatt.demo.upstream import FakeUpstream

Json = dict[str, Any]

CHAT = "/v1/chat/completions"
STREAM: Json = {
    "model": "gpt-4o-mini",
    "messages": [{"role": "user", "content": "order the list"}],
    "stream": True,
}


async def read(client: aiohttp.ClientSession, **asked: str) -> bytes:
    headers = {f"x-fake-{name.replace('_', '-')}": value for name, value in asked.items()}
    async with client.post(CHAT, json=STREAM, headers=headers) as reply:
        return await reply.read()


async def test_same_request_same_bytes(client: aiohttp.ClientSession) -> None:
    assert await read(client) == await read(client)


async def raw(upstream: FakeUpstream, *lines: str, body: bytes = b"") -> bytes:
    """Send a request as typed and read the reply until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(upstream.url).port)
    head = [*lines, "Host: x", f"Content-Length: {len(body)}", "Connection: close", "", ""]
    writer.write("\r\n".join(head).encode() + body)
    reply = await reader.read()
    writer.close()
    await writer.wait_closed()
    return reply


async def test_request_is_kept_as_it_was_sent(upstream: FakeUpstream) -> None:
    body = b'{"model": "gpt-4o-mini",\n  "messages": []}'
    path = f"/u/alice@example.org{CHAT}?a=%2F&b"
    await raw(upstream, f"POST {path} HTTP/1.1", "X-Twice: 1", "x-tWICE:  2", body=body)
    seen = upstream.requests[-1]
    assert seen.method == "POST"
    assert seen.raw_path == path
    assert seen.body == body
    assert seen.raw_headers[:3] == ((b"X-Twice", b"1"), (b"x-tWICE", b"2"), (b"Host", b"x"))
    assert seen.header("x-twice") == "1"
    assert seen.truth is upstream.truths[-1]
    assert seen.family == "openai.chat"
    assert upstream.seen["openai.chat"] == 1


async def test_expectation_is_met_before_the_body_is_read(upstream: FakeUpstream) -> None:
    reply = await raw(upstream, f"POST {CHAT} HTTP/1.1", "Expect: 100-continue", body=b"{}")
    assert reply.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


async def test_headers_of_the_service_come_twice_where_they_do(
    client: aiohttp.ClientSession,
) -> None:
    async with client.post(CHAT, json=STREAM, headers={"x-request-id": "abc"}) as reply:
        assert len(reply.headers.getall("Set-Cookie")) == 2
        assert reply.headers["x-request-id"] == "abc"
        assert (b"X-Mixed-Case", b"kept; as=it is") in reply.raw_headers
    async with client.post("/v1/messages", json=STREAM) as reply:
        assert reply.headers["request-id"].startswith("req_")
        assert reply.headers["anthropic-ratelimit-requests-remaining"] == "3999"


@pytest.mark.parametrize("cuts", ["none", "every", "random:3"])
@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "deflate", "deflate-raw"])
async def test_coded_and_cut_bodies_decode_to_the_plain_one(
    client: aiohttp.ClientSession, coding: str, cuts: str
) -> None:
    plain = await read(client, output_tokens="12")
    coded = await read(client, output_tokens="12", encoding=coding, cuts=cuts)
    decode = {
        "gzip": gzip.decompress,
        "br": brotli.decompress,
        "zstd": lambda raw: zstandard.ZstdDecompressor().decompressobj().decompress(raw),
        "deflate": zlib.decompress,
        "deflate-raw": lambda raw: zlib.decompress(raw, wbits=-15),
    }[coding]
    assert coded != plain
    assert decode(coded) == plain


@pytest.mark.parametrize("cuts", ["every", "random:1"])
async def test_cuts_change_chunks_and_not_bytes(client: aiohttp.ClientSession, cuts: str) -> None:
    plain = await read(client, output_tokens="12")
    asked = {"x-fake-output-tokens": "12", "x-fake-cuts": cuts}
    sizes: list[int] = []
    whole = b""
    async with client.post(CHAT, json=STREAM, headers=asked) as reply:
        held = 0
        async for piece, ended in reply.content.iter_chunks():
            whole += piece
            held += len(piece)
            if ended:
                sizes.append(held)
                held = 0
    assert whole == plain
    assert max(sizes) == (1 if cuts == "every" else 17)


async def test_line_ends_and_comments(client: aiohttp.ClientSession) -> None:
    plain = await read(client)
    assert await read(client, newline="crlf") == plain.replace(b"\n", b"\r\n")
    assert b": keep-alive\n\nid: 1\ndata: {" in await read(client, sse="comments")
    assert await read(client, sse="nospace") == plain.replace(b"data: ", b"data:")
    first = (await read(client, sse="multiline")).split(b"\n\n")[0]
    lines = [line.removeprefix(b"data: ") for line in first.split(b"\n")]
    assert len(lines) > 3
    assert json.loads(b"\n".join(lines)) == json.loads(plain.split(b"\n")[0][6:])


async def test_usage_can_be_forced_withheld_and_zero(
    client: aiohttp.ClientSession, upstream: FakeUpstream
) -> None:
    assert b'"usage":{"prompt_tokens":' in await read(client, usage="yes")
    assert b'"prompt_tokens":0' in await read(client, usage="zero")
    assert b"usage" not in await read(client, usage="no")
    assert [truth.reported for truth in upstream.truths] == [True, False, False]
    last_choice = (await read(client, usage="last")).split(b"\n\n")[-3]
    assert b'"finish_reason":"stop"' in last_choice
    assert b'"usage":{' in last_choice


@pytest.mark.parametrize("fault", ["refuse", "reset-head"])
async def test_no_answer(client: aiohttp.ClientSession, fault: str) -> None:
    with pytest.raises((aiohttp.ClientConnectionError, aiohttp.ClientResponseError)):
        await read(client, fault=fault)


async def test_cut_gives_exactly_so_many_bytes(
    client: aiohttp.ClientSession, upstream: FakeUpstream
) -> None:
    plain = await read(client)
    async with client.post(CHAT, json=STREAM, headers={"x-fake-fault": "cut:300"}) as reply:
        assert await reply.content.readexactly(300) == plain[:300]
        with pytest.raises(aiohttp.ClientPayloadError):
            await reply.read()
    assert upstream.requests[-1].sent_bytes == 300
    assert upstream.requests[-1].truth is not None


async def test_bad_chunk_breaks_the_body(client: aiohttp.ClientSession) -> None:
    with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientResponseError)):
        await read(client, fault="bad-chunk")


async def test_missing_end_marker_and_error_event(client: aiohttp.ClientSession) -> None:
    plain = await read(client)
    assert await read(client, fault="no-end-marker") == plain.removesuffix(b"data: [DONE]\n\n")
    broken = await read(client, fault="error-event")
    assert broken.endswith(b'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n')
    body = STREAM | {"model": "claude-sonnet-4-6"}
    asked = {"x-fake-fault": "error-event"}
    async with client.post("/v1/messages", json=body, headers=asked) as reply:
        assert b"event: error\ndata: " in await reply.read()


async def test_hanging_replies_end_with_the_service_and_leaving_clients_are_noticed() -> None:
    async with FakeUpstream() as upstream, aiohttp.ClientSession(upstream.url) as client:
        asked = {"x-fake-fault": "hang:100"}
        async with client.post(CHAT, json=STREAM, headers=asked) as reply:
            assert len(await reply.content.readexactly(100)) == 100
            assert not upstream.requests[-1].ended
        await upstream.until(lambda: upstream.requests[-1].left)
        asking = asyncio.ensure_future(read(client, fault="hang"))
        await upstream.until(lambda: len(upstream.requests) == 2)
    with pytest.raises(aiohttp.ClientConnectionError):
        await asking


async def test_framings(client: aiohttp.ClientSession) -> None:
    plain = await read(client)
    for framing, length, chunked in (
        ("length", str(len(plain)), None),
        ("chunked", None, "chunked"),
        ("close", None, None),
    ):
        asked = {"x-fake-framing": framing}
        async with client.post(CHAT, json=STREAM, headers=asked) as reply:
            assert await reply.read() == plain
            assert reply.headers.get("Content-Length") == length
            assert reply.headers.get("Transfer-Encoding") == chunked


async def test_pacing_goes_through_the_sleep_it_was_given() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with (
        FakeUpstream(chunk_delay_s=0.25, first_delay_s=2.0, sleep=sleep) as upstream,
        aiohttp.ClientSession(upstream.url) as client,
    ):
        await read(client, output_tokens="6")
        # 6 words go as 1 + 3 + 2; with role, finish and [DONE] six events, so five waits
        assert slept == [2.0] + [0.25] * 5
        slept.clear()
        await read(client, output_tokens="6", fault="slow:10", delay_ms="500")
        assert slept == [2.5] + [0.01] * 5


async def test_head_and_compressed_bodies(
    client: aiohttp.ClientSession, upstream: FakeUpstream
) -> None:
    async with client.head("/") as reply:
        assert reply.status == 200
        assert await reply.read() == b""
    plain = json.dumps(STREAM | {"stream": False}).encode()
    for coding, coded in (
        ("gzip", gzip.compress(plain)),
        ("zstd", zstandard.ZstdCompressor().compress(plain)),
    ):
        headers = {"Content-Encoding": coding, "Content-Type": "application/json"}
        async with client.post(CHAT, data=coded, headers=headers) as reply:
            assert reply.status == 200
            assert (await reply.json())["model"] == "gpt-4o-mini-2024-07-18"
        assert upstream.requests[-1].body == coded


async def test_large_chunked_request(client: aiohttp.ClientSession, upstream: FakeUpstream) -> None:
    async def pieces() -> Any:
        yield b'{"model":"m","messages":[{"role":"user","content":"'
        for _ in range(65):
            yield b"x" * 2**20
        yield b'"}]}'

    async with client.post(CHAT, data=pieces()) as reply:
        assert reply.status == 200
        told = await reply.json()
    assert upstream.requests[-1].header("transfer-encoding") == "chunked"
    assert upstream.requests[-1].body_bytes == 65 * 2**20 + 55
    # 65 MiB and "user", four bytes a token
    assert told["usage"]["prompt_tokens"] == 65 * 2**18 + 1


def create(**more: Any) -> str:
    said = [{"role": "user", "content": "order the list"}]
    return json.dumps({"type": "response.create", "model": "gpt-5-mini", "input": said} | more)


async def events(socket: aiohttp.ClientWebSocketResponse) -> list[Json]:
    got: list[Json] = []
    while not got or got[-1]["type"] != "response.completed":
        got.append(await socket.receive_json())
    return got


@pytest.mark.parametrize("compress", [0, 15])
async def test_responses_over_a_socket(
    client: aiohttp.ClientSession, upstream: FakeUpstream, compress: int
) -> None:
    asked = {"x-fake-output-tokens": "40", "x-fake-reasoning-tokens": "10"}
    async with client.ws_connect("/v1/responses", compress=compress, headers=asked) as socket:
        assert bool(socket.compress) == bool(compress)
        await socket.send_str(create(generate=False))
        assert (await events(socket))[-1]["response"]["usage"] is None
        await socket.send_str(create())
        first = await events(socket)
        assert first[-1]["response"]["usage"]["output_tokens"] == 40
        await socket.send_str(create(metadata={"x-fake-output-tokens": "7"}))
        assert (await events(socket))[-1]["response"]["usage"]["output_tokens"] == 7
    assert [truth.output_tokens for truth in upstream.truths] == [40, 7]
    assert [frame.kind for frame in upstream.requests[-1].frames] == [WSMsgType.TEXT] * 3
    assert upstream.requests[-1].frames[0].data.decode() == create(generate=False)


async def test_socket_refused_cut_and_echoed(client: aiohttp.ClientSession) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await client.ws_connect("/v1/responses", headers={"x-fake-status": "426"})
    assert refused.value.status == 426
    async with client.ws_connect("/v1/responses", headers={"x-fake-fault": "cut:2"}) as socket:
        await socket.send_str(create())
        kinds = [(await socket.receive()).type for _ in range(3)]
        assert kinds[:2] == [WSMsgType.TEXT] * 2
        assert kinds[2] in {WSMsgType.CLOSED, WSMsgType.ERROR}
    async with client.ws_connect("/v1/realtime", protocols=["realtime"]) as socket:
        await socket.send_bytes(b"\x00\xff")
        assert await socket.receive_bytes() == b"\x00\xff"
        assert socket.protocol == "realtime"


async def test_body_is_seen_as_it_arrives_and_its_sender_leaving(upstream: FakeUpstream) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(upstream.url).port)
    writer.write(f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1234".encode())
    await upstream.until(lambda: bool(upstream.requests) and upstream.requests[0].body_bytes == 4)
    assert not upstream.requests[0].ended
    writer.close()
    await upstream.until(lambda: upstream.requests[0].left)
    assert not upstream.truths


async def test_answer_before_the_body_is_read(upstream: FakeUpstream) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(upstream.url).port)
    asked = "x-fake-read: no\r\nx-fake-status: 401\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
    writer.write(f"POST {CHAT} HTTP/1.1\r\n{asked}".encode())
    assert await reader.readline() == b"HTTP/1.1 401 Unauthorized\r\n"
    writer.close()


async def test_bytes_come_back_from_the_echo(client: aiohttp.ClientSession) -> None:
    body = bytes(range(256))
    async with client.post("/openai/echo", data=body, headers={"Content-Type": "a/b"}) as reply:
        assert await reply.read() == body
        assert reply.headers["Content-Type"] == "a/b"
    async with client.post("/v1/nobody/knows", data=body) as reply:
        assert reply.status == 404


async def test_sockets_tell_who_ended_them(
    client: aiohttp.ClientSession, upstream: FakeUpstream
) -> None:
    async with client.ws_connect("/v1/responses") as socket:
        await socket.send_str(create())
        await socket.receive()
    await upstream.until(lambda: upstream.requests[0].ended)
    assert not upstream.requests[0].left
    async with aiohttp.ClientSession(upstream.url) as leaving:
        open_one = await leaving.ws_connect("/v1/responses", headers={"x-fake-fault": "slow:60000"})
        await open_one.send_str(create())
        await upstream.until(lambda: bool(upstream.requests[1].frames))
    await upstream.until(lambda: upstream.requests[1].left)
    assert upstream.requests[1].truth is not None


async def test_keeping_nothing_still_counts() -> None:
    async with (
        FakeUpstream(keep=0) as upstream,
        aiohttp.ClientSession(upstream.url) as client,
    ):
        await read(client)
        assert not upstream.requests
        assert upstream.seen.total() == 1


async def test_connections_can_be_told_apart(
    client: aiohttp.ClientSession, upstream: FakeUpstream
) -> None:
    await read(client)
    await read(client)
    await read(client, framing="close")
    await read(client)
    where = [seen.connection for seen in upstream.requests]
    assert where[0] == where[1] == where[2] != where[3]

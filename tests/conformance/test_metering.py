"""When reading fails the request passes all the same, and a counter says so."""

import gzip
import json
import zlib
from pathlib import Path

import pytest
from conversations import CONVERSATIONS
from loopback import Loopback, loopback
from scripted import Peer, Scripted
from wire import Wire, request

CHAT = next(said for said in CONVERSATIONS if said.name == "chat-uncounted")
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
BOMB = gzip.compress(b" " * (300 * 2**20), compresslevel=9)
"""300 MiB of blanks in 300 KB."""


def says(body: bytes, *headers: str) -> Scripted:
    async def script(peer: Peer) -> None:
        while True:
            await peer.asked()
            await peer.answer(body, *headers)

    return Scripted(script)


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (BOMB, ["Content-Encoding: gzip"], "decoded body too large"),
        (b"no gzip at all", ["Content-Encoding: gzip"], "corrupt content coding"),
        (gzip.compress(EVENT)[:-9] + b"rubbish..", ["Content-Encoding: gzip"], "corrupt"),
        (EVENT, ["Content-Encoding: rot13"], "unknown content coding"),
        (b"data: " + b"x" * (9 * 2**20) + b"\n\n", [], "response event too long"),
    ],
    ids=["bomb", "no-gzip", "bad-gzip", "rot13", "long-event"],
)
async def test_an_answer_that_cannot_be_read_passes(
    body: bytes,
    headers: list[str],
    reason: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with (
        says(body, "Content-Type: text/event-stream", *headers) as upstream,
        loopback(tmp_path, upstream.url) as proxy,
    ):
        reply = await proxy.ask(request("POST", CHAT.path, (), CHAT.raw))
        assert (reply.status, reply.whole) == (200, True)
        assert reply.body == body
        row = await proxy.row()
        assert (row.outcome, row.response_bytes) == ("ok", len(body))
        assert row.model_requested == "gpt-4o-mini"
        if reason != "corrupt":  # what was read before the rubbish is counted
            assert (row.output_tokens, row.output_how) == (None, "none")
        assert proxy.service._traffic.counters.uncounted == 1
    assert reason in caplog.text


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{", b'"x"', b"\xff\xfe", b"[" * 5000, json.dumps({"a": 1}).encode()],
    ids=lambda value: value[:9].hex(),
)
async def test_an_answer_of_another_shape_passes(body: bytes, tmp_path: Path) -> None:
    async with (
        says(body, "Content-Type: application/json") as upstream,
        loopback(tmp_path, upstream.url) as proxy,
    ):
        reply = await proxy.ask(request("POST", "/v1/chat/completions", (), b'{"model":"m"}'))
        assert (reply.status, reply.body) == (200, body)
        assert (await proxy.row()).outcome == "ok"


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (b"", None),
        (b"null", None),
        (b"[" * 5000, None),
        (b'{"model":5,"messages":"x","stream":"maybe"}', None),
        (b'{"model":"gpt', None),
        (bytes(range(256)), None),
        (b"no gzip at all", "gzip"),
        (zlib.compress(b"{}")[:-3], "deflate"),
        (gzip.compress(b" " * (300 * 2**20), compresslevel=9), "gzip"),
        (b"{}", "rot13"),
    ],
    ids=lambda value: value[:9].hex() if isinstance(value, bytes) else str(value),
)
async def test_a_request_that_cannot_be_read_passes(
    body: bytes, coding: str | None, tmp_path: Path
) -> None:
    got: list[bytes] = []

    async def script(peer: Peer) -> None:
        got.append((await peer.asked()).body)
        await peer.answer(b"{}")

    headers = [("Content-Encoding", coding)] if coding else []
    async with Scripted(script) as upstream, loopback(tmp_path, upstream.url) as proxy:
        reply = await proxy.ask(request("POST", "/v1/chat/completions", headers, body))
        assert (reply.status, got) == (200, [body])
        row = await proxy.row()
        assert (row.outcome, row.request_bytes) == ("ok", len(body))


async def test_unknown_paths_pass_and_are_counted_apart(proxy: Loopback) -> None:
    assert (await proxy.ask(request("POST", "/openai/v9/new", (), b"{}"))).status == 404
    assert (await proxy.ask(request("POST", "/v9/new", (), b"{}"))).status == 404
    assert (await proxy.ask(request("GET", "/v1/models"))).status == 200
    counters = await proxy.counters()
    assert (counters["not_recognised"], counters["refused"]) == (1, 1)
    assert counters["side_traffic"] == 1
    assert counters["requests"] == 0


async def test_requests_in_flight_are_shown_and_then_gone(proxy: Loopback) -> None:
    async with await Wire.open(proxy.url) as client:
        path = f"/u/alice{CHAT.path}"
        await client.send(request("POST", path, [("x-fake-fault", "hang:800")], CHAT.raw))
        await client.head()
        got = b""
        while len(got) < 800:
            got += await client.some()
        (flying,) = await proxy.live()
        assert (flying["developer"], flying["upstream"]) == ("alice", "openai")
        assert flying["model"].startswith("gpt-4o-mini")
        assert flying["output_deltas"] > 0
        client.reset()
    await proxy.ended(1)
    assert await proxy.live() == []

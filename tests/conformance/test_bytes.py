"""The same conversations said to the upstream directly and through the proxy: the same bytes."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from itertools import product

import brotli
import pytest
import zstandard
from conversations import CHAT, CONVERSATIONS, Conversation
from loopback import Loopback
from wire import Header, Reply, Wire, request

from ledger.record import RequestRecord
from tabwatt.demo.answer import Truth
from tabwatt.demo.seen import Seen
from tabwatt.demo.upstream import FakeUpstream

CODINGS = ("identity", "gzip", "br", "zstd", "deflate", "deflate-raw")
CODED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "deflate": zlib.compress,
}
TOKENS = (("x-fake-output-tokens", "12"), ("x-fake-reasoning-tokens", "0"))
CACHED = (("x-fake-input-tokens", "120"), ("x-fake-cache-read-tokens", "64"))
CACHING = ("openai.chat", "openai.responses", "anthropic", "gemini.generate", "llamacpp")
LOCAL = (
    ("X-Tabwatt-Project", "shop"),
    ("Proxy-Authorization", "Basic YWxpY2U6eA=="),
    ("Proxy-Connection", "keep-alive"),
    ("TE", "trailers"),
    ("Keep-Alive", "timeout=5"),
    ("X-Hop", "1"),
    ("Connection", "keep-alive, X-Hop"),
)
"""What is meant for the proxy, or for one connection: never for the upstream."""
ODD = (
    ("X-Twice", "1"),
    ("x-tWICE", "  2"),
    ("X-Empty", ""),
    ("X-Bytes", "caf\udce9 \udcff"),  # not UTF-8
    ("User-Agent", "test/1.0"),
    ("X-Long", "a" * 30_000),
)


def generates(said: Conversation) -> bool:
    """Whether the reply has output tokens."""
    return "embed" not in said.api


def variations(conversation: Conversation) -> Iterator[tuple[tuple[str, str], ...]]:
    """Every coding, cut at borders, everywhere and at random, with both line ends."""
    for coding, cuts, newline in product(CODINGS, ("none", "random:7"), ("lf", "crlf")):
        if newline == "lf" or conversation.stream:
            yield (("encoding", coding), ("cuts", cuts), ("newline", newline))
    few = (("output-tokens", "4"),) if generates(conversation) else ()
    yield (*few, ("encoding", "identity"), ("cuts", "every"), ("newline", "lf"))
    yield (*few, ("encoding", "gzip"), ("cuts", "every"), ("newline", "crlf"))
    if conversation.stream:
        for sse in ("comments", "multiline", "nospace"):
            yield (("sse", sse), ("cuts", "random:1"))
    for framing in ("length", "chunked", "close"):
        yield (("framing", framing), ("cuts", "random:2"))


def amounts(said: Conversation) -> tuple[tuple[str, str], ...]:
    """What the reply shall cost: a part of it cached where the family knows caches."""
    if not generates(said):
        return CACHED[:1]
    return (*TOKENS, *CACHED) if said.api.startswith(CACHING) else (*TOKENS, *CACHED[:1])


def seen_alike(direct: Seen, passed: Seen, authority: bytes) -> bool:
    """Whether the upstream cannot tell the two apart."""

    def headers(seen: Seen) -> list[Header]:
        return [(k, v) for k, v in seen.raw_headers if k.lower() != b"host"]

    hosts = [v for k, v in passed.raw_headers if k.lower() == b"host"]
    return (
        (direct.method, direct.raw_path, direct.body, headers(direct))
        == (passed.method, passed.raw_path, passed.body, headers(passed))
    ) and hosts == [authority]


def framed_alike(direct: Reply, passed: Reply) -> bool:
    """Whether a client cannot tell the two apart but by the connection they came over."""
    return (direct.status, direct.reason, direct.end_to_end, direct.body, direct.whole) == (
        passed.status,
        passed.reason,
        passed.end_to_end,
        passed.body,
        passed.whole,
    )


def differences(row: RequestRecord, truth: Truth, how: tuple[str, str]) -> list[str]:
    """What a row says otherwise than the truth."""
    wrong: list[str] = []
    for name, told, true in (
        ("input", row.input_tokens, truth.input_tokens),
        ("output", row.output_tokens, truth.output_tokens),
        ("cache read", row.cache_read_tokens or 0, truth.cache_read_tokens),
        ("cache write", row.cache_write_tokens or 0, truth.cache_write_tokens),
        ("reasoning", row.reasoning_tokens or 0, truth.reasoning_tokens),
    ):
        counted = how[1] if name == "output" else how[0]
        if told != true and (counted == "reported" or name == "output"):
            wrong.append(f"{name}: {told}, not {true}")
    if (row.input_how, row.output_how) != how:
        wrong.append(f"how: {row.input_how}, {row.output_how}")
    if row.model_served != truth.model:
        wrong.append(f"model: {row.model_served}, not {truth.model}")
    return wrong


@pytest.mark.parametrize("said", CONVERSATIONS, ids=lambda said: said.name)
async def test_nobody_can_tell_and_the_row_is_true(
    said: Conversation, upstream: FakeUpstream, proxy: Loopback
) -> None:
    authority = upstream.url.removeprefix("http://").encode()
    path = said.path.removeprefix("/vllm").removeprefix("/azure").removeprefix("/copilot/proxy")
    truths: dict[str, Truth] = {}
    async with await proxy.wire() as through:
        for number, variation in enumerate(variations(said)):
            asked = [(f"x-fake-{name}", value) for name, value in variation]
            headers = [*ODD, *said.headers, *amounts(said), *asked]
            local = [*LOCAL, ("X-Tabwatt-Developer", f"n{number}")]
            async with await Wire.open(upstream.url) as direct:
                plain = await direct.ask(request("POST", path, headers, said.raw))
            passed = await through.ask(request("POST", said.path, [*local, *headers], said.raw))
            assert plain.status == 200
            assert plain.whole
            assert framed_alike(plain, passed), variation
            first, second = upstream.requests[-2], upstream.requests[-1]
            assert seen_alike(first, second, authority), variation
            assert second.truth is not None
            truths[f"n{number}"] = second.truth
    rows = await proxy.by_developer()
    assert rows.keys() == truths.keys()
    for name, row in rows.items():
        assert row.api == said.api
        assert row.stream == said.stream
        assert row.outcome == "ok"
        assert row.project == "shop"
        assert row.request_bytes == len(said.raw)
        assert differences(row, truths[name], said.how) == []
    counters = proxy.service._traffic.counters
    assert counters.uncounted == 0


@pytest.mark.parametrize(
    ("method", "path", "headers", "body"),
    [
        ("GET", "/v1/models", (), b""),
        ("GET", "/v1/models", (("anthropic-version", "2023-06-01"),), b""),
        ("HEAD", "/ollama/api/version", (), b""),
        ("GET", "/api/tags", (), b""),
        ("POST", "/v1/messages/count_tokens", (), b'{"messages":[]}'),
        ("POST", "/v1beta/models/gemini-2.5-flash:countTokens", (), b"{}"),
        ("POST", "/copilot/telemetry/telemetry", (), b'{"events":[]}'),
        ("GET", "/openai/v1/nobody/knows?a=%2F&b=%20", (), b""),
        ("PUT", "/openai/v1/nobody/knows", (), bytes(range(256))),
        (
            "POST",
            "/openai/echo",
            (("Content-Type", "application/x-bytes"),),
            bytes(range(256)) * 99,
        ),
        ("DELETE", "/vllm/v1/nobody/knows", (), b""),
        ("OPTIONS", "/openai/v1/chat/completions", (), b""),
    ],
)
async def test_what_asks_no_model_passes_and_has_no_row(
    method: str,
    path: str,
    headers: tuple[tuple[str, str], ...],
    body: bytes,
    upstream: FakeUpstream,
    proxy: Loopback,
) -> None:
    bare = path
    for prefix in ("/ollama", "/openai", "/vllm", "/copilot/telemetry"):
        bare = bare.removeprefix(prefix)
    async with await Wire.open(upstream.url) as direct, await proxy.wire() as through:
        for _ in range(2):  # both connections serve a second request
            plain = await direct.ask(
                request(method, bare, headers, body), head_only=method == "HEAD"
            )
            passed = await through.ask(
                request(method, path, headers, body), head_only=method == "HEAD"
            )
            assert framed_alike(plain, passed)
            first, second = upstream.requests[-2], upstream.requests[-1]
            assert seen_alike(first, second, upstream.url.removeprefix("http://").encode())
    assert await proxy.rows() == []


async def test_a_chunked_body_stays_chunked_and_whole(
    upstream: FakeUpstream, proxy: Loopback
) -> None:
    said = CONVERSATIONS[0]
    cut = [said.raw[i : i + 1] for i in range(len(said.raw))]
    passed = await proxy.ask(request("POST", said.path, said.headers, chunks=cut))
    assert passed.status == 200
    seen = upstream.requests[-1]
    assert seen.body == said.raw
    assert seen.header("transfer-encoding") == "chunked"
    assert seen.header("content-length") is None
    row = await proxy.row()
    assert row.request_bytes == len(said.raw)
    assert row.model_requested == "gpt-4o-mini"


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "deflate"])
async def test_a_coded_request_passes_as_it_is_and_is_read(
    coding: str, upstream: FakeUpstream, proxy: Loopback
) -> None:
    said = CONVERSATIONS[0]
    raw = CODED[coding](said.raw)
    reply = await proxy.ask(request("POST", said.path, [("Content-Encoding", coding)], raw))
    assert reply.status == 200
    assert upstream.requests[-1].body == raw
    row = await proxy.row()
    assert row.model_requested == "gpt-4o-mini"
    assert row.request_bytes == len(raw)


async def test_a_body_of_many_megabytes_passes_and_is_only_guessed_at(
    upstream: FakeUpstream, proxy: Loopback
) -> None:
    """65 MiB is more than is kept for reading; the request passes all the same."""
    body = b" " * (65 * 2**20)
    reply = await proxy.ask(request("POST", "/v1/chat/completions", [("x-fake-usage", "no")], body))
    assert reply.status == 200
    assert upstream.requests[-1].body_bytes == 65 * 2**20
    row = await proxy.row()
    assert row.request_bytes == 65 * 2**20
    assert row.input_how == "guessed"


async def test_a_prompt_with_an_image_is_guessed_not_counted(proxy: Loopback) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 4000}}
    body = CHAT | {"messages": [{"role": "user", "content": [image]}], "stream": True}
    reply = await proxy.ask(request("POST", "/v1/chat/completions", (), json.dumps(body).encode()))
    assert reply.whole
    row = await proxy.row()
    assert row.modalities == ("image",)
    assert (row.input_how, row.output_how) == ("guessed", "counted")

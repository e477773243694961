"""Nothing that was typed, answered or used as a key is ever on disk, in the log or on the screen.

Canaries stand in for prompts, replies, tool outputs and keys; every file of the home folder is
searched after each way a request can end, also after `kill -9`.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from loopback import Served, eventually, read_rows, served, upstream_flags
from scripted import Peer, Scripted
from wire import Wire, request
from wsproto.frame_protocol import FrameProtocol

from tabwatt.demo.upstream import FakeUpstream

CANARY = "kanarienvogel"
PROMPT, REPLY, TOOL, KEY, QUERY, PASSWORD, NAME = (
    f"{CANARY}-{kind}" for kind in ("prompt", "reply", "tool", "key", "query", "password", "name")
)
KEYS = [
    ("Authorization", f"Bearer {KEY}"),
    ("x-api-key", KEY),
    ("x-goog-api-key", KEY),
    ("Cookie", f"session={KEY}"),
    ("Proxy-Authorization", "Basic " + base64.b64encode(f"alice:{PASSWORD}".encode()).decode()),
    ("x-request-id", f"{CANARY}-request"),
    ("x-session-id", f"{CANARY}-session"),
]
CHAT = {
    "model": "gpt-4o-mini",
    "messages": [
        {"role": "system", "content": PROMPT},
        {"role": "user", "content": PROMPT},
        {"role": "tool", "tool_call_id": "c1", "content": TOOL},
    ],
    "tools": [{"type": "function", "function": {"name": NAME, "parameters": {}}}],
}
MESSAGES = {
    "model": "claude-sonnet-4-6",
    "max_tokens": 50,
    "system": PROMPT,
    "messages": [{"role": "user", "content": PROMPT}],
    "metadata": {"user_id": f"user_{CANARY}_account_1_session_2"},
}
GEMINI = {"contents": [{"role": "user", "parts": [{"text": PROMPT}]}]}
FIM = {"model": "codestral-latest", "prompt": PROMPT, "suffix": PROMPT, "stream": True}
FAKE = ("x-fake-text", REPLY)


def found(home: Path, *said: bytes) -> list[str]:
    """Where a canary sits: files, or `output`."""
    forms = [CANARY.encode(), CANARY.encode("utf-16-le"), CANARY.encode().hex().encode()]
    # in base64 a word looks different at each of three offsets; its inner part is enough
    forms += [base64.b64encode(b"x" * n + CANARY.encode())[4:-4] for n in range(3)]
    files = {path.name: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    files["output"] = b"".join(said)
    assert "ledger.db" in files
    return [name for name, data in files.items() if any(form in data for form in forms)]


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"")
    assert found(tmp_path) == []
    for text in (PROMPT.encode(), base64.b64encode(f"alice:{PASSWORD}".encode())):
        (tmp_path / "ledger.db-wal").write_bytes(b"\0" + text)
        assert found(tmp_path) == ["ledger.db-wal"]
    assert "output" in found(tmp_path, REPLY.encode())


def post(path: str, body: object, *fake: tuple[str, str]) -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return request("POST", path, [*KEYS, FAKE, *fake], raw)


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as running:
        yield running


async def quotes(peer: Peer) -> None:
    """An upstream that throws everything back: in an error, in headers, in rubbish."""
    asked = await peer.asked()
    if b"rubbish" in asked.line:
        await peer.send(f"HTTP/1.1 200 {PROMPT}\0\r\n{KEY}\r\n\r\n".encode())
        return
    told = {"error": {"message": f"no: {PROMPT}", "type": f"bad {CANARY}", "code": CANARY}}
    body = json.dumps(told).encode()
    await peer.answer(body, f"X-Echo: {KEY}", status=f"400 {CANARY}")


async def all_that_can_happen(proxy: Served, upstream: FakeUpstream) -> None:
    """Every way a request can end, one after the other."""
    chat, query = "/v1/chat/completions", f"?key={QUERY}"
    streamed = CHAT | {"stream": True}
    for asked in (
        post(chat + query, CHAT),
        post(chat, streamed),
        post("/v1/messages", MESSAGES | {"stream": True}),
        post(f"/v1beta/models/gemini-2.5-flash:generateContent{query}", GEMINI),
        post("/v1/fim/completions", FIM),
        post(chat + query, CHAT, ("x-fake-status", "500")),
        post(chat, streamed, ("x-fake-fault", "cut:900")),
        post(chat, streamed, ("x-fake-fault", "error-event")),
        post(chat, CHAT, ("x-fake-fault", "reset-head")),
        post(chat + query, b"not json: " + PROMPT.encode()),
        post(chat, b"not gzip: " + PROMPT.encode(), ("Content-Encoding", "gzip")),
        post(chat, streamed, ("x-fake-encoding", "gzip"), ("x-fake-fault", "bad-chunk")),
        post(f"/quotes{chat}{query}", CHAT),
        post(f"/quotes/rubbish{chat}{query}", CHAT),
        post(f"/gone{chat}{query}", CHAT),
        post(f"/nowhere/{QUERY}{query}", CHAT),
        post(f"/openai/{QUERY}{query}", CHAT),
        request("GET", f"/_tabwatt/{QUERY}{query}"),
        request("POST", chat, KEYS, host=f"{CANARY}.com"),
        request("POST", chat, [*KEYS, ("Origin", f"https://{CANARY}.com")]),
        f"POST {chat} HTTP/1.1\r\nHost: localhost\r\nX: {KEY}\0\r\n\r\n".encode(),
        f"POST {chat} HTTP/1.1\r\nHost: localhost\r\n{KEY}\r\n\r\n".encode(),
        f"{CANARY} {chat}\r\n\r\n".encode(),
        f"POST {chat}{query} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        f"zz{CANARY}\r\n".encode(),
    ):
        async with await Wire.open(proxy.url) as client:
            await client.send(asked)
            await client.head()
    for stage in ("hang", "hang:900"):
        client = await Wire.open(proxy.url)
        before = len(upstream.requests)
        await client.send(post(chat, streamed, ("x-fake-fault", stage)))
        await upstream.until(lambda before=before: len(upstream.requests) > before)  # type: ignore[misc]
        client.reset()
        await upstream.until(lambda: upstream.requests[-1].ended)
    await one_turn(proxy)


async def one_turn(proxy: Served) -> None:
    frames = FrameProtocol(client=True, extensions=[])
    turn: dict[str, Any] = {
        "type": "response.create",
        "model": "gpt-4o-mini",
        "instructions": PROMPT,
    }
    turn |= {"input": [{"role": "user", "content": PROMPT}], "metadata": {"x-fake-text": REPLY}}
    shake = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
    shake += [("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), *KEYS]
    async with await Wire.open(proxy.url) as client:
        await client.send(request("GET", f"/v1/responses?key={QUERY}", shake))
        await client.head()
        await client.send(frames.send_data(json.dumps(turn), fin=True))
        got = b""
        while b"response.completed" not in got:
            got += await client.some()
        assert REPLY.encode() in got


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
async def test_no_canary_is_kept(killed: bool, upstream: FakeUpstream, tmp_path: Path) -> None:
    home = tmp_path / "home"
    async with FakeUpstream() as gone:
        nowhere = gone.url
    async with Scripted(quotes) as quoting:
        flags = [*upstream_flags(upstream.url), "--upstream", f"quotes={quoting.url}"]
        flags += ["--upstream", f"gone={nowhere}"]
        async with served(home, *flags) as proxy:
            await all_that_can_happen(proxy, upstream)
            health = (await proxy.health())["counters"]

            async def stored() -> bool:
                return bool((await proxy.health())["store"]["written"] >= 18)

            await eventually(stored)
            if killed:
                open_stream = await Wire.open(proxy.url)
                asked = post("/v1/chat/completions", CHAT, ("x-fake-fault", "hang"))
                await open_stream.send(asked)
                await upstream.until(lambda: not upstream.requests[-1].ended)
                await proxy.kill()
                assert (home / "ledger.db-wal").stat().st_size > 0
                open_stream.reset()
            else:
                assert await proxy.leave() == 0
            assert proxy.process.stdout is not None
            assert proxy.process.stderr is not None
            async with asyncio.timeout(10):
                out, err = await asyncio.gather(
                    proxy.process.stdout.read(), proxy.process.stderr.read()
                )
        assert (home / "log" / "tabwatt.log").stat().st_size > 0  # something was worth a line
        assert found(home, out, err) == []
        assert err == b""
    assert health["requests"] >= 18
    rows = read_rows(home)
    assert {"ok", "cut", "cancelled", "refused", "upstream_error"} <= {row.outcome for row in rows}
    assert {row.developer for row in rows} == {"alice"}

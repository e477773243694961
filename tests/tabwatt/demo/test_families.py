"""Every family's shape, asserted by hand against the facts of its wire format."""

import json
from typing import Any

import aiohttp
import pytest

from tabwatt.demo.upstream import FakeUpstream

Json = dict[str, Any]

TOKENS = {
    "x-fake-input-tokens": "120",
    "x-fake-cache-read-tokens": "64",
    "x-fake-output-tokens": "40",
    "x-fake-reasoning-tokens": "10",
}
ASK: Json = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "order the list"}]}


async def post(
    client: aiohttp.ClientSession, path: str, body: Json, headers: dict[str, str] | None = None
) -> bytes:
    async with client.post(path, json=body, headers=headers) as reply:
        assert reply.status == 200
        return await reply.read()


def sse(raw: bytes) -> list[tuple[str, str]]:
    """(event name, data) of each event, by the plainest reading of the standard."""
    events = []
    for block in raw.decode().replace("\r\n", "\n").split("\n\n"):
        fields = [line.split(": ", 1) for line in block.split("\n") if ": " in line]
        data = "\n".join(value for name, value in fields if name == "data")
        names = [value for name, value in fields if name == "event"]
        if data:
            events.append((names[0] if names else "", data))
    return events


def objects(raw: bytes) -> list[Json]:
    return [json.loads(data) for _, data in sse(raw) if data != "[DONE]"]


async def test_chat_reports_cached_input_and_reasoning_inside_the_totals(
    client: aiohttp.ClientSession, upstream: FakeUpstream
) -> None:
    told = json.loads(await post(client, "/v1/chat/completions", ASK, TOKENS))
    assert told["usage"]["prompt_tokens"] == 120
    assert told["usage"]["completion_tokens"] == 40
    assert told["usage"]["total_tokens"] == 160
    assert told["usage"]["prompt_tokens_details"]["cached_tokens"] == 64
    assert told["usage"]["completion_tokens_details"]["reasoning_tokens"] == 10
    assert told["model"] == "gpt-4o-mini-2024-07-18"
    truth = upstream.truths[-1]
    assert (truth.input_tokens, truth.cache_read_tokens) == (120, 64)
    assert (truth.output_tokens, truth.reasoning_tokens) == (40, 10)
    assert truth.text == told["choices"][0]["message"]["content"]
    # 40 of output less 10 of reasoning leave 30 words, one token each
    assert len(truth.text.split()) == 30


async def test_chat_stream_tells_usage_only_when_asked(
    client: aiohttp.ClientSession, upstream: FakeUpstream
) -> None:
    raw = await post(client, "/v1/chat/completions", ASK | {"stream": True}, TOKENS)
    assert sse(raw)[-1] == ("", "[DONE]")
    assert all("usage" not in chunk for chunk in objects(raw))
    assert upstream.truths[-1].reported is False
    options = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = objects(await post(client, "/v1/chat/completions", ASK | options, TOKENS))
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 40
    assert all(chunk["usage"] is None for chunk in chunks[:-1])
    said = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks[:-1])
    assert said == upstream.truths[-1].text


async def test_choices_are_interleaved_and_their_tokens_added_up(
    client: aiohttp.ClientSession, upstream: FakeUpstream
) -> None:
    body = ASK | {"n": 3, "stream": True}
    chunks = objects(
        await post(client, "/v1/chat/completions", body, {"x-fake-output-tokens": "20"})
    )
    order = [chunk["choices"][0]["index"] for chunk in chunks]
    assert order[3:9] == [0, 1, 2, 0, 1, 2]
    # 20 = 7 + 7 + 6
    assert [len(text.split()) for text in upstream.truths[-1].texts] == [7, 7, 6]
    assert upstream.truths[-1].output_tokens == 20


async def test_offered_tools_are_called_in_pieces(
    client: aiohttp.ClientSession, upstream: FakeUpstream
) -> None:
    tools = [{"type": "function", "function": {"name": "read_file", "parameters": {}}}]
    body = ASK | {"tools": tools, "stream": True}
    chunks = objects(await post(client, "/v1/chat/completions", body))
    calls = [call for c in chunks for call in c["choices"][0]["delta"].get("tool_calls", [])]
    assert calls[0]["function"]["name"] == "read_file"
    joined = "".join(call["function"]["arguments"] for call in calls)
    assert (joined,) == upstream.truths[-1].arguments
    assert json.loads(joined)["path"] == "src/main.py"
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


async def test_deepseek_shows_its_reasoning_and_splits_the_cache(
    client: aiohttp.ClientSession, upstream: FakeUpstream
) -> None:
    body = ASK | {"model": "deepseek-reasoner"}
    told = json.loads(await post(client, "/chat/completions", body, TOKENS))
    assert told["usage"]["prompt_cache_hit_tokens"] == 64
    assert told["usage"]["prompt_cache_miss_tokens"] == 56  # 120 - 64
    reasoning = told["choices"][0]["message"]["reasoning_content"]
    assert len(reasoning.split()) == 10
    assert upstream.truths[-1].reasoning_text == reasoning


async def test_llamacpp_adds_its_timings_to_chat(client: aiohttp.ClientSession) -> None:
    asked = TOKENS | {"x-fake-dialect": "llamacpp"}
    told = json.loads(await post(client, "/v1/chat/completions", ASK, asked))
    assert told["timings"]["predicted_n"] == 40
    last = objects(await post(client, "/v1/chat/completions", ASK | {"stream": True}, asked))[-1]
    assert last["timings"]["prompt_n"] == 56  # 120 - 64
    assert "usage" not in last


async def test_vllm_counts_on_every_chunk_when_asked(client: aiohttp.ClientSession) -> None:
    options = {"include_usage": True, "continuous_usage_stats": True}
    asked = TOKENS | {"x-fake-dialect": "vllm"}
    body = ASK | {"stream": True, "stream_options": options}
    chunks = objects(await post(client, "/v1/chat/completions", body, asked))
    counts = [chunk["usage"]["completion_tokens"] for chunk in chunks]
    assert counts == sorted(counts)
    assert counts[-1] == 40


async def test_azure_deployment_is_not_the_model(
    client: aiohttp.ClientSession, upstream: FakeUpstream
) -> None:
    path = "/openai/deployments/our-prod/chat/completions?api-version=2024-10-21"
    told = json.loads(await post(client, path, ASK | {"model": "our-prod"}))
    assert told["model"] == "gpt-5-mini-2025-08-07"
    assert upstream.requests[-1].raw_path == path


async def test_legacy_completions_and_fim(
    client: aiohttp.ClientSession, upstream: FakeUpstream
) -> None:
    body = {"model": "gpt-3.5-turbo-instruct", "prompt": "def a(", "suffix": "):", "n": 2}
    told = json.loads(await post(client, "/v1/completions", body, {"x-fake-output-tokens": "9"}))
    assert [choice["index"] for choice in told["choices"]] == [0, 1]
    assert told["usage"]["completion_tokens"] == 9
    # prompt and suffix are 8 bytes: 2 + 1 tokens, each rounded up
    assert told["usage"]["prompt_tokens"] == 3
    assert upstream.truths[-1].family == "openai.completions"


async def test_ghost_text_streams_without_usage_and_keeps_the_clients_own_count(
    client: aiohttp.ClientSession, upstream: FakeUpstream
) -> None:
    extra = {"language": "python", "prompt_tokens": 38, "suffix_tokens": 12}
    body = {"prompt": "# Path: calc.py\n", "suffix": "", "stream": True, "extra": extra}
    raw = await post(client, "/v1/engines/gpt-41-copilot/completions", body)
    assert sse(raw)[-1][1] == "[DONE]"
    assert all("usage" not in chunk for chunk in objects(raw))
    truth = upstream.truths[-1]
    assert truth.input_tokens == 50  # 38 + 12
    assert truth.model == "gpt-41-copilot"
    assert truth.text == "".join(c["choices"][0]["text"] for c in objects(raw))


async def test_mistral_fim_puts_usage_on_the_last_chunk_unasked(
    client: aiohttp.ClientSession, upstream: FakeUpstream
) -> None:
    body = {"model": "codestral-2508", "prompt": "a", "suffix": "b", "stream": True}
    chunks = objects(await post(client, "/v1/fim/completions", body, TOKENS))
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["usage"]["completion_tokens"] == 40
    assert upstream.truths[-1].family == "mistral.fim"
    assert upstream.truths[-1].reported


async def test_copilot_chat_reports_usage_unasked(client: aiohttp.ClientSession) -> None:
    body = ASK | {"stream": True}
    chunks = objects(await post(client, "/copilot/api/chat/completions", body, TOKENS))
    assert chunks[-1]["usage"]["completion_tokens"] == 40
    assert chunks[-1]["copilot_usage"] == {"total_nano_aiu": 40000}


async def test_responses_end_with_completed_and_no_done(
    client: aiohttp.ClientSession, upstream: FakeUpstream
) -> None:
    body = {"model": "gpt-5-mini", "input": "order the list", "stream": True}
    raw = await post(client, "/v1/responses", body, TOKENS)
    events = [json.loads(data) for _, data in sse(raw)]
    assert [name for name, _ in sse(raw)] == [event["type"] for event in events]
    assert events[0]["type"] == "response.created"
    assert events[0]["response"]["usage"] is None
    assert events[-1]["type"] == "response.completed"
    assert events[-1]["response"]["usage"] == {
        "input_tokens": 120,
        "input_tokens_details": {"cached_tokens": 64},
        "output_tokens": 40,
        "output_tokens_details": {"reasoning_tokens": 10},
        "total_tokens": 160,
    }
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    said = "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
    assert said == upstream.truths[-1].text


async def test_responses_cut_short_by_their_limit_are_incomplete(
    client: aiohttp.ClientSession, upstream: FakeUpstream
) -> None:
    body = {"model": "gpt-4.1", "input": "a", "stream": True, "max_output_tokens": 5}
    *_, (name, data) = sse(await post(client, "/v1/responses", body))
    assert name == "response.incomplete"
    assert json.loads(data)["response"]["usage"]["output_tokens"] == 5
    assert upstream.truths[-1].output_tokens == 5


async def test_anthropic_splits_input_by_cache_and_counts_output_cumulatively(
    client: aiohttp.ClientSession, upstream: FakeUpstream
) -> None:
    asked = {
        "x-fake-input-tokens": "120",
        "x-fake-cache-write-tokens": "30",
        "x-fake-cache-read-tokens": "40",
        "x-fake-output-tokens": "40",
        "x-fake-reasoning-tokens": "8",
    }
    body = ASK | {"model": "claude-sonnet-4-6", "max_tokens": 1000, "stream": True}
    raw = await post(client, "/v1/messages?beta=true", body, asked)
    events = [json.loads(data) for _, data in sse(raw)]
    kinds = [event["type"] for event in events]
    assert kinds[:4] == ["message_start", "content_block_start", "ping", "content_block_delta"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    usage = events[0]["message"]["usage"]
    assert usage["input_tokens"] == 50  # 120 - 30 - 40
    assert usage["cache_creation_input_tokens"] == 30
    assert usage["cache_read_input_tokens"] == 40
    assert usage["output_tokens"] == 1
    assert events[-2]["usage"] == {"output_tokens": 40}
    assert events[1]["content_block"]["type"] == "thinking"
    assert upstream.truths[-1].input_tokens == 120
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert "".join(d.get("text", "") for d in deltas) == upstream.truths[-1].text
    assert len(upstream.truths[-1].reasoning_text.split()) == 8


async def test_anthropic_whole_message(client: aiohttp.ClientSession) -> None:
    body = ASK | {"model": "claude-haiku-4-5", "max_tokens": 7}
    told = json.loads(await post(client, "/v1/messages", body))
    assert told["usage"]["output_tokens"] == 7
    assert told["stop_reason"] == "max_tokens"
    assert told["content"][0]["type"] == "text"


async def test_anthropic_caches_only_what_is_marked(
    client: aiohttp.ClientSession, upstream: FakeUpstream
) -> None:
    said = [{"role": role, "content": "list " * 200} for role in ("user", "assistant", "user")]
    body: Json = {"model": "claude-sonnet-4-6", "max_tokens": 50, "messages": said}
    await post(client, "/v1/messages", body)
    assert upstream.truths[-1].cache_read_tokens == 0
    body["system"] = [{"type": "text", "text": "", "cache_control": {"type": "ephemeral"}}]
    await post(client, "/v1/messages", body)
    # the first message (1000 bytes, 250 tokens, and what rounds) was there before: 3 blocks of 64
    assert upstream.truths[-1].cache_read_tokens == 192
    assert upstream.truths[-1].cache_write_tokens > 0


async def test_token_counting_generates_nothing(
    client: aiohttp.ClientSession, upstream: FakeUpstream
) -> None:
    told = json.loads(await post(client, "/v1/messages/count_tokens", ASK))
    # "user" and "order the list" are 18 bytes: 5 tokens
    assert told == {"input_tokens": 5}
    contents = {"contents": [{"role": "user", "parts": [{"text": "order the list"}]}]}
    path = "/v1beta/models/gemini-2.5-flash:countTokens"
    assert json.loads(await post(client, path, contents)) == {"totalTokens": 5}
    assert not upstream.truths


GEMINI: Json = {"contents": [{"role": "user", "parts": [{"text": "order the list"}]}]}


def check_gemini(chunks: list[Json], upstream: FakeUpstream) -> None:
    usage = chunks[-1]["usageMetadata"]
    assert usage["promptTokenCount"] == 120
    assert usage["cachedContentTokenCount"] == 64
    assert usage["candidatesTokenCount"] == 30  # 40 less 10 thoughts
    assert usage["thoughtsTokenCount"] == 10
    assert usage["totalTokenCount"] == 160
    counts = [chunk["usageMetadata"]["candidatesTokenCount"] for chunk in chunks]
    assert counts == sorted(counts)
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"
    parts = [part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]
    assert "".join(part["text"] for part in parts) == upstream.truths[-1].text


async def test_gemini_stream_is_sse_only_when_asked(
    client: aiohttp.ClientSession, upstream: FakeUpstream
) -> None:
    path = "/v1beta/models/gemini-2.5-flash:streamGenerateContent"
    check_gemini(objects(await post(client, f"{path}?alt=sse", GEMINI, TOKENS)), upstream)
    check_gemini(json.loads(await post(client, path, GEMINI, TOKENS)), upstream)


async def test_gemini_whole_reply_and_code_assist_wrapping(
    client: aiohttp.ClientSession, upstream: FakeUpstream
) -> None:
    path = "/v1beta/models/gemini-2.5-flash:generateContent"
    check_gemini([json.loads(await post(client, path, GEMINI, TOKENS))], upstream)
    wrapped = {"model": "gemini-2.5-pro", "request": GEMINI}
    path = "/v1internal:streamGenerateContent?alt=sse"
    chunks = objects(await post(client, path, wrapped, TOKENS))
    check_gemini([chunk["response"] for chunk in chunks], upstream)
    assert upstream.truths[-1].model == "gemini-2.5-pro"


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
async def test_ollama_streams_by_default(
    client: aiohttp.ClientSession, upstream: FakeUpstream, path: str
) -> None:
    body = {"model": "qwen2.5-coder:7b", "prompt": "a", "messages": ASK["messages"]}
    asked = {"x-fake-input-tokens": "100", "x-fake-output-tokens": "40"}
    lines = [json.loads(line) for line in (await post(client, path, body, asked)).splitlines()]
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    last = lines[-1]
    assert (last["prompt_eval_count"], last["eval_count"]) == (100, 40)
    # 100 tokens at 0.5 ms, 40 at 15 ms, 20 ms to load, in nanoseconds
    assert last["prompt_eval_duration"] == 50_000_000
    assert last["eval_duration"] == 600_000_000
    assert last["total_duration"] == 670_000_000
    said = [line.get("response", line.get("message", {}).get("content", "")) for line in lines]
    assert "".join(said) == upstream.truths[-1].text
    whole = json.loads(await post(client, path, body | {"stream": False}, asked))
    assert whole["done"] is True
    assert whole.get("response", whole.get("message", {}).get("content")) == "".join(said)


@pytest.mark.parametrize("path", ["/completion", "/infill"])
async def test_llamacpp_tells_counts_and_timings(
    client: aiohttp.ClientSession, upstream: FakeUpstream, path: str
) -> None:
    body = {"prompt": "a", "input_prefix": "b", "stream": True}
    asked = {k: v for k, v in TOKENS.items() if "reasoning" not in k}
    last = objects(await post(client, path, body, asked))[-1]
    assert last["stop"] is True
    assert (last["tokens_evaluated"], last["tokens_predicted"]) == (120, 40)
    assert (last["timings"]["cache_n"], last["timings"]["prompt_n"]) == (64, 56)
    assert last["timings"]["predicted_ms"] == pytest.approx(600.0)  # 40 at 15 ms
    whole = json.loads(await post(client, path, body | {"stream": False}, asked))
    assert whole["content"] == upstream.truths[-1].text


async def test_embeddings_have_input_alone(
    client: aiohttp.ClientSession, upstream: FakeUpstream
) -> None:
    body = {"model": "text-embedding-3-small", "input": ["list item", "next line"]}
    told = json.loads(await post(client, "/v1/embeddings", body))
    assert len(told["data"]) == 2
    assert told["usage"] == {"prompt_tokens": 5, "total_tokens": 5}  # 18 bytes / 4
    told = json.loads(await post(client, "/api/embed", body))
    assert told["prompt_eval_count"] == 5
    assert [truth.output_tokens for truth in upstream.truths] == [0, 0]


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/v1/models", "data"),
        ("/v1beta/models", "models"),
        ("/api/tags", "models"),
        ("/props", "model_path"),
        ("/copilot_internal/v2/token", "endpoints"),
    ],
)
async def test_lists_generate_nothing(
    client: aiohttp.ClientSession, upstream: FakeUpstream, path: str, key: str
) -> None:
    async with client.get(path) as reply:
        assert reply.status == 200
        assert key in await reply.json()
    assert not upstream.truths


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/v1/chat/completions", 429, ("error", "type", "rate_limit_exceeded")),
        ("/v1/messages", 529, ("error", "type", "overloaded_error")),
        ("/v1/messages", 401, ("error", "type", "authentication_error")),
        ("/v1beta/models/x:generateContent", 429, ("error", "status", "RESOURCE_EXHAUSTED")),
    ],
)
async def test_errors_have_the_shape_of_their_family(
    client: aiohttp.ClientSession,
    upstream: FakeUpstream,
    path: str,
    status: int,
    kind: tuple[str, str, str],
) -> None:
    asked = {"x-fake-status": str(status)}
    async with client.post(path, json=ASK, headers=asked) as reply:
        assert reply.status == status
        assert (await reply.json())[kind[0]][kind[1]] == kind[2]
        assert reply.headers.get("retry-after") == ("7" if status in {429, 529} else None)
    assert not upstream.truths

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import openai
import pytest
from clients.through import Through, assert_agrees
from openai import AsyncOpenAI, AzureOpenAI, OpenAI, Stream
from openai.types.chat import ChatCompletion, ChatCompletionChunk

KEY = "sk-not-a-real-key"
MODEL = "gpt-4o-mini"
SERVED = "gpt-4o-mini-2024-07-18"
HELLO = "Write a function that adds two numbers."
SHORT = {"x-fake-text": "Hello, world!", "x-fake-output-tokens": "1"}
"""One delta, `Hello` `,` ` world` `!`: four tokens of o200k_base."""
DONE_BYTES = len(b"data: [DONE]\n\n")


def at_once(response: httpx2.Response) -> None:
    """Let the SDK try again after a millisecond, not after the seconds the server asks for."""
    response.headers["retry-after-ms"] = "1"


def relent(request: httpx2.Request) -> None:
    """Ask the fake for an error in the first two tries only."""
    if request.headers.get("x-stainless-retry-count") == "2":
        request.headers.pop("x-fake-status", None)


def made(base_url: str) -> OpenAI:
    hooks: dict[str, list[Callable[..., Any]]] = {"request": [relent], "response": [at_once]}
    http = openai.DefaultHttpxClient(event_hooks=hooks)
    return OpenAI(base_url=base_url, api_key=KEY, http_client=http)


@pytest.fixture
def client(through: Through) -> Iterator[OpenAI]:
    """As a user would set it up: `OPENAI_BASE_URL=http://127.0.0.1:8229/v1`."""
    with made(f"{through.url}/v1") as client:
        yield client


def ask(client: OpenAI, fake: dict[str, str] | None = None) -> ChatCompletion:
    return client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": HELLO}], extra_headers=fake
    )


def test_a_chat_agrees_with_what_the_sdk_parsed(client: OpenAI, through: Through) -> None:
    reply = ask(client)
    row = through.agreed()
    assert reply.choices[0].message.content == through.truth.text
    assert reply.usage is not None
    told = (reply.usage.prompt_tokens, reply.usage.completion_tokens)
    assert (row.input_tokens, row.output_tokens) == told
    # 39 bytes of prompt and 4 of "user" are 43 / 4 = 10.75, rounded up: the fake's own rule.
    assert row.input_tokens == 11
    assert (row.client, row.client_version) == ("openai-sdk", openai.__version__)
    assert (row.api, row.provider, row.upstream) == ("openai.chat", "openai", "openai")
    assert (row.model_requested, row.model_served) == (MODEL, SERVED)
    assert (row.stream, row.ttft_s, row.developer) == (False, None, "dev@example.org")
    assert through.seen.header("authorization") == f"Bearer {KEY}"


def test_developer_project_and_upstream_may_stand_in_the_base_url(through: Through) -> None:
    with made(f"{through.url}/u/alice@example.org+shop/openai/v1") as client:
        ask(client)
    row = through.agreed()
    assert (row.developer, row.project, row.upstream) == ("alice@example.org", "shop", "openai")
    assert through.seen.raw_path == "/v1/chat/completions"


def test_a_stream_with_usage_is_reported(client: OpenAI, through: Through) -> None:
    stream = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": HELLO}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    row = through.agreed()
    usage = chunks[-1].usage
    assert usage is not None
    assert (row.input_tokens, row.output_tokens) == (usage.prompt_tokens, usage.completion_tokens)
    said = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert said == through.truth.text
    assert row.stream
    assert row.ttft_s is not None


def test_a_stream_without_usage_is_counted(client: OpenAI, through: Through) -> None:
    """The SDK sees no chunk that it did not ask for."""
    stream = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": HELLO}],
        stream=True,
        extra_headers=SHORT,
    )
    assert all(len(chunk.choices) == 1 and chunk.usage is None for chunk in stream)
    row = through.proxy.row()
    assert (row.outcome, row.input_how, row.output_how) == ("ok", "counted", "counted")
    assert row.output_tokens == 4
    # Write| a| function| that| adds| two| numbers|. = 8, the role 1, its frame 3, 3 before the
    # reply: OpenAI's cookbook, which finds 124 tokens in its own example where the API does.
    assert row.input_tokens == 8 + 1 + 3 + 3


def test_a_tool_call_in_a_stream_agrees(client: OpenAI, through: Through) -> None:
    stream = client.chat.completions.create(
        model="gpt-5",
        messages=[{"role": "user", "content": HELLO}],
        tools=[{"type": "function", "function": {"name": "read_file", "parameters": {}}}],
        stream=True,
        stream_options={"include_usage": True},
    )
    arguments = "".join(
        call.function.arguments or ""
        for chunk in stream
        for choice in chunk.choices
        for call in choice.delta.tool_calls or ()
        if call.function is not None
    )
    row = through.agreed()
    assert (arguments,) == through.truth.arguments
    assert row.reasoning_tokens == through.truth.reasoning_tokens > 0


def test_a_text_completion_agrees(client: OpenAI, through: Through) -> None:
    reply = client.completions.create(
        model="gpt-3.5-turbo-instruct", prompt="def add(a", suffix="return a + b\n", n=2
    )
    row = through.agreed()
    assert reply.usage is not None
    assert (row.api, row.output_tokens) == ("openai.completions", reply.usage.completion_tokens)
    assert tuple(choice.text for choice in reply.choices) == through.truth.texts


def test_a_streamed_text_completion_agrees(client: OpenAI, through: Through) -> None:
    stream = client.completions.create(
        model="gpt-3.5-turbo-instruct",
        prompt="def add(a",
        stream=True,
        stream_options={"include_usage": True},
    )
    said = "".join(choice.text for chunk in stream for choice in chunk.choices)
    row = through.agreed()
    assert (row.api, said) == ("openai.completions", through.truth.text)


def test_embeddings_have_input_alone(client: OpenAI, through: Through) -> None:
    """The SDK asks for base64 and makes numbers of it."""
    reply = client.embeddings.create(model="text-embedding-3-small", input=["one", "two"])
    row = through.agreed()
    assert [len(item.embedding) for item in reply.data] == [4, 4]
    assert (row.api, row.input_tokens, row.output_tokens) == (
        "openai.embeddings",
        reply.usage.prompt_tokens,
        0,
    )


def test_a_response_agrees(client: OpenAI, through: Through) -> None:
    reply = client.responses.create(model="gpt-5-mini", input=HELLO)
    row = through.agreed()
    assert reply.usage is not None
    assert (row.input_tokens, row.output_tokens, row.reasoning_tokens) == (
        reply.usage.input_tokens,
        reply.usage.output_tokens,
        reply.usage.output_tokens_details.reasoning_tokens,
    )
    assert reply.output_text == through.truth.text
    assert (row.api, row.model_served) == ("openai.responses", "gpt-5-mini-2025-08-07")


def test_a_streamed_response_agrees(client: OpenAI, through: Through) -> None:
    with client.responses.stream(model="gpt-5-mini", input=HELLO) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    row = through.agreed()
    assert kinds[-1] == "response.completed"
    assert final.output_text == through.truth.text
    assert final.usage is not None
    assert (row.stream, row.output_tokens) == (True, final.usage.output_tokens)


def test_responses_over_a_websocket_have_a_row_per_turn(client: OpenAI, through: Through) -> None:
    usages = []
    with client.responses.connect() as connection:
        for words in (HELLO, "And now in Rust."):
            connection.response.create(model="gpt-5-mini", input=words)
            for event in connection:
                if event.type == "response.completed":
                    usages.append(event.response.usage)
                    break
    rows = through.proxy.rows()
    assert len(rows) == len(usages) == len(through.fake.truths) == 2
    for row, usage, truth in zip(rows, usages, through.fake.truths, strict=True):
        assert usage is not None
        assert (row.input_tokens, row.output_tokens) == (usage.input_tokens, usage.output_tokens)
        assert (row.input_tokens, row.output_tokens) == (truth.input_tokens, truth.output_tokens)
        assert (row.outcome, row.api, row.stream) == ("ok", "openai.responses", True)
        assert (row.client, row.client_version) == ("openai-sdk", openai.__version__)


async def test_the_asynchronous_client_may_ask_many_at_once(through: Through) -> None:
    async with AsyncOpenAI(base_url=f"{through.url}/v1", api_key=KEY) as client:

        async def one(number: int) -> int:
            stream = await client.chat.completions.create(
                model=MODEL,
                messages=[{"role": "user", "content": f"Question {number}"}],
                stream=True,
                stream_options={"include_usage": True},
            )
            usages = [chunk.usage async for chunk in stream]
            assert usages[-1] is not None
            return usages[-1].completion_tokens

        told = await asyncio.gather(*(one(number) for number in range(8)))
    rows = through.proxy.rows()
    assert sorted(row.output_tokens or 0 for row in rows) == sorted(told)
    assert {(row.outcome, row.client) for row in rows} == {("ok", "openai-sdk")}


def test_azure_names_a_deployment_and_the_reply_the_model(through: Through) -> None:
    with AzureOpenAI(
        azure_endpoint=f"{through.url}/azure",
        azure_deployment="my-deployment",
        api_version="2025-04-01-preview",
        api_key=KEY,
    ) as client:
        ask(client)
    row = through.agreed()
    assert (row.upstream, row.api) == ("azure", "openai.chat")
    assert row.model_served == "gpt-5-mini-2025-08-07"
    assert through.seen.raw_path == (
        "/openai/deployments/my-deployment/chat/completions?api-version=2025-04-01-preview"
    )
    assert (row.client, row.client_version) == ("openai-sdk", openai.__version__)


def test_a_list_of_models_has_no_row(client: OpenAI, through: Through) -> None:
    assert next(iter(client.models.list())).id == "gpt-5"
    assert through.proxy.rows() == []


def test_every_try_has_a_row(client: OpenAI, through: Through) -> None:
    reply = ask(client, {"x-fake-status": "429"})
    rows = through.proxy.rows()
    assert [(row.http_status, row.outcome) for row in rows] == [
        (429, "upstream_error"),
        (429, "upstream_error"),
        (200, "ok"),
    ]
    assert [row.output_tokens for row in rows[:2]] == [0, 0]
    assert reply.usage is not None
    assert rows[2].output_tokens == reply.usage.completion_tokens
    assert_agrees(rows[2], through.truth)
    tries = [seen.header("x-stainless-retry-count") for seen in through.fake.requests]
    assert tries == ["0", "1", "2"]


def short_stream_bytes(client: OpenAI, through: Through) -> int:
    """How long the stream of `SHORT` is, `[DONE]` included."""
    list(short_stream(client))
    return through.seen.sent_bytes


def short_stream(
    client: OpenAI, fault: dict[str, str] | None = None
) -> Stream[ChatCompletionChunk]:
    return client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": HELLO}],
        stream=True,
        extra_headers={**SHORT, **(fault or {})},
    )


def test_leaving_a_stream_early_is_a_cancelled_request(client: OpenAI, through: Through) -> None:
    """All has come but the end marker, which the server holds back."""
    size = short_stream_bytes(client, through)
    hang = {"x-fake-fault": f"hang:{size - DONE_BYTES}"}
    with short_stream(client, hang) as stream:
        for chunk in stream:
            if chunk.choices[0].finish_reason:
                break
    row = through.proxy.rows()[-1]
    assert (row.outcome, row.http_status) == ("cancelled", 200)
    assert (row.output_tokens, row.output_how) == (4, "counted")


def test_leaving_after_the_end_marker_is_no_cancellation(client: OpenAI, through: Through) -> None:
    """The SDK hangs up at `[DONE]`, whether or not the body ends there."""
    size = short_stream_bytes(client, through)
    list(short_stream(client, {"x-fake-fault": f"hang:{size}"}))
    row = through.proxy.rows()[-1]
    assert (row.outcome, row.output_tokens) == ("ok", 4)


def test_an_error_in_the_stream_reaches_the_sdk(client: OpenAI, through: Through) -> None:
    stream = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": HELLO}],
        stream=True,
        extra_headers={"x-fake-fault": "error-event"},
    )
    with pytest.raises(openai.APIError, match="overloaded"):
        list(stream)
    row = through.proxy.row()
    assert row.outcome == "cut"
    assert 0 < (row.output_tokens or 0) < through.truth.output_tokens


def test_an_upstream_that_is_away_is_an_error_of_the_server(through: Through) -> None:
    with (
        made(f"{through.url}/gone/v1").with_options(max_retries=0) as client,
        pytest.raises(openai.InternalServerError) as caught,
    ):
        ask(client)
    assert (caught.value.status_code, caught.value.code) == (502, "upstream_unreachable")
    assert "tabwatt: gone" in caught.value.message
    row = through.proxy.row()
    assert (row.outcome, row.input_tokens, row.output_tokens) == ("refused", 0, 0)


def test_an_unknown_upstream_is_not_found(through: Through) -> None:
    with made(f"{through.url}/nowhere/v1") as client, pytest.raises(openai.NotFoundError) as caught:
        ask(client)
    assert "'nowhere'" in caught.value.message
    assert "openai" in caught.value.message
    assert through.proxy.rows() == []

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import httpx2
import pytest
from clients.through import Through, assert_agrees
from mistralai.client import Mistral
from mistralai.client.errors import MistralError
from mistralai.client.models import UserMessage
from mistralai.client.types import UNSET
from mistralai.client.utils import BackoffStrategy, RetryConfig

KEY = "not-a-real-key"
MODEL = "mistral-small-latest"
FIM_MODEL = "codestral-latest"
SAID = [UserMessage(content="Write a function that adds two numbers.")]
SHORT = {"x-fake-text": "Hello, world!", "x-fake-output-tokens": "1"}
"""One delta, `Hello` `,` ` world` `!`: four tokens of o200k_base."""
DONE_BYTES = len(b"data: [DONE]\n\n")


@contextmanager
def made(
    server_url: str, fake: dict[str, str] | None = None, retries: RetryConfig | None = None
) -> Iterator[Mistral]:
    """A client that asks the fake for an error in the first two tries only."""
    refused: list[httpx2.Request] = []

    def relent(request: httpx2.Request) -> None:
        if "x-fake-status" in request.headers:
            refused.append(request)
            if len(refused) > 2:
                del request.headers["x-fake-status"]

    def at_once(response: httpx2.Response) -> None:
        response.headers["retry-after-ms"] = "1"

    hooks: dict[str, list[Callable[..., Any]]] = {"request": [relent], "response": [at_once]}
    with (
        httpx2.Client(headers=fake, event_hooks=hooks) as http,
        Mistral(
            server_url=server_url, api_key=KEY, client=http, retry_config=retries or UNSET
        ) as client,
    ):
        yield client


@pytest.fixture
def client(through: Through) -> Iterator[Mistral]:
    """Always by name: without it `/v1/chat/completions` goes to OpenAI, whose path it is too."""
    with made(f"{through.url}/mistral") as client:
        yield client


def test_a_chat_agrees_with_what_the_sdk_parsed(client: Mistral, through: Through) -> None:
    reply = client.chat.complete(model=MODEL, messages=SAID)
    row = through.agreed()
    assert reply.choices[0].message is not None
    assert reply.choices[0].message.content == through.truth.text
    assert (row.input_tokens, row.output_tokens) == (
        reply.usage.prompt_tokens,
        reply.usage.completion_tokens,
    )
    # 39 bytes of prompt and 4 of "user" are 43 / 4 = 10.75, rounded up: the fake's own rule.
    assert row.input_tokens == 11
    assert (row.client, row.client_version) == ("mistral-sdk", version("mistralai"))
    assert (row.api, row.provider, row.upstream) == ("openai.chat", "mistral", "mistral")
    assert through.seen.header("authorization") == f"Bearer {KEY}"


def test_a_streamed_chat_reports_usage_unasked(client: Mistral, through: Through) -> None:
    with client.chat.stream(model=MODEL, messages=SAID) as events:
        chunks = [event.data for event in events]
    row = through.agreed()
    said = "".join(str(chunk.choices[0].delta.content or "") for chunk in chunks)
    assert said == through.truth.text
    usage = chunks[-1].usage
    assert usage is not None
    assert (row.input_tokens, row.output_tokens) == (usage.prompt_tokens, usage.completion_tokens)
    assert row.stream
    assert row.ttft_s is not None


def test_filling_in_the_middle_agrees(client: Mistral, through: Through) -> None:
    reply = client.fim.complete(model=FIM_MODEL, prompt="def add(a", suffix="return a + b\n")
    row = through.agreed()
    assert reply.usage is not None
    assert (row.api, row.purpose) == ("mistral.fim", "tab")
    assert (row.model_served, row.output_tokens) == (
        "codestral-2508",
        reply.usage.completion_tokens,
    )


def test_streamed_filling_in_the_middle_agrees(through: Through) -> None:
    """Alone among `/v1` paths this one is Mistral's own: the root goes there."""
    with (
        made(through.url) as client,
        client.fim.stream(model=FIM_MODEL, prompt="def add(a", suffix="return a + b\n") as events,
    ):
        said = "".join(str(event.data.choices[0].delta.content or "") for event in events)
    row = through.agreed()
    assert said == through.truth.text
    assert (row.api, row.upstream, row.purpose) == ("mistral.fim", "mistral", "tab")


def test_embeddings_have_input_alone(client: Mistral, through: Through) -> None:
    reply = client.embeddings.create(model="codestral-embed", inputs=["one", "two"])
    row = through.agreed()
    assert len(reply.data) == 2
    assert (row.api, row.input_tokens, row.output_tokens) == (
        "openai.embeddings",
        reply.usage.prompt_tokens,
        0,
    )


async def test_the_asynchronous_methods_agree(through: Through) -> None:
    async with Mistral(server_url=f"{through.url}/mistral", api_key=KEY) as client:
        reply = await client.chat.complete_async(model=MODEL, messages=SAID)
    row = through.agreed()
    assert (row.client, row.output_tokens) == ("mistral-sdk", reply.usage.completion_tokens)


def test_every_try_has_a_row(through: Through) -> None:
    retries = RetryConfig("backoff", BackoffStrategy(1, 2, 1.0, 60_000), False)
    with made(f"{through.url}/mistral", {"x-fake-status": "429"}, retries) as client:
        client.chat.complete(model=MODEL, messages=SAID)
    rows = through.proxy.rows()
    assert [(row.http_status, row.outcome) for row in rows] == [
        (429, "upstream_error"),
        (429, "upstream_error"),
        (200, "ok"),
    ]
    assert_agrees(rows[2], through.truth)


def test_leaving_a_stream_early_is_a_cancelled_request(through: Through) -> None:
    """The chunk with usage has come, the end marker has not: the report stands."""
    with (
        made(f"{through.url}/mistral", SHORT) as client,
        client.chat.stream(model=MODEL, messages=SAID) as events,
    ):
        assert sum(1 for _ in events) == 3
    hang = {"x-fake-fault": f"hang:{through.seen.sent_bytes - DONE_BYTES}"}
    with (
        made(f"{through.url}/mistral", {**SHORT, **hang}) as client,
        client.chat.stream(model=MODEL, messages=SAID) as events,
    ):
        assert [next(events).data.choices[0].finish_reason for _ in range(3)][2] == "stop"
    whole, left = through.proxy.rows()
    assert (whole.outcome, whole.output_tokens) == ("ok", 1)
    assert (left.outcome, left.output_tokens, left.output_how) == ("cancelled", 1, "reported")


def test_an_upstream_that_is_away_is_an_error(through: Through) -> None:
    with made(f"{through.url}/gone") as client, pytest.raises(MistralError) as caught:
        client.chat.complete(model=MODEL, messages=SAID)
    assert caught.value.status_code == 502
    assert "tabwatt: gone" in caught.value.body
    assert through.proxy.row().outcome == "refused"


def test_an_unknown_upstream_is_not_found(through: Through) -> None:
    with made(f"{through.url}/nowhere") as client, pytest.raises(MistralError) as caught:
        client.chat.complete(model=MODEL, messages=SAID)
    assert caught.value.status_code == 404
    assert "'nowhere'" in caught.value.body
    assert through.proxy.rows() == []

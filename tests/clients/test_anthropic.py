from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import Anthropic, AsyncAnthropic
from anthropic.types import Message, MessageParam
from clients.through import Through, assert_agrees

KEY = "sk-ant-not-a-real-key"
MODEL = "claude-haiku-4-5"
SERVED = "claude-haiku-4-5-20251001"
SAID: list[MessageParam] = [{"role": "user", "content": "Write a function that adds two numbers."}]
SHORT = {"x-fake-text": "Hello, world!", "x-fake-output-tokens": "1"}
"""One delta, `Hello` `,` ` world` `!`: four tokens of o200k_base."""
END_BYTES = len(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')


def at_once(response: httpx2.Response) -> None:
    """Let the SDK try again after a millisecond, not after the seconds the server asks for."""
    response.headers["retry-after-ms"] = "1"


def relent(request: httpx2.Request) -> None:
    """Ask the fake for an error in the first two tries only."""
    if request.headers.get("x-stainless-retry-count") == "2":
        request.headers.pop("x-fake-status", None)


def made(base_url: str) -> Anthropic:
    hooks: dict[str, list[Callable[..., Any]]] = {"request": [relent], "response": [at_once]}
    http = anthropic.DefaultHttpxClient(event_hooks=hooks)
    return Anthropic(base_url=base_url, api_key=KEY, http_client=http)


@pytest.fixture
def client(through: Through) -> Iterator[Anthropic]:
    """As a user would set it up: `ANTHROPIC_BASE_URL=http://127.0.0.1:8229`, without `/v1`."""
    with made(through.url) as client:
        yield client


def ask(client: Anthropic, fake: dict[str, str] | None = None) -> Message:
    return client.messages.create(model=MODEL, max_tokens=256, messages=SAID, extra_headers=fake)


def test_a_message_agrees_with_what_the_sdk_parsed(client: Anthropic, through: Through) -> None:
    reply = ask(client)
    row = through.agreed()
    (block,) = reply.content
    assert block.type == "text"
    assert block.text == through.truth.text
    assert (row.input_tokens, row.output_tokens) == (
        reply.usage.input_tokens,
        reply.usage.output_tokens,
    )
    # 39 bytes of prompt and 4 of "user" are 43 / 4 = 10.75, rounded up: the fake's own rule.
    assert row.input_tokens == 11
    assert (row.client, row.client_version) == ("anthropic-sdk", anthropic.__version__)
    assert (row.api, row.provider, row.upstream) == (
        "anthropic.messages",
        "anthropic",
        "anthropic",
    )
    assert (row.model_requested, row.model_served) == (MODEL, SERVED)
    assert through.seen.header("authorization") == f"Bearer {KEY}"


def test_cached_input_is_part_of_the_input(through: Through) -> None:
    """The API leaves it out of `input_tokens`: 5 + 30 written + 64 read are 99."""
    with made(f"{through.url}/u/bob/anthropic") as client:
        reply = ask(
            client,
            {
                "x-fake-input-tokens": "99",
                "x-fake-cache-read-tokens": "64",
                "x-fake-cache-write-tokens": "30",
            },
        )
    row = through.agreed()
    assert (reply.usage.input_tokens, row.input_tokens) == (5, 99)
    assert (row.cache_read_tokens, row.cache_write_tokens) == (64, 30)
    assert (row.developer, row.upstream) == ("bob", "anthropic")


def test_a_stream_agrees(client: Anthropic, through: Through) -> None:
    with client.messages.stream(model=MODEL, max_tokens=256, messages=SAID) as stream:
        said = "".join(stream.text_stream)
        final = stream.get_final_message()
    row = through.agreed()
    assert said == through.truth.text
    assert (row.input_tokens, row.output_tokens) == (
        final.usage.input_tokens,
        final.usage.output_tokens,
    )
    assert row.stream
    assert row.ttft_s is not None


def test_thinking_and_tools_in_a_stream_agree(client: Anthropic, through: Through) -> None:
    with client.messages.stream(
        model=MODEL,
        max_tokens=4096,
        messages=SAID,
        thinking={"type": "enabled", "budget_tokens": 1024},
        tools=[{"name": "read_file", "input_schema": {"type": "object"}}],
    ) as stream:
        final = stream.get_final_message()
    through.agreed()
    assert [block.type for block in final.content] == ["thinking", "text", "tool_use"]


async def test_the_asynchronous_client_agrees(through: Through) -> None:
    async with (
        AsyncAnthropic(base_url=through.url, api_key=KEY) as client,
        client.messages.stream(model=MODEL, max_tokens=64, messages=SAID) as stream,
    ):
        final = await stream.get_final_message()
    row = through.agreed()
    assert (row.client, row.output_tokens) == ("anthropic-sdk", final.usage.output_tokens)


def test_counting_tokens_has_no_row(client: Anthropic, through: Through) -> None:
    assert client.messages.count_tokens(model=MODEL, messages=SAID).input_tokens == 11
    assert through.proxy.rows() == []


def test_a_list_of_models_has_no_row(client: Anthropic, through: Through) -> None:
    """`/v1/models` is OpenAI's path too: the version header tells them apart."""
    assert [model.id for model in client.models.list()][1] == MODEL
    assert through.proxy.rows() == []


def test_every_try_has_a_row(client: Anthropic, through: Through) -> None:
    ask(client, {"x-fake-status": "529"})
    rows = through.proxy.rows()
    assert [(row.http_status, row.outcome) for row in rows] == [
        (529, "upstream_error"),
        (529, "upstream_error"),
        (200, "ok"),
    ]
    assert_agrees(rows[2], through.truth)


def test_leaving_a_stream_early_is_a_cancelled_request(client: Anthropic, through: Through) -> None:
    """Input was reported in the first event; the end is held back by the server."""
    ask_short(client, {})
    size = through.seen.sent_bytes
    ask_short(client, {"x-fake-fault": f"hang:{size - END_BYTES}"}, leave_at="content_block_stop")
    row = through.proxy.rows()[-1]
    assert (row.outcome, row.input_how, row.input_tokens) == ("cancelled", "reported", 11)
    assert row.output_tokens == 1  # the last `message_delta` had come, and it says 1


def test_leaving_after_the_end_marker_is_no_cancellation(
    client: Anthropic, through: Through
) -> None:
    ask_short(client, {})
    size = through.seen.sent_bytes
    ask_short(client, {"x-fake-fault": f"hang:{size}"}, leave_at="message_stop")
    row = through.proxy.rows()[-1]
    assert (row.outcome, row.output_tokens) == ("ok", 1)


def ask_short(client: Anthropic, fault: dict[str, str], leave_at: str = "") -> None:
    with client.messages.create(
        model=MODEL, max_tokens=256, messages=SAID, stream=True, extra_headers={**SHORT, **fault}
    ) as stream:
        for event in stream:
            if event.type == leave_at:
                break


def test_an_error_in_the_stream_reaches_the_sdk(client: Anthropic, through: Through) -> None:
    with pytest.raises(anthropic.APIStatusError, match="overloaded"):
        ask_short(client, {"x-fake-fault": "error-event"})
    row = through.proxy.row()
    assert row.outcome == "cut"


def test_an_upstream_that_is_away_is_an_error_of_the_server(through: Through) -> None:
    with (
        made(f"{through.url}/gone").with_options(max_retries=0) as client,
        pytest.raises(anthropic.InternalServerError) as caught,
    ):
        ask(client)
    assert caught.value.status_code == 502
    assert "tabwatt: gone" in caught.value.message
    row = through.proxy.row()
    assert (row.outcome, row.input_tokens, row.output_tokens) == ("refused", 0, 0)


def test_an_unknown_upstream_is_not_found(through: Through) -> None:
    with made(f"{through.url}/nowhere") as client, pytest.raises(anthropic.NotFoundError) as caught:
        ask(client)
    assert "'nowhere'" in caught.value.message
    assert caught.value.body is not None
    assert through.proxy.rows() == []

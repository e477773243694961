from collections.abc import Iterator
from importlib.metadata import version

import httpx
import ollama
import pytest
from clients.through import Through
from ollama import AsyncClient, Client

MODEL = "qwen2.5-coder:7b"
SAID = [{"role": "user", "content": "Write a function that adds two numbers."}]
SHORT = {"x-fake-text": "Hello, world!", "x-fake-output-tokens": "1"}
LINE_END = b"\n"


@pytest.fixture
def client(through: Through) -> Iterator[Client]:
    """As a user would set it up: `OLLAMA_HOST=http://127.0.0.1:8229`."""
    with Client(host=through.url) as client:
        yield client


def test_a_chat_agrees_with_what_the_sdk_parsed(client: Client, through: Through) -> None:
    reply = client.chat(model=MODEL, messages=SAID)
    row = through.agreed()
    assert reply.message.content == through.truth.text
    assert (row.input_tokens, row.output_tokens) == (reply.prompt_eval_count, reply.eval_count)
    # 39 bytes of prompt and 4 of "user" are 43 / 4 = 10.75, rounded up: the fake's own rule.
    assert row.input_tokens == 11
    assert (row.api, row.upstream, row.stream) == ("ollama.chat", "ollama", False)
    assert (row.client, row.client_version) == ("ollama-sdk", version("ollama"))
    assert (row.provider, row.model_served) == ("local", MODEL)


def test_a_streamed_chat_agrees(client: Client, through: Through) -> None:
    parts = list(client.chat(model=MODEL, messages=SAID, stream=True, think=True))
    row = through.agreed()
    assert "".join(part.message.content or "" for part in parts) == through.truth.text
    assert (row.input_tokens, row.output_tokens) == (
        parts[-1].prompt_eval_count,
        parts[-1].eval_count,
    )
    assert row.stream
    assert row.ttft_s is not None


def test_a_generation_agrees(through: Through) -> None:
    with Client(host=f"{through.url}/u/carol/ollama") as client:
        reply = client.generate(model=MODEL, prompt="def add(a", suffix="return a + b\n")
    row = through.agreed()
    assert reply.response == through.truth.text
    assert (row.api, row.output_tokens, row.purpose) == (
        "ollama.generate",
        reply.eval_count,
        "tab",
    )
    assert (row.developer, row.upstream) == ("carol", "ollama")


def test_a_streamed_generation_agrees(client: Client, through: Through) -> None:
    parts = list(client.generate(model=MODEL, prompt="def add(a", stream=True))
    row = through.agreed()
    assert "".join(part.response or "" for part in parts) == through.truth.text
    assert (row.api, row.output_tokens) == ("ollama.generate", parts[-1].eval_count)


def test_embeddings_have_input_alone(client: Client, through: Through) -> None:
    reply = client.embed(model="nomic-embed-text", input=["one", "two"])
    row = through.agreed()
    assert len(reply.embeddings) == 2
    assert (row.api, row.input_tokens, row.output_tokens) == (
        "ollama.embed",
        reply.prompt_eval_count,
        0,
    )


async def test_the_asynchronous_client_agrees(through: Through) -> None:
    async with AsyncClient(host=through.url) as client:
        parts = [part async for part in await client.chat(MODEL, SAID, stream=True)]
    row = through.agreed()
    assert (row.client, row.output_tokens) == ("ollama-sdk", parts[-1].eval_count)


def test_lists_and_facts_have_no_row(client: Client, through: Through) -> None:
    assert client.list().models[0].model == MODEL
    assert client.show(MODEL).capabilities == ["completion"]
    assert through.proxy.rows() == []


def test_a_try_that_is_refused_has_a_row(through: Through) -> None:
    """This SDK never tries again by itself."""
    with (
        Client(host=through.url, headers={"x-fake-status": "429"}) as client,
        pytest.raises(ollama.ResponseError) as caught,
    ):
        client.chat(model=MODEL, messages=SAID)
    assert (caught.value.status_code, caught.value.error) == (429, "refused")
    row = through.proxy.row()
    assert (row.outcome, row.http_status, row.output_tokens) == ("upstream_error", 429, 0)


def test_leaving_a_stream_early_is_a_cancelled_request(through: Through) -> None:
    """The line with the text has come; the one with the counts is held back by the server."""
    body = {"model": MODEL, "messages": SAID}
    raw = httpx.post(f"{through.url}/api/chat", json=body, headers=SHORT).content
    hang = {"x-fake-fault": f"hang:{raw.index(LINE_END) + 1}"}
    with Client(host=through.url, headers={**SHORT, **hang}) as client:
        stream = client.chat(model=MODEL, messages=SAID, stream=True)
        assert next(iter(stream)).message.content == "Hello, world!"
    whole, left = through.proxy.rows()
    assert (whole.outcome, whole.output_tokens) == ("ok", 1)
    assert (left.outcome, left.http_status) == ("cancelled", 200)
    assert (left.output_tokens, left.output_how) == (4, "counted")  # `Hello` `,` ` world` `!`


def test_an_error_in_the_stream_reaches_the_sdk(through: Through) -> None:
    with (
        Client(host=through.url, headers={"x-fake-fault": "error-event"}) as client,
        pytest.raises(ollama.ResponseError, match="overloaded"),
    ):
        list(client.chat(model=MODEL, messages=SAID, stream=True))
    assert through.proxy.row().outcome == "cut"


def test_an_upstream_that_is_away_is_an_error(through: Through) -> None:
    with (
        Client(host=f"{through.url}/gone") as client,
        pytest.raises(ollama.ResponseError) as caught,
    ):
        client.chat(model=MODEL, messages=SAID)
    assert caught.value.status_code == 502
    assert caught.value.error.startswith("tabwatt: gone")
    assert through.proxy.row().outcome == "refused"


def test_an_unknown_upstream_is_not_found(through: Through) -> None:
    with (
        Client(host=f"{through.url}/nowhere") as client,
        pytest.raises(ollama.ResponseError, match="'nowhere'") as caught,
    ):
        client.chat(model=MODEL, messages=SAID)
    assert caught.value.status_code == 404
    assert through.proxy.rows() == []


def test_the_request_is_read_before_its_answer_comes(client: Client, through: Through) -> None:
    """This SDK sends head and body apart, and the server answers at once: a race, thirty times.

    Only a reader that knows that embeddings were asked for knows that there is no output.
    """
    for number in range(30):
        client.embed(model="nomic-embed-text", input=f"text {number}")
    rows = through.proxy.rows()
    assert [row.output_how for row in rows] == ["reported"] * 30

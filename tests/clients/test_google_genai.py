from collections.abc import Generator, Iterator

import google.genai
import pytest
from clients.through import Through
from google.genai import Client, errors
from google.genai.types import GenerateContentConfig, HttpOptions, HttpRetryOptions, ThinkingConfig

KEY = "not-a-real-key"
MODEL = "gemini-2.5-flash"
HELLO = "Write a function that adds two numbers."


def made(
    base_url: str, fake: dict[str, str] | None = None, retries: HttpRetryOptions | None = None
) -> Client:
    options = HttpOptions(base_url=base_url, headers=fake, retry_options=retries)
    return Client(api_key=KEY, http_options=options)


@pytest.fixture
def client(through: Through) -> Iterator[Client]:
    with made(through.url) as client:
        yield client


def test_content_agrees_with_what_the_sdk_parsed(client: Client, through: Through) -> None:
    reply = client.models.generate_content(model=MODEL, contents=HELLO)
    row = through.agreed()
    assert reply.text == through.truth.text
    usage = reply.usage_metadata
    assert usage is not None
    assert row.input_tokens == usage.prompt_token_count
    # Thoughts stand beside the candidates here, and inside the output in a row.
    assert usage.candidates_token_count is not None
    assert usage.thoughts_token_count is not None
    assert row.output_tokens == usage.candidates_token_count + usage.thoughts_token_count
    assert row.reasoning_tokens == usage.thoughts_token_count
    assert (row.client, row.client_version) == ("google-genai-sdk", google.genai.__version__)
    assert (row.api, row.provider, row.upstream) == ("gemini.generate", "google", "gemini")
    assert (row.model_requested, row.model_served) == (MODEL, MODEL)
    assert through.seen.header("x-goog-api-key") == KEY


def test_streamed_content_agrees(through: Through) -> None:
    with made(f"{through.url}/u/dave/gemini") as client:
        config = GenerateContentConfig(thinking_config=ThinkingConfig(include_thoughts=True))
        chunks = list(
            client.models.generate_content_stream(model=MODEL, contents=HELLO, config=config)
        )
    row = through.agreed()
    assert "".join(chunk.text or "" for chunk in chunks) == through.truth.text
    usage = chunks[-1].usage_metadata
    assert usage is not None
    assert row.input_tokens == usage.prompt_token_count
    assert row.output_tokens == (usage.candidates_token_count or 0) + (
        usage.thoughts_token_count or 0
    )
    assert (row.developer, row.stream) == ("dave", True)
    assert row.ttft_s is not None


@pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")  # of the SDK's own
async def test_the_asynchronous_client_agrees(through: Through) -> None:
    async with made(through.url).aio as client:
        stream = await client.models.generate_content_stream(model=MODEL, contents=HELLO)
        chunks = [chunk async for chunk in stream]
    row = through.agreed()
    assert "".join(chunk.text or "" for chunk in chunks) == through.truth.text
    assert row.client == "google-genai-sdk"


def test_embeddings_are_counted(client: Client, through: Through) -> None:
    """Google reports no tokens for them."""
    client.models.embed_content(model="gemini-embedding-001", contents="hello world")
    row = through.proxy.row()
    assert (row.outcome, row.input_how, row.output_tokens) == ("ok", "counted", 0)
    assert row.input_tokens == 2  # `hello` ` world`


def test_counting_tokens_has_no_row(client: Client, through: Through) -> None:
    reply = client.models.count_tokens(model=MODEL, contents=HELLO)
    assert reply.total_tokens == 11
    assert through.proxy.rows() == []


def test_a_list_of_models_has_no_row(client: Client, through: Through) -> None:
    assert MODEL in {(model.name or "").removeprefix("models/") for model in client.models.list()}
    assert through.proxy.rows() == []


def test_every_try_has_a_row(through: Through) -> None:
    retries = HttpRetryOptions(attempts=3, initial_delay=0.001, max_delay=0.001, jitter=0.001)
    with (
        made(through.url, {"x-fake-status": "429"}, retries) as client,
        pytest.raises(errors.ClientError) as caught,
    ):
        client.models.generate_content(model=MODEL, contents=HELLO)
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    rows = through.proxy.rows()
    assert [(row.http_status, row.outcome) for row in rows] == [(429, "upstream_error")] * 3
    assert [row.output_tokens for row in rows] == [0, 0, 0]


def test_leaving_a_stream_early_is_a_cancelled_request(through: Through) -> None:
    """Every chunk tells the counts so far; the last one is held back by the server."""
    fake = {"x-fake-output-tokens": "4", "x-fake-reasoning-tokens": "0"}
    with made(through.url, fake) as client:
        *_, last = client.models.generate_content_stream(model=MODEL, contents=HELLO)
    size = through.seen.sent_bytes
    assert last.usage_metadata is not None
    fault = {"x-fake-fault": f"hang:{size - 200}"}
    with made(through.url, {**fake, **fault}) as client:
        stream = client.models.generate_content_stream(model=MODEL, contents=HELLO)
        assert isinstance(stream, Generator)
        chunk = next(stream)
        stream.close()
    assert chunk.usage_metadata is not None
    whole, left = through.proxy.rows()
    assert (whole.outcome, whole.output_tokens) == ("ok", 4)
    assert (left.outcome, left.input_how, left.output_how) == ("cancelled", "reported", "reported")


def test_an_upstream_that_is_away_is_an_error_of_the_server(through: Through) -> None:
    with made(f"{through.url}/gone") as client, pytest.raises(errors.ServerError) as caught:
        client.models.generate_content(model=MODEL, contents=HELLO)
    assert (caught.value.code, caught.value.status) == (502, "UPSTREAM_UNREACHABLE")
    assert (caught.value.message or "").startswith("tabwatt: gone")
    assert through.proxy.row().outcome == "refused"


def test_an_unknown_upstream_is_not_found(through: Through) -> None:
    with made(f"{through.url}/nowhere") as client, pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(model=MODEL, contents=HELLO)
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND_ERROR")
    assert "'nowhere'" in (caught.value.message or "")
    assert through.proxy.rows() == []

"""Nothing that a client or a server sends makes an adapter raise, or report an absurd count."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.protocols import FAMILIES
from proxy.protocols.openai_chat import OpenAIChat
from proxy.protocols.protocol import TEXT_CHARS_KEPT, Ask, Protocol, Reading

KEYS = [
    *("model", "stream", "messages", "content", "type", "text", "usage", "choices", "delta"),
    *("message", "index", "input", "output", "prompt", "suffix", "parts", "contents", "request"),
    *("candidates", "usageMetadata", "promptTokenCount", "error", "code", "status", "timings"),
    *("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "response", "done"),
    *("eval_count", "tokens_predicted", "metadata", "user_id", "system", "tools", "images", "n"),
    *("tool_calls", "function", "arguments", "name", "source", "extra", "generate", "inlineData"),
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["image_url", "response.create", "error", "message", "data:;base64,"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=14,
)
OBJECTS = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=7)


def exercise(protocol: Protocol, body: bytes) -> Reading:
    ask = protocol.ask("/v1/models/x:generateContent?key=k", body)
    protocol.prompt(body)
    reply = protocol.reply(ask)
    reply.event("", body)
    reply.event("error", body)
    return reply.reading


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(FAMILIES), st.binary(max_size=60))
def test_arbitrary_bytes(protocol: Protocol, body: bytes) -> None:
    exercise(protocol, body)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(FAMILIES), OBJECTS | st.lists(OBJECTS, max_size=2))
def test_any_json_of_known_names(protocol: Protocol, value: object) -> None:
    reading = exercise(protocol, json.dumps(value).encode())
    usage = reading.usage
    if usage is not None:
        counts = (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens)
        assert all(type(count) is int and count >= 0 for count in counts if count is not None)
        assert (usage.cache_read_tokens or 0) <= (usage.input_tokens or 0)


@pytest.mark.parametrize("protocol", FAMILIES, ids=lambda family: family.api)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"[[[",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"messages":' * 50_000,
        b'{"n":' + b"9" * 10_000 + b"}",
    ],
    ids=lambda body: repr(body[:12]),
)
def test_hostile_bodies(protocol: Protocol, body: bytes) -> None:
    reading = exercise(protocol, body)
    assert reading.text == []


@pytest.mark.parametrize(
    "count", ["-1", "true", "1e300", "12.5", '"40"', "9007199254740993", "null", "[]"]
)
def test_an_absurd_count_is_absent_and_costs_nothing_else(count: str) -> None:
    reply = OpenAIChat().reply(Ask())
    reply.event("", f'{{"usage":{{"prompt_tokens":7,"completion_tokens":{count}}}}}'.encode())
    usage = reply.reading.usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (7, None)
    assert (usage.input_how, usage.output_how) == ("reported", "none")


def test_a_whole_float_is_a_count() -> None:
    reply = OpenAIChat().reply(Ask())
    reply.event("", b'{"usage":{"prompt_tokens":7.0,"completion_tokens":4e1}}')
    assert reply.reading.usage is not None
    assert reply.reading.usage.output_tokens == 40


def test_a_broken_line_between_good_ones_is_skipped() -> None:
    reply = OpenAIChat().reply(Ask())
    for data in (b'{"choices":[{"delta":{"content":"a"}}]}', b'{"choi', b"oops", b"[DONE]"):
        reply.event("", data)
    assert reply.reading.text == ["a"]
    assert reply.reading.ended


def test_half_an_emoji_is_still_text() -> None:
    """Servers that cut by token send surrogate halves in two chunks."""
    reply = OpenAIChat().reply(Ask())
    for half in (rb"\ud83c", rb"\udf31"):
        reply.event("", b'{"choices":[{"delta":{"content":"' + half + b'"}}]}')
    text = "".join(reply.reading.text).encode("utf-16", "surrogatepass").decode("utf-16")
    assert text == "\N{SEEDLING}"


def test_text_is_held_up_to_a_bound() -> None:
    reading = Reading()
    reading.add("x" * TEXT_CHARS_KEPT)
    assert reading.text_complete
    reading.add("y")
    assert not reading.text_complete
    assert reading.text_chars == TEXT_CHARS_KEPT + 1
    assert sum(map(len, reading.text)) == TEXT_CHARS_KEPT


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ('{"type":"server_error","message":"secret"}', "server_error"),
        ('{"type":null,"code":429,"message":"secret"}', "429"),
        ('{"type":"You said: secret","code":"bad_request"}', "bad_request"),
        ('{"message":"secret"}', "error"),
        ('"secret words"', "error"),
    ],
)
def test_an_error_is_its_code_and_never_its_message(error: str, code: str) -> None:
    reply = OpenAIChat().reply(Ask())
    reply.event("", f'{{"error":{error}}}'.encode())
    assert reply.reading.error == code

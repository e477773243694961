"""Dialects that put the usage of a stream in a place of their own."""

import pytest

from estimator.usage import Usage
from proxy.protocols.openai_chat import OpenAIChat
from proxy.protocols.protocol import Ask

USAGE = b'{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}'


@pytest.mark.parametrize(
    "last",
    [
        b'{"choices":[],"usage":%b}',
        b'{"choices":[{"index":0,"delta":{}}],"x_groq":{"id":"r","usage":%b}}',
        b'{"choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":%b}]}',
    ],
    ids=["openai", "groq", "moonshot"],
)
def test_the_usage_is_found(last: bytes) -> None:
    reply = OpenAIChat().reply(Ask(stream=True))
    reply.event("", b'{"choices":[{"index":0,"delta":{"content":"a"}}]}')
    reply.event("", last % USAGE)
    used = reply.reading.usage
    assert isinstance(used, Usage)
    assert (used.input_tokens, used.output_tokens) == (9, 3)
    assert (used.input_how, used.output_how) == ("reported", "reported")

"""Several turns on one WebSocket: which frame opens one, and which one ends it."""

from estimator.usage import Usage
from proxy.protocols.openai_responses import OpenAIResponses, starts_turn

CREATE = b'{"type":"response.create","model":"gpt-x","input":[{"role":"user","content":"hi"}]}'
WARM_UP = b'{"type":"response.create","model":"gpt-x","input":[],"generate":false}'


def test_a_turn_begins_with_response_create() -> None:
    assert starts_turn(CREATE)
    assert starts_turn(WARM_UP)
    assert not starts_turn(b'{"type":"response.cancel"}')
    assert not starts_turn(b"not json")


def test_a_warm_up_generates_nothing() -> None:
    protocol = OpenAIResponses()
    assert protocol.ask("/v1/responses", CREATE).generates
    assert not protocol.ask("/v1/responses", WARM_UP).generates


def test_a_frame_streams_and_may_be_wrapped() -> None:
    wrapped = b'{"type":"response.create","response":{"model":"gpt-x","generate":false}}'
    ask = OpenAIResponses().ask("/v1/responses", wrapped)
    assert (ask.model, ask.stream, ask.generates) == ("gpt-x", True, False)


def test_each_turn_has_its_own_reply_and_end() -> None:
    protocol = OpenAIResponses()
    for tokens in (3, 5):
        reply = protocol.reply(protocol.ask("/v1/responses", CREATE))
        reply.event("", b'{"type":"response.created","response":{"id":"r","usage":null}}')
        reply.event("", b'{"type":"response.output_text.delta","delta":"x"}')
        assert not reply.reading.ended
        usage = f'{{"input_tokens":2,"output_tokens":{tokens}}}'
        end = f'{{"type":"response.completed","response":{{"id":"r","usage":{usage}}}}}'
        reply.event("", end.encode())
        assert reply.reading.ended
        assert reply.reading.usage == Usage(2, None, None, tokens, None, "reported", "reported")


def test_an_error_frame_ends_the_turn() -> None:
    protocol = OpenAIResponses()
    reply = protocol.reply(protocol.ask("/v1/responses", CREATE))
    error = b'{"type":"error","status":400,"error":{"type":"invalid_request_error","code":"c"}}'
    reply.event("", error)
    assert reply.reading.ended
    assert reply.reading.error == "c"

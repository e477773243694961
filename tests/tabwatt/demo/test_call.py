import gzip

import pytest

from tabwatt.demo.call import bare_path, call, input_tokens, prefix_tokens, text


@pytest.mark.parametrize(
    ("path", "bare"),
    [
        ("/v1/messages", "/v1/messages"),
        ("/u/alice@example.org/v1/messages", "/v1/messages"),
        ("/u/a%2Fb/mistral/v1/fim/completions", "/v1/fim/completions"),
        ("/copilot/proxy/v1/engines/x/completions", "/v1/engines/x/completions"),
        ("/copilot/chat/completions", "/chat/completions"),
        ("/azure/openai/deployments/d/embeddings", "/openai/deployments/d/embeddings"),
        ("/u/alice/", "/"),
        ("/", "/"),
    ],
)
def test_developer_and_upstream_are_taken_off(path: str, bare: str) -> None:
    assert bare_path(path) == bare


def test_tokens_are_a_quarter_of_the_bytes_rounded_up() -> None:
    # "für" is 4 bytes, 1 token; "sort" and "list" together 8 bytes, 2 tokens
    body = {"system": "für", "messages": [{"content": "sort"}, {"content": "list"}], "model": "m"}
    assert input_tokens(body) == 3
    assert input_tokens({}) == 1


def test_images_are_no_text() -> None:
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    assert text([part, {"type": "text", "text": "see"}]) == "see"


def test_prefix_is_what_the_last_turn_held() -> None:
    first = [{"content": "a" * 400}]
    longer = [*first, {"content": "b" * 40}, {"content": "c" * 80}]
    assert prefix_tokens({"messages": first}) == 0
    assert prefix_tokens({"messages": longer}) == 100


def test_unreadable_bodies_read_as_empty_ones() -> None:
    for raw, coding in ((b"\xff\x00", ""), (b"[1]", ""), (b"not gzip", "gzip")):
        assert call("POST", "/v1/messages", {}, {"content-encoding": coding}, raw).body == {}
    packed = gzip.compress(b'{"model":"m"}')
    told = call("POST", "/v1/messages", {}, {"content-encoding": "gzip"}, packed)
    assert told.body == {"model": "m"}
    assert told.raw == packed


def test_controls_come_in_headers_and_metadata() -> None:
    raw = b'{"metadata":{"x-fake-output-tokens":"7","user_id":"u"}}'
    headers = {"x-fake-fault": "cut:30", "x-fake-delay-ms": "250", "x-fake-output-tokens": "5"}
    asked = call("POST", "/v1/messages", {}, headers, raw).controls
    assert (asked.fault, asked.fault_number) == ("cut", 30)
    assert asked.delay_s == 0.25
    assert asked.output_tokens == 7

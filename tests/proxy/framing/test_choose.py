import pytest

from proxy.framing.choose import Sniffed, choose
from proxy.framing.framing import Framing
from proxy.framing.json_array import JsonArray
from proxy.framing.ndjson import Ndjson
from proxy.framing.sse import Sse
from proxy.framing.whole import Whole


@pytest.mark.parametrize(
    ("content_type", "stream", "api", "framing"),
    [
        ("text/event-stream; charset=utf-8", True, "openai.chat", Sse),
        ("TEXT/EVENT-STREAM", False, "openai.chat", Sse),
        ("application/x-ndjson", True, "ollama.chat", Ndjson),
        ("application/json", True, "ollama.generate", Ndjson),
        ("application/json; charset=UTF-8", True, "gemini.generate", JsonArray),
        ("application/json", False, "gemini.generate", Whole),
        ("application/json", True, "openai.chat", Whole),
        ("application/problem+json", True, "openai.chat", Whole),
        ("", False, "openai.chat", Whole),
        ("", True, "openai.chat", Sniffed),
        ("text/plain", True, "openai.chat", Sniffed),
    ],
)
def test_the_framing_of(content_type: str, stream: bool, api: str, framing: type[Framing]) -> None:
    assert type(choose(content_type, stream, api)) is framing


def test_a_nameless_stream_shows_what_it_is() -> None:
    stream = b"\n\ndata: a\n\ndata: b\n\n"
    for cut in range(len(stream)):
        framing = Sniffed()
        found = framing.feed(stream[:cut]) + framing.feed(stream[cut:]) + framing.finish()
        assert found == [("", b"a"), ("", b"b")]


@pytest.mark.parametrize("body", [b'{"error":"no"}', b"{}", b"502"])
def test_a_nameless_body_is_taken_whole(body: bytes) -> None:
    framing = Sniffed()
    assert framing.feed(body) == []
    assert framing.finish() == [("", body)]


def test_a_body_is_given_at_its_end() -> None:
    framing = Whole()
    assert framing.feed(b"{") == framing.feed(b"}") == []
    assert framing.finish() == [("", b"{}")]
    assert Whole().finish() == []


def test_too_long_a_body_is_not_held() -> None:
    framing = Whole(limit=10)
    framing.feed(b"x" * 10)
    assert not framing.overflow
    framing.feed(b"x")
    assert framing.overflow
    assert framing.finish() == []

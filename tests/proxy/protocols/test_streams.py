"""Every stream under tests/proxy/streams, however it is cut, gives the reading written beside it.

`usage` of a truth is [input, cache read, cache write, output, reasoning]; what a truth leaves out
has its default.
"""

import json
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimator.usage import Usage
from proxy.framing.choose import choose
from proxy.protocols import recognise
from proxy.protocols.protocol import Reading

STREAMS = Path(__file__).parent.parent / "streams"
NAMES = sorted(path.name for path in STREAMS.iterdir() if not path.name.endswith(".truth.json"))


@dataclass(frozen=True)
class Truth:
    path: str
    content_type: str
    request: bytes
    reading: dict[str, object] = field(default_factory=dict)


def body_of(name: str) -> bytes:
    return (STREAMS / name).read_bytes()


def truth_of(name: str) -> Truth:
    truth = json.loads((STREAMS / f"{name}.truth.json").read_bytes())
    request = json.dumps(truth["request"]).encode()
    return Truth(truth["path"], truth["content_type"], request, truth["reading"])


def read(truth: Truth, chunks: list[bytes]) -> Reading:
    protocol = recognise("POST", truth.path).protocol
    assert protocol is not None
    ask = protocol.ask(truth.path, truth.request)
    framing = choose(truth.content_type, ask.stream, protocol.api)
    reply = protocol.reply(ask)
    for chunk in chunks:
        for event in framing.feed(chunk):
            reply.event(*event)
    for event in framing.finish():
        reply.event(*event)
    return reply.reading


def facts(reading: Reading) -> dict[str, object]:
    usage = reading.usage
    told: dict[str, object] = {
        "model": reading.model,
        "usage": usage and _counts(usage),
        "text": "".join(reading.text),
        "others": {str(index): "".join(texts) for index, texts in reading.other_choices.items()},
        "text_chars": reading.text_chars,
        "deltas": reading.deltas,
        "choices": reading.choices,
        "ended": reading.ended,
        "error": reading.error,
        "response_id": reading.response_id,
        "prefill_s": reading.prefill_s,
        "decode_s": reading.decode_s,
        "load_s": reading.load_s,
    }
    assert reading.text_complete
    return {name: value for name, value in told.items() if value not in (None, {})}


def _counts(usage: Usage) -> list[int | None]:
    assert usage.input_how == ("none" if usage.input_tokens is None else "reported")
    assert usage.output_how == ("none" if usage.output_tokens is None else "reported")
    return [
        usage.input_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
    ]


def expected(truth: Truth) -> dict[str, object]:
    return {"choices": 1, **truth.reading}


@pytest.mark.parametrize("name", NAMES)
def test_whole(name: str) -> None:
    truth = truth_of(name)
    assert facts(read(truth, [body_of(name)])) == expected(truth)


@pytest.mark.parametrize("name", NAMES)
def test_one_byte_at_a_time(name: str) -> None:
    truth, body = truth_of(name), body_of(name)
    reading = read(truth, [body[at : at + 1] for at in range(len(body))])
    assert facts(reading) == expected(truth)


@pytest.mark.parametrize("name", NAMES)
def test_cut_once_at_every_place(name: str) -> None:
    truth, body = truth_of(name), body_of(name)
    for cut in range(1, len(body)):
        assert facts(read(truth, [body[:cut], body[cut:]])) == expected(truth)


@settings(max_examples=120, deadline=None)
@given(
    name=st.sampled_from(NAMES),
    cuts=st.lists(st.floats(min_value=0, max_value=1), max_size=12),
    crlf=st.booleans(),
)
def test_cut_at_random_with_either_line_end(name: str, cuts: list[float], crlf: bool) -> None:
    truth, body = truth_of(name), body_of(name)
    if crlf and not name.endswith(".json"):
        body = body.replace(b"\n", b"\r\n")
    places = sorted({int(cut * len(body)) for cut in cuts} | {0, len(body)})
    chunks = [body[start:end] for start, end in pairwise(places)]
    assert facts(read(truth, chunks)) == expected(truth)


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".sse")])
def test_lone_cr_as_line_end(name: str) -> None:
    truth = truth_of(name)
    body = body_of(name).replace(b"\n", b"\r")
    reading = read(truth, [body[at : at + 3] for at in range(0, len(body), 3)])
    assert facts(reading) == expected(truth)

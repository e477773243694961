from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.framing.framing import Event
from proxy.framing.sse import Sse


def events(*chunks: bytes, limit: int | None = None) -> list[Event]:
    framing = Sse() if limit is None else Sse(limit)
    found = [event for chunk in chunks for event in framing.feed(chunk)]
    return found + framing.finish()


@pytest.mark.parametrize(
    ("stream", "found"),
    [
        (b"data: a\n\n", [("", b"a")]),
        (b"data:a\n\ndata:  b\n\n", [("", b"a"), ("", b" b")]),
        (b"data: a\ndata: b\n\n", [("", b"a\nb")]),
        (b"event: x\ndata: a\n\n", [("x", b"a")]),
        (b"data: a\nevent: x\nid: 7\nretry: 10\n\n", [("x", b"a")]),
        (b": comment\n\n:\n\ndata: a\n\n", [("", b"a")]),
        (b": comment\ndata: a\n\n", [("", b"a")]),
        (b"event: ping\n\ndata: a\n\n", [("", b"a")]),
        (b"data\n\n", [("", b"")]),
        (b"\n\n\ndata: a\n\n\n\ndata: b\n\n", [("", b"a"), ("", b"b")]),
        (b"\xef\xbb\xbfdata: a\n\n", [("", b"a")]),
        (b"unknown: a\n\n", []),
        (b"", []),
    ],
)
def test_the_standards_cases(stream: bytes, found: list[Event]) -> None:
    for ends in (stream, stream.replace(b"\n", b"\r\n"), stream.replace(b"\n", b"\r")):
        assert events(ends) == found
        assert events(*(ends[at : at + 1] for at in range(len(ends)))) == found


def test_crlf_cut_in_the_middle_is_one_line_end() -> None:
    assert events(b"data: a\r", b"\ndata: b\r", b"\n\r", b"\n") == [("", b"a\nb")]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\r"])
def test_a_whole_last_line_counts_without_its_blank_line(end: bytes) -> None:
    assert events(b'data: {"usage":1}' + end) == [("", b'{"usage":1}')]


def test_a_cut_last_line_is_dropped() -> None:
    assert events(b'data: a\n\ndata: {"usa') == [("", b"a")]


def test_too_long_an_event_is_not_held() -> None:
    framing = Sse(limit=100)
    assert framing.feed(b"data: a\n\ndata: " + b"x" * 95) == [("", b"a")]
    assert framing.overflow
    assert framing.feed(b"\n\ndata: b\n\n") == []
    assert framing.finish() == []


LINES = st.sampled_from(
    [b"data: x", b"data: gr\xc3\xbc\xc3\x9fe", b"data", b"event: e", b": c", b"id: 1", b"", b""]
)


@given(
    lines=st.lists(LINES, max_size=14),
    end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    cuts=st.lists(st.integers(min_value=0, max_value=200), max_size=8),
)
def test_cuts_change_nothing(lines: list[bytes], end: bytes, cuts: list[int]) -> None:
    stream = b"".join(line + end for line in lines)
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    chunks = [stream[start:stop] for start, stop in pairwise(places)]
    assert events(*chunks) == events(stream)


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_arbitrary_bytes_never_raise(chunks: list[bytes]) -> None:
    assert events(*chunks) == events(b"".join(chunks))

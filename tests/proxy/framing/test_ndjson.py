from hypothesis import given
from hypothesis import strategies as st

from proxy.framing.framing import Event
from proxy.framing.ndjson import Ndjson


def events(*chunks: bytes) -> list[Event]:
    framing = Ndjson()
    found = [event for chunk in chunks for event in framing.feed(chunk)]
    return found + framing.finish()


def test_lines_with_either_end_and_without_the_last() -> None:
    stream = b'{"a":1}\n\n{"b":2}\r\n{"c":3}'
    found = [("", b'{"a":1}'), ("", b'{"b":2}'), ("", b'{"c":3}')]
    for cut in range(len(stream)):
        assert events(stream[:cut], stream[cut:]) == found


def test_too_long_a_line_is_not_held() -> None:
    framing = Ndjson(limit=10)
    assert framing.feed(b"1\n" + b"x" * 11) == [("", b"1")]
    assert framing.overflow
    assert framing.feed(b"\n2\n") == []
    assert framing.finish() == []


@given(st.lists(st.binary(max_size=30), max_size=8))
def test_cuts_change_nothing(chunks: list[bytes]) -> None:
    assert events(*chunks) == events(b"".join(chunks))

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.framing.framing import Event
from proxy.framing.json_array import JsonArray


def events(*chunks: bytes) -> list[Event]:
    framing = JsonArray()
    found = [event for chunk in chunks for event in framing.feed(chunk)]
    return found + framing.finish()


def test_an_element_is_given_as_soon_as_it_closes() -> None:
    framing = JsonArray()
    assert framing.feed(b'[{"a":') == []
    assert framing.feed(b"1}") == [("", b'{"a":1}')]
    assert framing.feed(b',\r\n{"b":2}') == [("", b'{"b":2}')]
    assert framing.feed(b"]") == []


@pytest.mark.parametrize(
    "element",
    [b"{}", b'{"a":"]},[{"}', b'{"a":"\\"]"}', b'{"a":"\\\\"}', b'{"a":[[],{"b":{}}]}', b"[1]"],
)
def test_brackets_in_strings_and_escapes_do_not_count(element: bytes) -> None:
    stream = b" [\n" + element + b" , " + element + b"\n]\n"
    found = [("", element), ("", element)]
    for cut in range(len(stream)):
        assert events(stream[:cut], stream[cut:]) == found
    assert events(*(stream[at : at + 1] for at in range(len(stream)))) == found


def test_a_lone_object_is_given_too() -> None:
    assert events(b'{"error":', b'{"code":429}}') == [("", b'{"error":{"code":429}}')]


def test_a_cut_element_is_dropped() -> None:
    assert events(b'[{"a":1},{"b":') == [("", b'{"a":1}')]


def test_too_long_an_element_is_not_held() -> None:
    framing = JsonArray(limit=20)
    assert framing.feed(b'[{"a":1},{"b":"' + b"x" * 30) == [("", b'{"a":1}')]
    assert framing.overflow
    assert framing.feed(b'"},{}]') == []


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@given(
    elements=st.lists(st.dictionaries(st.text(max_size=4), VALUES, max_size=3), max_size=5),
    indent=st.sampled_from([None, 2]),
    cuts=st.lists(st.floats(min_value=0, max_value=1), max_size=8),
)
def test_any_array_cut_anywhere_gives_its_elements(
    elements: list[dict[str, object]], indent: int | None, cuts: list[float]
) -> None:
    stream = json.dumps(elements, indent=indent, ensure_ascii=False).encode("utf-8", "replace")
    places = sorted({int(cut * len(stream)) for cut in cuts} | {0, len(stream)})
    chunks = [stream[start:stop] for start, stop in pairwise(places)]
    assert [json.loads(data) for _, data in events(*chunks)] == json.loads(stream)


@given(st.lists(st.text(alphabet='[]{},"\\a1 ', max_size=20), max_size=6))
def test_malformed_arrays_never_raise(chunks: list[str]) -> None:
    events(*(chunk.encode() for chunk in chunks))

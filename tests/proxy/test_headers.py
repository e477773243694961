"""What belongs to one connection stays on it; the rest passes in order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.headers import (
    HOP_BY_HOP,
    Header,
    doubtful,
    head,
    listed,
    lookup,
    towards_client,
    towards_upstream,
)

END_TO_END: list[Header] = [
    (b"User-Agent", b"x"),
    (b"X-Twice", b"1"),
    (b"x-twice", b"2"),
    (b"Content-Length", b"5"),
    (b"Content-Encoding", b"gzip"),
    (b"x-github-request-id", b"A:1"),
    (b"X-Bytes", b"caf\xe9"),
]


def sent(*headers: Header, chunked: bool = False, upgrade: bool = False) -> list[Header]:
    return towards_upstream(headers, b"up:1", chunked=chunked, upgrade=upgrade)


def test_end_to_end_headers_keep_order_case_and_value() -> None:
    assert sent((b"Host", b"me"), *END_TO_END) == [(b"Host", b"up:1"), *END_TO_END]
    assert sent(*END_TO_END[:2], (b"hOST", b"me"), *END_TO_END[2:]) == [
        *END_TO_END[:2],
        (b"hOST", b"up:1"),
        *END_TO_END[2:],
    ]
    assert sent(*END_TO_END) == [(b"Host", b"up:1"), *END_TO_END]
    assert towards_client(END_TO_END, chunked=False) == END_TO_END


@pytest.mark.parametrize("name", sorted(HOP_BY_HOP))
def test_hop_by_hop_headers_stay(name: bytes) -> None:
    dropped = (name.title(), b"x")
    assert sent((b"Host", b"me"), dropped, *END_TO_END) == [(b"Host", b"up:1"), *END_TO_END]
    assert towards_client([dropped, *END_TO_END], chunked=False) == END_TO_END


def test_what_is_meant_for_us_stays() -> None:
    local = [
        (b"X-Tabwatt-Developer", b"alice"),
        (b"x-tabwatt-project", b"shop"),
        (b"X-TABWATT-TOKEN", b"t"),
        (b"Proxy-Authorization", b"Basic x"),
        (b"Expect", b"100-continue"),
    ]
    assert sent((b"Host", b"me"), *local, *END_TO_END) == [(b"Host", b"up:1"), *END_TO_END]


def test_what_connection_names_stays() -> None:
    named = (b"Connection", b"close, X-Hop , x-other")
    hops = [(b"x-hop", b"1"), (b"X-Other", b"2")]
    assert sent((b"Host", b"me"), *hops, named, *END_TO_END)[1:] == END_TO_END
    assert towards_client([named, *hops, *END_TO_END], chunked=False) == END_TO_END


def test_connection_cannot_name_what_frames_the_body() -> None:
    named = (b"Connection", b"Content-Length, Host")
    length = (b"Content-Length", b"5")
    assert sent(named, (b"Host", b"me"), length) == [(b"Host", b"up:1"), length]
    assert towards_client([named, length], chunked=False) == [length]


def test_chunking_is_said_once_and_where_it_was_said() -> None:
    said = (b"Transfer-Encoding", b"Chunked")
    assert sent((b"A", b"1"), said, (b"B", b"2"), chunked=True)[1:] == [
        (b"A", b"1"),
        (b"Transfer-Encoding", b"chunked"),
        (b"B", b"2"),
    ]
    assert towards_client([(b"A", b"1")], chunked=True) == [
        (b"A", b"1"),
        (b"Transfer-Encoding", b"chunked"),
    ]


def test_an_upgrade_passes_with_its_connection_header() -> None:
    asked = [
        (b"Connection", b"keep-alive, Upgrade"),
        (b"Upgrade", b"websocket"),
        (b"Sec-WebSocket-Key", b"k"),
    ]
    assert sent(*asked, upgrade=True)[1:] == [
        (b"Connection", b"Upgrade"),
        (b"Upgrade", b"websocket"),
        (b"Sec-WebSocket-Key", b"k"),
    ]


def test_members_are_split_and_lower_case() -> None:
    headers = [(b"Connection", b"a, B,,"), (b"X", b"c"), (b"connection", b" D ")]
    assert listed(headers, b"connection") == [b"a", b"b", b"d"]


def test_of_repeated_headers_the_first_is_read() -> None:
    assert lookup([(b"X-A", b"1"), (b"x-a", b"2"), (b"B", b"\xe9")]) == {"x-a": "1", "b": "é"}


def test_a_head_as_bytes() -> None:
    assert head(b"GET / HTTP/1.1", [(b"A", b"1"), (b"B", b"")]) == (
        b"GET / HTTP/1.1\r\nA: 1\r\nB: \r\n\r\n"
    )


_names = st.sampled_from([b"A", b"b", b"X-C", b"Connection", b"TE", b"X-Tabwatt-Project", b"Host"])
_values = st.binary(max_size=8).map(lambda value: value.replace(b"\r", b"").replace(b"\n", b""))


@given(st.lists(st.tuples(_names, _values)))
def test_nothing_is_made_up_and_nothing_changes_place(headers: list[Header]) -> None:
    passed = [pair for pair in sent(*headers) if pair[0].lower() != b"host"]
    rest = iter(headers)
    assert all(pair in rest for pair in passed)  # a subsequence


HOST: Header = (b"Host", b"me")
UPGRADE: Header = (b"Upgrade", b"WebSocket")


@pytest.mark.parametrize(
    ("method", "headers", "doubt"),
    [
        ("POST", [HOST, (b"Content-Length", b"5")], None),
        ("POST", [HOST, (b"Transfer-Encoding", b"Chunked")], None),
        ("GET", [HOST, UPGRADE], None),
        ("GET", [HOST, UPGRADE, (b"Content-Length", b"0")], None),
        ("POST", [HOST, (b"Upgrade", b"h2c"), (b"Content-Length", b"5")], None),
        (
            "POST",
            [HOST, (b"Content-Length", b"5"), (b"transfer-encoding", b"chunked")],
            "both Content-Length and Transfer-Encoding",
        ),
        (
            "POST",
            [HOST, (b"Transfer-Encoding", b"gzip, chunked")],
            "a transfer coding other than chunked",
        ),
        (
            "POST",
            [HOST, (b"Transfer-Encoding", b"")],
            "a transfer coding other than chunked",
        ),
        ("GET", [], "not exactly one Host header"),
        ("GET", [HOST, (b"hOST", b"me")], "not exactly one Host header"),
        ("POST", [HOST, UPGRADE], "a WebSocket handshake with a body"),
        (
            "GET",
            [HOST, UPGRADE, (b"Content-Length", b"5")],
            "a WebSocket handshake with a body",
        ),
        (
            "GET",
            [HOST, UPGRADE, (b"Transfer-Encoding", b"chunked")],
            "a WebSocket handshake with a body",
        ),
    ],
)
def test_requests_in_doubt(method: str, headers: list[Header], doubt: str | None) -> None:
    assert doubtful(method, headers, lookup(headers)) == doubt

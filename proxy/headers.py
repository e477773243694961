"""Header hygiene: what belongs to one connection stays on it, the rest passes in order.

Names and values are bytes as they came; order and case of end-to-end headers are kept.
"""

from collections.abc import Iterable, Mapping, Sequence

type Header = tuple[bytes, bytes]

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""RFC 9110 section 7.6.1 and the older names that clients still send."""

_FRAMING = frozenset({b"content-length", b"host"})
"""What `Connection` may not name: without them a body could pass for a request of its own."""

_LOCAL_PREFIX = b"x-tabwatt-"
_UPGRADING = frozenset({b"connection", b"upgrade"})


def listed(headers: Iterable[Header], name: bytes) -> list[bytes]:
    """The comma-separated, lower-case members of all headers of that name."""
    return [
        part.strip().lower()
        for key, value in headers
        if key.lower() == name
        for part in value.split(b",")
        if part.strip()
    ]


def lookup(headers: Iterable[Header]) -> dict[str, str]:
    """Headers by lower-case name, for reading; of repeated ones the first counts."""
    found: dict[str, str] = {}
    for key, value in headers:
        found.setdefault(key.decode("latin-1").lower(), value.decode("latin-1"))
    return found


def doubtful(method: str, headers: Sequence[Header], by_name: Mapping[str, str]) -> str | None:
    """Why two servers could see different requests in this one, else `None`.

    Those who smuggle a request past one server to the next live on such differences.
    """
    if method == "CONNECT":
        return "CONNECT asks for a tunnel, which only the intercepting proxy opens"
    coded = "transfer-encoding" in by_name
    if coded and "content-length" in by_name:
        return "both Content-Length and Transfer-Encoding"
    if coded and listed(headers, b"transfer-encoding") != [b"chunked"]:
        return "a transfer coding other than chunked"
    if len([1 for name, _ in headers if name.lower() == b"host"]) != 1:
        return "not exactly one Host header"
    bodied = method != "GET" or coded or by_name.get("content-length", "0") != "0"
    if bodied and b"websocket" in listed(headers, b"upgrade"):
        return "a WebSocket handshake with a body"
    return None


def towards_upstream(
    headers: Sequence[Header], authority: bytes, *, chunked: bool, upgrade: bool = False
) -> list[Header]:
    """The request's headers for the upstream: `Host` is theirs, what was meant for us is gone."""
    dropped = _dropped(headers) | {b"expect"}
    out: list[Header] = []
    hosted = False
    for name, value in headers:
        key = name.lower()
        if key == b"host":
            if not hosted:
                out.append((name, authority))
                hosted = True
        elif key == b"transfer-encoding" and chunked:
            out.append((name, b"chunked"))
            chunked = False
        elif upgrade and key in _UPGRADING:
            out.append((name, b"Upgrade" if key == b"connection" else value))
        elif key not in dropped and not key.startswith(_LOCAL_PREFIX):
            out.append((name, value))
    if not hosted:
        out.insert(0, (b"Host", authority))
    return out


def towards_client(headers: Sequence[Header], *, chunked: bool) -> list[Header]:
    """The answer's headers for the client; `chunked` says how we frame the body."""
    dropped = _dropped(headers)
    out: list[Header] = []
    for name, value in headers:
        key = name.lower()
        if key == b"transfer-encoding" and chunked:
            out.append((name, b"chunked"))
            chunked = False
        elif key not in dropped:
            out.append((name, value))
    if chunked:
        out.append((b"Transfer-Encoding", b"chunked"))
    return out


def _dropped(headers: Sequence[Header]) -> frozenset[bytes]:
    named = listed(headers, b"connection")
    return HOP_BY_HOP.union(named) - _FRAMING if named else HOP_BY_HOP


def head(start_line: bytes, headers: Iterable[Header]) -> bytes:
    """A message head as it goes over the wire."""
    lines = [start_line]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"

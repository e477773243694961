"""What the fake upstream keeps of each request, for tests to compare with what was sent."""

from dataclasses import dataclass, field

from aiohttp import WSMsgType

from tabwatt.demo.answer import Truth


@dataclass(frozen=True, slots=True)
class Frame:
    """One WebSocket message that came in."""

    kind: WSMsgType
    data: bytes


@dataclass(slots=True)
class Seen:
    """One request as it arrived."""

    method: str
    raw_path: str
    """Path and query as sent."""
    raw_headers: tuple[tuple[bytes, bytes], ...]
    """In order, names as sent."""
    family: str
    connection: str
    """The client's address and port: the same for requests of one connection."""
    body: bytes = b""
    """As it came, content coding and all; empty until it has come whole."""
    body_bytes: int = 0
    """Bytes of the body that have arrived so far."""
    truth: Truth | None = None
    """What the reply costs; None where nothing is generated."""
    frames: list[Frame] = field(default_factory=list)
    """What came over it, if it became a WebSocket."""
    sent_bytes: int = 0
    """Bytes of the reply's body handed to the connection so far."""
    ended: bool = False
    left: bool = False
    """Whether the client went away before the end."""

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        wanted = name.lower().encode()
        values = (v for k, v in self.raw_headers if k.lower() == wanted)
        return next((v.decode("utf-8", "replace") for v in values), None)

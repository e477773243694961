"""Server-sent events, as the HTML standard (section 9.2.6) defines their parsing."""

from proxy.framing.framing import MAX_EVENT_BYTES, Event

_BOM = b"\xef\xbb\xbf"


class Sse:
    """Splits `text/event-stream`; line ends may be LF, CRLF or CR, cut anywhere.

    Chunks that hold whole events are split without being copied into a buffer.
    """

    __slots__ = ("_after_cr", "_buffer", "_limit", "_searched", "_start", "overflow")

    def __init__(self, limit: int = MAX_EVENT_BYTES) -> None:
        """Hold at most `limit` bytes of an unfinished event."""
        self.overflow = False
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 0
        self._after_cr = False
        self._start: bytes | None = b""  # what came of a byte order mark; None once past it

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes, give the events they complete."""
        if self._start is not None:
            chunk = self._without_bom(chunk)
        if self._after_cr or b"\r" in chunk:
            chunk = self._with_lf(chunk)
        if self.overflow or not chunk:
            return []
        if not self._buffer and chunk.endswith(b"\n\n"):
            return _events(chunk[:-2])
        return self._buffered(chunk)

    def finish(self) -> list[Event]:
        """Give the last event if only its blank line is missing; a cut one is dropped.

        The standard drops both; but servers that close right after the last line mean it, and
        the line may hold the usage.
        """
        rest = bytes(self._buffer) + (self._start or b"")
        self._buffer.clear()
        return _events(rest) if rest.endswith(b"\n") or _looks_whole(rest) else []

    def _buffered(self, chunk: bytes) -> list[Event]:
        buffer = self._buffer
        buffer += chunk
        end = buffer.rfind(b"\n\n", max(0, self._searched - 1))
        if end < 0:
            self._searched = len(buffer)
            events: list[Event] = []
        else:
            events = _events(bytes(buffer[:end]))
            del buffer[: end + 2]
            self._searched = len(buffer)
        if len(buffer) > self._limit:
            self.overflow = True
            self._buffer = bytearray()
        return events

    def _without_bom(self, chunk: bytes) -> bytes:
        seen = (self._start or b"") + chunk
        if len(seen) < len(_BOM) and _BOM.startswith(seen):
            self._start = seen
            return b""
        self._start = None
        return seen.removeprefix(_BOM)

    def _with_lf(self, chunk: bytes) -> bytes:
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_cr = False
        if chunk:
            self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _looks_whole(rest: bytes) -> bool:
    """A last line without its line end is whole when it is an end marker or closes a brace."""
    return rest.rstrip(b" ").endswith((b"}", b"[DONE]"))


def _events(blocks: bytes) -> list[Event]:
    """Events of text whose line ends are LF, without the last blank line."""
    if b"\n" not in blocks and blocks.startswith(b"data: "):
        return [("", blocks[6:])]
    events = []
    for block in blocks.split(b"\n\n"):
        if b"\n" not in block and block.startswith(b"data: "):
            events.append(("", block[6:]))
        elif (event := _event(block)) is not None:
            events.append(event)
    return events


def _event(block: bytes) -> Event | None:
    first, _, rest = block.partition(b"\n")
    if first.startswith(b"event: ") and rest.startswith(b"data: ") and b"\n" not in rest:
        return (first[7:].decode("utf-8", "replace"), rest[6:])  # what most servers send
    name, data = "", []
    for line in block.split(b"\n"):
        field, colon, value = line.partition(b":")
        if colon and value[:1] == b" ":
            value = value[1:]
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return (name, b"\n".join(data)) if data else None

"""Newline-delimited JSON: one object a line."""

from proxy.framing.framing import MAX_EVENT_BYTES, Event


class Ndjson:
    """Splits `application/x-ndjson`; blank lines are skipped, CRLF is tolerated."""

    __slots__ = ("_buffer", "_limit", "_searched", "overflow")

    def __init__(self, limit: int = MAX_EVENT_BYTES) -> None:
        """Hold at most `limit` bytes of an unfinished line."""
        self.overflow = False
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 0

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes, give the lines they complete."""
        if self.overflow:
            return []
        buffer = self._buffer
        if not buffer and chunk.endswith(b"\n"):
            return _lines(chunk)
        buffer += chunk
        end = buffer.rfind(b"\n", self._searched) + 1
        lines = _lines(bytes(buffer[:end]))
        del buffer[:end]
        self._searched = len(buffer)
        if len(buffer) > self._limit:
            self.overflow = True
            self._buffer = bytearray()
        return lines

    def finish(self) -> list[Event]:
        """Give the last line if its line end is missing."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return _lines(rest)


def _lines(text: bytes) -> list[Event]:
    return [("", line) for line in map(bytes.strip, text.split(b"\n")) if line]

"""A body that says nothing before it is complete: collected, within bounds."""

from proxy.framing.framing import Event

MAX_BODY_BYTES = 32 * 1024 * 1024
"""A longer body passes like any other, but is not read."""


class Whole:
    """Collects a body and gives it as one event at its end."""

    __slots__ = ("_chunks", "_limit", "_size", "overflow")

    def __init__(self, limit: int = MAX_BODY_BYTES) -> None:
        """Hold at most `limit` bytes."""
        self.overflow = False
        self._limit = limit
        self._chunks: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes; nothing is complete before the end."""
        if not self.overflow:
            self._size += len(chunk)
            self._chunks.append(chunk)
            if self._size > self._limit:
                self.overflow = True
                self._chunks = []
        return []

    def finish(self) -> list[Event]:
        """Give the body; nothing if it was empty or too long."""
        body = b"".join(self._chunks)
        self._chunks = []
        return [("", body)] if body else []

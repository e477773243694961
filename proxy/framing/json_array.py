"""One JSON array that comes in pieces: each element is given as soon as it is closed."""

import re

import msgspec

from proxy.framing.framing import MAX_EVENT_BYTES, Event

_IN_STRING = re.compile(rb'["\\]')
_OUTSIDE = re.compile(rb'"[^"\\]*"|["\[\]{}]')
"""A string without escapes at once, else the next quote or bracket."""

_ONE_VALUE = msgspec.json.Decoder(msgspec.Raw)

_SEPARATORS = b", \r\n\t"


class JsonArray:
    """Splits an array of objects; a body that is one object (an error) is given as that one.

    Only quotes, escapes and brackets are looked at; whether an element is valid JSON is for its
    reader to find out.
    """

    __slots__ = ("_at", "_base", "_buffer", "_depth", "_in_string", "_limit", "_start", "overflow")

    def __init__(self, limit: int = MAX_EVENT_BYTES) -> None:
        """Hold at most `limit` bytes of an unfinished element."""
        self.overflow = False
        self._limit = limit
        self._buffer = bytearray()
        self._at = 0  # scanned up to here
        self._start = 0  # where the current element begins
        self._depth = 0
        self._base: int | None = None  # depth of elements: 1 in an array, 0 for a lone object
        self._in_string = False

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes, give the elements they complete."""
        if self.overflow:
            return []
        if self._depth == 1 and self._base == 1 and not self._buffer and _is_one(chunk):
            return [("", chunk.strip(_SEPARATORS))]
        self._buffer += chunk
        events: list[Event] = []
        while self._string() if self._in_string else self._structure(events):
            pass
        self._trim()
        return events

    def finish(self) -> list[Event]:
        """Drop what is left: an element that is not closed is not readable."""
        self._buffer.clear()
        self._at = self._start = 0
        return []

    def _string(self) -> bool:
        """Go to the end of the string; False when more bytes are needed."""
        found = _IN_STRING.search(self._buffer, self._at)
        if found is None:
            self._at = len(self._buffer)
            return False
        if found[0] == b"\\":
            if found.end() == len(self._buffer):
                self._at = found.start()
                return False
            self._at = found.end() + 1
            return True
        self._in_string = False
        self._at = found.end()
        return True

    def _structure(self, events: list[Event]) -> bool:
        """Go past the next bracket, comma or quote; False when more bytes are needed."""
        found = _OUTSIDE.search(self._buffer, self._at)
        if found is None:
            self._at = len(self._buffer)
            return False
        self._at = found.end()
        mark = found[0]
        if mark == b'"':
            self._in_string = True
        elif mark in b"[{":
            self._open(mark)
        elif mark in b"]}":
            self._close(events)
        return True

    def _open(self, mark: bytes) -> None:
        if self._base is None:
            self._base = 1 if mark == b"[" else 0
        if self._depth == self._base:
            self._start = self._at - 1
        self._depth += 1

    def _close(self, events: list[Event]) -> None:
        self._depth -= 1
        if self._depth == self._base:
            events.append(("", bytes(self._buffer[self._start : self._at])))
            self._start = self._at
        elif self._depth < (self._base or 0):
            self._start = self._at
            self._depth = max(self._depth, 0)

    def _trim(self) -> None:
        """Forget what was given; between elements nothing is held at all."""
        if self._depth == (self._base or 0) and not self._in_string:
            self._start = self._at
        del self._buffer[: self._start]
        self._at -= self._start
        self._start = 0
        if len(self._buffer) > self._limit:
            self.overflow = True
            self._buffer = bytearray()


def _is_one(chunk: bytes) -> bool:
    """Whether a chunk between two elements is exactly one object, the usual case."""
    candidate = chunk.strip(_SEPARATORS)
    if not candidate.startswith(b"{"):
        return False
    try:
        _ONE_VALUE.decode(candidate)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
    return True

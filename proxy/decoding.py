"""Content decoding for metering: a copy of what passes by, in the clear, within bounds.

Nothing here touches what the client gets. Whatever goes wrong stops the metering of that body
(`Decoder.stopped` says why), never the request. No call makes more output than its bound, so a
decompression bomb costs no more memory than an honest body.
"""

import zlib
from collections.abc import Callable
from typing import IO, Protocol, cast

import brotli
import zstandard

MAX_DECODED_BYTES = 256 * 1024 * 1024
"""A body that decodes to more is not metered."""

MAX_RATIO = 200
"""Decoded bytes for each byte received. Deflate ends at 1032; JSON and SSE stay below 50."""

FREE_BYTES = 1024 * 1024
"""Decoded bytes that are allowed whatever the ratio: short bodies compress unusually well."""

_MAX_CODINGS = 4
_MAX_MEMBERS = 100
_ZSTD_WINDOW_BYTES = 8 * 1024 * 1024  # RFC 9659: the most a decoder has to support
_BROTLI_STEP_BYTES = 64 * 1024


class TooLarge(Exception):
    """The output went over its bound."""


class Stage(Protocol):
    """One coding being undone."""

    def decode(self, data: bytes, bound: int) -> bytes:
        """Decode the next bytes into at most `bound` bytes; TooLarge if there are more."""
        ...


class Decoder:
    """Undoes a `Content-Encoding` chunk by chunk; empty and `identity` pass through."""

    __slots__ = ("_limit", "_received", "_sent", "_stages", "stopped")

    def __init__(self, content_encoding: str = "", limit: int = MAX_DECODED_BYTES) -> None:
        """Decode the codings named, of which the last was applied last."""
        self.stopped: str | None = None
        self._limit = limit
        self._received = 0
        self._sent = 0
        self._stages: list[Stage] = []
        names = [name.strip().lower() for name in content_encoding.split(",")]
        codings = [name for name in names if name not in ("", "identity")]
        if len(codings) > _MAX_CODINGS or any(name not in _STAGES for name in codings):
            self.stopped = "unknown content coding"
        else:
            self._stages = [_STAGES[name]() for name in reversed(codings)]

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes as received, give what they decode to; nothing once stopped."""
        if self.stopped is not None:
            return b""
        self._received += len(data)
        bound = min(self._limit, MAX_RATIO * self._received + FREE_BYTES) - self._sent
        try:
            for stage in self._stages:
                data = stage.decode(data, bound)
        except TooLarge:
            return self._stop("decoded body too large")
        except (zlib.error, brotli.error, zstandard.ZstdError):
            return self._stop("corrupt content coding")
        if len(data) > bound:
            return self._stop("decoded body too large")
        self._sent += len(data)
        return data

    def _stop(self, reason: str) -> bytes:
        self.stopped = reason
        self._stages = []
        return b""


class _Gzip:
    """Gzip of one or more members; anything else after a member is ignored."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self._members = 1
        self._done = False

    def decode(self, data: bytes, bound: int) -> bytes:
        parts: list[bytes] = []
        while data and not self._done:
            part = self._member.decompress(data, bound + 1)
            bound -= len(part)
            if bound < 0:
                raise TooLarge
            parts.append(part)
            data = self._member.unconsumed_tail
            if self._member.eof:
                data = self._next_member(self._member.unused_data)
        return b"".join(parts)

    def _next_member(self, rest: bytes) -> bytes:
        """Start over after a member; bytes that do not begin another one end the body."""
        if rest and not rest.startswith(b"\x1f"):
            self._done = True
            return b""
        self._members += 1
        if self._members > _MAX_MEMBERS:  # each one copies what follows it
            raise TooLarge
        self._member = zlib.decompressobj(wbits=31)
        return rest


class _Deflate:
    """`deflate`: zlib as the standard says, or raw as some servers send it."""

    def __init__(self) -> None:
        self._stream: zlib._Decompress | None = None
        self._held = b""

    def decode(self, data: bytes, bound: int) -> bytes:
        if self._stream is None:
            data = self._held = self._held + data
            if len(data) < 2:
                return b""
            self._stream = zlib.decompressobj(wbits=15 if _is_zlib(data) else -15)
            self._held = b""
        part = self._stream.decompress(data, bound + 1)
        if len(part) > bound:
            raise TooLarge
        return part


def _is_zlib(start: bytes) -> bool:
    """RFC 1950: compression method 8, and the first two bytes a multiple of 31."""
    return start[0] & 0x0F == 8 and (start[0] << 8 | start[1]) % 31 == 0


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    def decode(self, data: bytes, bound: int) -> bytes:
        parts: list[bytes] = []
        while not self._stream.is_finished():
            part: bytes = self._stream.process(data, output_buffer_limit=_BROTLI_STEP_BYTES)
            parts.append(part)
            bound -= len(part)
            if bound < 0:
                raise TooLarge
            if self._stream.can_accept_more_data():
                break
            data = b""
        return b"".join(parts)


class _Zstd:
    """Zstandard frames; the decompressor writes in steps, so that `write` can refuse."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._bound = 0
        decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
        self._stream = decompressor.stream_writer(cast(IO[bytes], self))

    def decode(self, data: bytes, bound: int) -> bytes:
        self._bound = bound
        self._stream.write(data)
        decoded = b"".join(self._parts)
        self._parts.clear()
        return decoded

    def write(self, part: bytes) -> int:
        self._bound -= len(part)
        if self._bound < 0:
            raise TooLarge
        self._parts.append(bytes(part))
        return len(part)


_STAGES: dict[str, Callable[[], Stage]] = {
    "gzip": _Gzip,
    "x-gzip": _Gzip,
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}

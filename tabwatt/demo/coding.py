"""Content codings that are flushed after every piece, and bodies cut where no border is."""

import zlib
from collections.abc import Iterable, Iterator
from random import Random
from typing import Protocol

import brotli
import zstandard

LONGEST_CUT = 17
"""Bytes of the longest piece of a randomly cut body: shorter than any event."""


class Encoder(Protocol):
    """One reply's content coding."""

    def piece(self, plain: bytes) -> bytes:
        """Encode a piece so that a reader can decode all of it at once."""
        ...

    def end(self) -> bytes:
        """Finish the body."""
        ...


class Identity:
    """No coding at all."""

    def piece(self, plain: bytes) -> bytes:
        """Leave a piece as it is."""
        return plain

    def end(self) -> bytes:
        """Add nothing."""
        return b""


class Zlib:
    """gzip, zlib and raw deflate, by the window bits."""

    def __init__(self, wbits: int) -> None:
        """Start a body; 31 is gzip, 15 zlib, -15 raw."""
        self._stream = zlib.compressobj(wbits=wbits)

    def piece(self, plain: bytes) -> bytes:
        """Encode and flush."""
        return self._stream.compress(plain) + self._stream.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        """Write the trailer."""
        return self._stream.flush(zlib.Z_FINISH)


class Brotli:
    """br."""

    def __init__(self) -> None:
        """Start a body; quality 4 is what servers use for streams."""
        self._stream = brotli.Compressor(quality=4)

    def piece(self, plain: bytes) -> bytes:
        """Encode and flush."""
        return bytes(self._stream.process(plain) + self._stream.flush())

    def end(self) -> bytes:
        """Write the last block."""
        return bytes(self._stream.finish())


class Zstandard:
    """zstd."""

    def __init__(self) -> None:
        """Start a frame."""
        self._stream = zstandard.ZstdCompressor().compressobj()

    def piece(self, plain: bytes) -> bytes:
        """Encode and flush the block."""
        block = self._stream.compress(plain)
        return block + self._stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    def end(self) -> bytes:
        """End the frame."""
        return self._stream.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH)


def encoder(coding: str) -> Encoder:
    """Start one body in a coding: a name of HTTP's, or `deflate-raw` as some servers send it."""
    match coding:
        case "gzip":
            return Zlib(31)
        case "deflate":
            return Zlib(15)
        case "deflate-raw":
            return Zlib(-15)
        case "br":
            return Brotli()
        case "zstd":
            return Zstandard()
        case "identity":
            return Identity()
        case _:
            raise ValueError(f"no content coding named {coding!r}")


def encoded(pieces: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """Encode the pieces of one body."""
    stream = encoder(coding)
    for piece in pieces:
        yield stream.piece(piece)
    yield stream.end()


def cut(pieces: Iterable[bytes], cuts: str) -> Iterator[bytes]:
    """Cut a body as `none`, `every` or `random:SEED` say; never an empty piece."""
    how, _, seed = cuts.partition(":")
    if how == "none":
        yield from (piece for piece in pieces if piece)
        return
    random = Random(int(seed or 0))
    whole = b"".join(pieces)
    at = 0
    while at < len(whole):
        size = 1 if how == "every" else random.randint(1, LONGEST_CUT)
        yield whole[at : at + size]
        at += size

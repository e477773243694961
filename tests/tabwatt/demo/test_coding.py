import gzip
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tabwatt.demo.coding import cut, encoded, encoder

PIECES = st.lists(st.binary(max_size=60), max_size=12)


def decode(coding: str, raw: bytes) -> bytes:
    match coding:
        case "gzip":
            return gzip.decompress(raw)
        case "br":
            return bytes(brotli.decompress(raw))
        case "zstd":
            return zstandard.ZstdDecompressor().decompressobj().decompress(raw)
        case "deflate":
            return zlib.decompress(raw)
        case "deflate-raw":
            return zlib.decompress(raw, wbits=-15)
        case _:
            return raw


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "deflate", "deflate-raw", "identity"])
@given(pieces=PIECES)
def test_bytes_out_are_bytes_in(coding: str, pieces: list[bytes]) -> None:
    assert decode(coding, b"".join(encoded(pieces, coding))) == b"".join(pieces)


@given(pieces=PIECES)
def test_every_flush_can_be_read_at_once(pieces: list[bytes]) -> None:
    stream, reader = encoder("gzip"), zlib.decompressobj(wbits=31)
    for piece in pieces:
        assert reader.decompress(stream.piece(piece)) == piece


@given(pieces=PIECES, seed=st.integers(0, 1000))
def test_cuts_keep_every_byte(pieces: list[bytes], seed: int) -> None:
    whole = b"".join(pieces)
    parts = list(cut(pieces, f"random:{seed}"))
    assert b"".join(parts) == whole
    assert all(1 <= len(part) <= 17 for part in parts)
    assert [len(part) for part in cut(pieces, "every")] == [1] * len(whole)
    assert b"".join(cut(pieces, "none")) == whole


def test_unknown_coding_is_an_error() -> None:
    with pytest.raises(ValueError, match="no content coding named 'lzma'"):
        encoder("lzma")

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.decoding import FREE_BYTES, MAX_RATIO, Decoder

TEXT = "".join(f'data: {{"n":{n},"text":"hé {n * 7919}"}}\n\n' for n in range(60)).encode()


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "identity": bytes,
    "": bytes,
}


def decoded(coding: str, chunks: list[bytes]) -> tuple[bytes, str | None]:
    decoder = Decoder(coding)
    return b"".join(decoder.feed(chunk) for chunk in chunks), decoder.stopped


@pytest.mark.parametrize("coding", CODINGS)
def test_any_cut_gives_the_same_text(coding: str) -> None:
    body = CODINGS[coding](TEXT)
    for cut in range(len(body) + 1):
        assert decoded(coding, [body[:cut], body[cut:]]) == (TEXT, None)
    assert decoded(coding, [body[at : at + 1] for at in range(len(body))]) == (TEXT, None)


def test_raw_deflate_is_read_too() -> None:
    body = raw_deflate(TEXT)
    assert decoded("deflate", [body[at : at + 1] for at in range(len(body))]) == (TEXT, None)


def test_the_last_coding_named_is_undone_first() -> None:
    assert decoded("gzip, br", [brotli.compress(gzip.compress(TEXT))]) == (TEXT, None)


def test_gzip_members_follow_one_another() -> None:
    body = gzip.compress(b"one ") + gzip.compress(b"two")
    assert decoded("X-GZIP", [body[at : at + 1] for at in range(len(body))]) == (b"one two", None)


def test_padding_after_a_gzip_member_is_ignored() -> None:
    assert decoded("gzip", [gzip.compress(b"one") + b"\0" * 9, b"\0"]) == (b"one", None)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_truncated_body_gives_what_came(coding: str) -> None:
    text, stopped = decoded(coding, [CODINGS[coding](TEXT)[:-9]])
    assert TEXT.startswith(text)
    assert stopped is None


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_flushed_parts_are_readable_at_once(coding: str) -> None:
    """A server flushes after each event; metering must not wait for the next one."""
    first, second = _flushed(coding, b"data: 1\n\n", b"data: 2\n\n")
    decoder = Decoder(coding)
    assert decoder.feed(first) == b"data: 1\n\n"
    assert decoder.feed(second) == b"data: 2\n\n"


def _flushed(coding: str, *parts: bytes) -> list[bytes]:
    if coding == "br":
        compressor = brotli.Compressor()
        return [compressor.process(part) + compressor.flush() for part in parts]
    if coding == "zstd":
        stream = zstandard.ZstdCompressor().compressobj()
        mode = zstandard.COMPRESSOBJ_FLUSH_BLOCK
        return [stream.compress(part) + stream.flush(mode) for part in parts]
    deflater = zlib.compressobj(wbits=31 if coding == "gzip" else 15)
    return [deflater.compress(part) + deflater.flush(zlib.Z_SYNC_FLUSH) for part in parts]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_stops_metering_and_costs_little_memory(coding: str) -> None:
    bomb = CODINGS[coding](b"\0" * (64 * 1024 * 1024))
    decoder = Decoder(coding)
    tracemalloc.start()
    assert decoder.feed(bomb) == b""
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert decoder.stopped == "decoded body too large"
    bound = MAX_RATIO * len(bomb) + FREE_BYTES
    assert peak < 2 * bound + 1024 * 1024
    assert decoder.feed(b"more") == b""


def test_a_bomb_inside_a_bomb_is_bounded_at_the_outer_layer() -> None:
    bomb = gzip.compress(gzip.compress(b"\0" * (32 * 1024 * 1024)))
    assert decoded("gzip, gzip", [bomb])[1] == "decoded body too large"


def test_the_limit_counts_all_decoded_bytes() -> None:
    decoder = Decoder("", limit=10)
    assert decoder.feed(b"12345") == b"12345"
    assert decoder.feed(b"67890") == b"67890"
    assert decoder.feed(b"1") == b""
    assert decoder.stopped == "decoded body too large"


def test_an_unknown_coding_is_not_metered() -> None:
    assert decoded("compress", [b"x"]) == (b"", "unknown content coding")
    assert decoded("gzip,gzip,gzip,gzip,gzip", [b"x"])[1] == "unknown content coding"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_corrupt_body_stops_metering(coding: str) -> None:
    body = CODINGS[coding](TEXT)[:9] + b"\xff" * 200
    assert decoded(coding, [body])[1] == "corrupt content coding"


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list(CODINGS)), st.lists(st.binary(max_size=60), max_size=6))
def test_arbitrary_bytes_never_raise(coding: str, chunks: list[bytes]) -> None:
    decoded(coding, chunks)

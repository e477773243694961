import os
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import FrameProtocol

from proxy.framing.websocket import WebSocketMessages

DEFLATE = "permessage-deflate"
TEXT = '{"type":"response.create","input":"Grüße 🌱 ' + "token " * 200 + '"}'


def sender(client: bool, extensions: str = "") -> FrameProtocol:
    """A peer that writes frames as `client` or server, with what was negotiated."""
    if not extensions:
        return FrameProtocol(client, [])
    deflate = PerMessageDeflate()
    deflate.finalize(extensions)
    return FrameProtocol(client, [deflate])


@pytest.mark.parametrize("client", [True, False])
@pytest.mark.parametrize(
    "extensions",
    [
        "",
        DEFLATE,
        f"{DEFLATE}; server_no_context_takeover; client_no_context_takeover",
        f"{DEFLATE}; client_max_window_bits=9; server_max_window_bits=9",
    ],
)
def test_messages_of_one_direction_at_any_cut(client: bool, extensions: str) -> None:
    peer = sender(client, extensions)
    stream = bytes(
        peer.send_data(TEXT, fin=True)
        + peer.ping(b"p")
        + peer.send_data(TEXT[:100], fin=False)
        + peer.pong(b"q")
        + peer.send_data(TEXT[100:], fin=True)
        + peer.send_data(b"\x00\x01", fin=True)
        + peer.close(1000, "bye")
    )
    message = TEXT.encode()
    found = [
        ("text", message),
        ("ping", b"p"),
        ("pong", b"q"),
        ("text", message),
        ("binary", b"\x00\x01"),
        ("close", b"\x03\xe8bye"),
    ]
    for step in (1, 7, 100, len(stream)):
        reader = WebSocketMessages(from_client=client, extensions=extensions)
        chunks = [stream[at : at + step] for at in range(0, len(stream), step)]
        assert [event for chunk in chunks for event in reader.feed(chunk)] == found
        assert reader.stopped is None


def test_after_too_long_a_message_nothing_more_is_read() -> None:
    peer = sender(False, DEFLATE)
    long = peer.send_data(os.urandom(300).hex(), fin=True)
    stream = bytes(long + peer.send_data("short", fin=True))
    reader = WebSocketMessages(from_client=False, extensions=DEFLATE, limit=500)
    assert reader.feed(stream) == []
    assert (reader.overflow, reader.stopped) == (True, "message too long")


def test_malformed_frames_end_the_reading_quietly() -> None:
    reader = WebSocketMessages(from_client=False)
    assert reader.feed(b"\xff\xff\xff") == []
    assert reader.stopped == "malformed WebSocket frame (ParseFailed)"
    assert reader.feed(bytes(sender(False).send_data("x", fin=True))) == []


def test_corrupt_deflate_ends_the_reading_quietly() -> None:
    reader = WebSocketMessages(from_client=False, extensions=DEFLATE)
    assert reader.feed(b"\xc1\x04\xff\xff\xff\xff") == []
    assert reader.stopped is not None


def test_an_extension_we_do_not_know_is_not_guessed_at() -> None:
    reader = WebSocketMessages(from_client=False, extensions="x-webkit-deflate-frame")
    assert reader.stopped == "unknown WebSocket extension"
    assert reader.feed(b"\x81\x01x") == []


def test_a_compression_bomb_is_not_kept() -> None:
    compressor = zlib.compressobj(wbits=-15)
    bomb = compressor.compress(b"0" * (32 * 1024 * 1024)) + compressor.flush(zlib.Z_SYNC_FLUSH)
    frame = b"\xc1\x7e" + len(bomb[:-4]).to_bytes(2, "big") + bomb[:-4]
    reader = WebSocketMessages(from_client=False, extensions=DEFLATE, limit=1024 * 1024)
    assert reader.feed(frame) == []
    assert reader.overflow


@given(
    st.booleans(),
    st.sampled_from(["", DEFLATE, "permessage-deflate; client_max_window_bits=99", ";,;"]),
    st.lists(st.binary(max_size=40), max_size=5),
)
def test_arbitrary_bytes_never_raise(client: bool, extensions: str, chunks: list[bytes]) -> None:
    reader = WebSocketMessages(client, extensions)
    for chunk in chunks:
        reader.feed(chunk)
    reader.finish()

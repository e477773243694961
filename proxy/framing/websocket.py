"""WebSocket messages out of one direction of a connection that passes by."""

import zlib

from wsproto.extensions import Extension
from wsproto.frame_protocol import (
    CloseReason,
    FrameDecoder,
    FrameProtocol,
    Opcode,
    ParseFailed,
    RsvBits,
)

from proxy.framing.framing import MAX_EVENT_BYTES, Event

_SLICE = 4096
"""Bytes decompressed at once: deflate makes at most 1032 times as much of them."""

_CONTROL = {Opcode.PING: "ping", Opcode.PONG: "pong", Opcode.CLOSE: "close"}


class WebSocketMessages:
    """Gives each message as (`text`, `binary`, `ping`, `pong` or `close`, payload).

    After anything malformed it goes quiet, says why in `stopped`, and never raises.
    """

    __slots__ = (
        "_decoder",
        "_from_client",
        "_limit",
        "_message",
        "_name",
        "_size",
        "overflow",
        "stopped",
    )

    def __init__(
        self, from_client: bool, extensions: str = "", limit: int = MAX_EVENT_BYTES
    ) -> None:
        """Read what a client (or a server) sends; `extensions` as the server's reply names them."""
        self.overflow = False
        self.stopped: str | None = None
        self._from_client = from_client
        self._limit = limit
        self._name = "text"
        self._message: list[bytes] = []
        self._size = 0
        inflate = self._negotiated(extensions)
        self._decoder = FrameDecoder(not from_client, [inflate] if inflate else [])

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes, give the messages they complete.

        After a message above the limit (`overflow` says so) nothing more is read: inflating what
        nobody keeps would cost time without bound.
        """
        events: list[Event] = []
        if self.stopped is None:
            try:
                for start in range(0, len(chunk), _SLICE):
                    if self.stopped is not None:
                        break
                    self._decoder.receive_bytes(chunk[start : start + _SLICE])
                    self._frames(events)
            except (ParseFailed, ValueError, AssertionError) as error:
                self.stopped = f"malformed WebSocket frame ({type(error).__name__})"
                self._message = []
        return events

    def finish(self) -> list[Event]:
        """Drop what is left: a message without its last frame is none."""
        self._message = []
        return []

    def _frames(self, events: list[Event]) -> None:
        while (frame := self._decoder.process_buffer()) is not None:
            payload = frame.payload if isinstance(frame.payload, bytes) else b""
            if frame.opcode in _CONTROL:
                events.append((_CONTROL[frame.opcode], payload))
                continue
            if frame.opcode is not Opcode.CONTINUATION:
                self._name = "text" if frame.opcode is Opcode.TEXT else "binary"
                self._message, self._size = [], 0
            self._size += len(payload)
            if self._size <= self._limit:
                self._message.append(payload)
            else:
                self._message, self.overflow = [], True
                self.stopped = "message too long"
                return
            if frame.frame_finished and frame.message_finished and self._size <= self._limit:
                events.append((self._name, b"".join(self._message)))
                self._message = []

    def _negotiated(self, extensions: str) -> "_Inflate | None":
        """The agreed permessage-deflate.

        Window sizes do not matter: the largest window reads what any smaller one wrote.
        """
        inflate: _Inflate | None = None
        for extension in filter(None, map(str.strip, extensions.lower().split(","))):
            name, *parameters = (part.strip() for part in extension.split(";"))
            if name != _Inflate.name:
                self.stopped = "unknown WebSocket extension"
                return None
            side = "client" if self._from_client else "server"
            inflate = _Inflate(keeps_context=f"{side}_no_context_takeover" not in parameters)
        return inflate


class _Inflate(Extension):
    """The reading half of permessage-deflate (RFC 7692).

    wsproto has one too; it takes the rest of a compressed message for plain after a ping or pong
    between its fragments, which are just what a proxy sees.
    """

    name = "permessage-deflate"

    def __init__(self, keeps_context: bool) -> None:
        self._keeps_context = keeps_context
        self._stream = zlib.decompressobj(wbits=-15)
        self._compressed = False  # the message under way, which may span frames
        self._is_control = False  # the frame under way

    def offer(self) -> bool | str:
        return False

    def frame_inbound_header(
        self,
        proto: FrameDecoder | FrameProtocol,
        opcode: Opcode,
        rsv: RsvBits,
        payload_length: int,
    ) -> CloseReason | RsvBits:
        self._is_control = opcode.iscontrol()
        if opcode in (Opcode.TEXT, Opcode.BINARY):
            self._compressed = rsv.rsv1
        elif rsv.rsv1:
            return CloseReason.PROTOCOL_ERROR
        return RsvBits(True, False, False)

    def frame_inbound_payload_data(
        self, proto: FrameDecoder | FrameProtocol, data: bytes
    ) -> bytes | CloseReason:
        return self._inflated(data) if self._compressed and not self._is_control else data

    def frame_inbound_complete(
        self, proto: FrameDecoder | FrameProtocol, fin: bool
    ) -> bytes | CloseReason | None:
        if not fin or self._is_control or not self._compressed:
            return None
        rest = self._inflated(b"\x00\x00\xff\xff")
        if not self._keeps_context:
            self._stream = zlib.decompressobj(wbits=-15)
        return rest

    def _inflated(self, data: bytes) -> bytes | CloseReason:
        try:
            return self._stream.decompress(data)
        except zlib.error:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA

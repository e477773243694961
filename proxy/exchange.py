"""One request and its answer as they pass by: what the record needs, and nothing of the I/O.

Both proxies feed it. It never raises towards them: a fault while reading is remembered in
`fault`, reading stops, and the bytes go on. Text is held in memory until it is counted, and
nowhere else.
"""

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Literal

from ledger.record import Outcome
from proxy.decoding import Decoder
from proxy.framing.choose import choose
from proxy.framing.framing import Framing
from proxy.identity import Caller
from proxy.protocols.protocol import Ask, Protocol, Purpose, Reading, Reply
from proxy.routing import Route

MAX_REQUEST_BYTES = 64 * 1024 * 1024
"""A longer request body is passed on all the same, but no longer kept for reading."""
READ_AT_ONCE = 256 * 1024
"""A request of more bytes, or a compressed one, is read after it is over, off the event loop."""
MAX_ARRIVALS = 4096
COALESCED_S = 0.001
"""Arrivals closer than this left the server together: one step of the model, or one flush."""
MIN_ARRIVALS = 8
"""Below this a median gap says nothing."""

_NOTHING_ASKED = Ask()

type Fault = Callable[[Exchange, Exception], None]


@dataclass(slots=True)
class Exchange:
    """Fed in order: request body, response head, response body, end."""

    id: str
    route: Route
    protocol: Protocol
    headers: Mapping[str, str]
    """The request's headers by lower-case name; dropped with the exchange."""
    started_at: datetime
    started_s: float
    """Monotonic, like all other times here."""
    capture: Literal["reverse", "intercept"] = "reverse"
    caller: Caller | None = None
    purpose: Purpose = "other"
    speculative: bool = False
    ask: Ask = _NOTHING_ASKED
    reading: Reading = field(default_factory=Reading)
    status: int | None = None
    outcome: Outcome | None = None
    first_output_s: float | None = None
    ended_s: float | None = None
    request_bytes: int = 0
    response_bytes: int = 0
    deferred: bool = False
    """The body has not been read yet."""
    unframed: bool = False
    """Only the end of the connection ends the answer: it may have been cut anywhere."""
    fault: str | None = None
    """Why reading stopped: a class name or a reason, never content."""
    _body: list[bytes] = field(default_factory=list)
    _reply: Reply | None = None
    _decoder: Decoder | None = None
    _framing: Framing | None = None
    _arrivals: array[float] = field(default_factory=lambda: array("d"))
    _deltas_timed: int = 0

    def request_body(self, data: bytes) -> None:
        """A piece of the request's body."""
        self.request_bytes += len(data)
        if self.request_bytes <= MAX_REQUEST_BYTES:
            self._body.append(data)
        else:
            self._body = []

    @property
    def body(self) -> bytes:
        """The request's body as far as it is kept."""
        if len(self._body) > 1:
            self._body = [b"".join(self._body)]
        return self._body[0] if self._body else b""

    @property
    def costly(self) -> bool:
        """Whether reading the request would hold up the streams beside it."""
        return self.request_bytes > READ_AT_ONCE or "content-encoding" in self.headers

    def read_path(self) -> None:
        """Understand what the path alone says; the body is read when the exchange is over."""
        try:
            self.ask = self.protocol.ask(self.route.path, b"")
            self.deferred = True
        except Exception as error:
            self._give_up(error)

    def read_request(self) -> None:
        """Understand what is asked; called once, when the body has been passed on."""
        try:
            self.deferred = False
            body = self._decoded_request()
            self.ask = self.protocol.ask(self.route.path, body)
        except Exception as error:
            self._give_up(error)

    def _decoded_request(self) -> bytes:
        coding = self.headers.get("content-encoding")
        if not coding or not self._body:
            return self.body
        plain = Decoder(coding, MAX_REQUEST_BYTES)
        body = plain.feed(self.body)
        if plain.stopped:
            self.fault = f"request body not readable ({plain.stopped})"
        self._body = [body]
        return body

    def response_head(self, status: int, headers: Mapping[str, str]) -> None:
        """The answer begins."""
        self.status = status
        self.unframed = not {"content-length", "transfer-encoding"} & headers.keys()
        try:
            self._reply = self.protocol.reply(self.ask)
            self.reading = self._reply.reading
            coding = headers.get("content-encoding")
            if coding and coding.lower() != "identity":
                self._decoder = Decoder(coding)
            self._framing = choose(
                headers.get("content-type", ""), self.ask.stream, self.protocol.api
            )
        except Exception as error:
            self._give_up(error)

    def response_body(self, data: bytes, now_s: float) -> None:
        """A piece of the answer's body, as it came."""
        self.response_bytes += len(data)
        framing, reply = self._framing, self._reply
        if framing is None or reply is None:
            return
        try:
            if self._decoder is not None:
                data = self._decoder.feed(data)
                if self._decoder.stopped:
                    self._stop(f"response not readable ({self._decoder.stopped})")
            for name, event in framing.feed(data):
                reply.event(name, event)
            if framing.overflow:
                self._stop("response event too long")
            self._tick(now_s)
        except Exception as error:
            self._give_up(error)

    def start_messages(self) -> None:
        """The answer will come as WebSocket messages."""
        try:
            self._reply = self.protocol.reply(self.ask)
            self.reading = self._reply.reading
        except Exception as error:
            self._give_up(error)

    def message(self, data: bytes, now_s: float) -> None:
        """One message of a WebSocket turn, in place of a framed body."""
        self.response_bytes += len(data)
        if self._reply is None:
            return
        try:
            self._reply.event("", data)
            self._tick(now_s)
        except Exception as error:
            self._give_up(error)

    def finish(self, outcome: Outcome, now_s: float) -> None:
        """The exchange is over."""
        self.ended_s = now_s
        framing, reply = self._framing, self._reply
        if framing is not None and reply is not None:
            try:
                for name, event in framing.finish():
                    reply.event(name, event)
                self._tick(now_s)
            except Exception as error:
                self._give_up(error)
        self._framing = self._decoder = self._reply = None
        self.outcome = self._judged(outcome)

    def _judged(self, outcome: Outcome) -> Outcome:
        """What the vendor's own markers say goes before what the connection looked like."""
        if self.reading.ended and outcome in {"cancelled", "cut"}:
            return "ok"  # a client may hang up as soon as it has the end marker
        if outcome == "ok" and (self.status or 0) >= 400:
            return "upstream_error"
        if outcome == "ok" and self.reading.error is not None:
            return "cut"  # an error event in the middle of a stream
        if outcome == "ok" and self.unframed and self.reading.deltas and not self.reading.ended:
            return "cut"  # nothing says that this was the end
        return outcome

    def drop_text(self) -> None:
        """Forget what was only kept for counting."""
        self._body = []
        self.headers = {}
        self.reading.text.clear()
        self.reading.other_choices.clear()

    def output_tokens_per_s(self, output_tokens: int | None) -> float | None:
        """Decode speed of this stream from the median gap between arrivals.

        The wall time would count queueing and stalls in; a burst that left the server as one
        counts as one arrival that carried several tokens.
        """
        arrivals, timed = self._arrivals, self._deltas_timed
        decode_s = self.reading.decode_s
        if output_tokens and decode_s:
            return output_tokens / decode_s  # the server's own timing (Ollama, llama.cpp)
        if output_tokens is None or len(arrivals) < MIN_ARRIVALS or not self.reading.deltas:
            return None
        gaps = [later - earlier for earlier, later in pairwise(arrivals)]
        gap_s = median(gaps)
        tokens_per_arrival = output_tokens * (timed / self.reading.deltas) / len(arrivals)
        return tokens_per_arrival / gap_s if gap_s > 0 else None

    def _tick(self, now_s: float) -> None:
        if self.reading.deltas <= self._deltas_timed:
            return
        arrivals = self._arrivals
        if self.first_output_s is None:
            self.first_output_s = now_s
        if len(arrivals) < MAX_ARRIVALS:
            if not arrivals or now_s - arrivals[-1] > COALESCED_S:
                arrivals.append(now_s)
            self._deltas_timed = self.reading.deltas

    def _stop(self, reason: str) -> None:
        self.fault = reason
        self._framing = self._decoder = None

    def _give_up(self, error: Exception) -> None:
        self._stop(type(error).__name__)

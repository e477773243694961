"""Which framing a reply has, from its content type and what was asked."""

from collections.abc import Callable

from proxy.framing.framing import Event, Framing
from proxy.framing.json_array import JsonArray
from proxy.framing.ndjson import Ndjson
from proxy.framing.sse import Sse
from proxy.framing.whole import Whole

_BY_TYPE: dict[str, Callable[[], Framing]] = {
    "text/event-stream": Sse,
    "application/x-ndjson": Ndjson,
    "application/ndjson": Ndjson,
    "application/jsonl": Ndjson,
    "application/x-jsonlines": Ndjson,
    "application/json-lines": Ndjson,
}
_ARRAY_STREAMS = frozenset({"gemini.generate"})
_LINE_STREAMS = frozenset({"ollama.chat", "ollama.generate"})
_SSE_STARTS = (b"data", b"event", b":", b"id", b"retry")


def choose(content_type: str, stream: bool, api: str) -> Framing:
    """The framing of a reply of `api` to a request that did or did not ask for a `stream`."""
    media_type = content_type.partition(";")[0].strip().lower()
    named = _BY_TYPE.get(media_type)
    if named is not None:
        return named()
    if stream and api in _ARRAY_STREAMS:
        return JsonArray()
    if stream and api in _LINE_STREAMS:
        return Ndjson()
    if stream and not media_type.endswith("json"):
        return Sniffed()
    return Whole()


class Sniffed:
    """A stream whose content type says nothing: its first bytes decide."""

    __slots__ = ("_framing", "_held", "overflow")

    def __init__(self) -> None:
        """Start undecided."""
        self.overflow = False
        self._framing: Framing | None = None
        self._held = b""

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes, give the events they complete."""
        if self._framing is None:
            self._held += chunk
            if len(self._held.lstrip()) < 5:
                return []
            self._framing = Sse() if _starts_like_sse(self._held) else Whole()
            chunk, self._held = self._held, b""
        events = self._framing.feed(chunk)
        self.overflow = self._framing.overflow
        return events

    def finish(self) -> list[Event]:
        """Take the end of the body."""
        events: list[Event] = []
        if self._framing is None:
            self._framing = Whole()
            events = self._framing.feed(self._held)
        return events + self._framing.finish()


def _starts_like_sse(body: bytes) -> bool:
    return body.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_SSE_STARTS)

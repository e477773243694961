"""llama.cpp's own completion API: SSE, counts in the last object, timings of the server."""

import re
from typing import Any, ClassVar

import msgspec

from proxy.protocols.completion import has_fim_markers
from proxy.protocols.content import Text
from proxy.protocols.fields import Fields, error_code, fit, plain, read, reported
from proxy.protocols.openai_usage import Timings, read_timings
from proxy.protocols.protocol import Ask, Prompt, Reading, Reply


class _Request(Fields, frozen=True, gc=False):
    model: str | None = None
    stream: bool | None = None
    n: int | None = None
    prompt: str | list[msgspec.Raw] | None = None
    input_prefix: str | None = None
    input_suffix: str | None = None


class _Error(Fields, frozen=True, gc=False):
    type: str | None = None
    code: int | None = None


class _Chunk(Fields, frozen=True, gc=False):
    index: int | None = None
    model: str | None = None
    content: str | None = None
    stop: bool | None = None
    tokens_predicted: int | None = None
    tokens_evaluated: int | None = None
    timings: Timings | None = None
    error: _Error | str | None = None


_REQUEST = msgspec.json.Decoder(_Request)
_CHUNK = msgspec.json.Decoder(_Chunk)


class LlamaCppReply:
    """One answer of `/completion` or `/infill`, streamed or whole."""

    __slots__ = ("reading",)

    def __init__(self) -> None:
        """Start with an empty reading."""
        self.reading = Reading()

    def event(self, name: str, data: bytes) -> None:
        """Take one `data:` of the stream, or the whole body (a list for several answers)."""
        if data == b"[DONE]":
            self.reading.ended = True
        elif data[:1] == b"[":
            answers = plain(data)
            for answer in answers if isinstance(answers, list) else ():
                self._chunk(fit(_Chunk, answer))
        else:
            self._chunk(read(_CHUNK, data))

    def _chunk(self, chunk: _Chunk | None) -> None:
        if chunk is None:
            return
        reading = self.reading
        reading.model = chunk.model or reading.model
        if chunk.content:
            reading.add(chunk.content, max(0, min(chunk.index or 0, 1023)))
            reading.deltas += 1
        usage = reported(chunk.tokens_evaluated, chunk.tokens_predicted)
        if usage is not None:
            reading.report(usage)
        if chunk.timings is not None:
            read_timings(reading, chunk.timings)
        if chunk.stop:
            reading.ended = True
        if chunk.error is not None:
            error = chunk.error if isinstance(chunk.error, _Error) else _Error()
            reading.error = error_code(error.type, error.code)


class LlamaCppCompletion:
    """POST `…/completion` and `…/infill`."""

    api: ClassVar[str] = "llamacpp.completion"
    paths: ClassVar[re.Pattern[str]] = re.compile(r"/(?:completion|infill)$")

    def ask(self, path: str, body: bytes) -> Ask:
        """What the request says; `/infill` is an inline completion by its path."""
        request = read(_REQUEST, body) or _Request()
        infill = path.partition("?")[0].endswith("/infill")
        marked = isinstance(request.prompt, str) and has_fim_markers(request.prompt)
        there = request.prompt or request.input_prefix or request.input_suffix
        return Ask(
            model=request.model or None,
            stream=request.stream is True,
            choices=request.n if request.n and 0 < request.n <= 1024 else 1,
            completion=infill or marked,
            modalities=("text",) if there else (),
        )

    def prompt(self, body: bytes) -> Prompt:
        """Prompt, prefix, suffix and the other files sent along."""
        text = Text()
        request: Any = plain(body)
        if isinstance(request, dict):
            text.add_tokens(request.get("prompt"))
            for name in ("input_prefix", "input_suffix"):
                text.add(request.get(name))
            extra = request.get("input_extra")
            for item in extra if isinstance(extra, list) else ():
                if isinstance(item, dict):
                    text.add(item.get("text"))
        return text.prompt()

    def reply(self, ask: Ask) -> Reply:
        """A reader for the answer."""
        return LlamaCppReply()

"""OpenAI legacy completions: text in, text out; fill-in-the-middle by `prompt` and `suffix`.

Copilot's ghost text speaks it at `/v1/engines/{model}/completions`, Tabby with `segments`.
"""

import re
from typing import Any, ClassVar
from urllib.parse import unquote

import msgspec

from proxy.protocols.completion import has_fim_markers, is_next_edit_model
from proxy.protocols.content import Text
from proxy.protocols.fields import Fields, plain, read, tokens, total
from proxy.protocols.openai_chat import OpenAIError, choice_index, openai_error
from proxy.protocols.openai_usage import (
    ChatUsage,
    Metrics,
    Timings,
    read_metrics,
    read_timings,
    read_usage,
)
from proxy.protocols.protocol import Ask, Prompt, Reading, Reply


class _Extra(Fields, frozen=True, gc=False):
    language: str | None = None
    prompt_tokens: int | None = None
    suffix_tokens: int | None = None
    nwo: str | None = None


class _Segments(Fields, frozen=True, gc=False):
    prefix: str | None = None
    suffix: str | None = None


class _Request(Fields, frozen=True, gc=False):
    model: str | None = None
    stream: bool | None = None
    n: int | None = None
    prompt: str | list[msgspec.Raw] | None = None
    suffix: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    language: str | None = None
    nwo: str | None = None
    extra: _Extra | None = None
    segments: _Segments | None = None


class _Choice(Fields, frozen=True, gc=False):
    index: int | None = None
    text: str | None = None


class _Chunk(Fields, frozen=True, gc=False):
    id: str | None = None
    model: str | None = None
    object: str | None = None
    choices: list[_Choice] | None = None
    usage: ChatUsage | None = None
    timings: Timings | None = None
    metrics: Metrics | None = None
    error: OpenAIError | str | None = None


_REQUEST = msgspec.json.Decoder(_Request)
_CHUNK = msgspec.json.Decoder(_Chunk)
_ENGINE = re.compile(r"/engines/([^/]+)/completions$")


class CompletionsReply:
    """One answer of a completions endpoint, streamed or whole."""

    __slots__ = ("_streams", "reading")

    def __init__(self, ask: Ask) -> None:
        """Start with an empty reading."""
        self.reading = Reading()
        self._streams = ask.stream

    def event(self, name: str, data: bytes) -> None:
        """Take one `data:` of the stream, or the whole body."""
        reading = self.reading
        if data == b"[DONE]":
            reading.ended = True
            return
        chunk = read(_CHUNK, data)
        if chunk is None:
            return
        if chunk.model:
            reading.model = chunk.model
        if chunk.id:
            reading.response_id = chunk.id
        if chunk.choices is not None:
            self._choices(chunk.choices)
        if chunk.usage is not None:
            read_usage(reading, chunk.usage)
        if chunk.timings is not None:
            read_timings(reading, chunk.timings)
        if chunk.metrics is not None:
            read_metrics(reading, chunk.metrics)
        if chunk.error is not None:
            reading.error = openai_error(chunk.error)

    def _choices(self, choices: list[_Choice]) -> None:
        if not self._streams:
            self.reading.ended = True
        before = self.reading.text_chars
        for choice in choices:
            if choice.text:
                self.reading.add(choice.text, choice_index(choice.index))
        if self.reading.text_chars > before:
            self.reading.deltas += 1


def is_completion(request: _Request) -> bool:
    """Whether the request has the shape of an inline completion."""
    if request.suffix or request.segments is not None or is_next_edit_model(request.model):
        return True
    return isinstance(request.prompt, str) and has_fim_markers(request.prompt)


class OpenAICompletions:
    """POST `…/completions` that is neither chat nor Mistral's FIM."""

    api: ClassVar[str] = "openai.completions"
    paths: ClassVar[re.Pattern[str]] = re.compile(r"(?<!/chat)(?<!/fim)/completions$")

    def ask(self, path: str, body: bytes) -> Ask:
        """What the request says; Copilot's model stands in the path, its own counts in `extra`."""
        request = read(_REQUEST, body) or _Request()
        extra = request.extra or _Extra()
        engine = _ENGINE.search(path.partition("?")[0])
        return Ask(
            model=request.model or (unquote(engine[1]) if engine else None),
            stream=request.stream is True,
            choices=tokens(request.n) or 1,
            completion=engine is not None or is_completion(request),
            user=request.user or request.safety_identifier or None,
            language=extra.language or request.language or None,
            repository=extra.nwo or request.nwo or None,
            modalities=("text",) if request.prompt or request.segments else (),
            client_input_tokens=total(extra.prompt_tokens, extra.suffix_tokens),
        )

    def prompt(self, body: bytes) -> Prompt:
        """Prompt and suffix; a prompt may be token numbers."""
        text = Text()
        request: Any = plain(body)
        if isinstance(request, dict):
            text.add_tokens(request.get("prompt"))
            text.add(request.get("suffix"))
            segments = request.get("segments")
            if isinstance(segments, dict):
                text.add(segments.get("prefix"))
                text.add(segments.get("suffix"))
        return text.prompt()

    def reply(self, ask: Ask) -> Reply:
        """A reader for the answer."""
        return CompletionsReply(ask)

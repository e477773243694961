"""Ollama's own API: NDJSON, streamed unless `"stream":false`, counts and durations at the end."""

import re
from typing import Any, ClassVar

import msgspec

from proxy.protocols.completion import has_fim_markers, is_next_edit_model
from proxy.protocols.content import Text
from proxy.protocols.fields import Fields, compact, plain, read, reported, seconds
from proxy.protocols.protocol import Ask, Prompt, Reading, Reply

_NANOSECONDS = 1_000_000_000


class _Message(Fields, frozen=True, gc=False):
    images: list[msgspec.Raw] | None = None


class _Request(Fields, frozen=True, gc=False):
    model: str | None = None
    stream: bool | None = None
    prompt: str | None = None
    suffix: str | None = None
    images: list[msgspec.Raw] | None = None
    messages: list[_Message] | None = None
    tools: list[msgspec.Raw] | None = None


class _Function(Fields, frozen=True, gc=False):
    name: str | None = None
    arguments: msgspec.Raw = msgspec.Raw()


class _ToolCall(Fields, frozen=True, gc=False):
    function: _Function | None = None


class _Answer(Fields, frozen=True, gc=False):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Line(Fields, frozen=True, gc=False):
    model: str | None = None
    message: _Answer | None = None
    response: str | None = None
    thinking: str | None = None
    done: bool | None = None
    error: msgspec.Raw = msgspec.Raw()
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    load_duration: int | None = None
    prompt_eval_duration: int | None = None
    eval_duration: int | None = None


_REQUEST = msgspec.json.Decoder(_Request)
_LINE = msgspec.json.Decoder(_Line)


class OllamaReply:
    """One answer of chat, generate or embed: lines of NDJSON, or one whole body."""

    __slots__ = ("_embeds", "reading")

    def __init__(self, ask: Ask) -> None:
        """Start with an empty reading."""
        self.reading = Reading()
        self._embeds = ask.embedding

    def event(self, name: str, data: bytes) -> None:
        """Take one line, or the whole body."""
        line = read(_LINE, data)
        if line is None:
            return
        reading = self.reading
        if line.model:
            reading.model = line.model
        self._text(line)
        if line.prompt_eval_count is not None or line.eval_count is not None:
            outputs = 0 if self._embeds else line.eval_count
            usage = reported(line.prompt_eval_count, outputs)
            if usage is not None:
                reading.report(usage)
        if line.done or self._embeds:
            self._end(line)
        if bytes(line.error) not in (b"", b"null"):
            reading.error = "error"

    def _text(self, line: _Line) -> None:
        reading = self.reading
        before = reading.text_chars
        answer = line.message or _Answer()
        for text in (line.thinking, answer.thinking, line.response, answer.content):
            if text:
                reading.add(text)
        for call in answer.tool_calls or ():
            function = call.function or _Function()
            reading.add(function.name or "")
            reading.add(compact(function.arguments))
        if reading.text_chars > before:
            reading.deltas += 1

    def _end(self, line: _Line) -> None:
        reading = self.reading
        reading.ended = True
        reading.load_s = seconds(line.load_duration, _NANOSECONDS)
        reading.prefill_s = seconds(line.prompt_eval_duration, _NANOSECONDS)
        reading.decode_s = seconds(line.eval_duration, _NANOSECONDS)


def _modalities(request: _Request) -> tuple[str, ...]:
    pictures = request.images or any(message.images for message in request.messages or ())
    text = request.prompt or request.messages
    return tuple(name for name, there in (("image", pictures), ("text", text)) if there)


class OllamaChat:
    """POST `…/api/chat`; without messages it only loads the model."""

    api: ClassVar[str] = "ollama.chat"
    paths: ClassVar[re.Pattern[str]] = re.compile(r"/api/chat$")

    def ask(self, path: str, body: bytes) -> Ask:
        """What the request says; streaming is the default."""
        request = read(_REQUEST, body) or _Request()
        return Ask(
            model=request.model or None,
            stream=request.stream is not False,
            generates=request.messages != [],
            completion=is_next_edit_model(request.model),
            tools=bool(request.tools),
            modalities=_modalities(request),
        )

    def prompt(self, body: bytes) -> Prompt:
        """Messages and tool definitions."""
        text = Text()
        request: Any = plain(body)
        if isinstance(request, dict):
            messages = request.get("messages")
            text.add_messages(messages)
            for message in messages if isinstance(messages, list) else ():
                if isinstance(message, dict) and message.get("images"):
                    text.modalities.add("image")
            text.add_json(request.get("tools"))
        return text.prompt()

    def reply(self, ask: Ask) -> Reply:
        """A reader for the answer."""
        return OllamaReply(ask)


class OllamaGenerate:
    """POST `…/api/generate`; without a prompt it only loads or unloads the model."""

    api: ClassVar[str] = "ollama.generate"
    paths: ClassVar[re.Pattern[str]] = re.compile(r"/api/generate$")

    def ask(self, path: str, body: bytes) -> Ask:
        """What the request says; streaming is the default."""
        request = read(_REQUEST, body)
        if request is None:
            return Ask(stream=True)
        markers = request.prompt is not None and has_fim_markers(request.prompt)
        return Ask(
            model=request.model or None,
            stream=request.stream is not False,
            generates=bool(request.prompt or request.suffix or request.images),
            completion=bool(request.suffix or markers or is_next_edit_model(request.model)),
            modalities=_modalities(request),
        )

    def prompt(self, body: bytes) -> Prompt:
        """System text, prompt and suffix."""
        text = Text()
        request: Any = plain(body)
        if isinstance(request, dict):
            for name in ("system", "prompt", "suffix"):
                text.add(request.get(name))
            if request.get("images"):
                text.modalities.add("image")
        return text.prompt()

    def reply(self, ask: Ask) -> Reply:
        """A reader for the answer."""
        return OllamaReply(ask)


class OllamaEmbed:
    """POST `…/api/embed` and the older `…/api/embeddings`."""

    api: ClassVar[str] = "ollama.embed"
    paths: ClassVar[re.Pattern[str]] = re.compile(r"/api/embed(?:dings)?$")

    def ask(self, path: str, body: bytes) -> Ask:
        """What the request says."""
        request = read(_REQUEST, body) or _Request()
        return Ask(
            model=request.model or None, embedding=True, modalities=("text",) if body else ()
        )

    def prompt(self, body: bytes) -> Prompt:
        """The texts to embed."""
        text = Text()
        request: Any = plain(body)
        if isinstance(request, dict):
            text.add(request.get("input"))
            text.add(request.get("prompt"))
        return text.prompt()

    def reply(self, ask: Ask) -> Reply:
        """A reader for the answer."""
        return OllamaReply(ask)

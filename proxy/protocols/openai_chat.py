"""OpenAI chat completions, and the many servers that speak it.

Mistral, Copilot, Azure, DeepSeek, vLLM, llama.cpp, Ollama's `/v1` and others add fields of their
own; those that say what a request used are read too.
"""

import re
from typing import ClassVar

import msgspec

from proxy.protocols.completion import is_next_edit_model
from proxy.protocols.content import Text, content_modalities
from proxy.protocols.fields import Fields, error_code, plain, read
from proxy.protocols.openai_usage import (
    ChatUsage,
    Metrics,
    Timings,
    read_metrics,
    read_timings,
    read_usage,
)
from proxy.protocols.protocol import Ask, Prompt, Reading, Reply


class Metadata(Fields, frozen=True, gc=False):
    """`metadata` or `client_metadata` of a request."""

    user_id: str | None = None
    session_id: str | None = None


class Message(Fields, frozen=True, gc=False):
    """One message of a request; its content stays unread bytes."""

    content: msgspec.Raw = msgspec.Raw()


class _Request(Fields, frozen=True, gc=False):
    model: str | None = None
    stream: bool | None = None
    n: int | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    metadata: Metadata | None = None
    messages: list[Message] | None = None
    tools: list[msgspec.Raw] | None = None
    functions: list[msgspec.Raw] | None = None


class _Function(Fields, frozen=True, gc=False):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(Fields, frozen=True, gc=False):
    function: _Function | None = None


class _Thought(Fields, frozen=True, gc=False):
    text: str | None = None


class _Part(Fields, frozen=True, gc=False):
    text: str | None = None
    thinking: str | list[_Thought] | None = None


class _Message(Fields, frozen=True, gc=False):
    content: str | list[_Part] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_text: str | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None
    function_call: _Function | None = None


class _Choice(Fields, frozen=True, gc=False):
    index: int | None = None
    delta: _Message | None = None
    message: _Message | None = None
    usage: ChatUsage | None = None
    """Moonshot's place for it in a stream."""


class _Groq(Fields, frozen=True, gc=False):
    usage: ChatUsage | None = None


class OpenAIError(Fields, frozen=True, gc=False):
    """`error` of a reply, without its message."""

    type: str | None = None
    code: str | int | None = None


class _Chunk(Fields, frozen=True, gc=False):
    id: str | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: ChatUsage | None = None
    x_groq: _Groq | None = None
    """Groq's place for the usage of a stream."""
    timings: Timings | None = None
    metrics: Metrics | None = None
    error: OpenAIError | str | None = None


_REQUEST = msgspec.json.Decoder(_Request)
_CHUNK = msgspec.json.Decoder(_Chunk)
_MAX_CHOICES = 1024


class ChatReply:
    """One answer of a chat completions endpoint, streamed or whole."""

    __slots__ = ("reading",)

    def __init__(self) -> None:
        """Start with an empty reading."""
        self.reading = Reading()

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
        if chunk.choices:
            self._choices(chunk.choices)
        usage = chunk.usage or (chunk.x_groq.usage if chunk.x_groq is not None else None)
        if usage is not None:
            read_usage(reading, usage)
        if chunk.timings is not None:
            read_timings(reading, chunk.timings)
        if chunk.metrics is not None:
            read_metrics(reading, chunk.metrics)
        if chunk.error is not None:
            reading.error = openai_error(chunk.error)

    def _choices(self, choices: list[_Choice]) -> None:
        before = self.reading.text_chars
        for choice in choices:
            if choice.usage is not None:
                read_usage(self.reading, choice.usage)
            message = choice.delta
            if message is None:
                message = choice.message
                if message is None:
                    continue
                self.reading.ended = True
            self._message(message, choice_index(choice.index))
        if self.reading.text_chars > before:
            self.reading.deltas += 1

    def _message(self, message: _Message, index: int) -> None:
        add = self.reading.add
        if thought := message.reasoning_content or message.reasoning or message.reasoning_text:
            add(thought, index)
        if isinstance(message.content, str):
            if message.content:
                add(message.content, index)
        elif message.content is not None:
            for part in message.content:
                self._part(part, index)
        if message.refusal:
            add(message.refusal, index)
        for call in message.tool_calls or ():
            self._function(call.function, index)
        if message.function_call is not None:
            self._function(message.function_call, index)

    def _part(self, part: _Part, index: int) -> None:
        """Mistral's content parts: text, and thinking that holds text in turn."""
        if isinstance(part.thinking, str):
            self.reading.add(part.thinking, index)
        for thought in part.thinking if isinstance(part.thinking, list) else ():
            self.reading.add(thought.text or "", index)
        if part.text:
            self.reading.add(part.text, index)

    def _function(self, function: _Function | None, index: int) -> None:
        if function is not None:
            for text in (function.name, function.arguments):
                if text:
                    self.reading.add(text, index)


def choice_index(index: int | None) -> int:
    """The index of a choice; an absurd one counts as the first."""
    return index if index is not None and 0 <= index < _MAX_CHOICES else 0


def openai_error(error: OpenAIError | str) -> str:
    """Type or code of an error; an error that is only a message is just `error`."""
    return "error" if isinstance(error, str) else error_code(error.type, error.code)


class OpenAIChat:
    """POST `…/chat/completions`."""

    api: ClassVar[str] = "openai.chat"
    paths: ClassVar[re.Pattern[str]] = re.compile(r"/chat/completions$")

    def ask(self, path: str, body: bytes) -> Ask:
        """What the request says. Azure's deployment in the path is a name, not a model."""
        request = read(_REQUEST, body) or _Request()
        metadata = request.metadata or Metadata()
        return Ask(
            model=request.model or None,
            stream=request.stream is True,
            choices=request.n if request.n and 0 < request.n <= _MAX_CHOICES else 1,
            completion=is_next_edit_model(request.model),
            tools=bool(request.tools or request.functions),
            user=request.user or metadata.user_id or request.safety_identifier or None,
            session=metadata.session_id or request.prompt_cache_key or None,
            modalities=content_modalities([item.content for item in request.messages or ()]),
        )

    def prompt(self, body: bytes) -> Prompt:
        """Messages, predicted output and tool definitions."""
        text = Text()
        request = plain(body)
        if isinstance(request, dict):
            text.add_messages(request.get("messages"))
            for name in ("tools", "functions", "response_format"):
                text.add_json(request.get(name))
        return text.prompt()

    def reply(self, ask: Ask) -> Reply:
        """A reader for the answer."""
        return ChatReply()

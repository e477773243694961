"""OpenAI Responses: named events over SSE, and the same events as WebSocket text frames.

On a WebSocket several turns share one connection: `starts_turn` knows the client's frame that
opens one, and a `ResponsesReply` whose reading has `ended` has read the last frame of one.
"""

import re
from typing import Any, ClassVar

import msgspec

from estimator.usage import Usage
from proxy.protocols.content import Text, content_modalities
from proxy.protocols.fields import Fields, error_code, plain, read, reported
from proxy.protocols.openai_chat import Metadata, OpenAIError, openai_error
from proxy.protocols.openai_usage import InputDetails, OutputDetails
from proxy.protocols.protocol import Ask, Prompt, Reading, Reply


class _Request(Fields, frozen=True, gc=False):
    type: str | None = None
    model: str | None = None
    stream: bool | None = None
    generate: bool | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    metadata: Metadata | None = None
    client_metadata: Metadata | None = None
    input: msgspec.Raw = msgspec.Raw()
    tools: list[msgspec.Raw] | None = None


class _Frame(_Request, frozen=True, gc=False):
    """A WebSocket frame; some clients put the request into `response`."""

    response: _Request | None = None


class _Usage(Fields, frozen=True, gc=False):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None


class _Response(Fields, frozen=True, gc=False):
    id: str | None = None
    model: str | None = None
    status: str | None = None
    usage: _Usage | None = None
    error: OpenAIError | str | None = None


class _Event(_Response, frozen=True, gc=False):
    """One event; a whole body has the fields of `response` at its top."""

    type: str | None = None
    object: str | None = None
    code: str | int | None = None
    delta: str | None = None
    response: _Response | None = None
    output: msgspec.Raw = msgspec.Raw()


_REQUEST = msgspec.json.Decoder(_Frame)
_EVENT = msgspec.json.Decoder(_Event)

_TERMINAL = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "response.cancelled", "error"}
)
_NOT_TEXT = frozenset({"response.audio.delta", "response.output_audio.delta"})


class ResponsesReply:
    """One answer (on a WebSocket: one turn) of the Responses API."""

    __slots__ = ("reading",)

    def __init__(self) -> None:
        """Start with an empty reading."""
        self.reading = Reading()

    def event(self, name: str, data: bytes) -> None:
        """Take one event of the stream, one text frame, or the whole body."""
        event = read(_EVENT, data)
        if event is None:
            return
        kind = event.type or name
        if event.delta is not None:
            self._delta(kind, event.delta)
        elif event.response is not None:
            self._response(event.response)
        elif event.object is not None and not kind:
            self._whole(event)
        if kind in _TERMINAL:
            self.reading.ended = True
        if kind == "error":
            nested = event.error if isinstance(event.error, OpenAIError) else OpenAIError()
            self.reading.error = error_code(nested.code, nested.type, event.code)
        elif event.error is not None:
            self.reading.error = openai_error(event.error)

    def _delta(self, kind: str, delta: str) -> None:
        self.reading.deltas += 1
        if kind not in _NOT_TEXT:
            self.reading.add(delta)

    def _response(self, response: _Response) -> None:
        reading = self.reading
        reading.model = response.model or reading.model
        reading.response_id = response.id or reading.response_id
        if response.usage is not None and (usage := _normal(response.usage)) is not None:
            reading.report(usage)
        if isinstance(response.error, OpenAIError):
            reading.error = error_code(response.error.code, response.error.type)
        elif response.error is not None:
            reading.error = openai_error(response.error)

    def _whole(self, body: _Event) -> None:
        self._response(body)
        output = Text()
        output.add(plain(bytes(body.output)))
        for text in output.parts:
            self.reading.add(text)
        self.reading.deltas += bool(output.parts)
        self.reading.ended = body.status not in ("queued", "in_progress")


def _normal(usage: _Usage) -> Usage | None:
    inputs = usage.input_tokens_details or InputDetails()
    return reported(
        usage.input_tokens,
        usage.output_tokens,
        cache_read=inputs.cached_tokens,
        cache_write=inputs.cache_write_tokens,
        reasoning=(usage.output_tokens_details or OutputDetails()).reasoning_tokens,
    )


def starts_turn(frame: bytes) -> bool:
    """Whether a client's text frame asks for a response (and so begins a request of its own)."""
    request = read(_REQUEST, frame)
    return request is not None and request.type == "response.create"


class OpenAIResponses:
    """POST `…/responses`, also `…/responses/compact`; GET with an upgrade for the WebSocket."""

    api: ClassVar[str] = "openai.responses"
    paths: ClassVar[re.Pattern[str]] = re.compile(r"/responses(?:/compact)?$")

    def ask(self, path: str, body: bytes) -> Ask:
        """What the request, or a WebSocket frame, says; a frame always streams."""
        frame = read(_REQUEST, body) or _Frame()
        request: _Request = frame.response or frame
        metadata = request.client_metadata or request.metadata or Metadata()
        on_socket = frame.type == "response.create"
        return Ask(
            model=request.model or None,
            stream=on_socket or request.stream is True,
            generates=frame.generate is not False and request.generate is not False,
            tools=bool(request.tools),
            user=request.user or metadata.user_id or request.safety_identifier or None,
            session=metadata.session_id or request.prompt_cache_key or None,
            modalities=_modalities(request.input),
        )

    def prompt(self, body: bytes) -> Prompt:
        """Instructions, input items and tool definitions."""
        text = Text()
        request: Any = plain(body)
        if isinstance(request, dict) and isinstance(request.get("response"), dict):
            request = request["response"]
        if isinstance(request, dict):
            text.add(request.get("instructions"))
            text.add_messages(request.get("input"))
            text.add_json(request.get("tools"))
        return text.prompt()

    def reply(self, ask: Ask) -> Reply:
        """A reader for the answer."""
        return ResponsesReply()


def _modalities(input_items: msgspec.Raw) -> tuple[str, ...]:
    return content_modalities([input_items])

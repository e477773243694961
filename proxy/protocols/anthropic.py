"""Anthropic messages: named events, input tokens without the cache, cumulative output tokens.

Also as Vertex AI serves it, with the model in the path.
"""

import re
from typing import Any, ClassVar
from urllib.parse import unquote

import msgspec

from proxy.protocols.content import Text, content_modalities
from proxy.protocols.fields import Fields, compact, error_code, fit, plain, read, reported, total
from proxy.protocols.protocol import Ask, Prompt, Reading, Reply


class _Metadata(Fields, frozen=True, gc=False):
    user_id: str | None = None


class _ClaudeCodeUser(Fields, frozen=True, gc=False):
    device_id: str | None = None
    account_uuid: str | None = None
    session_id: str | None = None


class _Message(Fields, frozen=True, gc=False):
    content: msgspec.Raw = msgspec.Raw()


class _Request(Fields, frozen=True, gc=False):
    model: str | None = None
    stream: bool | None = None
    metadata: _Metadata | None = None
    messages: list[_Message] | None = None
    tools: list[msgspec.Raw] | None = None


class _Usage(Fields, frozen=True, gc=False):
    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None


class _Block(Fields, frozen=True, gc=False):
    """A content block, or a delta of one."""

    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    name: str | None = None
    input: msgspec.Raw = msgspec.Raw()


class _Reply(Fields, frozen=True, gc=False):
    id: str | None = None
    model: str | None = None
    usage: _Usage | None = None
    content: list[_Block] | None = None


class _Error(Fields, frozen=True, gc=False):
    type: str | None = None


class _Event(_Reply, frozen=True, gc=False):
    """One event; a whole body has the fields of `message` at its top."""

    type: str | None = None
    message: _Reply | None = None
    content_block: _Block | None = None
    delta: _Block | None = None
    error: _Error | None = None


_REQUEST = msgspec.json.Decoder(_Request)
_EVENT = msgspec.json.Decoder(_Event)


class MessagesReply:
    """One answer of the messages endpoint, streamed or whole."""

    __slots__ = ("_inputs", "reading")

    def __init__(self) -> None:
        """Start with an empty reading."""
        self.reading = Reading()
        self._inputs = _Usage()

    def event(self, name: str, data: bytes) -> None:
        """Take one event of the stream, or the whole body."""
        event = read(_EVENT, data)
        if event is None:
            return
        if event.delta is not None:
            self._block(event.delta)
        if event.message is not None:
            self._start(event.message)
        if event.usage is not None and event.type != "message":
            self._usage(event.usage, event.usage.output_tokens)
        if event.content_block is not None:
            self._block(event.content_block)
        if event.type == "message":
            self._whole(event)
        elif event.type == "message_stop":
            self.reading.ended = True
        if event.error is not None or event.type == "error":
            self.reading.error = error_code((event.error or _Error()).type)

    def _start(self, message: _Reply) -> None:
        """`message_start`: its few output tokens are not the answer's."""
        self._names(message)
        if message.usage is not None:
            self._usage(message.usage, None)

    def _whole(self, body: _Event) -> None:
        self._names(body)
        for block in body.content or ():
            self._block(block)
            if block.input:
                self.reading.add(compact(block.input))
        if body.usage is not None:
            self._usage(body.usage, body.usage.output_tokens)
        self.reading.ended = True

    def _names(self, message: _Reply) -> None:
        self.reading.model = message.model or self.reading.model
        self.reading.response_id = message.id or self.reading.response_id

    def _block(self, block: _Block) -> None:
        reading = self.reading
        before = reading.text_chars
        for text in (block.text, block.partial_json, block.thinking, block.name):
            if text:
                reading.add(text)
        if reading.text_chars > before:
            reading.deltas += 1

    def _usage(self, usage: _Usage, output_tokens: int | None) -> None:
        """Take cumulative usage: later figures replace earlier ones, all-zero inputs do not."""
        if total(*_inputs(usage)) or total(*_inputs(self._inputs)) is None:
            self._inputs = _later(self._inputs, usage)
        known = self.reading.usage
        if output_tokens is None and known is not None:
            output_tokens = known.output_tokens
        inputs = self._inputs
        normal = reported(
            total(*_inputs(inputs)),
            output_tokens,
            cache_read=inputs.cache_read_input_tokens,
            cache_write=inputs.cache_creation_input_tokens,
        )
        if normal is not None:
            self.reading.report(normal)


def _inputs(usage: _Usage) -> tuple[int | None, int | None, int | None]:
    return (
        usage.input_tokens,
        usage.cache_creation_input_tokens,
        usage.cache_read_input_tokens,
    )


def _later(earlier: _Usage, later: _Usage) -> _Usage:
    pairs = zip(_inputs(earlier), _inputs(later), strict=True)
    return _Usage(*(old if new is None else new for old, new in pairs))


def user_and_session(user_id: str | None) -> tuple[str | None, str | None]:
    """Who and which session: Claude Code packs both into `metadata.user_id`.

    Newer versions send JSON text, older ones `user_…_account_…_session_…`.
    """
    if not user_id:
        return None, None
    if user_id.startswith("{"):
        packed = fit(_ClaudeCodeUser, plain(user_id.encode("utf-8", "replace")))
        if packed is not None:
            return packed.account_uuid or packed.device_id or None, packed.session_id or None
    user, _, session = user_id.partition("_session_")
    return user, session or None


class AnthropicMessages:
    """POST `…/v1/messages`, and Vertex AI's `…/publishers/anthropic/models/{model}:rawPredict`."""

    api: ClassVar[str] = "anthropic.messages"
    paths: ClassVar[re.Pattern[str]] = re.compile(
        r"/messages$|/publishers/anthropic/models/(?P<model>[^/:]+):(?:streamR|r)awPredict$"
    )

    def ask(self, path: str, body: bytes) -> Ask:
        """What the request says."""
        request = read(_REQUEST, body) or _Request()
        place = self.paths.search(path.partition("?")[0])
        in_path = place["model"] if place else None
        user, session = user_and_session((request.metadata or _Metadata()).user_id)
        return Ask(
            model=request.model or (unquote(in_path) if in_path else None),
            stream=request.stream is True,
            tools=bool(request.tools),
            user=user,
            session=session,
            modalities=content_modalities([item.content for item in request.messages or ()]),
        )

    def prompt(self, body: bytes) -> Prompt:
        """System text, messages and tool definitions."""
        text = Text()
        request: Any = plain(body)
        if isinstance(request, dict):
            text.add(request.get("system"))
            text.add_messages(request.get("messages"))
            text.add_json(request.get("tools"))
        return text.prompt()

    def reply(self, ask: Ask) -> Reply:
        """A reader for the answer."""
        return MessagesReply()

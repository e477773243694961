"""Gemini: the model is in the path, usage on every chunk; SSE, a JSON array, or wrapped.

Code Assist wraps requests in `request` and replies in `response`, and names the model in the body.
"""

import re
from typing import Any, ClassVar
from urllib.parse import unquote

import msgspec

from estimator.usage import Usage
from proxy.protocols.content import Text, mime_modality
from proxy.protocols.fields import Fields, compact, error_code, fit, plain, read, reported, total
from proxy.protocols.protocol import Ask, Prompt, Reading, Reply


class _Blob(Fields, frozen=True, gc=False, rename="camel"):
    mime_type: str | None = None


class _RequestPart(Fields, frozen=True, gc=False, rename="camel"):
    inline_data: _Blob | None = None
    file_data: _Blob | None = None


class _Content(Fields, frozen=True, gc=False):
    parts: list[_RequestPart] | None = None


class _Asked(Fields, frozen=True, gc=False):
    contents: list[_Content] | None = None
    tools: list[msgspec.Raw] | None = None
    session_id: str | None = None


class _Request(_Asked, frozen=True, gc=False):
    model: str | None = None
    request: _Asked | None = None


class _Usage(Fields, frozen=True, gc=False, rename="camel"):
    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    total_token_count: int | None = None


class _Call(Fields, frozen=True, gc=False):
    name: str | None = None
    args: msgspec.Raw = msgspec.Raw()


class _Code(Fields, frozen=True, gc=False):
    code: str | None = None


class _Part(Fields, frozen=True, gc=False, rename="camel"):
    text: str | None = None
    function_call: _Call | None = None
    executable_code: _Code | None = None


class _Parts(Fields, frozen=True, gc=False):
    parts: list[_Part] | None = None


class _Candidate(Fields, frozen=True, gc=False, rename="camel"):
    index: int | None = None
    content: _Parts | None = None
    finish_reason: str | None = None


class _Feedback(Fields, frozen=True, gc=False, rename="camel"):
    block_reason: str | None = None


class _Error(Fields, frozen=True, gc=False):
    code: int | None = None
    status: str | None = None


class _Reply(Fields, frozen=True, gc=False, rename="camel"):
    candidates: list[_Candidate] | None = None
    usage_metadata: _Usage | None = None
    model_version: str | None = None
    response_id: str | None = None
    prompt_feedback: _Feedback | None = None
    error: _Error | None = None


class _Chunk(_Reply, frozen=True, gc=False, rename="camel"):
    response: _Reply | None = None


_REQUEST = msgspec.json.Decoder(_Request)
_CHUNK = msgspec.json.Decoder(_Chunk)
_MAX_CANDIDATES = 64


class GeminiReply:
    """One answer; its chunks are events of SSE or elements of the array."""

    __slots__ = ("_usage", "reading")

    def __init__(self) -> None:
        """Start with an empty reading."""
        self.reading = Reading()
        self._usage: _Usage | None = None

    def event(self, name: str, data: bytes) -> None:
        """Take one chunk, or the whole body (which may be the array with all chunks)."""
        if data[:1] == b"[":
            elements = plain(data)
            for element in elements if isinstance(elements, list) else ():
                self._chunk(fit(_Chunk, element))
        else:
            self._chunk(read(_CHUNK, data))

    def _chunk(self, chunk: _Chunk | None) -> None:
        if chunk is None:
            return
        reply: _Reply = chunk.response or chunk
        reading = self.reading
        if reply.model_version:
            reading.model = reply.model_version
        if reply.response_id:
            reading.response_id = reply.response_id
        if reply.candidates:
            self._candidates(reply.candidates)
        if reply.usage_metadata is not None and reply.usage_metadata != self._usage:
            self._usage = reply.usage_metadata
            usage = _normal(reply.usage_metadata)
            if usage is not None:
                reading.report(usage)
        if reply.error is not None:
            reading.error = error_code(reply.error.status, reply.error.code)
        elif reply.prompt_feedback is not None and reply.prompt_feedback.block_reason:
            reading.error = error_code(reply.prompt_feedback.block_reason)
            reading.ended = True

    def _candidates(self, candidates: list[_Candidate]) -> None:
        before = self.reading.text_chars
        for candidate in candidates:
            index = candidate.index or 0
            index = index if 0 <= index < _MAX_CANDIDATES else 0
            for part in (candidate.content or _Parts()).parts or ():
                for text in _texts(part):
                    self.reading.add(text, index)
            if candidate.finish_reason:
                self.reading.ended = True
        if self.reading.text_chars > before:
            self.reading.deltas += 1


def _texts(part: _Part) -> list[str]:
    texts = [part.text, part.executable_code.code if part.executable_code else None]
    if part.function_call is not None:
        texts += [part.function_call.name, compact(part.function_call.args)]
    return [text for text in texts if text]


def _normal(usage: _Usage) -> Usage | None:
    """Candidates exclude thoughts, the prompt excludes tool results; both belong to their side.

    Early chunks may have no candidates count yet; then the output is unknown, not zero.
    """
    inputs = usage.prompt_token_count
    if inputs is not None:
        inputs = total(inputs, usage.tool_use_prompt_token_count)
    outputs = total(usage.candidates_token_count, usage.thoughts_token_count)
    return reported(
        inputs,
        outputs,
        cache_read=usage.cached_content_token_count,
        reasoning=usage.thoughts_token_count,
    )


class GeminiGenerate:
    """POST `…:generateContent` and `…:streamGenerateContent`."""

    api: ClassVar[str] = "gemini.generate"
    paths: ClassVar[re.Pattern[str]] = re.compile(r"[/:](?:streamG|g)enerateContent$")

    def ask(self, path: str, body: bytes) -> Ask:
        """What path and body say."""
        request = read(_REQUEST, body) or _Request()
        asked: _Asked = request.request or request
        parts = [part for item in asked.contents or () for part in item.parts or ()]
        return Ask(
            model=model_in_path(path) or _plain_name(request.model),
            stream=path.partition("?")[0].endswith(":streamGenerateContent"),
            tools=bool(asked.tools),
            session=asked.session_id or None,
            modalities=tuple(sorted({_modality(part) for part in parts})),
        )

    def prompt(self, body: bytes) -> Prompt:
        """System instruction, contents and tool declarations."""
        text = Text()
        request: Any = plain(body)
        if isinstance(request, dict) and isinstance(request.get("request"), dict):
            request = request["request"]
        if isinstance(request, dict):
            system = request.get("systemInstruction", request.get("system_instruction"))
            _add_content(text, system)
            contents = request.get("contents")
            for content in contents if isinstance(contents, list) else [contents]:
                text.messages += isinstance(content, dict)
                _add_content(text, content)
            text.add_json(request.get("tools"))
        return text.prompt()

    def reply(self, ask: Ask) -> Reply:
        """A reader for the answer."""
        return GeminiReply()


class GeminiEmbed:
    """POST `…:embedContent` and `…:batchEmbedContents`; replies rarely say what they used."""

    api: ClassVar[str] = "gemini.embed"
    paths: ClassVar[re.Pattern[str]] = re.compile(
        r":(?:embedContent|(?:b|asyncB)atchEmbedContents?)$"
    )

    def ask(self, path: str, body: bytes) -> Ask:
        """What the path says."""
        return Ask(model=model_in_path(path), embedding=True, modalities=("text",) if body else ())

    def prompt(self, body: bytes) -> Prompt:
        """The contents to embed."""
        text = Text()
        request: Any = plain(body)
        if isinstance(request, dict):
            batch = request.get("requests")
            for item in batch if isinstance(batch, list) else [request]:
                if isinstance(item, dict):
                    _add_content(text, item.get("content"))
        return text.prompt()

    def reply(self, ask: Ask) -> Reply:
        """A reader for the answer."""
        return GeminiEmbedReply()


class GeminiEmbedReply(GeminiReply):
    """An embedding: whatever usage it reports, its output is a known zero."""

    __slots__ = ()

    def event(self, name: str, data: bytes) -> None:
        """Take the whole body."""
        super().event(name, data)
        usage = self.reading.usage
        if usage is not None:
            self.reading.report(reported(usage.input_tokens, 0) or usage)
        self.reading.ended = self.reading.error is None


def model_in_path(path: str) -> str | None:
    """`gemini-x` of `/v1beta/models/gemini-x:generateContent`."""
    found = re.search(r"/(?:models|tunedModels)/([^/:]+):\w+$", path.partition("?")[0])
    return unquote(found[1]) if found else None


def _plain_name(model: str | None) -> str | None:
    return (model or "").removeprefix("models/") or None


def _modality(part: _RequestPart) -> str:
    blob = part.inline_data or part.file_data
    return "text" if blob is None else mime_modality(blob.mime_type)


def _add_content(text: Text, content: Any) -> None:
    if isinstance(content, str):
        text.add(content)
    parts = content.get("parts") if isinstance(content, dict) else None
    for part in parts if isinstance(parts, list) else [parts]:
        if isinstance(part, dict):
            _add_part(text, part)


def _add_part(text: Text, part: dict[str, Any]) -> None:
    for name in ("inlineData", "inline_data", "fileData", "file_data"):
        blob = part.get(name)
        if isinstance(blob, dict):
            text.modalities.add(mime_modality(blob.get("mimeType", blob.get("mime_type"))))
    text.add(part.get("text"))
    for name in ("functionCall", "functionResponse", "executableCode", "codeExecutionResult"):
        text.add_json(part.get(name))

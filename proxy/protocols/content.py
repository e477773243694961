"""The text inside prompts: what a tokenizer may count, and what is image, audio or file.

Pictures and sounds are marked and never returned: base64 counted as text is meaningless.
"""

import json
from typing import Any

import msgspec

from proxy.protocols.fields import Fields
from proxy.protocols.protocol import Prompt

PART_MODALITY = {
    "image_url": "image",
    "input_image": "image",
    "image": "image",
    "image_file": "image",
    "computer_screenshot": "image",
    "input_audio": "audio",
    "audio": "audio",
    "audio_url": "audio",
    "file": "file",
    "input_file": "file",
    "document": "file",
    "document_url": "file",
    "container_upload": "file",
    "video_url": "file",
    "input_video": "file",
}
"""`type` of a content part in the APIs of OpenAI, Mistral and Anthropic."""

TEXT_FIELDS = (
    "name",
    "title",
    "context",
    "text",
    "content",
    "thinking",
    "reasoning",
    "reasoning_content",
    "summary",
    "refusal",
    "function",
    "tool_calls",
    "arguments",
    "input",
    "output",
)
"""Fields of a message, part or item that the model reads."""

_MAX_DEPTH = 32


class Text:
    """Collects the text and the modalities of one prompt."""

    def __init__(self) -> None:
        """Start empty."""
        self.parts: list[str] = []
        self.modalities: set[str] = set()
        self.messages = 0
        self.token_ids = 0

    def add(self, value: Any, depth: int = 0) -> None:
        """Take a string, a content part, a message, an item, or a list of any of them."""
        if isinstance(value, str):
            self._string(value)
        elif depth > _MAX_DEPTH:
            return
        elif isinstance(value, list):
            for item in value:
                self.add(item, depth + 1)
        elif isinstance(value, dict):
            self._object(value, depth)

    def add_messages(self, value: Any) -> None:
        """Take a list of messages, and count them."""
        self.messages += len(value) if isinstance(value, list) else int(bool(value))
        self.add(value)

    def add_json(self, value: Any) -> None:
        """Take tool definitions or arguments as the compact JSON that stands for them."""
        if isinstance(value, str):
            self._string(value)
        elif value:
            self._string(json.dumps(value, ensure_ascii=False, separators=(",", ":")))

    def add_tokens(self, value: Any) -> None:
        """Take a prompt that is text, a list of texts, token numbers, or lists of those."""
        if isinstance(value, list):
            self.token_ids += sum(type(item) is int for item in value)
            for item in value:
                if isinstance(item, list):
                    self.token_ids += sum(type(number) is int for number in item)
                else:
                    self.add(item)
        else:
            self.add(value)

    def prompt(self) -> Prompt:
        """What was taken."""
        if self.parts or self.token_ids:
            self.modalities.add("text")
        return Prompt(
            tuple(self.parts), tuple(sorted(self.modalities)), self.messages, self.token_ids
        )

    def _string(self, text: str) -> None:
        if text.startswith("data:") and ";base64," in text[:128]:
            self.modalities.add(mime_modality(text[5:128]))
        elif text:
            self.parts.append(text)

    def _object(self, value: dict[str, Any], depth: int) -> None:
        kind = value.get("type")
        modality = PART_MODALITY.get(kind) if isinstance(kind, str) else None
        if modality is not None:
            self.modalities.add(modality)
            self._document(value.get("source"), depth)
            return
        for name in TEXT_FIELDS:
            inner = value.get(name)
            if name in ("arguments", "input") and isinstance(inner, dict):
                self.add_json(inner)
            elif inner is not None:
                self.add(inner, depth + 1)

    def _document(self, source: Any, depth: int) -> None:
        if isinstance(source, dict) and source.get("type") == "text":
            self.add(source.get("data"), depth + 1)
        elif isinstance(source, dict) and source.get("type") == "content":
            self.add(source.get("content"), depth + 1)


def mime_modality(mime_type: Any) -> str:
    """`image`, `audio`, `text` or `file` for a MIME type."""
    family = mime_type.partition("/")[0] if isinstance(mime_type, str) else ""
    return family if family in ("image", "audio", "text") else "file"


class _Part(Fields, frozen=True, gc=False):
    type: str | None = None
    content: msgspec.Raw = msgspec.Raw()
    output: msgspec.Raw = msgspec.Raw()


_PARTS = msgspec.json.Decoder(list[_Part])


def content_modalities(contents: list[msgspec.Raw]) -> tuple[str, ...]:
    """Modalities of messages' contents, without making strings of their text."""
    found: set[str] = set()
    for content in contents:
        _modalities(content, found, 0)
    return tuple(sorted(found))


def _modalities(content: msgspec.Raw, found: set[str], depth: int) -> None:
    raw = bytes(content)
    if raw.startswith(b'"'):
        found.add("text")
    elif raw.startswith(b"[") and depth < 3:
        for part in _parts(raw):
            found.add(PART_MODALITY.get(part.type or "", "text"))
            _modalities(part.content, found, depth + 1)
            _modalities(part.output, found, depth + 1)


def _parts(raw: bytes) -> list[_Part]:
    try:
        return _PARTS.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return []

"""One request as the fake upstream reads it, and the words in it."""

import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import brotli
import zstandard

from tabwatt.demo.controls import PREFIX, Controls, controls

type Json = dict[str, Any]

PROMPT_KEYS = (
    "system",
    "instructions",
    "systemInstruction",
    "tools",
    "messages",
    "contents",
    "input",
    "content",
    "requests",
    "input_prefix",
    "input_extra",
    "prompt",
    "suffix",
    "input_suffix",
)
TURN_KEYS = ("messages", "contents", "input")
OPAQUE_KEYS = frozenset({"data", "image_url", "images", "file_data", "url", "id", "type"})
BYTES_PER_TOKEN = 4
"""The usual rule of thumb for English and code; what the fake counts is true by definition."""

_PREFIXES = (
    re.compile(r"^/u/[^/]+(?=/)"),
    re.compile(r"^/copilot(/(api|proxy|telemetry|origin-tracker))?(?=/)"),
    re.compile(r"^/(openai|anthropic|gemini|mistral|ollama|llamacpp|azure|vllm|deepseek)(?=/)"),
)


@dataclass(frozen=True, slots=True)
class Call:
    """A request: where it went, what it holds, what the test asks for."""

    method: str
    path: str
    """Without query, developer and upstream prefixes."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case; the last of repeated ones."""
    body: Json
    controls: Controls
    seed: int
    """The same for the same model and last words, whatever the path."""
    raw: bytes = b""
    via: str = ""
    """The prefix that was taken off the path, which may name the upstream."""

    @property
    def stream(self) -> bool:
        """Whether the body asks for a stream."""
        return bool(self.body.get("stream"))

    @property
    def tag(self) -> str:
        """Twelve hexadecimal digits for the ids in the reply."""
        return f"{self.seed:012x}"


def call(
    method: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    raw: bytes,
) -> Call:
    """Build a `Call`; a body that is not a JSON object reads as an empty one."""
    body = _object(_decoded(raw, headers.get("content-encoding", "")))
    metadata = body.get("metadata")
    asked = dict(headers)
    if isinstance(metadata, dict):
        asked |= {k: str(v) for k, v in metadata.items() if k.startswith(PREFIX)}
    bare = bare_path(path)
    via = path.removesuffix(bare)
    return Call(method, bare, query, headers, body, controls(asked), seed(body), raw, via)


def seed(body: Json) -> int:
    """Draw a number of 48 bits from the model and the last words of a request."""
    said = f"{body.get('model')}\0{last_text(body)}"
    return int.from_bytes(hashlib.sha256(said.encode("utf-8", "replace")).digest()[:6])


def bare_path(path: str) -> str:
    """Take `/u/<developer>` and `/<upstream>` off the front of a path."""
    for prefix in _PREFIXES:
        path = prefix.sub("", path)
    return path


def _decoded(raw: bytes, encoding: str) -> bytes:
    """Undo the content coding of a request; what cannot be undone stays as it is."""
    try:
        match encoding:
            case "gzip":
                return gzip.decompress(raw)
            case "deflate":
                return zlib.decompress(raw)
            case "zstd":
                return zstandard.ZstdDecompressor().decompressobj().decompress(raw)
            case "br":
                return bytes(brotli.decompress(raw))
            case _:
                return raw
    except (OSError, EOFError, zlib.error, zstandard.ZstdError, brotli.error):
        return raw


def _object(raw: bytes) -> Json:
    try:
        parsed = json.loads(raw)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def text(value: Any) -> str:
    """Join every string below `value` but images, links and ids."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(text(item) for item in value)
    if isinstance(value, dict):
        return "".join(text(v) for k, v in value.items() if k not in OPAQUE_KEYS)
    return ""


def turns(body: Json) -> list[Any]:
    """The conversation of a request, or nothing."""
    for key in TURN_KEYS:
        if isinstance(body.get(key), list):
            return list(body[key])
    return []


def last_text(body: Json) -> str:
    """The last thing said to the model."""
    conversation = turns(body)
    if conversation:
        return text(conversation[-1])
    return "".join(text(body.get(key)) for key in PROMPT_KEYS)


def tokens(value: Any) -> int:
    """Tokens of the text below `value`, by the fake's own rule: UTF-8 bytes / 4, rounded up."""
    return -(-len(text(value).encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def input_tokens(body: Json) -> int:
    """Tokens of the whole prompt, at least one."""
    return max(1, sum(tokens(body[key]) for key in PROMPT_KEYS if key in body))


def prefix_tokens(body: Json) -> int:
    """Tokens that an earlier turn of the same conversation already held; 0 in a first turn."""
    conversation = turns(body)
    if len(conversation) < 3:
        return 0
    return input_tokens(body) - tokens(conversation[-2:])

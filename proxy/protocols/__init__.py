"""The API families the proxy understands, and how a request is recognised by its path.

A new family is one file beside this one and one line in `FAMILIES`.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from proxy.protocols.anthropic import AnthropicMessages
from proxy.protocols.gemini import GeminiEmbed, GeminiGenerate
from proxy.protocols.llamacpp import LlamaCppCompletion
from proxy.protocols.mistral import MistralFim
from proxy.protocols.ollama import OllamaChat, OllamaEmbed, OllamaGenerate
from proxy.protocols.openai_chat import OpenAIChat
from proxy.protocols.openai_completions import OpenAICompletions
from proxy.protocols.openai_embeddings import OpenAIEmbeddings
from proxy.protocols.openai_responses import OpenAIResponses
from proxy.protocols.protocol import Protocol

FAMILIES: tuple[Protocol, ...] = (
    OpenAIChat(),
    OpenAICompletions(),
    MistralFim(),
    OpenAIResponses(),
    OpenAIEmbeddings(),
    AnthropicMessages(),
    GeminiGenerate(),
    GeminiEmbed(),
    OllamaChat(),
    OllamaGenerate(),
    OllamaEmbed(),
    LlamaCppCompletion(),
)
"""Their paths exclude one another, so their order says nothing."""

_SOCKETS = ("openai.responses",)
"""Families that also speak WebSocket on their path."""

_SIDE = re.compile(
    "|".join(
        (
            r"^/?$",
            # counting tokens, and what llama.cpp does before a prompt
            r"/count_tokens$",
            r":countTokens$",
            r"/responses/input_tokens$",
            r"/(?:de)?tokenize$",
            r"/apply-template$",
            # model lists, health and other facts about a server
            r"/models(?:/[^:]*)?$",
            r"/api/(?:tags|show|ps|version|pull|push|create|copy|delete|blobs)(?:/|$)",
            r"/(?:props|slots|health|healthz|ping|version|metrics|lora-adapters)$",
            r"/responses/[^/]+(?:/cancel|/input_items)?$",
            # telemetry and other traffic of clients
            r"/telemetry(?:/|$)",
            r"/v2/track$",
            r"/log$",
            r"/(?:otlp/)?v1/(?:metrics|logs|traces)$",
            r"/api/(?:event_logging|claude_code|claude_cli|eval|hello|oauth)(?:/|$)",
            r"/mcp-registry/|/mcp(?:/|$)",
            r"/copilot_internal/|/_ping$|/agents(?:/|$)",
            r"/twirp/",
            r"/backend-api/",
            r"/v1internal:",
            r"/v1/events$",
        )
    )
)
"""Paths that are known and cost no tokens: they pass and have no row."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """What a path is: a model's endpoint, known side traffic, or not recognised."""

    kind: Literal["model", "side", "unknown"]
    protocol: Protocol | None = None
    """The family, where `kind` is `model`."""


SIDE = Recognition("side")
UNKNOWN = Recognition("unknown")


def recognise(method: str, path: str, websocket: bool = False) -> Recognition:
    """Say what a request is by method and path; a prefix and a query are tolerated."""
    return _recognise(method, path.partition("?")[0].partition("#")[0], websocket)


@lru_cache(maxsize=1024)
def _recognise(method: str, path: str, websocket: bool) -> Recognition:
    if method in ("HEAD", "OPTIONS"):
        return SIDE
    if method == "POST" or websocket:
        for family in FAMILIES:
            if family.paths.search(path) and (not websocket or family.api in _SOCKETS):
                return Recognition("model", family)
    return SIDE if _SIDE.search(path) else UNKNOWN

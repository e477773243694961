"""Which family answers which path: one row each, the first that fits."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from tabwatt.demo.answer import Answer
from tabwatt.demo.call import Call
from tabwatt.demo.families import (
    anthropic,
    embeddings,
    gemini,
    lists,
    llamacpp,
    ollama,
    openai_chat,
    openai_completions,
    openai_usage,
    responses,
)


@dataclass(frozen=True, slots=True)
class Route:
    """A path suffix, who answers it, and in whose shape it is refused."""

    family: str
    method: str
    suffix: re.Pattern[str]
    answer: Callable[[Call], Answer]
    error: Callable[[Call, int], Answer]


def _post(
    family: str,
    suffix: str,
    answer: Callable[[Call], Answer],
    error: Callable[[Call, int], Answer],
) -> Route:
    return Route(family, "POST", re.compile(suffix), answer, error)


def _get(family: str, suffix: str, answer: Callable[[Call], Answer]) -> Route:
    return Route(family, "GET", re.compile(suffix), answer, lists.error)


ROUTES: tuple[Route, ...] = (
    _post("mistral.fim", "/fim/completions$", openai_chat.answer, openai_usage.error),
    _post("openai.chat", "/chat/completions$", openai_chat.answer, openai_usage.error),
    _post("openai.completions", "/completions$", openai_completions.answer, openai_usage.error),
    _post("openai.responses", "/responses$", responses.answer, openai_usage.error),
    _post("ollama.embed", "/api/embed(dings)?$", embeddings.ollama, ollama.error),
    _post("openai.embeddings", "/embeddings$", embeddings.openai, openai_usage.error),
    _post("anthropic.count", "/messages/count_tokens$", anthropic.count_tokens, anthropic.error),
    _post("anthropic.messages", "/messages$", anthropic.answer, anthropic.error),
    _post("gemini.generate", ":(generate|streamGenerate)Content$", gemini.answer, gemini.error),
    _post("gemini.count", ":countTokens$", gemini.count_tokens, gemini.error),
    _post("gemini.embed", ":(embedContent|batchEmbedContents)$", embeddings.gemini, gemini.error),
    _post("ollama.chat", "/api/chat$", ollama.answer, ollama.error),
    _post("ollama.generate", "/api/generate$", ollama.answer, ollama.error),
    _post("ollama.show", "/api/show$", ollama.show, ollama.error),
    _post("llamacpp.completion", "/completion$", llamacpp.answer, openai_usage.error),
    _post("llamacpp.completion", "/infill$", llamacpp.answer, openai_usage.error),
    _post("llamacpp.tokenize", "/tokenize$", llamacpp.tokenize, openai_usage.error),
    _post("telemetry", "/(telemetry|v2/track|log|event_logging/.*)$", lists.telemetry, lists.error),
    _post("otlp", "/v1/(metrics|logs|traces)$", lists.empty, lists.error),
    _post("copilot.references", "/twirp/.*/Match$", lists.empty, lists.error),
    _post("echo", "/echo$", lists.echo, lists.error),
    _get("models", "/models$|/models/session$", lists.models),
    _get("ollama.tags", "/api/tags$", ollama.tags),
    _get("ollama.version", "/api/version$", ollama.version),
    _get("llamacpp.props", "/props$", llamacpp.props),
    _get("llamacpp.health", "/health$", llamacpp.health),
    _get("copilot.token", "/copilot_internal/v2/token$", lists.token),
    _get("copilot.user", "/copilot_internal/user$", lists.user),
    _get("telemetry", "/telemetry$", lists.empty),
    _get("root", "^/$", lists.root),
)

UNKNOWN = Route("unknown", "", re.compile(""), lists.unknown, lists.error)


def route(method: str, path: str) -> Route:
    """Find who answers; HEAD is answered as GET is."""
    wanted = "GET" if method == "HEAD" else method
    for row in ROUTES:
        if row.method == wanted and row.suffix.search(path):
            return row
    return UNKNOWN


def socket_route(path: str) -> Route:
    """Find whose socket is opened; whoever it is, it is refused in OpenAI's shape."""
    family = "openai.responses" if path.endswith("/responses") else "socket"
    return Route(family, "GET", re.compile(""), lists.unknown, openai_usage.error)

import pytest

from proxy.protocols import FAMILIES, recognise

MODEL_PATHS = {
    "/v1/chat/completions": "openai.chat",
    "/chat/completions": "openai.chat",
    "/api/v1/chat/completions": "openai.chat",
    "/openai/deployments/blue/chat/completions?api-version=2026-01-01": "openai.chat",
    "/openai/v1/chat/completions": "openai.chat",
    "/v1/completions": "openai.completions",
    "/v1/engines/gpt-41-copilot/completions": "openai.completions",
    "/openai/deployments/blue/completions?api-version=1": "openai.completions",
    "/v1/fim/completions": "mistral.fim",
    "/v1/responses": "openai.responses",
    "/backend-api/codex/responses": "openai.responses",
    "/v1/responses/compact": "openai.responses",
    "/v1/embeddings": "openai.embeddings",
    "/embeddings": "openai.embeddings",
    "/v1/messages?beta=true": "anthropic.messages",
    "/api/anthropic/v1/messages": "anthropic.messages",
    "/v1/projects/p/locations/l/publishers/anthropic/models/c@1:streamRawPredict": (
        "anthropic.messages"
    ),
    "/v1beta/models/gemini-x:generateContent": "gemini.generate",
    "/v1beta/models/gemini-x:streamGenerateContent?alt=sse&key=k": "gemini.generate",
    "/v1internal:streamGenerateContent?alt=sse": "gemini.generate",
    "/v1beta/models/e:embedContent": "gemini.embed",
    "/v1beta/models/e:batchEmbedContents": "gemini.embed",
    "/api/chat": "ollama.chat",
    "/api/generate": "ollama.generate",
    "/api/embed": "ollama.embed",
    "/api/embeddings": "ollama.embed",
    "/completion": "llamacpp.completion",
    "/infill": "llamacpp.completion",
}

SIDE_PATHS = [
    ("POST", "/v1/messages/count_tokens?beta=true"),
    ("POST", "/v1beta/models/gemini-x:countTokens"),
    ("POST", "/v1internal:countTokens"),
    ("POST", "/v1internal:loadCodeAssist"),
    ("POST", "/v1/responses/input_tokens"),
    ("GET", "/v1/responses/resp_1?stream=true"),
    ("POST", "/v1/responses/resp_1/cancel"),
    ("GET", "/v1/models"),
    ("GET", "/v1beta/models/gemini-x"),
    ("POST", "/models/session"),
    ("GET", "/api/tags"),
    ("POST", "/api/show"),
    ("GET", "/props"),
    ("GET", "/health"),
    ("POST", "/tokenize"),
    ("POST", "/telemetry"),
    ("GET", "/telemetry?tas-endpoint=1"),
    ("POST", "/v2/track"),
    ("POST", "/api/event_logging/v2/batch"),
    ("POST", "/log?format=json"),
    ("POST", "/otlp/v1/metrics"),
    ("POST", "/v1/traces"),
    ("GET", "/copilot_internal/v2/token"),
    ("POST", "/mcp/readonly"),
    ("POST", "/twirp/github.snippy.v1.SnippyAPI/Match"),
    ("GET", "/backend-api/accounts/check"),
    ("HEAD", "/"),
    ("GET", "/"),
    ("HEAD", "/v1/messages"),
    ("OPTIONS", "/v1/chat/completions"),
]

UNKNOWN_PATHS = [
    ("POST", "/v1/images/generations"),
    ("POST", "/v1/audio/speech"),
    ("POST", "/v1/messages/batches"),
    ("GET", "/v1/chat/completions"),
    ("POST", "/v1/chat/completions/x"),
    ("POST", "/recompletions"),
    ("POST", "/v1beta/models/x:predict"),
    ("GET", "/favicon.ico"),
]


@pytest.mark.parametrize(("path", "api"), MODEL_PATHS.items())
def test_model_paths(path: str, api: str) -> None:
    found = recognise("POST", path)
    assert found.kind == "model"
    assert found.protocol is not None
    assert found.protocol.api == api


@pytest.mark.parametrize(("method", "path"), SIDE_PATHS)
def test_side_traffic(method: str, path: str) -> None:
    assert recognise(method, path).kind == "side"


@pytest.mark.parametrize(("method", "path"), UNKNOWN_PATHS)
def test_what_is_not_recognised(method: str, path: str) -> None:
    assert recognise(method, path).kind == "unknown"


def test_only_responses_speak_websocket() -> None:
    found = recognise("GET", "/v1/responses", websocket=True)
    assert found.protocol is not None
    assert found.protocol.api == "openai.responses"
    assert recognise("GET", "/v1/chat/completions", websocket=True).kind == "unknown"
    assert recognise("GET", "/v1/responses").kind == "unknown"


@pytest.mark.parametrize("path", [path.partition("?")[0] for path in MODEL_PATHS])
def test_no_path_belongs_to_two_families(path: str) -> None:
    assert len([family for family in FAMILIES if family.paths.search(path)]) == 1

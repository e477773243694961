"""What clients of every API family say, for tests that say it to two servers and compare."""

import json
from dataclasses import dataclass
from typing import Any

type Json = dict[str, Any]

SAID = "order the list"


@dataclass(frozen=True)
class Conversation:
    """One request of a family, and what a row about it says."""

    name: str
    api: str
    path: str
    body: Json
    stream: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    how: tuple[str, str] = ("reported", "reported")
    """Of input and output, when the reply comes whole."""

    @property
    def raw(self) -> bytes:
        """The body as a client would write it: spaces and a character of two bytes included."""
        return json.dumps(self.body, ensure_ascii=False, indent=1).encode()


def _pair(
    name: str, api: str, path: str, body: Json, *, streamed: Json | None = None, **more: Any
) -> tuple[Conversation, Conversation]:
    """The same twice: for a whole answer, and for a stream."""
    extra = {"stream": True} if streamed is None else streamed
    how = more.pop("stream_how", ("reported", "reported"))
    return (
        Conversation(name, api, path, body, **more),
        Conversation(f"{name}-stream", api, path, body | extra, stream=True, how=how, **more),
    )


CHAT: Json = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": f"ü {SAID}"}]}
TEXT: Json = {"model": "gpt-3.5-turbo-instruct", "prompt": f"# {SAID}\n"}
FIM: Json = {"model": "codestral-latest", "prompt": "def add(", "suffix": "return a"}
RESPONSES: Json = {"model": "gpt-5-mini", "input": [{"role": "user", "content": SAID}]}
MESSAGES: Json = {
    "model": "claude-sonnet-4-6",
    "max_tokens": 400,
    "messages": [{"role": "user", "content": SAID}],
}
GEMINI: Json = {"contents": [{"role": "user", "parts": [{"text": SAID}]}]}
CODE_ASSIST: Json = {"model": "gemini-2.5-pro", "project": "p", "request": GEMINI}
OLLAMA: Json = {"model": "qwen2.5-coder:7b", "messages": [{"role": "user", "content": SAID}]}
GENERATE: Json = {"model": "qwen2.5-coder:7b", "prompt": SAID}
LLAMACPP: Json = {"prompt": SAID, "n_predict": 60}
INFILL: Json = {"input_prefix": "def add(", "input_suffix": "return a", "n_predict": 60}
GHOST: Json = {
    "prompt": "def add(",
    "suffix": "return a",
    "max_tokens": 500,
    "n": 1,
    "extra": {"language": "python", "prompt_tokens": 321, "suffix_tokens": 0},
}

_REPORTING: Json = {"stream": True, "stream_options": {"include_usage": True}}
_WHOLE: Json = {"stream": False}
_MODELS = "/v1beta/models/gemini-2.5-flash"
_ANTHROPIC = (("anthropic-version", "2023-06-01"), ("x-api-key", "sk-ant-none"))
_COUNTED = ("counted", "counted")

CONVERSATIONS: tuple[Conversation, ...] = (
    *_pair(
        "chat", "openai.chat", "/v1/chat/completions", CHAT, streamed=_REPORTING,
        headers=(("Authorization", "Bearer sk-none"),),
    ),
    Conversation(
        "chat-uncounted", "openai.chat", "/v1/chat/completions", CHAT | {"stream": True},
        stream=True, how=_COUNTED,
    ),
    Conversation(
        "chat-two-choices", "openai.chat", "/v1/chat/completions",
        CHAT | {"stream": True, "n": 2}, stream=True, how=_COUNTED,
    ),
    *_pair("chat-vllm", "openai.chat", "/vllm/v1/chat/completions", CHAT, streamed=_REPORTING),
    *_pair(
        "chat-azure", "openai.chat",
        "/azure/openai/deployments/our-prod/chat/completions?api-version=2024-10-21", CHAT,
        streamed=_REPORTING,
    ),
    *_pair(
        "completions", "openai.completions", "/v1/completions", TEXT | {"suffix": "end"},
        streamed=_REPORTING,
    ),
    *_pair(
        "fim", "mistral.fim", "/v1/fim/completions", FIM,
    ),
    Conversation(
        "ghost", "openai.completions", "/copilot/proxy/v1/engines/gpt-4o-copilot/completions",
        GHOST | {"stream": True}, stream=True, how=("client", "counted"),
    ),
    *_pair("responses", "openai.responses", "/v1/responses", RESPONSES),
    Conversation(
        "embeddings", "openai.embeddings", "/v1/embeddings",
        {"model": "text-embedding-3-small", "input": [SAID]},
    ),
    *_pair(
        "messages", "anthropic.messages", "/v1/messages?beta=true", MESSAGES, headers=_ANTHROPIC,
    ),
    Conversation("gemini", "gemini.generate", f"{_MODELS}:generateContent", GEMINI),
    Conversation(
        "gemini-stream", "gemini.generate", f"{_MODELS}:streamGenerateContent?alt=sse", GEMINI,
        stream=True,
    ),
    Conversation(
        "gemini-array", "gemini.generate", f"{_MODELS}:streamGenerateContent?key=none", GEMINI,
        stream=True,
    ),
    Conversation(
        "code-assist", "gemini.generate", "/v1internal:streamGenerateContent?alt=sse",
        CODE_ASSIST, stream=True,
    ),
    *_pair("ollama-chat", "ollama.chat", "/api/chat", OLLAMA | _WHOLE),
    Conversation("ollama-unsaid", "ollama.chat", "/api/chat", OLLAMA, stream=True),
    *_pair("generate", "ollama.generate", "/api/generate", GENERATE | _WHOLE),
    Conversation("ollama-embed", "ollama.embed", "/api/embed", {"model": "m", "input": SAID}),
    *_pair("llamacpp", "llamacpp.completion", "/completion", LLAMACPP),
    *_pair("infill", "llamacpp.completion", "/infill", INFILL),
)  # fmt: skip

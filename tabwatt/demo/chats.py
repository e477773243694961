"""Simulated chats and embeddings: short conversations in several vendors' shapes."""

from random import Random

from tabwatt.demo.step import KEY, Headers, Step, identity, post, stable_identity
from tabwatt.demo.vocabulary import sentence

OPENAI_SDK: Headers = (
    ("Authorization", f"Bearer {KEY}"),
    ("User-Agent", "OpenAI/Python 3.54.0"),
    ("x-stainless-lang", "python"),
    ("x-stainless-retry-count", "0"),
    ("x-stainless-read-timeout", "600"),
)


def _messages(random: Random) -> list[dict[str, str]]:
    """A conversation of one or two questions."""
    asked = {"role": "user", "content": sentence(random.getrandbits(32), random.randrange(20, 300))}
    if random.random() < 0.5:
        return [asked]
    told = {
        "role": "assistant",
        "content": sentence(random.getrandbits(32), random.randrange(80, 300)),
    }
    again = {"role": "user", "content": sentence(random.getrandbits(32), random.randrange(5, 60))}
    return [asked, told, again]


def openai(random: Random, developer: str) -> tuple[Step, ...]:
    """A script with OpenAI's SDK that asks for usage."""
    body = {
        "model": "gpt-5-mini",
        "messages": _messages(random),
        "stream": True,
        "stream_options": {"include_usage": True},
        "user": developer,
    }
    return (post("/v1/chat/completions", OPENAI_SDK, body),)


def aider(random: Random, developer: str) -> tuple[Step, ...]:
    """A chat of aider's, which streams without asking for usage."""
    system = {"role": "system", "content": sentence(1, 900)}
    body = {"model": "gpt-4.1", "messages": [system, *_messages(random)], "stream": True}
    return (post("/v1/chat/completions", OPENAI_SDK, body),)


def anthropic(random: Random, developer: str) -> tuple[Step, ...]:
    """An editor's assistant panel that streams from Anthropic."""
    headers: Headers = (
        ("x-api-key", KEY),
        ("anthropic-version", "2023-06-01"),
        ("User-Agent", "Zed/0.214.5 (linux; x86_64)"),
    )
    body = {
        "model": "claude-sonnet-4-6",
        "max_tokens": 8192,
        "system": sentence(2, 600),
        "messages": _messages(random),
        "stream": True,
    }
    return (post("/v1/messages", headers, body),)


def copilot(random: Random, developer: str) -> tuple[Step, ...]:
    """Copilot chat."""
    headers: Headers = (
        ("Authorization", f"Bearer tid={KEY}"),
        ("X-Request-Id", identity(random)),
        ("X-Initiator", "user"),
        ("X-Interaction-Id", identity(random)),
        ("OpenAI-Intent", "conversation-panel"),
        ("Copilot-Integration-Id", "vscode-chat"),
        ("Editor-Version", "vscode/1.106.0"),
        ("Editor-Plugin-Version", "copilot-chat/0.33.1"),
        ("VScode-MachineId", stable_identity(developer, "machine").replace("-", "") * 2),
        ("User-Agent", "GitHubCopilotChat/0.33.1"),
    )
    body = {"model": "gpt-4.1", "messages": _messages(random), "stream": True}
    return (post("/copilot/api/chat/completions", headers, body),)


def gemini(random: Random, developer: str) -> tuple[Step, ...]:
    """Gemini CLI."""
    agent = "GeminiCLI/0.61.0/gemini-2.5-flash (linux; x64)"
    headers: Headers = (
        ("x-goog-api-key", KEY),
        ("x-goog-api-client", "google-genai-sdk/1.30.0 gl-node/v22"),
        ("x-gemini-api-privileged-user-id", stable_identity(developer, "installation")),
        ("User-Agent", agent),
    )
    contents = [
        {
            "role": "model" if message["role"] == "assistant" else "user",
            "parts": [{"text": message["content"]}],
        }
        for message in _messages(random)
    ]
    body = {
        "contents": contents,
        "systemInstruction": {"parts": [{"text": sentence(3, 1200)}]},
        "generationConfig": {"thinkingConfig": {"includeThoughts": True}},
    }
    path = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
    return (post(path, headers, body),)


def embeddings(random: Random, developer: str) -> tuple[Step, ...]:
    """An editor that indexes the files just saved."""
    chunks = [sentence(random.getrandbits(32), 200) for _ in range(random.randrange(1, 9))]
    body = {"model": "text-embedding-3-small", "input": chunks, "encoding_format": "base64"}
    return (post("/v1/embeddings", OPENAI_SDK, body),)

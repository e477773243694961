"""What a request is for, by the first rule that holds. The tables of all rules are here."""

import re
from collections.abc import Mapping

from proxy.protocols.protocol import Ask, Purpose

_EMBEDDING_PATH = re.compile(r"/(?:embeddings?|api/embed)$|:(?:embedContent|batchEmbedContents)$")
_TAB_PATH = re.compile(r"/engines/[^/]+/completions$|/fim/completions$|/infill$|/predict_edits\b")

_TAB_INTENTS = frozenset({"copilot-ghost", "copilot-nes", "next-edit", "autocomplete"})

_OWN_WORD_HEADERS = ("x-interaction-type", "openai-intent", "x-initiator", "x-request-kind")
"""Headers in which clients say what they are doing, the most telling first."""

_OWN_WORDS: dict[str, Purpose] = {
    "conversation-agent": "agent",
    "conversation-subagent": "agent",
    "conversation-background": "agent",
    "conversation-panel": "chat",
    "conversation-inline": "edit",
    "conversation-edits": "edit",
    "inline-edit": "edit",
    "agent": "agent",
    "chat": "chat",
    "edit": "edit",
}
"""Values of those headers. Others say nothing: `conversation-other`, or `user`, with which
Copilot opens the turns of chats and agents alike."""

_AGENT_USER_AGENTS = (
    "claude-cli/",
    "codex_",
    "codex-",
    "geminicli-",
    "qwencode/",
    "opencode/",
    "aider",
    "cline",
    "roo-code",
    "goose",
    "copilot/",
    "copilotcli",
    "github-copilot-cli",
)
"""How the user agents of coding agents begin, in lower case."""

_AGENT_CLIENTS = frozenset(
    {
        "aider",
        "claude-code",
        "cline",
        "codex",
        "copilot-cli",
        "gemini-cli",
        "goose",
        "opencode",
        "qwen-code",
        "roo-code",
    }
)


def purpose(ask: Ask, path: str, headers: Mapping[str, str], client: str | None) -> Purpose:
    """What a request is for; names of `headers` are in lower case, `client` is a plain name."""
    plain_path = path.partition("?")[0]
    if ask.embedding or _EMBEDDING_PATH.search(plain_path):
        return "embedding"
    if ask.completion or _TAB_PATH.search(plain_path) or _intent(headers) in _TAB_INTENTS:
        return "tab"
    own = _own_word(headers)
    if own is not None:
        return own
    return "agent" if ask.tools or _is_agent(headers, client) else "chat"


def speculative(headers: Mapping[str, str]) -> bool:
    """Whether Copilot asks in advance for what follows a ghost text not yet accepted."""
    return headers.get("x-copilot-speculative", "").strip().lower() == "true"


def _intent(headers: Mapping[str, str]) -> str:
    return headers.get("openai-intent", "").strip().lower()


def _own_word(headers: Mapping[str, str]) -> Purpose | None:
    words = (headers.get(name, "").strip().lower() for name in _OWN_WORD_HEADERS)
    return next((_OWN_WORDS[word] for word in words if word in _OWN_WORDS), None)


def _is_agent(headers: Mapping[str, str], client: str | None) -> bool:
    user_agent = headers.get("user-agent", "").lower()
    return client in _AGENT_CLIENTS or user_agent.startswith(_AGENT_USER_AGENTS)

"""Which program sent a request: the table of user agents, and headers that name an editor.

Sources: the user agents that the named versions of each client were seen to send.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

USER_AGENTS: tuple[tuple[str, str], ...] = (
    # Most specific first: an SDK's own agent stands last, since tools add theirs in front of it.
    (r"claude-cli/([\w.]+)", "claude-code"),
    (r"codex_(?:exec|cli_rs|vscode)?/?([\w.]*)", "codex"),
    (r"GithubCopilotChat/([\w.]+)", "copilot-chat"),
    (r"GithubCopilot/([\w.]+)", "copilot"),
    (r"copilot(?:-cli)?/([\w.]+)", "copilot-cli"),
    (r"GeminiCLI[\w-]*/([\w.]+)", "gemini-cli"),
    (r"QwenCode/([\w.]+)", "qwen-code"),
    (r"opencode/([\w.]+)", "opencode"),
    (r"Continue/([\w.]+)", "continue"),
    (r"Zed/([\w.]+)", "zed"),
    (r"aider/([\w.]+)", "aider"),
    (r"ai-sdk/[\w-]+/([\w.]+)", "ai-sdk"),
    (r"(?:Async)?(?:Azure)?OpenAI/(?:Python|JS) ([\w.]+)", "openai-sdk"),
    (r"(?:Async)?Anthropic(?:/| )(?:Python|JS) ([\w.]+)", "anthropic-sdk"),
    (r"google-genai-sdk/([\w.]+)", "google-genai-sdk"),
    (r"mistral-client-(?:python|typescript)/([\w.]+)", "mistral-sdk"),
    (r"ollama-(?:python|js)/([\w.]+)", "ollama-sdk"),
    (r"python-httpx/([\w.]+)", "httpx"),
    (r"python-requests/([\w.]+)", "requests"),
    (r"aiohttp/([\w.]+)|\baiohttp/([\w.]+)", "aiohttp"),
    (r"curl/([\w.]+)", "curl"),
)

_COMPILED = tuple((re.compile(pattern, re.IGNORECASE), name) for pattern, name in USER_AGENTS)
_NO_PRODUCT = re.compile(r"^(sk|pk|key|token|gh[oprsu])[-_]|\w{25,}|( .*){4}", re.IGNORECASE)
"""A key, or a sentence, where a program's name should stand."""
_PRODUCT = re.compile(r"([A-Za-z][\w .-]{0,38}?)/v?([\w.]{1,20})")
_EDITORS: Mapping[str, str] = {
    "vscode": "vscode",
    "vscode-insiders": "vscode-insiders",
    "neovim": "neovim",
    "vim": "vim",
    "visualstudio": "visual-studio",
    "xcode": "xcode",
    "eclipse": "eclipse",
}


@dataclass(frozen=True, slots=True)
class Client:
    """A program and, where it says so, the editor it runs in."""

    name: str | None = None
    version: str | None = None
    editor: str | None = None


def client(headers: Mapping[str, str]) -> Client:
    """The client by its user agent; an unknown one keeps the first product it names."""
    return _client(headers.get("user-agent", "")[:500], headers.get("editor-version", "")[:80])


@lru_cache(maxsize=256)
def _client(agent: str, editor_version: str) -> Client:
    editor = _editor(editor_version)
    for pattern, name in _COMPILED:
        found = pattern.search(agent)
        if found:
            version = next((group for group in found.groups() if group), None)
            if name == "copilot" and editor is not None:
                name = f"copilot-{editor}"
            return Client(name, version, editor)
    product = _PRODUCT.match(agent)
    if product is None or _NO_PRODUCT.search(product[1]):
        return Client(None, None, editor)
    return Client(product[1].strip().lower().replace(" ", "-"), product[2], editor)


def _editor(value: str) -> str | None:
    name = value.partition("/")[0].strip().lower()
    if not name:
        return None
    return _EDITORS.get(name.replace(" ", ""), name[:40])

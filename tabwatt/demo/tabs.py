"""Simulated inline completions: Copilot's ghost text, Continue's and Ollama's FIM."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from tabwatt.demo.step import KEY, Headers, Step, identity, post, stable_identity
from tabwatt.demo.vocabulary import words

LEFT_SHARE = 0.4
"""Tabs whose request is aborted because the developer types on."""
SPECULATIVE_SHARE = 0.6
"""Shown ghost texts behind which a second request assumes acceptance."""
ACCEPTED_SHARE = 0.3
"""Shown ghost texts that are accepted: what studies of Copilot report, rounded."""
INSTRUMENTATION = "Microsoft.ApplicationInsights.demo.Event"


@dataclass(frozen=True, slots=True)
class Editor:
    """Which editor a ghost text appears in."""

    version: str
    plugin: str


VSCODE = Editor("vscode/1.106.0", "copilot/1.390.0")
NEOVIM = Editor("Neovim/0.11.0", "copilot.lua/1.0")
JETBRAINS = Editor("JetBrains-IC/253.28294", "copilot-intellij/1.5.60")


def copilot(editor: Editor) -> Callable[[Random, str], tuple[Step, ...]]:
    """Ghost text in an editor."""

    def tab(random: Random, developer: str) -> tuple[Step, ...]:
        ident = identity(random)
        if random.random() < LEFT_SHARE:
            return (_ghost(random, developer, editor, ident, leaves=True),)
        steps = [_ghost(random, developer, editor, ident)]
        accepted = random.random() < ACCEPTED_SHARE
        if random.random() < SPECULATIVE_SHARE:
            steps.append(_ghost(random, developer, editor, identity(random), speculative=True))
        steps.append(_telemetry(ident, accepted))
        return tuple(steps)

    return tab


def _ghost(
    random: Random,
    developer: str,
    editor: Editor,
    ident: str,
    *,
    leaves: bool = False,
    speculative: bool = False,
) -> Step:
    before, after = _around(random, 600, 200)
    body = {
        "prompt": f"# Path: calc.py\n{''.join(before)}",
        "suffix": "".join(after),
        "max_tokens": 500,
        "temperature": 0,
        "top_p": 1,
        "n": 1,
        "stop": ["\n"],
        "stream": True,
        "extra": {
            "language": "python",
            "next_indent": 4,
            "trim_by_indentation": True,
            "prompt_tokens": len(before) + 6,
            "suffix_tokens": len(after),
        },
        "code_annotations": False,
    }
    path = "/copilot/proxy/v1/engines/gpt-41-copilot/completions"
    headers = _ghost_headers(developer, editor, ident, speculative)
    return post(path, headers, body, random.randrange(3) if leaves else None)


def _ghost_headers(developer: str, editor: Editor, ident: str, speculative: bool) -> Headers:
    return (
        ("Authorization", f"Bearer tid={KEY}"),
        ("X-Request-Id", ident),
        ("OpenAI-Intent", "copilot-ghost"),
        ("Editor-Version", editor.version),
        ("Editor-Plugin-Version", editor.plugin),
        ("Copilot-Language-Server-Version", "1.539.0"),
        ("VScode-SessionId", stable_identity(developer, "session") + "1795000000000"),
        ("VScode-MachineId", stable_identity(developer, "machine").replace("-", "") * 2),
        ("X-GitHub-Api-Version", "2026-01-09"),
        ("Openai-Organization", "github-copilot"),
        ("X-Copilot-Async", "true"),
        ("X-Copilot-Speculative", str(speculative).lower()),
        ("User-Agent", "GithubCopilot/1.539.0"),
    )


def _telemetry(ident: str, accepted: bool) -> Step:
    """Tell that a ghost text was shown, and whether it was accepted."""
    names = ("ghostText.shown", "ghostText.accepted" if accepted else "ghostText.rejected")
    properties = {
        "headerRequestId": ident,
        "clientCompletionId": ident,
        "choiceIndex": "0",
        "languageId": "python",
        "engineName": "gpt-41-copilot",
        "isSpeculative": "false",
        "reason": "async",
    }
    if accepted:
        properties["compType"] = "full"
    events: list[dict[str, Any]] = [
        {
            "name": INSTRUMENTATION,
            "data": {
                "baseType": "EventData",
                "baseData": {"ver": 2, "name": f"agent/{name}", "properties": properties},
            },
        }
        for name in names
    ]
    return post("/copilot/telemetry/telemetry", (("User-Agent", "GithubCopilot/1.539.0"),), events)


def _around(random: Random, before: int, after: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words before and after the cursor, up to so many."""
    first = words(random.getrandbits(32), random.randrange(before // 4, before))
    return first, words(random.getrandbits(32), random.randrange(after // 4, after))


def _leave(random: Random) -> int | None:
    return random.randrange(1, 4) if random.random() < LEFT_SHARE else None


def continue_codestral(random: Random, developer: str) -> tuple[Step, ...]:
    """FIM of Continue at Mistral."""
    before, after = _around(random, 900, 300)
    headers: Headers = (("Authorization", f"Bearer {KEY}"), ("User-Agent", "node-fetch"))
    body = {
        "model": "codestral-2508",
        "prompt": "".join(before),
        "suffix": "".join(after),
        "max_tokens": 256,
        "temperature": 0.01,
        "stream": True,
        "stop": ["\n\n"],
    }
    return (post("/mistral/v1/fim/completions", headers, body, _leave(random)),)


def continue_local(random: Random, developer: str) -> tuple[Step, ...]:
    """FIM of Continue at a server of OpenAI's shape: prompt and suffix."""
    before, after = _around(random, 600, 200)
    headers: Headers = (("Authorization", f"Bearer {KEY}"), ("User-Agent", "OpenAI/JS 6.9.0"))
    body = {
        "model": "qwen2.5-coder:7b",
        "prompt": "".join(before),
        "suffix": "".join(after),
        "max_tokens": 128,
        "stream": True,
    }
    return (post("/ollama/v1/completions", headers, body, _leave(random)),)


def ollama(random: Random, developer: str) -> tuple[Step, ...]:
    """FIM of a plug-in that speaks Ollama's own API."""
    before, after = _around(random, 400, 150)
    body = {
        "model": "qwen2.5-coder:7b",
        "prompt": "".join(before),
        "suffix": "".join(after),
        "options": {"num_predict": 128, "temperature": 0},
    }
    headers: Headers = (("User-Agent", "ollama-python/0.6.3 (x86_64 linux) Python/3.12.1"),)
    return (post("/ollama/api/generate", headers, body, _leave(random)),)

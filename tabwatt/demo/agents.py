"""Simulated coding agents: one task is many requests over a context that grows."""

import json
from random import Random
from typing import Any

from tabwatt.demo.step import KEY, Headers, Step, identity, post, stable_identity
from tabwatt.demo.vocabulary import sentence

CLAUDE_CODE = "claude-cli/2.1.197 (external, cli)"
CODEX = "codex_exec/0.169.0 (Ubuntu 24.4.0; x86_64) xterm-256color"
SYSTEM_WORDS = 3500
"""An agent's own instructions and tools: about 20 kB before the developer says anything."""
TOOLS = ("Read", "Edit", "Bash", "Grep")


def claude_code(random: Random, developer: str) -> tuple[Step, ...]:
    """A task in Claude Code: a probe, a title by a small model, then steps with tools."""
    session = identity(random)
    headers: Headers = (
        ("x-api-key", KEY),
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "claude-code-20250219,interleaved-thinking-2025-05-14"),
        ("x-app", "cli"),
        ("X-Claude-Code-Session-Id", session),
        ("x-stainless-lang", "js"),
        ("x-stainless-timeout", "600"),
        ("x-stainless-retry-count", "0"),
        ("User-Agent", CLAUDE_CODE),
    )
    task = sentence(random.getrandbits(32), random.randrange(15, 80))
    messages: list[dict[str, Any]] = [{"role": "user", "content": task}]
    title = _claude_body(developer, session, "claude-haiku-4-5", messages, system_words=60)
    title["max_tokens"] = 32
    steps = [Step("HEAD", "/"), post("/v1/messages?beta=true", headers, title)]
    for _ in range(random.randrange(3, 7)):
        body = _claude_body(developer, session, "claude-sonnet-4-6", messages)
        body["tools"] = [{"name": name, "input_schema": {"type": "object"}} for name in TOOLS]
        steps.append(post("/v1/messages?beta=true", headers, body))
        messages = [*messages, *_tool_turn(random)]
    return tuple(steps)


def _claude_body(
    developer: str,
    session: str,
    model: str,
    messages: list[dict[str, Any]],
    system_words: int = SYSTEM_WORDS,
) -> dict[str, Any]:
    device = stable_identity(developer, "machine").replace("-", "") * 2
    account = stable_identity(developer, "account")
    user = {"device_id": device, "account_uuid": account, "session_id": session}
    system = {"type": "text", "text": sentence(4, system_words)}
    return {
        "model": model,
        "max_tokens": 32000,
        "system": [system | {"cache_control": {"type": "ephemeral"}}],
        "messages": messages,
        "metadata": {"user_id": json.dumps(user)},
        "stream": True,
    }


def _tool_turn(random: Random) -> list[dict[str, Any]]:
    """What the model asked of a tool, and a file's worth of answer."""
    ident = f"toolu_{random.getrandbits(48):012x}"
    name = random.choice(TOOLS)
    result = sentence(random.getrandbits(32), random.randrange(100, 900))
    asked = {"type": "tool_use", "id": ident, "name": name, "input": {"path": "src/main.py"}}
    told = {"type": "tool_result", "tool_use_id": ident, "content": result}
    return [{"role": "assistant", "content": [asked]}, {"role": "user", "content": [told]}]


def codex(random: Random, developer: str) -> tuple[Step, ...]:
    """A task in Codex: one socket, a warm-up, then turns with a growing input."""
    session = identity(random)
    headers: Headers = (
        ("Authorization", f"Bearer {KEY}"),
        ("OpenAI-Beta", "responses_websockets=2026-02-06"),
        ("originator", "codex_exec"),
        ("session-id", session),
        ("thread-id", session),
        ("x-codex-installation-id", stable_identity(developer, "installation")),
        ("User-Agent", CODEX),
    )
    task = sentence(random.getrandbits(32), random.randrange(15, 80))
    items: list[dict[str, Any]] = [_said("user", "input_text", task)]
    frames = [_frame(session, items, generate=False)]
    for _ in range(random.randrange(2, 5)):
        frames.append(_frame(session, items))
        items = [*items, *_function_turn(random)]
    return (Step("GET", "/v1/responses", headers, frames=tuple(frames)),)


def _said(role: str, kind: str, text: str) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def _function_turn(random: Random) -> list[dict[str, Any]]:
    ident = f"call_{random.getrandbits(48):012x}"
    output = sentence(random.getrandbits(32), random.randrange(80, 700))
    return [
        {"type": "function_call", "call_id": ident, "name": "shell", "arguments": "{}"},
        {"type": "function_call_output", "call_id": ident, "output": output},
    ]


def _frame(session: str, items: list[dict[str, Any]], **more: bool) -> str:
    return json.dumps(
        {
            "type": "response.create",
            "model": "gpt-5",
            "instructions": sentence(5, SYSTEM_WORDS),
            "input": items,
            "tools": [{"type": "function", "name": "shell", "parameters": {"type": "object"}}],
            "prompt_cache_key": session,
            "store": False,
            "stream": True,
            **more,
        },
        ensure_ascii=False,
    )

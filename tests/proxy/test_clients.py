"""Clients by their user agents, as the named versions were seen to send them."""

import pytest

from proxy.clients import Client, client


@pytest.mark.parametrize(
    ("agent", "name", "version"),
    [
        ("claude-cli/2.1.197 (external, cli)", "claude-code", "2.1.197"),
        ("codex_exec/0.169.0 (Linux; x86_64)", "codex", "0.169.0"),
        ("codex_cli_rs/0.50.0 (Mac OS 15.1.0; arm64) iTerm", "codex", "0.50.0"),
        ("GithubCopilot/1.539.0", "copilot", "1.539.0"),
        ("GitHubCopilotChat/0.33.1", "copilot-chat", "0.33.1"),
        ("GeminiCLI-a/0.61.0/gemini-2.5-pro (linux; x64)", "gemini-cli", "0.61.0"),
        ("QwenCode/0.15.10 (linux; x64)", "qwen-code", "0.15.10"),
        ("opencode/1.18.33 ai-sdk/openai/3.0 runtime/bun", "opencode", "1.18.33"),
        ("ai-sdk/openai-compatible/1.0.0", "ai-sdk", "1.0.0"),
        ("OpenAI/Python 1.99.1", "openai-sdk", "1.99.1"),
        ("AsyncOpenAI/Python 1.99.1", "openai-sdk", "1.99.1"),
        ("AzureOpenAI/Python 1.99.1", "openai-sdk", "1.99.1"),
        ("Anthropic/Python 0.68.0", "anthropic-sdk", "0.68.0"),
        ("google-genai-sdk/1.50.0 gl-python/3.12", "google-genai-sdk", "1.50.0"),
        ("mistral-client-python/1.9.0", "mistral-sdk", "1.9.0"),
        ("ollama-python/0.6.0 (x86_64 linux) Python/3.12", "ollama-sdk", "0.6.0"),
        ("curl/8.5.0", "curl", "8.5.0"),
        ("My Editor/v3.1 (x)", "my-editor", "3.1"),
        ("", None, None),
        ("(((", None, None),
    ],
)
def test_user_agents(agent: str, name: str | None, version: str | None) -> None:
    assert client({"user-agent": agent}) == Client(name, version, None)


@pytest.mark.parametrize(
    ("editor", "name"),
    [
        ("vscode/1.105.0", "vscode"),
        ("Neovim/0.11.2", "neovim"),
        ("VisualStudio/17.14", "visual-studio"),
        ("JetBrains-IU/253.1", "jetbrains-iu"),
        ("", None),
    ],
)
def test_editors(editor: str, name: str | None) -> None:
    assert client({"editor-version": editor}).editor == name


def test_copilot_is_named_after_its_editor() -> None:
    found = client({"user-agent": "GithubCopilot/1.539.0", "editor-version": "vscode/1.105.0"})
    assert found == Client("copilot-vscode", "1.539.0", "vscode")


def test_a_long_agent_costs_nothing() -> None:
    assert client({"user-agent": "a" * 100_000}) == Client(None, None, None)

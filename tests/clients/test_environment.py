"""Each SDK as a user points it at tabwatt: by the environment, without a line of code."""

import anthropic
import google.genai
import ollama
import openai
import pytest
from clients.through import Through

SAID = "Write a function that adds two numbers."


def test_openai(through: Through, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"{through.url}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with openai.OpenAI() as client:
        client.responses.create(model="gpt-5-mini", input=SAID)
    assert through.agreed().upstream == "openai"


def test_azure(through: Through, monkeypatch: pytest.MonkeyPatch) -> None:
    """The upstream is one's own: `--upstream azure=https://NAME.openai.azure.com`."""
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", f"{through.url}/azure")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "none")
    monkeypatch.setenv("OPENAI_API_VERSION", "2025-04-01-preview")
    with openai.AzureOpenAI() as client:
        client.chat.completions.create(
            model="my-deployment", messages=[{"role": "user", "content": SAID}]
        )
    assert through.agreed().upstream == "azure"
    assert "/openai/deployments/my-deployment/" in through.seen.raw_path


def test_anthropic(through: Through, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", through.url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "none")
    with anthropic.Anthropic() as client:
        client.messages.create(
            model="claude-haiku-4-5", max_tokens=64, messages=[{"role": "user", "content": SAID}]
        )
    assert through.agreed().upstream == "anthropic"


def test_google(through: Through, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", through.url)
    monkeypatch.setenv("GEMINI_API_KEY", "none")
    with google.genai.Client() as client:
        client.models.generate_content(model="gemini-2.5-flash", contents=SAID)
    assert through.agreed().upstream == "gemini"


def test_ollama(through: Through, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", through.url)
    with ollama.Client() as client:
        client.generate(model="qwen2.5-coder:7b", prompt=SAID)
    assert through.agreed().upstream == "ollama"

from collections.abc import Iterator
from pathlib import Path

import pytest
from clients import through as running
from clients.through import Background, Through


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """SDKs read keys, addresses and proxies from the environment; these tests name their own."""
    for scheme in ("http", "https", "all"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme}_proxy".upper(), raising=False)
    vendors = ("OPENAI", "AZURE_OPENAI", "ANTHROPIC", "GOOGLE", "GEMINI", "MISTRAL", "OLLAMA")
    for vendor in vendors:
        for what in ("API_KEY", "BASE_URL", "ENDPOINT", "HOST", "AUTH_TOKEN"):
            monkeypatch.delenv(f"{vendor}_{what}", raising=False)


@pytest.fixture(scope="session")
def background() -> Iterator[Background]:
    loop = Background()
    yield loop
    loop.stop()


@pytest.fixture
def through(background: Background, tmp_path: Path) -> Iterator[Through]:
    with running.through(background, tmp_path / "home") as both:
        yield both

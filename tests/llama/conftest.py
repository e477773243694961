import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from clients.through import Background, Proxy, proxy
from llama_server import LlamaServer, llama_server, missing

type Counters = Callable[[], dict[str, int]]

_COUNTER = re.compile(r"^llamacpp:(prompt_tokens|tokens_predicted)_total (\d+)$", re.MULTILINE)


@pytest.fixture(scope="session")
def llama() -> Iterator[LlamaServer]:
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    with llama_server() as running:
        yield running


@pytest.fixture(scope="session")
def background() -> Iterator[Background]:
    loop = Background()
    yield loop
    loop.stop()


@pytest.fixture
def before_llama(llama: LlamaServer, background: Background, tmp_path: Path) -> Iterator[Proxy]:
    """A proxy whose upstream `llamacpp` is the real server."""
    with proxy(background, tmp_path / "home", {"llamacpp": llama.url}) as running:
        yield running


@pytest.fixture
def counters(llama: LlamaServer) -> Counters:
    """What the server has counted since this test began: tokens evaluated and predicted."""

    def read() -> dict[str, int]:
        text = httpx2.get(f"{llama.url}/metrics", trust_env=False).text
        return {name: int(value) for name, value in _COUNTER.findall(text)}

    begun = read()
    return lambda: {name: value - begun[name] for name, value in read().items()}

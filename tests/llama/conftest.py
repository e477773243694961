import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from clients.through import Background, Proxy, proxy
from llama_server import LlamaServer, llama_server, missing

type Counters = Callable[[], dict[str, int]]

_COUNTER = re.compile(r"^llamacpp:(prompt_tokens|tokens_predicted)_total (\d+)$", re.MULTILINE)
_IDLE = re.compile(r"^llamacpp:requests_processing 0$", re.MULTILINE)
_MOST_READS = 10_000


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
def counters(llama: LlamaServer) -> Iterator[Counters]:
    """What the server has counted since this test began: tokens evaluated and predicted.

    It counts when it is done with a request; one that was left it drops a step or two later.
    """
    with httpx2.Client(base_url=llama.url, trust_env=False) as client:

        def read() -> dict[str, int]:
            for _ in range(_MOST_READS):
                text = client.get("/metrics").text
                if _IDLE.search(text):
                    return {name: int(value) for name, value in _COUNTER.findall(text)}
            raise AssertionError("the server is still busy")

        begun = read()
        yield lambda: {name: value - begun[name] for name, value in read().items()}

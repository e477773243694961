"""The demo's cast on a thread of its own: the fake upstream, and editors that use the proxy."""

import asyncio
import math
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Self

from tabwatt.demo.editors import Simulated, simulate
from tabwatt.demo.upstream import FakeUpstream

NAMES = ("anthropic", "codestral", "copilot", "gemini", "llamacpp", "mistral", "ollama", "openai")
"""The upstreams that the simulated editors use; each leads to the fake."""
CHUNK_DELAY_S = 0.012
FIRST_DELAY_S = 0.25


def upstream_flags(url: str) -> list[str]:
    """Flags of `serve` that lead every name to the fake upstream."""
    return [part for name in NAMES for part in ("--upstream", f"{name}={url}")]


class Stage:
    """Enter to start the fake upstream, `play` to let the editors work."""

    def __init__(self, *, seconds: float | None, rate: float, seed: int) -> None:
        """Without `seconds` the editors work until `stop`."""
        self._seconds = math.inf if seconds is None else seconds
        self._rate = rate
        self._seed = seed
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="demo", daemon=True)
        self._upstream = FakeUpstream(
            chunk_delay_s=CHUNK_DELAY_S, first_delay_s=FIRST_DELAY_S, keep=0
        )
        self._playing: Future[Simulated] | None = None

    @property
    def url(self) -> str:
        """The fake upstream's address."""
        return self._upstream.url

    def __enter__(self) -> Self:
        """Start the upstream."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._upstream.__aenter__(), self._loop).result(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Send everybody home."""
        if self._playing is not None:
            self._playing.cancel()
        leaving = self._upstream.__aexit__(None, None, None)
        asyncio.run_coroutine_threadsafe(leaving, self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def play(self, base_url: str) -> None:
        """Let the editors work through `base_url`."""
        playing = simulate(base_url, self._seconds, seed=self._seed, rate=self._rate)
        self._playing = asyncio.run_coroutine_threadsafe(playing, self._loop)

    def wait(self) -> Sequence[str]:
        """Wait for the end of the play; what went wrong, one line each."""
        assert self._playing is not None
        return self._playing.result().problems

    def stop(self) -> Sequence[str]:
        """End the play now; what went wrong if it had ended before."""
        assert self._playing is not None
        return self._playing.result().problems if self._playing.done() else ()

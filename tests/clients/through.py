"""A proxy in a thread of its own, so that clients which block can be tested against it."""

import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop
from loopback import DEVELOPER, read_rows

from ledger.record import RequestRecord
from tabwatt.demo.answer import Truth
from tabwatt.demo.seen import Seen
from tabwatt.demo.upstream import FakeUpstream
from tabwatt.service import Service
from tabwatt.settings import Settings

TIMEOUT_S = 30.0
NAMES = ("anthropic", "azure", "gemini", "mistral", "ollama", "openai")
"""Upstreams that lead to the fake; `gone` leads to a port where nobody listens."""


class Background:
    """An event loop that runs in a thread."""

    def __init__(self) -> None:
        """Start it."""
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="background")
        self._thread.start()

    def do[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end there, wait here."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(TIMEOUT_S)

    def stop(self) -> None:
        """Let the loop end."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(TIMEOUT_S)
        self._loop.close()


@dataclass(slots=True)
class Proxy:
    """A running proxy; `rows` ends it."""

    service: Service
    home: Path
    background: Background
    running: bool = True

    @property
    def url(self) -> str:
        """Where it listens."""
        assert self.service.url is not None
        return self.service.url

    def stop(self) -> None:
        """End it: every open request gets its row, every row is written."""
        if self.running:
            self.running = False
            self.background.do(self.service.stop())

    def rows(self) -> list[RequestRecord]:
        """End it and give what it wrote, oldest first."""
        self.stop()
        return read_rows(self.home)

    def row(self) -> RequestRecord:
        """End it and give the only row."""
        (row,) = self.rows()
        return row


@contextmanager
def proxy(
    background: Background, home: Path, upstreams: Mapping[str, str], **more: Any
) -> Iterator[Proxy]:
    """Run a proxy before `upstreams`."""
    settings = Settings(port=0, upstreams=upstreams, developer=DEVELOPER, **more)
    running = Proxy(Service(settings, home, {}), home, background)
    background.do(running.service.start())
    try:
        yield running
    finally:
        running.stop()


@dataclass(slots=True)
class Through:
    """A proxy with the fake upstream behind every name."""

    proxy: Proxy
    fake: FakeUpstream

    @property
    def url(self) -> str:
        """The proxy's own address."""
        return self.proxy.url

    @property
    def truth(self) -> Truth:
        """What the last request really used."""
        return self.fake.truths[-1]

    @property
    def seen(self) -> Seen:
        """The last request as it arrived."""
        return self.fake.requests[-1]

    def agreed(self) -> RequestRecord:
        """The only row, after checking that its counts are the truth and a report."""
        row = self.proxy.row()
        assert_agrees(row, self.truth)
        return row


def assert_agrees(row: RequestRecord, truth: Truth) -> None:
    """The counts of a finished request are the server's."""
    assert (row.outcome, row.http_status) == ("ok", 200)
    assert (row.input_how, row.output_how) == ("reported", "reported")
    assert (row.input_tokens, row.output_tokens) == (truth.input_tokens, truth.output_tokens)
    assert (row.cache_read_tokens or 0) == truth.cache_read_tokens
    assert (row.cache_write_tokens or 0) == truth.cache_write_tokens
    assert (row.reasoning_tokens or 0) in {truth.reasoning_tokens, 0}
    assert row.model_served in {truth.model, None}
    assert not row.provisional


@contextmanager
def through(background: Background, home: Path) -> Iterator[Through]:
    """Run both."""
    fake = FakeUpstream()
    background.do(fake.__aenter__())
    try:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))  # taken, and deaf
            gone = f"http://127.0.0.1:{bound.getsockname()[1]}"
            upstreams = {"gone": gone, **dict.fromkeys(NAMES, fake.url)}
            with proxy(background, home, upstreams) as running:
                yield Through(running, fake)
    finally:
        background.do(fake.__aexit__(None, None, None))

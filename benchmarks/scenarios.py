"""What is asked of every target: one run of the load generator each, bounded in count and time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

PATH = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run of the load generator: its options, the upstream's query and the request body."""

    key: str
    query: str
    body: str
    options: Mapping[str, str | int]
    per: Literal["requests", "chunks"] = "requests"
    beside: "Scenario | None" = None
    chunks: int = field(default=-1)

    @property
    def target(self) -> str:
        """Path and query of the request, without the target's prefix."""
        return f"{PATH}?{self.query}"


def requests(connections: int, seconds: int, *, fresh: bool = False) -> Scenario:
    """As many small exchanges as go through; `fresh` opens a connection for each."""
    return Scenario(
        f"{'fresh' if fresh else 'requests'}_{connections}",
        "stream=0",
        "reply",
        {
            "mode": "closed",
            "connections": connections,
            "seconds": 1 if fresh else seconds,
            "warm": 300,
            "fresh": int(fresh),
        },
    )


def spaced(key: str, query: str, body: str, rate: int, seconds: int) -> Scenario:
    """`rate` requests a second on one kept connection."""
    options: dict[str, str | int] = {"mode": "open", "rate": rate, "requests": rate * seconds}
    return Scenario(key, query, body, options | {"warm": rate * seconds // 20 + 1})


def paced(
    streams: int, interval_us: int, seconds: int, *, key: str = "", beside: Scenario | None = None
) -> Scenario:
    """Streams with a chunk every `interval_us`.

    They start a millisecond and an n-th of the interval apart: slowly enough for each to begin
    on its own, and so that the moments of their chunks spread over the interval.
    """
    chunks = seconds * 1_000_000 // interval_us
    stagger_us = 1_000 + interval_us // streams
    return Scenario(
        key or f"streams_{streams}_{interval_us // 1000}ms",
        f"stream=1&chunks={chunks}&interval_us={interval_us}",
        "stream",
        {"mode": "streams", "connections": streams, "stagger_us": stagger_us},
        "chunks",
        beside,
        chunks,
    )


def scenarios(seconds: int) -> tuple[Scenario, ...]:
    """All of them, each lasting about this long at each visit."""
    counted = spaced("counted_1mb", "stream=0&usage=0", "1mb", 2, seconds)
    return (
        spaced("first_byte", "stream=1&chunks=4&interval_us=500", "stream", 100, seconds),
        spaced("reply", "stream=0", "reply", 100, seconds),
        requests(1, seconds),
        requests(16, seconds),
        requests(64, seconds),
        requests(16, seconds, fresh=True),
        paced(64, 10_000, seconds),
        paced(64, 10_000, seconds, key="streams_64_beside", beside=counted),
        paced(16, 1_000, seconds),
        paced(256, 10_000, seconds),
        spaced("body_100kb", "stream=0", "100kb", 20, seconds),
        spaced("body_1mb", "stream=0", "1mb", 20, seconds),
        spaced("body_8mb", "stream=0", "8mb", 8, seconds),
    )


def held(streams: int) -> Scenario:
    """Streams that stay open, with a chunk a second, until the load generator is stopped."""
    return Scenario(
        f"held_{streams}",
        "stream=1&chunks=60&interval_us=1000000",
        "stream",
        {"mode": "hold", "connections": streams, "stagger_us": 500, "limit_s": 40},
        "chunks",
        chunks=60,
    )

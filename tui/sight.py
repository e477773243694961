"""One look at the world: the ledger's figures, the proxy's state, or why either is missing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from reports.snapshot import Snapshot

type Period = Literal["today", "24h", "7d"]
type Read = Callable[[str], Snapshot]
"""Reads the ledger over a period; its exceptions say in one line what happened and what to do."""
type Live = Callable[[], Mapping[str, object] | None]
"""Asks the proxy what is in flight; None when no proxy answers."""


@dataclass(frozen=True, slots=True)
class Flight:
    """A request that is in flight now."""

    id: str
    elapsed_s: float
    developer: str
    client: str
    model: str
    purpose: str
    output_chars: int
    response_bytes: int


@dataclass(frozen=True, slots=True)
class Proxy:
    """What a proxy that answers says of itself."""

    requests: int
    not_recognised: int
    uncounted: int
    refused: int
    waiting: int
    lost: int
    store_error: str | None
    in_flight: tuple[Flight, ...]


@dataclass(frozen=True, slots=True)
class Sight:
    """Both answers at one moment."""

    snapshot: Snapshot | None = None
    proxy: Proxy | None = None
    fault: str | None = None
    """Why the ledger could not be read; `snapshot` is then the last one that could."""
    period: Period = "today"
    """The period of `snapshot`."""


def look(before: Sight, period: Period, read: Read, live: Live) -> Sight:
    """Ask both sources; what cannot be read keeps its last figures and says why."""
    proxy, fault = _ask(live)
    try:
        found = read(period)
    except Exception as error:  # the edge: whatever broke, the screen goes on and says so
        return replace(before, proxy=proxy, fault=_line(error))
    return Sight(found, proxy, fault, period)


def _ask(live: Live) -> tuple[Proxy | None, str | None]:
    try:
        answer = live()
        return (None if answer is None else proxy_of(answer)), None
    except Exception as error:  # the same edge
        return None, _line(error)


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def proxy_of(answer: Mapping[str, object]) -> Proxy:
    """The JSON of `GET /_tabwatt/live` as a value; what is missing counts as nothing."""
    counters, store = _mapping(answer.get("counters")), _mapping(answer.get("store"))
    flights = answer.get("in_flight")
    error = store.get("last_error")
    return Proxy(
        requests=_whole(counters, "requests"),
        not_recognised=_whole(counters, "not_recognised"),
        uncounted=_whole(counters, "uncounted"),
        refused=_whole(counters, "refused"),
        waiting=_whole(store, "waiting"),
        lost=_whole(store, "lost"),
        store_error=None if error is None else str(error),
        in_flight=tuple(_flight(_mapping(one)) for one in flights)
        if isinstance(flights, Sequence)
        else (),
    )


def _flight(one: Mapping[str, object]) -> Flight:
    elapsed = one.get("elapsed_s")
    return Flight(
        id=_text(one, "id"),
        elapsed_s=float(elapsed) if isinstance(elapsed, int | float) else 0.0,
        developer=_text(one, "developer"),
        client=_text(one, "client"),
        model=_text(one, "model"),
        purpose=_text(one, "purpose"),
        output_chars=_whole(one, "output_chars"),
        response_bytes=_whole(one, "response_bytes"),
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _whole(fields: Mapping[str, object], name: str) -> int:
    value = fields.get(name)
    return value if isinstance(value, int) else 0


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""

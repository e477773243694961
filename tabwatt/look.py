"""What the screen looks at: the ledger's sums, and the requests in flight by HTTP."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.snapshot import Snapshot

# Our own listener is on loopback: the environment's proxies have nothing to do with it.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def live_source(endpoint: str, token: str | None) -> Callable[[], Mapping[str, object] | None]:
    """A reader of `GET /_tabwatt/live`; `None` where nobody answers."""
    request = urllib.request.Request(f"{endpoint}/_tabwatt/live")
    if token is not None:
        request.add_header("X-Tabwatt-Token", token)

    def read() -> Mapping[str, object] | None:
        try:
            with _DIRECT.open(request, timeout=2.0) as answer:
                found = json.load(answer)
        except (OSError, urllib.error.URLError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    return read


def snapshot_source(place: str | Path, now: Callable[[], datetime]) -> Callable[[str], "Snapshot"]:
    """A reader of the ledger's sums over `today`, `24h` or `7d` of local time."""
    from ledger.store import open_store
    from reports.snapshot import snapshot

    store = None

    def read(period: str) -> "Snapshot":
        nonlocal store
        if store is None:
            store = open_store(place)
        at = now()
        since = {
            "today": at.replace(hour=0, minute=0, second=0, microsecond=0),
            "24h": at - timedelta(hours=24),
            "7d": at - timedelta(days=7),
        }[period]
        return snapshot(store, since, at, at)

    return read

"""What `tabwatt doctor` looks at: each check says what it found and what to do about it."""

import http.client
import json
import os
import socket
import sqlite3
import ssl
import stat
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal

from proxy.routing import BadUpstream, Upstream, routing_table
from tabwatt.settings import Settings

CONNECT_S = 3.0
MAX_SKEW_S = 60.0
MIN_FREE_BYTES = 100 * 1024 * 1024
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    name: str
    state: Literal["ok", "fault", "note"]
    """A note is worth knowing and no fault."""
    found: str
    cure: str | None = None


def home(folder: Path) -> Iterable[Finding]:
    """The home folder is there, private, and has room."""
    if not folder.is_dir():
        yield Finding("home", "note", f"{folder} does not exist yet", "run 'tabwatt up' once")
        return
    mode = stat.S_IMODE(folder.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        yield Finding(
            "home", "fault", f"{folder} is open to others ({mode:o})", f"chmod 700 {folder}"
        )
    else:
        yield Finding("home", "ok", str(folder))
    system = os.statvfs(folder) if hasattr(os, "statvfs") else None
    if system is not None and system.f_bavail * system.f_frsize < MIN_FREE_BYTES:
        yield Finding("disk", "fault", "less than 100 MB free", "make room: rows wait in memory")


def store(settings: Settings, folder: Path) -> Iterable[Finding]:
    """The ledger opens, is sound, and is not newer than this program."""
    from ledger.failures import LedgerUnavailable, NewerLedger
    from ledger.store import open_store

    path = folder / "ledger.db"
    if settings.store_url is None and not path.exists():
        yield Finding("store", "note", f"{path} does not exist yet", "the first request makes it")
        return
    try:
        with closing(open_store(settings.store_url or path)):
            pass
    except NewerLedger as error:
        yield Finding("store", "fault", str(error), "install the newer tabwatt")
        return
    except LedgerUnavailable as error:
        yield Finding("store", "fault", str(error), _store_cure(str(error), path))
        return
    except ValueError as error:
        yield Finding("store", "fault", str(error), "correct [store] url")
        return
    if settings.store_url is None:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as ledger:
            verdict = ledger.execute("PRAGMA quick_check").fetchone()[0]
        if verdict != "ok":
            yield Finding("store", "fault", f"{path}: {verdict}", "restore it from a backup")
            return
    yield Finding("store", "ok", (settings.store_url and "team store opens") or str(path))


def _store_cure(said: str, path: Path) -> str:
    if "readonly" in said or "read-only" in said:
        return f"make it writable: chmod u+w {path}"
    if "not a database" in said or "malformed" in said:
        return f"move {path} away: a new ledger is begun, and the old one can be looked at"
    return "rows wait in memory until it can be used"


def trust(settings: Settings) -> Iterable[Finding]:
    """The company's own CA can be read."""
    path = settings.upstream_ca
    if path is None:
        return
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        said = getattr(error, "strerror", None) or type(error).__name__
        yield Finding("upstream ca", "fault", f"{path}: {said}", "correct [upstream] ca")
    else:
        yield Finding("upstream ca", "ok", path)


def proxy(settings: Settings, endpoint: str) -> Iterable[Finding]:
    """The proxy answers; what it counted about itself."""
    request = urllib.request.Request(f"{endpoint}/_tabwatt/health")
    if settings.token is not None:
        request.add_header("X-Tabwatt-Token", settings.token)
    try:
        with _DIRECT.open(request, timeout=CONNECT_S) as answer:
            health = json.load(answer)
        counters, written = dict(health["counters"]), dict(health["store"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield from _silent(endpoint, error)
        return
    yield Finding("proxy", "ok", f"{endpoint} answers, up {health.get('uptime_s', 0):.0f} s")
    yield from _counted(counters, written)


def _silent(endpoint: str, error: Exception) -> Iterable[Finding]:
    host, _, port = endpoint.removeprefix("http://").rpartition(":")
    taken = False
    if port.isdigit():
        try:
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
            taken = True
        except OSError:
            taken = False
    if taken:
        yield Finding(
            "proxy",
            "fault",
            f"another program listens on {endpoint} ({type(error).__name__})",
            "choose another port: tabwatt up --port 8339",
        )
    else:
        yield Finding("proxy", "fault", f"nothing listens on {endpoint}", "start it: tabwatt up")


def _counted(counters: dict[str, int], written: dict[str, object]) -> Iterable[Finding]:
    seen, missed = counters.get("requests", 0), counters.get("uncounted", 0)
    if missed:
        yield Finding(
            "coverage",
            "fault",
            f"{missed} of {seen} requests passed uncounted",
            "see log/tabwatt.log in the home folder for the reason of each",
        )
    else:
        yield Finding("coverage", "ok", f"{seen} requests, none uncounted")
    if counters.get("not_recognised"):
        yield Finding(
            "paths",
            "note",
            f"{counters['not_recognised']} requests of no known shape passed unread",
            "if they are model calls, please report the path",
        )
    if written.get("last_error"):
        yield Finding(
            "store",
            "fault",
            f"{written.get('waiting')} rows wait: {written['last_error']}",
            "they are written as soon as the store can be used",
        )


def upstreams(settings: Settings, folder: Path) -> Iterable[Finding]:
    """The upstreams that are configured or were used in the last week can be reached."""
    try:
        table = routing_table(settings.upstreams, settings.routes)
    except BadUpstream as error:
        yield Finding("upstreams", "fault", str(error), "correct it in tabwatt.toml")
        return
    names = sorted(set(settings.upstreams) | _used(folder / "ledger.db"))
    chosen = [table.upstreams[name] for name in names if name in table.upstreams]
    if not chosen:
        yield Finding("upstreams", "note", "none configured or used yet: nothing to reach")
    for one in chosen:
        yield _reached(one, proxied=_proxied(settings, one))


def _proxied(settings: Settings, one: Upstream) -> bool:
    from proxy.pool import OutboundProxies, outbound_proxies

    named = settings.upstream_proxy
    outbound = OutboundProxies(named, named) if named else outbound_proxies(os.environ)
    return outbound.choose(one) is not None


def _reached(one: Upstream, *, proxied: bool) -> Finding:
    name = f"upstream {one.name}"
    if proxied:
        return Finding(name, "note", f"{one.authority} is reached through a proxy: not tried")
    try:
        socket.create_connection((one.host, one.port), CONNECT_S).close()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        cure = "start it" if one.local else "check the network, HTTPS_PROXY and the URL"
        return Finding(name, "fault", f"cannot reach {one.authority} ({reason})", cure)
    return Finding(name, "ok", f"{one.authority} takes connections")


def _used(path: Path) -> set[str]:
    """Names of upstreams in the newest thousand rows."""
    if not path.exists():
        return set()
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as ledger:
            rows = ledger.execute(
                "SELECT DISTINCT upstream FROM"
                " (SELECT upstream FROM requests ORDER BY started_at_us DESC LIMIT 1000)"
            ).fetchall()
    except sqlite3.Error:
        return set()  # the store check says what is wrong with it
    return {name for (name,) in rows if name}


def devices() -> Iterable[Finding]:
    """Accelerators of this machine, with every reason why there are none."""
    from local_meter.nvidia import devices as nvidia

    found, reason = nvidia()
    if reason is not None:
        yield Finding("devices", "note", f"no GPU to measure ({reason}): local models are assumed")
    for device in found:
        counter = "with energy counter" if device.counter else "without energy counter"
        yield Finding("devices", "ok", f"{device.name} {counter}")


def clock(settings: Settings, now: Callable[[], datetime]) -> Iterable[Finding]:
    """The clock here agrees with that of an upstream of the user's own."""
    for name, url in settings.upstreams.items():
        theirs = _date_of(url)
        if theirs is not None:
            yield verdict(name, theirs, now())
            return
    yield Finding("clock", "note", "no upstream of your own to compare with")


def verdict(name: str, theirs: datetime, ours: datetime) -> Finding:
    """What our clock is worth beside that of the upstream `name`."""
    skew_s = (ours - theirs).total_seconds()
    said = f"{skew_s:+.0f} s off {name}'s"
    if abs(skew_s) > MAX_SKEW_S:
        return Finding("clock", "fault", said, "set the system's clock by NTP")
    return Finding("clock", "ok", said)


def _date_of(url: str) -> datetime | None:
    try:
        request = urllib.request.Request(url, method="HEAD")
        with urllib.request.urlopen(request, timeout=CONNECT_S) as answer:
            date = answer.headers["Date"]
    except urllib.error.HTTPError as error:
        date = error.headers["Date"]
        error.close()
    except (OSError, ValueError, http.client.HTTPException):
        return None
    try:
        return parsedate_to_datetime(date).astimezone(UTC)
    except (TypeError, ValueError):
        return None


def all_checks(settings: Settings, folder: Path, endpoint: str) -> Sequence[Finding]:
    """Every check, in the order in which faults explain one another."""
    return [
        *home(folder),
        *store(settings, folder),
        *proxy(settings, endpoint),
        *trust(settings),
        *upstreams(settings, folder),
        *devices(),
        *clock(settings, lambda: datetime.now(UTC)),
        Finding("ca", "note", "this version has no intercepting proxy: nothing to trust"),
    ]

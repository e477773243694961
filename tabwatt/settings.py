"""The configuration: built once from `tabwatt.toml`, environment and flags, then passed as values.

Flags go before the environment (`TABWATT_…`), that before the file. An unknown key is an error
that names the nearest known one.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path

from tabwatt.errors import UsageError

DEFAULT_PORT = 8229
FAMILIES = ("anthropic", "gemini", "llamacpp", "mistral", "ollama", "openai")
"""Families of APIs whose root paths can be led elsewhere."""
PLACES = ("path", "header", "proxy-authorization", "key", "body")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set; defaults are those of a single developer's machine."""

    host: str = "127.0.0.1"
    port: int | None = DEFAULT_PORT
    """0 takes any free port, `None` is off."""
    hosts: tuple[str, ...] = ()
    """Further names for the `Host` header, for containers and the like."""
    token: str | None = None
    upstreams: Mapping[str, str] = field(default_factory=dict)
    routes: Mapping[str, str] = field(default_factory=dict)
    upstream_proxy: str | None = None
    upstream_ca: str | None = None
    store_url: str | None = None
    developer: str | None = None
    developer_order: tuple[str, ...] = PLACES
    keys: Mapping[str, str] = field(default_factory=dict)
    team: str | None = None
    zone: str | None = None


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text that is not empty")
    return value.strip()


def _port(value: object) -> int | None:
    if value == "off":
        return None
    number = int(value) if isinstance(value, str) and value.isdigit() else value
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= 65535:
        raise ValueError("a port from 0 to 65535, or off")
    return number


def read_port(place: str, value: str) -> int | str:
    """A port from a flag, checked with the flag's name in the message; `off` stays `off`."""
    try:
        port = _port(value)
    except ValueError as error:
        raise UsageError(f"{place} {value}: expected {error}") from None
    return "off" if port is None else port


def _texts(value: object) -> tuple[str, ...]:
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise ValueError("a list of texts")
    return tuple(item.strip() for item in items if item.strip())


def _places(value: object) -> tuple[str, ...]:
    places = _texts(value)
    wrong = [place for place in places if place not in PLACES]
    if wrong:
        raise ValueError(f"a list out of {', '.join(PLACES)}; {wrong[0]!r} is none of them")
    return places


def _pairs(value: object) -> dict[str, str]:
    if isinstance(value, str):  # from the environment: NAME=URL,NAME=URL
        value = dict(pair.partition("=")[::2] for pair in value.split(",") if pair)
    if not isinstance(value, dict) or not all(isinstance(v, str) and v for v in value.values()):
        raise ValueError("name = text pairs")
    return {str(name): text for name, text in value.items()}


def _store(value: object) -> str:
    url = _text(value)
    scheme, mark, _ = url.partition("://")
    if not mark or scheme == "sqlite":
        return url
    if scheme not in {"postgresql", "postgres", "postgresql+psycopg"}:
        raise ValueError("a path, sqlite:///… or postgresql+psycopg://…")
    if find_spec("psycopg") is None:
        raise ValueError("PostgreSQL's driver beside this URL: pip install 'tabwatt[postgres]'")
    return url


def _hashes(value: object) -> dict[str, str]:
    pairs = _pairs(value)
    if not all(re.fullmatch(r"[0-9a-f]{64}", name) for name in pairs):
        raise ValueError("SHA-256 of a key (64 hexadecimal digits) = developer")
    return pairs


def _families(value: object) -> dict[str, str]:
    pairs = _pairs(value)
    for name in pairs:
        if name not in FAMILIES:
            raise ValueError(f"a family of APIs{_nearest(name, dict.fromkeys(FAMILIES))}")
    return pairs


def _zone(value: object) -> str:
    zone = _text(value).upper()
    head, _, tail = zone.partition("-")
    if len(head) != 2 or not head.isalpha() or (tail and not tail.isalnum()):
        raise ValueError("a zone such as DE or US-VA (ISO 3166)")
    return zone


@dataclass(frozen=True, slots=True)
class Option:
    """One setting: its place in the file, its variable, and how a value is read."""

    field: str
    key: str
    env: str
    read: Callable[[object], object]


OPTIONS: tuple[Option, ...] = (
    Option("host", "server.host", "TABWATT_HOST", _text),
    Option("port", "server.port", "TABWATT_PORT", _port),
    Option("hosts", "server.hosts", "TABWATT_HOSTS", _texts),
    Option("token", "server.token", "TABWATT_TOKEN", _text),
    Option("upstreams", "upstreams", "TABWATT_UPSTREAMS", _pairs),
    Option("routes", "routes", "TABWATT_ROUTES", _families),
    Option("upstream_proxy", "upstream.proxy", "TABWATT_UPSTREAM_PROXY", _text),
    Option("upstream_ca", "upstream.ca", "TABWATT_UPSTREAM_CA", _text),
    Option("store_url", "store.url", "TABWATT_STORE_URL", _store),
    Option("developer", "identity.developer", "TABWATT_DEVELOPER", _text),
    Option("developer_order", "identity.order", "TABWATT_IDENTITY_ORDER", _places),
    Option("keys", "keys", "TABWATT_KEYS", _hashes),
    Option("team", "team.name", "TABWATT_TEAM", _text),
    Option("zone", "place.zone", "TABWATT_ZONE", _zone),
)
_OTHER_VARIABLES = frozenset({"TABWATT_HOME"})


def load(home: Path, env: Mapping[str, str], flags: Mapping[str, object]) -> Settings:
    """Read all three sources; raises `UsageError` with one clear line.

    `flags` holds fields of `Settings`; a value of `None` means the flag was not given.
    """
    values: dict[str, object] = {}
    for option, place, value in (*_from_file(home / "tabwatt.toml"), *_from_env(env)):
        try:
            values[option.field] = option.read(value)
        except ValueError as error:
            raise UsageError(f"{place}: expected {error}") from None
    for name, value in flags.items():
        if value is None:
            continue
        before = values.get(name)
        merged = (
            {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value
        )
        values[name] = merged
    if values.get("port") == "off":
        values["port"] = None
    return Settings(**values)  # type: ignore[arg-type] # each value was read by its option


def _from_env(env: Mapping[str, str]) -> list[tuple[Option, str, object]]:
    by_env = {option.env: option for option in OPTIONS}
    found: list[tuple[Option, str, object]] = []
    for name, value in sorted(env.items()):
        if not name.startswith("TABWATT_") or name in _OTHER_VARIABLES:
            continue
        if name not in by_env:
            raise UsageError(f"{name} is no known variable{_nearest(name, by_env)}")
        found.append((by_env[name], name, value))
    return found


def _from_file(path: Path) -> list[tuple[Option, str, object]]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not readable as TOML ({error})") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    by_key = {option.key: option for option in OPTIONS}
    found: list[tuple[Option, str, object]] = []
    for key, value in _flat(document, frozenset(by_key)):
        if key not in by_key:
            raise UsageError(f"{path}: {key} is no known key{_nearest(key, by_key)}")
        found.append((by_key[key], f"{path}: {key}", value))
    return found


def _flat(
    table: Mapping[str, object], whole: frozenset[str], prefix: str = ""
) -> list[tuple[str, object]]:
    """Dotted keys with their values; tables that are one setting stay whole."""
    out: list[tuple[str, object]] = []
    for name, value in table.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and key not in whole:
            out += _flat(value, whole, f"{key}.")
        else:
            out.append((key, value))
    return out


def _nearest(name: str, known: Mapping[str, object]) -> str:
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(sorted(known))}"

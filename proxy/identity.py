"""Who sent a request, from which session and for which project.

Names that people chose are kept; opaque ids only ever leave here as keyed hashes.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from proxy.clients import client
from proxy.protocols.protocol import Ask
from proxy.routing import Route

DEVELOPER_ORDER = ("path", "header", "proxy-authorization", "key", "body")
"""Where a developer's name is looked for, in this order unless the configuration says otherwise."""

_SESSION_HEADERS = (
    "x-claude-code-session-id",
    "session-id",
    "session_id",
    "thread-id",
    "x-session-id",
    "x-session-affinity",
    "x-interaction-id",
    "vscode-sessionid",
)
_MACHINE_HEADERS = ("vscode-machineid", "x-client-machine-id", "x-codex-installation-id")
_KEY_HEADERS = ("x-api-key", "api-key", "x-goog-api-key")
_MAX_NAME_CHARS = 120
_WORD = re.compile(r"[\w.@+'-]{1,64}( [\w.@+'-]{1,64})?")
_SECRET = re.compile(
    r"(sk|pk|rk|gsk|xai|hf|key|tid)[-_=]|gh[oprsu]_|github_pat_|AIza|eyJ|glpat-|AKIA", re.I
)
"""How keys and tokens of model services begin."""
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}$")
_OPAQUE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-|[0-9a-f]{16,}|(?=\w*\d)[\w-]{25,}|[{\[]|_account_|_session_", re.I
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asked; `None` is unknown."""

    developer: str
    client: str | None = None
    client_version: str | None = None
    editor: str | None = None
    session: str | None = None
    project: str | None = None
    machine: str | None = None


@dataclass(frozen=True, slots=True)
class Identification:
    """How callers are named here."""

    fallback: str
    """git's `user.email`, else the user of the operating system."""
    hash_key: bytes
    """Private to this installation; without it a pseudonym leads nowhere."""
    order: Sequence[str] = DEVELOPER_ORDER
    keys: Mapping[str, str] | None = None
    """Developers by the SHA-256 (hex) of their API key."""

    def caller(self, route: Route, headers: Mapping[str, str], ask: Ask | None) -> Caller:
        """Read who asked from the path, the headers and what the body says."""
        who = client(headers)
        return Caller(
            developer=self._developer(route, headers, ask) or self.fallback,
            client=who.name,
            client_version=who.version,
            editor=who.editor,
            session=self._hashed_first(headers, _SESSION_HEADERS, ask.session if ask else None),
            project=route.project
            or _clean(_utf8(headers.get("x-tabwatt-project")))
            or _clean(ask.repository if ask else None),
            machine=self._hashed_first(headers, _MACHINE_HEADERS, None),
        )

    def pseudonym(self, value: str) -> str:
        """A keyed hash: the same id gives the same 24 hex digits here and nowhere else."""
        return hashlib.blake2b(value.encode(), key=self.hash_key, digest_size=12).hexdigest()

    def _developer(self, route: Route, headers: Mapping[str, str], ask: Ask | None) -> str | None:
        for place in self.order:
            name = self._from(place, route, headers, ask)
            if name:
                return name
        return None

    def _from(
        self, place: str, route: Route, headers: Mapping[str, str], ask: Ask | None
    ) -> str | None:
        if place == "path":
            return self._named(route.developer)
        if place == "header":
            return self._named(_utf8(headers.get("x-tabwatt-developer")))
        if place == "proxy-authorization":
            return self._named(basic_user(headers.get("proxy-authorization")))
        if place == "key":
            return self._by_key(route, headers)
        return self._from_body(ask.user if ask else None)

    def _by_key(self, route: Route, headers: Mapping[str, str]) -> str | None:
        if not self.keys:
            return None
        candidates = [headers.get(name) for name in _KEY_HEADERS]
        scheme, _, token = headers.get("authorization", "").partition(" ")
        candidates.append(token.strip() if scheme.lower() == "bearer" else None)
        candidates += parse_qs(route.query.lstrip("?")).get("key", [])
        for key in filter(None, candidates):
            name = self.keys.get(hashlib.sha256(key.encode()).hexdigest())
            if name:
                return name
        return None

    def _from_body(self, user: str | None) -> str | None:
        """A name as it is; an opaque id as a pseudonym; a device's JSON id not at all."""
        name = _clean(user)
        if name is None or name.startswith("{"):
            return None
        if _EMAIL.match(name) or (_WORD.fullmatch(name) and not _OPAQUE.search(name)):
            return self._named(name)
        return f"user-{self.pseudonym(name)[:12]}"

    def _named(self, name: str | None) -> str | None:
        """A name as it is, unless it looks like a key: then only its pseudonym."""
        name = _clean(name)
        if name is not None and _SECRET.match(name):
            return f"user-{self.pseudonym(name)[:12]}"
        return name

    def _hashed_first(
        self, headers: Mapping[str, str], names: Sequence[str], body: str | None
    ) -> str | None:
        value = body or next((headers[name] for name in names if headers.get(name)), None)
        return self.pseudonym(value) if value else None


def basic_user(authorization: str | None) -> str | None:
    """The user name of a Basic credential."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[0] or None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _clean(name: str | None) -> str | None:
    """A name fit for a column and a screen: printable, trimmed, not too long."""
    if name is None:
        return None
    trimmed = name.strip()
    return trimmed if trimmed.isprintable() and 0 < len(trimmed) <= _MAX_NAME_CHARS else None


def _utf8(value: str | None) -> str | None:
    """A header's value as the UTF-8 that clients mean by it; headers are read as Latin-1."""
    if value is None or value.isascii():
        return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value

"""Who may speak to us: loopback names, no web pages of others, a token beyond loopback."""

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from proxy.identity import basic_user
from proxy.routing import LOOPBACK_NAMES

EDITOR_SCHEMES = frozenset({"vscode-webview", "vscode-file", "app", "tauri"})
"""Origins of editors' own windows, which no web page can claim."""


@dataclass(frozen=True, slots=True)
class Access:
    """The rules of one listener."""

    hosts: frozenset[str] = frozenset()
    """Names besides loopback under which containers and the like know this machine."""
    token: str | None = None
    """Required when we listen beyond loopback."""

    def refusal(self, headers: Mapping[str, str]) -> tuple[int, str] | None:
        """Status and reason if the request must not pass, else `None`."""
        host = hostname(headers.get("host", ""))
        if host not in LOOPBACK_NAMES and host not in self.hosts and self.token is None:
            return 421, f"host {host!r} is not served here; add it to [server] hosts"
        origin = headers.get("origin")
        if origin is not None and not self._own_origin(origin):
            return 403, "cross-site requests from web pages are refused"
        if headers.get("sec-fetch-site") == "cross-site" and origin is None:
            return 403, "cross-site requests from web pages are refused"
        if self.token is not None and not self._authorised(headers):
            return 401, "this listener wants the header X-Tabwatt-Token"
        return None

    def _own_origin(self, origin: str) -> bool:
        try:
            parts = urlsplit(origin)
            host = parts.hostname
        except ValueError:
            return False
        if parts.scheme in EDITOR_SCHEMES:
            return True
        return parts.scheme in {"http", "https"} and host in LOOPBACK_NAMES

    def _authorised(self, headers: Mapping[str, str]) -> bool:
        assert self.token is not None
        given = headers.get("x-tabwatt-token") or _basic_password(
            headers.get("proxy-authorization")
        )
        if given is None:
            return False
        # Headers are read as Latin-1: this gives the bytes that came.
        return hmac.compare_digest(given.encode("latin-1", "replace"), self.token.encode())


def hostname(host: str) -> str:
    """The name in a `Host` header, without port and brackets, lower case; empty if malformed."""
    if host.startswith("["):
        name, end, port = host[1:].partition("]")
        return name.lower() if end and (not port or port.startswith(":")) else ""
    return host.rpartition(":")[0].lower() if host.count(":") == 1 else host.lower()


def _basic_password(authorization: str | None) -> str | None:
    if basic_user(authorization) is None:
        return None
    decoded = base64.b64decode((authorization or "").partition(" ")[2]).decode()
    return decoded.partition(":")[2] or None

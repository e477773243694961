"""Which upstream a request goes to, and what remains of its path.

`/u/<developer>[+<project>]/` comes first, then a known upstream's name, then the shape of the path.
Upstreams come from the table, never from the request.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1", "ip6-localhost"})

DEFAULT_URLS: Mapping[str, str] = {
    "anthropic": "https://api.anthropic.com",
    "codestral": "https://codestral.mistral.ai",
    "copilot": "https://api.githubcopilot.com",
    "deepseek": "https://api.deepseek.com",
    "gemini": "https://generativelanguage.googleapis.com",
    "groq": "https://api.groq.com",
    "llamacpp": "http://127.0.0.1:8080",
    "lmstudio": "http://127.0.0.1:1234",
    "mistral": "https://api.mistral.ai",
    "ollama": "http://127.0.0.1:11434",
    "openai": "https://api.openai.com",
    "openrouter": "https://openrouter.ai",
    "together": "https://api.together.xyz",
    "vllm": "http://127.0.0.1:8000",
    "xai": "https://api.x.ai",
}
"""Where a client would go by itself; each vendor's own documentation names its base URL."""

COPILOT_HOSTS: Mapping[str, str] = {
    "api": "https://api.githubcopilot.com",
    "proxy": "https://copilot-proxy.githubusercontent.com",
    "telemetry": "https://copilot-telemetry.githubusercontent.com",
    "origin-tracker": "https://origin-tracker.githubusercontent.com",
}

ROOT_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"/v1/messages(/count_tokens|/batches.*)?$"), "anthropic"),
    (re.compile(r"/v1(beta|alpha)?/models/[^/]+:\w+$"), "gemini"),
    (re.compile(r"/v1beta/"), "gemini"),
    (re.compile(r"/v1internal:"), "gemini"),
    (re.compile(r"/v1/fim/completions$"), "mistral"),
    (re.compile(r"/v1/(chat/completions|completions|responses|embeddings)(/|$)"), "openai"),
    (re.compile(r"/(chat/completions|responses|embeddings)$"), "openai"),
    (re.compile(r"/api/(chat|generate|embed|embeddings|tags|show|ps|version|pull)$"), "ollama"),
    (re.compile(r"/(completion|infill|props|slots|tokenize|detokenize)$"), "llamacpp"),
)
"""Root paths by shape: the family whose default upstream they go to."""

RESERVED_NAMES = frozenset(
    {"u", "v1", "v1beta", "v1alpha", "v1internal", "api", "_tabwatt"}
    | {"chat", "responses", "embeddings"}
    | {"completion", "infill", "props", "slots", "tokenize", "detokenize"}
)
"""First segments of root paths; an upstream of that name could never be reached."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*$")


class BadUpstream(ValueError):
    """An upstream's name or URL that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """A model service that requests may go to."""

    name: str
    scheme: str
    host: str
    port: int
    prefix: str = ""
    """Path that stands in front of the client's own."""

    @property
    def authority(self) -> str:
        """Host and port as the `Host` header wants them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        return host if self.port == default else f"{host}:{self.port}"

    @property
    def local(self) -> bool:
        """Whether it stands on this machine, by its address."""
        return self.host in LOOPBACK_NAMES or self.host.startswith("127.")


def upstream(name: str, url: str) -> Upstream:
    """Make an upstream of a name and a base URL; raises `BadUpstream`."""
    if not _NAME.match(name):
        raise BadUpstream(f"upstream {name!r}: use lower-case letters, digits, '.', '_' and '-'")
    if name in RESERVED_NAMES:
        raise BadUpstream(
            f"upstream {name!r}: the name is the start of a known path; choose another"
        )
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        raise BadUpstream(f"upstream {name}: the port of {url!r} is not a number") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadUpstream(f"upstream {name}: {url!r} is not an http(s) URL")
    if parts.query or parts.fragment or parts.username:
        raise BadUpstream(f"upstream {name}: give a base URL without user, query or fragment")
    return Upstream(
        name=name,
        scheme=parts.scheme,
        host=parts.hostname,
        port=port or (443 if parts.scheme == "https" else 80),
        prefix=parts.path.rstrip("/"),
    )


@dataclass(frozen=True, slots=True)
class Route:
    """Where one request goes."""

    upstream: Upstream
    path: str
    """The client's own path, percent-encoding kept, without our prefixes and without query."""
    query: str
    """With its `?`, or empty."""
    developer: str | None = None
    project: str | None = None

    @property
    def target(self) -> str:
        """Path and query as the upstream shall see them."""
        return f"{self.upstream.prefix}{self.path}{self.query}"


@dataclass(frozen=True, slots=True)
class Unrouted:
    """A path that leads nowhere; `path` is what remained of it."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class RoutingTable:
    """The upstreams by name, and which one each family's root paths go to."""

    upstreams: Mapping[str, Upstream]
    roots: Mapping[str, str]

    def route(self, target: str, *, anthropic: bool = False) -> Route | Unrouted:
        """Find the upstream of a request target; `anthropic`: its own version header was sent."""
        path, mark, rest = target.partition("?")
        query = mark + rest
        developer = project = None
        if path.startswith("/u/"):
            segment, _, path = path[3:].partition("/")
            path = "/" + path
            name, _, wanted = segment.partition("+")
            developer, project = unquote(name).strip() or None, unquote(wanted).strip() or None
        first, _, remainder = path[1:].partition("/")
        named = self.upstreams.get(first)
        if named is not None:
            if first == "copilot":
                named, remainder = copilot_part(named, remainder)
            return Route(named, "/" + remainder, query, developer, project)
        family = self._family(path, anthropic)
        if family is None:
            return Unrouted(path, f"no upstream is named {first!r} and the path has no known shape")
        root = self.upstreams.get(self.roots.get(family, family))
        if root is None:
            return Unrouted(path, f"no upstream is configured for {family}")
        return Route(root, path, query, developer, project)

    @staticmethod
    def _family(path: str, anthropic: bool) -> str | None:
        if path == "/v1/models" or (path.startswith("/v1/models/") and ":" not in path):
            return "anthropic" if anthropic else "openai"
        return next((family for shape, family in ROOT_SHAPES if shape.match(path)), None)


def copilot_part(default: Upstream, remainder: str) -> tuple[Upstream, str]:
    """Copilot keeps its hosts apart: `/copilot/{api,proxy,…}/…`, or sorted by the path.

    An upstream of the user's own (not the shipped default) gets every part with its name kept.
    """
    part, _, rest = remainder.partition("/")
    if part in COPILOT_HOSTS:
        remainder = rest
    elif re.match(r"v1/engines/", remainder):
        part = "proxy"
    elif re.match(r"(telemetry|v2/track)$", remainder):
        part = "telemetry"
    elif remainder.startswith("twirp/"):
        part = "origin-tracker"
    else:
        part = "api"
    if f"{default.scheme}://{default.host}" != COPILOT_HOSTS["api"]:
        return default, remainder
    return upstream("copilot", COPILOT_HOSTS[part]), remainder


def routing_table(extra: Mapping[str, str], roots: Mapping[str, str] | None = None) -> RoutingTable:
    """The shipped upstreams with the user's own on top; raises `BadUpstream`."""
    upstreams = {name: upstream(name, url) for name, url in {**DEFAULT_URLS, **extra}.items()}
    for family, name in (roots or {}).items():
        if name not in upstreams:
            raise BadUpstream(f"routes: {family} = {name!r} names no upstream")
    return RoutingTable(upstreams, dict(roots or {}))

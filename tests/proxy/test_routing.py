"""Which upstream a path leads to, and what remains of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.routing import (
    DEFAULT_URLS,
    RESERVED_NAMES,
    BadUpstream,
    Route,
    RoutingTable,
    Unrouted,
    routing_table,
    upstream,
)

TABLE = routing_table(
    {"azure": "https://shop.openai.azure.com", "gw": "https://gw.test:8443/team/a/"}
)


def routed(target: str, table: RoutingTable = TABLE, *, anthropic: bool = False) -> Route:
    route = table.route(target, anthropic=anthropic)
    assert isinstance(route, Route), route
    return route


@pytest.mark.parametrize(
    ("target", "name", "path"),
    [
        ("/v1/chat/completions", "openai", "/v1/chat/completions"),
        ("/v1/completions", "openai", "/v1/completions"),
        ("/v1/responses", "openai", "/v1/responses"),
        ("/v1/responses/resp_1/cancel", "openai", "/v1/responses/resp_1/cancel"),
        ("/v1/embeddings", "openai", "/v1/embeddings"),
        ("/chat/completions", "openai", "/chat/completions"),
        ("/v1/models", "openai", "/v1/models"),
        ("/v1/models/gpt-5", "openai", "/v1/models/gpt-5"),
        ("/v1/messages", "anthropic", "/v1/messages"),
        ("/v1/messages/count_tokens", "anthropic", "/v1/messages/count_tokens"),
        ("/v1/fim/completions", "mistral", "/v1/fim/completions"),
        ("/v1beta/models/g:generateContent", "gemini", "/v1beta/models/g:generateContent"),
        ("/v1/models/g:streamGenerateContent", "gemini", "/v1/models/g:streamGenerateContent"),
        ("/v1beta/models", "gemini", "/v1beta/models"),
        ("/v1internal:loadCodeAssist", "gemini", "/v1internal:loadCodeAssist"),
        ("/api/chat", "ollama", "/api/chat"),
        ("/api/tags", "ollama", "/api/tags"),
        ("/completion", "llamacpp", "/completion"),
        ("/infill", "llamacpp", "/infill"),
        ("/vllm/v1/chat/completions", "vllm", "/v1/chat/completions"),
        ("/openai/anything/at/all", "openai", "/anything/at/all"),
        ("/azure/openai/deployments/d/x", "azure", "/openai/deployments/d/x"),
        ("/anthropic", "anthropic", "/"),
        ("/ollama/", "ollama", "/"),
    ],
)
def test_a_name_goes_before_the_shape(target: str, name: str, path: str) -> None:
    route = routed(target)
    assert (route.upstream.name, route.path, route.query) == (name, path, "")
    assert (route.developer, route.project) == (None, None)


def test_a_model_list_goes_to_whom_the_client_speaks() -> None:
    assert routed("/v1/models", anthropic=True).upstream.name == "anthropic"
    assert routed("/v1/models/claude-x", anthropic=True).upstream.name == "anthropic"
    assert routed("/vllm/v1/models", anthropic=True).upstream.name == "vllm"


@pytest.mark.parametrize(
    ("prefix", "developer", "project"),
    [
        ("/u/alice", "alice", None),
        ("/u/alice@example.org", "alice@example.org", None),
        ("/u/alice+shop", "alice", "shop"),
        ("/u/alice%20b%2Fc+my%2Bshop", "alice b/c", "my+shop"),
        ("/u/alice%2Bx", "alice+x", None),
        ("/u/J%C3%BCrgen", "Jürgen", None),
        ("/u/+shop", None, "shop"),
        ("/u/%20", None, None),
        ("/u/vllm", "vllm", None),  # a developer may be called like an upstream
        ("/u/u", "u", None),
    ],
)
def test_a_developer_comes_first(prefix: str, developer: str | None, project: str | None) -> None:
    for rest, name in (("/v1/messages", "anthropic"), ("/vllm/v1/messages", "vllm")):
        route = routed(prefix + rest)
        assert (route.developer, route.project) == (developer, project)
        assert (route.upstream.name, route.path) == (name, "/v1/messages")


def test_percent_encoding_and_queries_pass_as_they_came() -> None:
    route = routed("/u/a/gw/v1/x%2Fy%20z/../q?key=%2F&a=1?b#c")
    assert route.path == "/v1/x%2Fy%20z/../q"
    assert route.query == "?key=%2F&a=1?b#c"
    assert route.target == "/team/a/v1/x%2Fy%20z/../q?key=%2F&a=1?b#c"
    assert route.upstream.authority == "gw.test:8443"


@given(st.text(st.characters(codec="utf-8", exclude_characters="?"), max_size=40))
def test_what_follows_a_name_is_never_changed(rest: str) -> None:
    assert routed(f"/gw/{rest}?q").target == f"/team/a/{rest}?q"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/nonsense", "no upstream is named 'nonsense' and the path has no known shape"),
        ("/", "no upstream is named '' and the path has no known shape"),
        ("/u/alice", "no upstream is named '' and the path has no known shape"),
        ("/u/alice/u/bob/v1/messages", "no upstream is named 'u' and the path has no known shape"),
        ("http://evil.test/v1/messages", "no upstream is named"),
        ("*", "no upstream is named"),
        ("/v1/messages/../chat", "no upstream is named 'v1'"),
        ("/_tabwatt/health", "no upstream is named '_tabwatt'"),
        ("/OpenAI/v1/models", "no upstream is named 'OpenAI'"),
    ],
)
def test_what_leads_nowhere_says_why(target: str, reason: str) -> None:
    found = TABLE.route(target)
    assert isinstance(found, Unrouted)
    assert found.reason.startswith(reason)


def test_a_family_may_be_led_elsewhere() -> None:
    table = routing_table({}, {"openai": "vllm"})
    assert routed("/v1/chat/completions", table).upstream.name == "vllm"
    assert routed("/openai/v1/chat/completions", table).upstream.name == "openai"
    with pytest.raises(BadUpstream, match="openai = 'nobody' names no upstream"):
        routing_table({}, {"openai": "nobody"})


@pytest.mark.parametrize(
    ("target", "host", "path"),
    [
        ("/copilot/api/chat/completions", "api.githubcopilot.com", "/chat/completions"),
        ("/copilot/chat/completions", "api.githubcopilot.com", "/chat/completions"),
        ("/copilot/models", "api.githubcopilot.com", "/models"),
        ("/copilot/proxy/v1/x", "copilot-proxy.githubusercontent.com", "/v1/x"),
        (
            "/copilot/v1/engines/gpt-4o-copilot/completions",
            "copilot-proxy.githubusercontent.com",
            "/v1/engines/gpt-4o-copilot/completions",
        ),
        ("/copilot/telemetry/telemetry", "copilot-telemetry.githubusercontent.com", "/telemetry"),
        ("/copilot/origin-tracker/t/x", "origin-tracker.githubusercontent.com", "/t/x"),
        ("/copilot/twirp/x", "origin-tracker.githubusercontent.com", "/twirp/x"),
    ],
)
def test_copilot_keeps_its_hosts_apart(target: str, host: str, path: str) -> None:
    route = routed(target)
    assert (route.upstream.host, route.upstream.name, route.path) == (host, "copilot", path)


def test_a_copilot_of_ones_own_gets_every_part() -> None:
    table = routing_table({"copilot": "http://127.0.0.1:9"})
    for part in ("api", "proxy", "telemetry"):
        route = routed(f"/copilot/{part}/x", table)
        assert (route.upstream.authority, route.path) == ("127.0.0.1:9", "/x")


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_reserved_names_cannot_be_upstreams(name: str) -> None:
    with pytest.raises(BadUpstream, match=r"start of a known path|use lower-case letters"):
        upstream(name, "http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("name", "url", "says"),
    [
        ("My GPU", "http://x", "use lower-case letters"),
        ("", "http://x", "use lower-case letters"),
        ("a/b", "http://x", "use lower-case letters"),
        ("gpu", "ftp://x", "is not an http"),
        ("gpu", "http://", "is not an http"),
        ("gpu", "localhost:8000", "is not an http"),
        ("gpu", "http://x:port", "is not a number"),
        ("gpu", "http://x:99999", "is not a number"),
        ("gpu", "http://u:secret@x", "without user"),
        ("gpu", "http://x/?key=secret", "without user, query"),
    ],
)
def test_upstreams_that_cannot_be_say_why_and_keep_secrets(name: str, url: str, says: str) -> None:
    with pytest.raises(BadUpstream, match=says) as caught:
        upstream(name, url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "authority", "local"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1:8000", True),
        ("http://localhost", "localhost", True),
        ("http://[::1]:8000/v1", "[::1]:8000", True),
        ("https://api.openai.com", "api.openai.com", False),
        ("https://api.openai.com:443", "api.openai.com", False),
        ("https://api.openai.com:8443", "api.openai.com:8443", False),
        ("http://192.168.1.9:80", "192.168.1.9", False),
    ],
)
def test_addresses(url: str, authority: str, local: bool) -> None:
    made = upstream("x", url)
    assert (made.authority, made.local) == (authority, local)


def test_every_default_is_an_upstream_and_azure_has_none() -> None:
    assert set(routing_table({}).upstreams) == set(DEFAULT_URLS)
    assert "azure" not in DEFAULT_URLS

"""Who may speak to us."""

import base64

import pytest

from proxy.access import Access, hostname

OURS = Access(frozenset({"host.docker.internal"}))
GUARDED = Access(token="t0ken")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:8229",
        "localhost:8229",
        "LOCALHOST",
        "[::1]",
        "[::1]:8229",
        "host.docker.internal:8229",
    ],
)
def test_loopback_and_named_hosts_are_served(host: str) -> None:
    assert OURS.refusal({"host": host}) is None


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.com",
        "evil.com:8229",
        "127.0.0.1.evil.com",
        "localhost.evil.com",
        "evil.com:127.0.0.1",
        "192.168.1.9",
        "[::1]evil.com",
        "[::1",
        "localhost@evil.com",
        "localhost:8229:80",
    ],
)
def test_other_hosts_are_refused(host: str) -> None:
    """A page whose name was rebound to 127.0.0.1 still sends its own name."""
    refused = OURS.refusal({"host": host})
    assert refused is not None
    assert refused[0] == 421


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:3000",
        "https://127.0.0.1",
        "http://[::1]:8229",
        "vscode-webview://0abc",
        "vscode-file://vscode-app",
        "app://obsidian.md",
        "tauri://localhost",
    ],
)
def test_pages_of_this_machine_and_of_editors_pass(origin: str) -> None:
    assert OURS.refusal({"host": "localhost", "origin": origin}) is None
    headers = {"host": "localhost", "origin": origin, "sec-fetch-site": "cross-site"}
    assert OURS.refusal(headers) is None


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.com",
        "http://localhost.evil.com",
        "http://127.0.0.1@evil.com",
        "null",
        "",
        "chrome-extension://abc",
        "http://[::1",
        "vscode-webview.evil.com",
    ],
)
def test_pages_of_others_are_refused(origin: str) -> None:
    refused = OURS.refusal({"host": "localhost", "origin": origin})
    assert refused == (403, "cross-site requests from web pages are refused")


def test_a_cross_site_request_without_origin_is_refused() -> None:
    headers = {"host": "localhost", "sec-fetch-site": "cross-site"}
    assert OURS.refusal(headers) is not None
    for site in ("same-origin", "none"):
        assert OURS.refusal(headers | {"sec-fetch-site": site}) is None


def basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


@pytest.mark.parametrize(
    "headers",
    [{"x-tabwatt-token": "t0ken"}, {"proxy-authorization": basic("alice:t0ken")}],
)
def test_the_token_opens(headers: dict[str, str]) -> None:
    assert GUARDED.refusal({"host": "anywhere.test", **headers}) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-tabwatt-token": ""},
        {"x-tabwatt-token": "t0ke"},
        {"x-tabwatt-token": "t0ken\xe9"},
        {"authorization": "Bearer t0ken"},
        {"proxy-authorization": basic("alice")},
        {"proxy-authorization": basic(":t0ken")},
        {"proxy-authorization": "Basic !!"},
        {"proxy-authorization": "Bearer t0ken"},
    ],
)
def test_without_the_token_nothing_passes(headers: dict[str, str]) -> None:
    refused = GUARDED.refusal({"host": "localhost", **headers})
    assert refused == (401, "this listener wants the header X-Tabwatt-Token")


def test_the_token_opens_for_no_page_of_others() -> None:
    headers = {"host": "localhost", "x-tabwatt-token": "t0ken", "origin": "https://evil.com"}
    assert GUARDED.refusal(headers) == (403, "cross-site requests from web pages are refused")


def test_names_of_hosts() -> None:
    assert hostname("[FE80::1]:80") == "fe80::1"
    assert hostname("Example.org:80") == "example.org"
    assert hostname("::1") == "::1"

"""Who sent a request: names as they are, opaque ids as keyed hashes, secrets never."""

import base64
import hashlib
from dataclasses import replace

import pytest

from proxy.identity import Identification, basic_user
from proxy.protocols.protocol import Ask
from proxy.routing import Route, upstream

WHERE = upstream("openai", "http://127.0.0.1:1")
ROUTE = Route(WHERE, "/v1/chat/completions", "")
KEY = "sk-alice-secret"
HERE = Identification("fallback@example.org", b"k" * 32)
KEYED = replace(HERE, keys={hashlib.sha256(KEY.encode()).hexdigest(): "by-key"})
BASIC = "Basic " + base64.b64encode(b"by-proxy:x").decode()
UUID = "0b0e7f2a-93a3-4d0e-9f7e-1c1c1c1c1c1c"


def developer(
    made: Identification = HERE, route: Route = ROUTE, ask: Ask | None = None, **headers: str
) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return made.caller(route, named, ask or Ask()).developer


def test_each_place_gives_way_to_the_one_before() -> None:
    route = replace(ROUTE, developer="by-path")
    headers = {"x_tabwatt_developer": "by-header", "proxy_authorization": BASIC}
    ask = Ask(user="by-body")
    key = {"authorization": f"Bearer {KEY}"}
    assert developer(KEYED, route, ask, **headers, **key) == "by-path"
    assert developer(KEYED, ROUTE, ask, **headers, **key) == "by-header"
    assert developer(KEYED, ROUTE, ask, proxy_authorization=BASIC, **key) == "by-proxy"
    assert developer(KEYED, ROUTE, ask, **key) == "by-key"
    assert developer(KEYED, ROUTE, ask) == "by-body"
    assert developer(KEYED) == "fallback@example.org"


def test_the_order_can_be_set() -> None:
    made = replace(KEYED, order=("body", "path"))
    assert developer(made, replace(ROUTE, developer="p"), Ask(user="b")) == "b"
    assert developer(made, replace(ROUTE, developer="p")) == "p"
    assert developer(made, ROUTE, x_tabwatt_developer="h") == "fallback@example.org"


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer  {KEY} "},
        {"x_api_key": KEY},
        {"api_key": KEY},
        {"x_goog_api_key": KEY},
    ],
)
def test_a_virtual_key_names_its_developer(headers: dict[str, str]) -> None:
    assert developer(KEYED, ROUTE, None, **headers) == "by-key"


def test_a_key_in_the_query_names_its_developer() -> None:
    assert developer(KEYED, replace(ROUTE, query=f"?alt=sse&key={KEY}")) == "by-key"
    assert developer(KEYED, replace(ROUTE, query="?key=other")) == "fallback@example.org"


@pytest.mark.parametrize("name", ["alice", "alice@example.org", "Jürgen Ö", "team-web"])
def test_a_name_in_the_body_is_kept(name: str) -> None:
    assert developer(ask=Ask(user=name)) == name


@pytest.mark.parametrize(
    "opaque",
    [UUID, "user_9f86d081884c7d659a2feaa0c55ad015", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4", "x_account_y"],
)
def test_an_opaque_id_is_hashed(opaque: str) -> None:
    name = developer(ask=Ask(user=opaque))
    assert name.startswith("user-")
    assert len(name) == 17  # "user-" and twelve hexadecimal digits
    assert opaque not in name
    assert name == developer(ask=Ask(user=opaque))
    other = replace(HERE, hash_key=b"x" * 32)
    assert name != developer(other, ask=Ask(user=opaque))


def test_a_devices_json_is_no_name() -> None:
    assert developer(ask=Ask(user='{"device_id":"x"}')) == "fallback@example.org"


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\0b", "x" * 121])
def test_names_unfit_for_a_column_are_passed_over(name: str) -> None:
    assert developer(x_tabwatt_developer=name) == "fallback@example.org"


def test_sessions_and_machines_are_hashes() -> None:
    headers = {"x-claude-code-session-id": UUID, "vscode-machineid": "m" * 64}
    caller = HERE.caller(ROUTE, headers, Ask())
    assert caller.session == HERE.pseudonym(UUID)
    assert caller.machine == HERE.pseudonym("m" * 64)
    assert len(caller.session) == 24
    assert HERE.caller(ROUTE, headers, Ask(session="other")).session == HERE.pseudonym("other")


def test_a_project_comes_from_path_header_or_repository() -> None:
    def project(route: Route, ask: Ask, **headers: str) -> str | None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return HERE.caller(route, named, ask).project

    route, ask = replace(ROUTE, project="by-path"), Ask(repository="by-repository")
    assert project(route, ask, x_tabwatt_project="by-header") == "by-path"
    assert project(ROUTE, ask, x_tabwatt_project="by-header") == "by-header"
    assert project(ROUTE, ask) == "by-repository"
    assert project(ROUTE, Ask()) is None


@pytest.mark.parametrize(
    ("header", "user"),
    [
        (BASIC, "by-proxy"),
        ("basic " + base64.b64encode(b"a:b:c").decode(), "a"),
        ("Basic " + base64.b64encode(b":x").decode(), None),
        ("Basic " + base64.b64encode(b"\xff:x").decode(), None),
        ("Basic ???", None),
        ("Bearer x", None),
        ("", None),
        (None, None),
    ],
)
def test_the_user_of_a_basic_credential(header: str | None, user: str | None) -> None:
    assert basic_user(header) == user


def test_nothing_of_a_key_is_left_in_a_caller() -> None:
    headers = {"authorization": f"Bearer {KEY}", "x-api-key": KEY, "proxy-authorization": BASIC}
    assert KEY not in repr(KEYED.caller(replace(ROUTE, query=f"?key={KEY}"), headers, Ask()))

"""Settings: flags over environment over file, and errors that help."""

from pathlib import Path

import pytest

from tabwatt.errors import UsageError
from tabwatt.settings import Settings, load, read_port


def write(home: Path, text: str) -> Path:
    (home / "tabwatt.toml").write_text(text, encoding="utf-8")
    return home


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    assert load(tmp_path, {}, {}) == Settings()
    assert load(tmp_path / "not there", {}, {}) == Settings()
    assert (Settings().host, Settings().port) == ("127.0.0.1", 8229)


def test_flags_go_before_environment_before_file(tmp_path: Path) -> None:
    home = write(tmp_path, "[server]\nport = 1\nhost = 'a'\ntoken = 'f'\n")
    env = {"TABWATT_PORT": "2", "TABWATT_HOST": "b", "PATH": "/bin", "TABWATT_HOME": "/h"}
    found = load(home, env, {"port": 3, "host": None})
    assert (found.port, found.host, found.token) == (3, "b", "f")


def test_the_whole_file(tmp_path: Path) -> None:
    home = write(
        tmp_path,
        """
        [server]
        port = "off"
        hosts = ["host.docker.internal"]
        [upstreams]
        vllm = "http://gpu1:8000"
        "my.gw" = "https://gw.test/v1"
        [upstream]
        proxy = "http://proxy:3128"
        ca = "/etc/ca.pem"
        [routes]
        openai = "vllm"
        [identity]
        order = ["header", "path"]
        [keys]
        abababababababababababababababababababababababababababababababab = "alice"
        [team]
        name = "web"
        [place]
        zone = "us-va"
        [store]
        url = "sqlite:////tmp/x.db"
        """,
    )
    assert load(home, {}, {}) == Settings(
        port=None,
        hosts=("host.docker.internal",),
        upstreams={"vllm": "http://gpu1:8000", "my.gw": "https://gw.test/v1"},
        upstream_proxy="http://proxy:3128",
        upstream_ca="/etc/ca.pem",
        routes={"openai": "vllm"},
        developer_order=("header", "path"),
        keys={"abababababababababababababababababababababababababababababababab": "alice"},
        team="web",
        zone="US-VA",
        store_url="sqlite:////tmp/x.db",
    )


def test_lists_and_pairs_in_the_environment(tmp_path: Path) -> None:
    env = {
        "TABWATT_HOSTS": "a, b",
        "TABWATT_UPSTREAMS": "vllm=http://gpu1:8000/?a=b,x=http://x",
        "TABWATT_IDENTITY_ORDER": "key,body",
    }
    found = load(tmp_path, env, {})
    assert found.hosts == ("a", "b")
    assert found.upstreams == {"vllm": "http://gpu1:8000/?a=b", "x": "http://x"}
    assert found.developer_order == ("key", "body")


def test_upstreams_of_flags_join_those_of_the_file(tmp_path: Path) -> None:
    home = write(tmp_path, "[upstreams]\na = 'http://1'\nb = 'http://2'\n")
    found = load(home, {}, {"upstreams": {"b": "http://3", "c": "http://4"}})
    assert found.upstreams == {"a": "http://1", "b": "http://3", "c": "http://4"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[server]\nprot = 1\n", "server.prot is no known key; did you mean server.port?"),
        ("[upstream]\nproxi = 'x'\n", "upstream.proxi is no known key; did you mean upstream."),
        ("[stor]\nurl = 'x'\n", "stor.url is no known key; did you mean store.url?"),
        ("zzz = 1\n", "zzz is no known key; known: identity.developer"),
        ("[server]\nport = 70000\n", "server.port: expected a port from 0 to 65535, or off"),
        ("[server]\nport = true\n", "server.port: expected a port"),
        ("[server]\nhosts = 'a'\nport = 'x'\n", "server.port: expected a port"),
        ("[server]\nhosts = [1]\n", "server.hosts: expected a list of texts"),
        ("[server]\nhost = ''\n", "server.host: expected a text that is not empty"),
        ("[upstreams]\na = 1\n", "upstreams: expected name = text pairs"),
        ("[place]\nzone = 'Germany'\n", "place.zone: expected a zone such as DE or US-VA"),
        ("[identity]\norder = ['paths']\n", "'paths' is none of them"),
        ("[server\n", "not readable as TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_file_is_named(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(write(tmp_path, text), {}, {})
    message = str(caught.value)
    assert says in message
    assert message.startswith(str(tmp_path / "tabwatt.toml"))
    assert "\n" not in message


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"TABWATT_PROT": "1"}, "TABWATT_PROT is no known variable; did you mean TABWATT_PORT?"),
        ({"TABWATT_PORT": "x"}, "TABWATT_PORT: expected a port from 0 to 65535, or off"),
        ({"TABWATT_UPSTREAMS": "vllm"}, "TABWATT_UPSTREAMS: expected name = text pairs"),
    ],
)
def test_what_is_wrong_in_the_environment_is_named(
    env: dict[str, str], says: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, env, {})
    assert str(caught.value) == says


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "tabwatt.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not readable as TOML"):
        load(tmp_path, {}, {})


def test_an_error_never_shows_a_secret(tmp_path: Path) -> None:
    for env in ({"TABWATT_TOKEN": ""}, {"TABWATT_KEYS": "sk-secret"}):
        with pytest.raises(UsageError) as caught:
            load(tmp_path, env, {})
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("value", "port"), [("0", 0), ("8229", 8229), ("off", "off")])
def test_ports_of_flags(value: str, port: int | str) -> None:
    assert read_port("--port", value) == port


def test_a_wrong_port_names_its_flag() -> None:
    with pytest.raises(UsageError, match="--port 99999: expected a port from 0 to 65535, or off"):
        read_port("--port", "99999")


def test_off_by_flag_turns_the_listener_off(tmp_path: Path) -> None:
    assert load(tmp_path, {"TABWATT_PORT": "1"}, {"port": "off"}).port is None

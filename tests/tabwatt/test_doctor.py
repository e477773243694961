"""Each fault that `doctor` knows, made for real, and the cure it names."""

import asyncio
import json
import socket
import sqlite3
from argparse import Namespace
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from loopback import loopback
from wire import request

from ledger.store import open_store
from tabwatt import checks
from tabwatt.commands import doctor
from tabwatt.demo.upstream import FakeUpstream
from tabwatt.endpoint import endpoint
from tabwatt.errors import UsageError
from tabwatt.settings import Settings


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A program that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def states(findings: object) -> dict[str, str]:
    return {one.name: one.state for one in findings}  # type: ignore[attr-defined]


async def test_a_running_proxy_has_no_fault(tmp_path: Path) -> None:
    async with FakeUpstream() as upstream, loopback(tmp_path / "home", upstream.url) as proxy:
        settings = Settings(upstreams={"openai": upstream.url})
        found = await asyncio.to_thread(checks.all_checks, settings, tmp_path / "home", proxy.url)
    # The fake's Date never changes, so that its replies can be compared: its clock stands still.
    assert [one.name for one in found if one.state == "fault"] == ["clock"]
    assert states(found)["proxy"] == "ok"
    assert states(found)["upstream openai"] == "ok"
    assert states(found)["coverage"] == "ok"


def test_nothing_listening_is_a_fault_with_the_command_that_helps() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (found,) = checks.proxy(Settings(), f"http://127.0.0.1:{port}")
    assert (found.state, found.cure) == ("fault", "start it: tabwatt up")


def test_a_port_that_another_program_holds_is_named(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "CONNECT_S", 0.2)
    (found,) = checks.proxy(Settings(), f"http://127.0.0.1:{listener.getsockname()[1]}")
    assert found.state == "fault"
    assert found.found.startswith("another program listens on")


def test_uncounted_requests_are_a_fault_and_unknown_paths_a_note() -> None:
    counters = {"requests": 9, "uncounted": 2, "not_recognised": 3}
    found = list(checks._counted(counters, {"last_error": None}))
    assert states(found) == {"coverage": "fault", "paths": "note"}
    assert found[0].found == "2 of 9 requests passed uncounted"


def test_a_store_that_cannot_be_written_is_a_fault_while_rows_wait() -> None:
    found = list(checks._counted({}, {"last_error": "LedgerUnavailable: locked", "waiting": 4}))
    assert found[-1].found == "4 rows wait: LedgerUnavailable: locked"


def test_a_home_that_others_can_read_is_a_fault(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (found,) = checks.home(tmp_path)
    assert (found.state, found.cure) == ("fault", f"chmod 700 {tmp_path}")


def test_a_ledger_of_a_newer_program_is_a_fault(tmp_path: Path) -> None:
    open_store(tmp_path / "ledger.db").close()
    ledger = sqlite3.connect(tmp_path / "ledger.db")
    ledger.execute("UPDATE schema_version SET version = 999")
    ledger.commit()
    ledger.close()
    (found,) = checks.store(Settings(), tmp_path)
    assert (found.state, found.cure) == ("fault", "install the newer tabwatt")


def test_a_ledger_that_is_no_database_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database" * 100)
    (found,) = checks.store(Settings(), tmp_path)
    assert found.state == "fault"


def test_an_upstream_that_refuses_is_a_fault(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = Settings(upstreams={"gpu1": f"http://127.0.0.1:{port}"})
    (found,) = checks.upstreams(settings, tmp_path)
    assert (found.name, found.state, found.cure) == ("upstream gpu1", "fault", "start it")


def test_a_clock_an_hour_off_is_a_fault() -> None:
    now = datetime(2026, 11, 23, 11, tzinfo=UTC)
    assert checks.verdict("gpu1", (now - timedelta(hours=1)), now).state == "fault"
    assert checks.verdict("gpu1", (now - timedelta(seconds=2)), now).state == "ok"


def test_the_command_exits_1_and_tells_every_fault_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TABWATT_HOME", "TABWATT_PORT"):
        monkeypatch.delenv(name, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    args = Namespace(home=tmp_path, endpoint=f"http://127.0.0.1:{port}", json=True)
    assert doctor.run(args) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["v"] == 1
    assert told["faults"] == len([one for one in told["findings"] if one["state"] == "fault"])


async def test_an_upstream_that_was_used_and_is_gone_is_a_fault(tmp_path: Path) -> None:
    async with FakeUpstream() as upstream, loopback(tmp_path / "home", upstream.url) as proxy:
        body = b'{"model":"gpt-4o","messages":[]}'
        await proxy.ask(request("POST", "/vllm/v1/chat/completions", (), body))
        await proxy.row()
    found = list(checks.upstreams(Settings(), tmp_path / "home"))
    assert [(one.name, one.state) for one in found] == [("upstream vllm", "fault")]


@pytest.mark.parametrize("given", ["foo", "http://[::1", "https://127.0.0.1:1", "http://x:port"])
def test_an_endpoint_that_is_none_is_one_clear_line(given: str) -> None:
    with pytest.raises(UsageError, match="expected a URL such as"):
        endpoint(given, Settings())


def test_the_endpoint_follows_the_settings() -> None:
    assert endpoint(None, Settings()) == "http://127.0.0.1:8229"
    assert endpoint(None, Settings(host="::1", port=9)) == "http://[::1]:9"
    assert endpoint(None, Settings(host="0.0.0.0", port=9)) == "http://127.0.0.1:9"
    with pytest.raises(UsageError, match="--endpoint URL"):
        endpoint(None, Settings(port=None))


def test_a_company_ca_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    (found,) = checks.trust(Settings(upstream_ca=str(tmp_path / "no.pem")))
    assert (found.state, found.cure) == ("fault", "correct [upstream] ca")

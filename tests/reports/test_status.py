import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sample_records import TEN, record, spread

from ledger.migrations import MIGRATIONS
from ledger.record import Range, RequestRecord, TabCounts
from ledger.store import Store, open_store
from reports.snapshot import snapshot
from reports.status import SCHEMA, NoLedger, Status, answer, line, status
from tabwatt.commands import status as command
from tabwatt.errors import CannotTell


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = open_store(path)
    yield opened
    opened.close()


def _tab(id: str, minute: int = 0, **changes: object) -> RequestRecord:
    """3.6 kJ (1 Wh) between 1.8 and 7.2; 0.4 g between 0.2 and 0.8."""
    given = {
        "purpose": "tab",
        "model_served": "m",
        "started_at": TEN + timedelta(minutes=minute),
        "facility_j": spread(1800, 3600, 7200),
        "carbon_g": Range(0.2, 0.4, 0.8),
    }
    return record(id, **(given | changes))


def test_the_query_is_written_for_the_schema_that_migrations_make() -> None:
    assert len(MIGRATIONS) == SCHEMA


def test_the_figures_of_the_day(store: Store, path: Path) -> None:
    accepted = TabCounts("telemetry", shown=1, accepted=1)
    store.apply([_tab("a", tab=accepted), _tab("b"), _tab("early", minute=-1), record("c")])
    found = status(path, TEN)
    assert (found.requests, found.energy_unknown) == (3, 1)
    assert found.energy_wh == Range(1, 2, 4)
    assert found.carbon_g == Range(0.4, 0.8, 1.6)
    assert (found.tab_per, found.tab_count) == ("accepted", 1)
    assert line(found) == (
        "0.8 g (0.4–1.6) · 2 Wh (1–4) · Tab 0.8 g (0.4–1.6) · 1 of 3 unknown"  # noqa: RUF001
    )


def test_status_and_the_live_screen_say_the_same(store: Store, path: Path) -> None:
    store.apply(
        [_tab(f"r{n}", minute=7 * n, model_served=f"m{n % 3}") for n in range(20)]
        + [_tab("x", minute=31, outcome="cancelled"), record("y")]
    )
    since = TEN + timedelta(minutes=30)  # midnight in India is no whole hour in UTC
    found = status(path, since)
    seen = snapshot(store, since, None, TEN + timedelta(hours=9))
    assert found.requests == seen.totals.requests == 16  # 35 … 133 minutes: 15, and x; not y
    for one, other in (
        (found.energy_wh, seen.totals.energy_wh),
        (found.carbon_g, seen.totals.carbon_g),
        (found.tab_g, seen.tabs.cost_g),
        (found.tab_wh, seen.tabs.cost_wh),
    ):
        assert one is not None
        assert other is not None
        assert (one.low, one.typical, one.high) == pytest.approx(
            (other.low, other.typical, other.high)
        )
    assert found.tab_per == seen.tabs.per == "delivered"


def test_an_empty_day_cost_nothing(store: Store, path: Path) -> None:
    assert line(status(path, TEN)) == "0 g · 0 Wh"


def test_unknown_is_said_and_left_out_of_the_object() -> None:
    found = Status(TEN, 2, None, None, 2, 2, None, 0, None, None)
    assert line(found) == "? g · ? Wh · 2 of 2 unknown"
    assert answer(found) == {
        "v": 1,
        "since": "2026-11-23T10:00:00Z",
        "requests": 2,
        "energy_unknown": 2,
        "carbon_unknown": 2,
    }


def test_the_object_has_intervals(store: Store, path: Path) -> None:
    store.apply([_tab("a")])
    assert answer(status(path, TEN)) == {
        "v": 1,
        "since": "2026-11-23T10:00:00Z",
        "requests": 1,
        "energy_unknown": 0,
        "carbon_unknown": 0,
        "energy_wh": {"low": 0.5, "typical": 1.0, "high": 2.0},
        "carbon_g": {"low": 0.2, "typical": 0.4, "high": 0.8},
        "tab": {
            "per": "delivered",
            "count": 1,
            "energy_wh": {"low": 0.5, "typical": 1.0, "high": 2.0},
            "carbon_g": {"low": 0.2, "typical": 0.4, "high": 0.8},
        },
    }


def test_figures_have_two_digits() -> None:
    figure = Range(0.01234, 0.0216, 47.6)
    found = Status(TEN, 1, figure, Range(0.0000056, 9.94, 361.2), 0, 0, None, 0, None, None)
    assert line(found) == "9.9 g (0.0000056–361) · 0.022 Wh (0.012–48)"  # noqa: RUF001


def test_without_a_ledger_there_is_nothing_to_tell(path: Path) -> None:
    with pytest.raises(NoLedger, match="no ledger yet at"):
        status(path, TEN)
    assert not path.exists()


def test_a_ledger_of_a_newer_program_is_not_read(store: Store, path: Path) -> None:
    with store.engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO schema_version VALUES (99)")
    with pytest.raises(NoLedger, match="has schema 99"):
        status(path, TEN)


def test_a_file_that_is_no_ledger_is_named(path: Path) -> None:
    path.write_bytes(b"x" * 5000)
    with pytest.raises(NoLedger, match="not a database"):
        status(path, TEN)


def test_the_command_prints_one_line_or_one_object(
    store: Store, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    for flags in ([], ["--json"]):
        args = parser.parse_args(flags)
        args.home = path.parent
        assert command.run(args) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "0 g · 0 Wh"
    assert json.loads(out[1])["v"] == 1
    args.home = path.parent / "nowhere"
    with pytest.raises(CannotTell, match="no ledger yet"):
        command.run(args)


def test_status_imports_nothing_heavy() -> None:
    code = "import sys, reports.status, tabwatt.commands.status; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in result.stdout.split()}
    heavy = {"sqlalchemy", "sqlmodel", "pydantic", "msgspec", "asyncio", "numpy", "textual"}
    assert loaded & heavy == set()

import argparse
import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_records import record, records, spread

from ledger import ndjson
from ledger.record import RequestRecord
from ledger.store import open_store
from reports.export import CSV_COLUMNS, write_csv, write_ndjson
from tabwatt.commands import export
from tabwatt.errors import CannotTell, UsageError

_RECORDS = st.lists(records(st.text("abc", min_size=1, max_size=4)), max_size=5)


@given(_RECORDS)
def test_ndjson_gives_the_records_back(given_records: list[RequestRecord]) -> None:
    out = io.BytesIO()
    assert write_ndjson(given_records, out) == len(given_records)
    assert [ndjson.record(line) for line in out.getvalue().splitlines()] == given_records


@given(_RECORDS)
def test_csv_has_every_known_field_under_its_path(given_records: list[RequestRecord]) -> None:
    out = io.StringIO(newline="")
    write_csv(given_records, out)
    rows = list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))
    assert len(rows) == len(given_records)
    for row, one in zip(rows, given_records, strict=True):
        known = {name for name, value in row.items() if value}
        assert known == set(_paths(ndjson.fields(one)))


def _paths(fields: dict[str, object], prefix: str = "") -> Iterator[str]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _paths(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_a_csv_cell_holds_what_the_json_form_says() -> None:
    out = io.StringIO(newline="")
    one = record(facility_j=spread(1, 2.5, 3), modalities=("image", "text"), client='a "b", c')
    write_csv([one], out)
    (row,) = csv.DictReader(io.StringIO(out.getvalue(), newline=""))
    assert list(row) == list(CSV_COLUMNS)
    assert row["energy_j.facility.typical"] == "2.5"
    assert row["energy_j.facility.tier"] == "modelled"
    assert row["modalities"] == "image;text"
    assert row["client"] == 'a "b", c'
    assert row["stream"] == "false"
    assert row["carbon_g.low"] == ""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_csv_cell_is_never_run_by_a_spreadsheet(start: str) -> None:
    out = io.StringIO(newline="")
    write_csv([record(client=f"{start}1+1", model_requested=f"a{start}", ttft_s=-0.5)], out)
    (row,) = csv.DictReader(io.StringIO(out.getvalue(), newline=""))
    assert row["client"] == f"'{start}1+1"
    assert row["model_requested"] == f"a{start}"
    assert row["ttft_s"] == "-0.5"


def test_memory_does_not_grow_with_the_ledger() -> None:
    """Each record is written before the next one is asked for."""
    out = io.BytesIO()

    def stream() -> Iterator[RequestRecord]:
        for n in range(3):
            assert out.getvalue().count(b"\n") == n
            yield record(f"r{n}")

    write_ndjson(stream(), out)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    store = open_store(tmp_path / "ledger.db")
    store.apply([record("a"), record("b", developer="bob")])
    store.close()
    return tmp_path


def _run(home: Path, *flags: str) -> int:
    parser = argparse.ArgumentParser()
    export.add_arguments(parser)
    args = parser.parse_args(flags)
    args.home = home
    return export.run(args)


def test_the_command_writes_to_standard_output(
    home: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert _run(home, "--format", "ndjson", "--developer", "bob") == 0
    out, error = capfdbinary.readouterr()
    assert [ndjson.record(line) for line in out.splitlines()] == [record("b", developer="bob")]
    assert error == b""


def test_the_command_writes_to_a_file(home: Path) -> None:
    out = home / "out.csv"
    since, until = "2026-11-23T10:00Z", "2026-11-23T10:00:01Z"
    flags = ("--format", "csv", "--since", since, "--until", until, "--out", str(out))
    assert _run(home, *flags) == 0
    with out.open(newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["a", "b"]
    assert _run(home, "--format", "ndjson", "--until", since, "--out", str(out)) == 0
    assert out.read_bytes() == b""


def test_a_bad_date_is_wrong_usage(home: Path) -> None:
    with pytest.raises(UsageError, match="not a date: 'soon'"):
        _run(home, "--since", "soon")


def test_a_place_that_cannot_be_written_is_named(home: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot write .*nowhere.*: No such file"):
        _run(home, "--out", str(home / "nowhere" / "x"))


def test_without_a_ledger_there_is_nothing_to_tell(tmp_path: Path) -> None:
    with pytest.raises(CannotTell, match="no ledger yet at"):
        _run(tmp_path)
    assert list(tmp_path.iterdir()) == []

"""`tabwatt export`: the ledger's records for other programs."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tabwatt.errors import CannotTell, UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from ledger.record import RequestRecord

SUMMARY = "write the records of the ledger as NDJSON or CSV"
EPILOG = """examples:
  tabwatt export --format ndjson --since today
  tabwatt export --format csv --since 2026-11-01 --until 2026-12-01 --out november.csv
  tabwatt export --format ndjson --since 7d --developer alice@example.org | jq .carbon_g.typical

--since is included, --until is not. A date is its first moment here; 7d and 24h are that long ago.
Exit code 3: there is no ledger to read yet."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--format", choices=("ndjson", "csv"), default="ndjson")
    parser.add_argument("--since", metavar="WHEN", help="first moment: a date, today, 7d, 24h")
    parser.add_argument("--until", metavar="WHEN", help="the moment after the last one")
    parser.add_argument("--developer", metavar="NAME", help="only this developer's requests")
    parser.add_argument("--out", metavar="FILE", type=Path, help="default: standard output")


def run(args: argparse.Namespace) -> int:
    """Write the records; wrong usage for a bad date or file."""
    from datetime import datetime

    from ledger.failures import LedgerUnavailable
    from reports.window import point

    now = datetime.now().astimezone()
    try:
        since = point(args.since, now) if args.since else None
        until = point(args.until, now) if args.until else None
        _write(args, since, until)
    except LedgerUnavailable as error:
        raise CannotTell(f"export: {error}") from None
    except ValueError as error:
        raise UsageError(f"export: {error}") from None
    except BrokenPipeError:
        raise  # the reader has had enough (`| head`): the command line knows what to do
    except OSError as error:
        where = args.out or "standard output"
        raise UsageError(f"export: cannot write {where}: {error.strerror}") from None
    return 0


def _write(args: argparse.Namespace, since: "datetime | None", until: "datetime | None") -> None:
    from ledger.failures import LedgerUnavailable
    from ledger.place import sqlite_path
    from ledger.store import open_store
    from tabwatt.settings import load

    place: str | Path = load(args.home, os.environ, {}).store_url or args.home / "ledger.db"
    file = sqlite_path(place)
    if file is not None and not file.exists():
        raise LedgerUnavailable(f"no ledger yet at {file}; start one with: tabwatt up")
    with closing(open_store(place, create=False)) as store, _output(args.out) as out:
        records = store.between(since, until, developer=args.developer)
        _WRITERS[args.format](records, out)
        out.flush()


@contextmanager
def _output(path: Path | None) -> Iterator[IO[bytes]]:
    if path is None:
        yield sys.stdout.buffer
        return
    with path.open("wb") as out:
        yield out


def _ndjson(records: "Iterator[RequestRecord]", out: IO[bytes]) -> None:
    from reports.export import write_ndjson

    write_ndjson(records, out)


def _csv(records: "Iterator[RequestRecord]", out: IO[bytes]) -> None:
    from io import TextIOWrapper

    from reports.export import write_csv

    text = TextIOWrapper(out, encoding="utf-8", newline="")
    try:
        write_csv(records, text)
    finally:
        text.detach()


_WRITERS: dict[str, "Callable[[Iterator[RequestRecord], IO[bytes]], None]"] = {
    "ndjson": _ndjson,
    "csv": _csv,
}

"""`tabwatt status`: the day on one line, fast enough for a status bar."""

import argparse
import os

from tabwatt.errors import CannotTell

SUMMARY = "today's carbon, energy and cost of a Tab on one line"
EPILOG = """examples:
  tabwatt status             48 g (36-61) · 121 Wh (92-150) · Tab 0.021 g (0.012-0.037)
  tabwatt status --json      the same as one object, with low, typical and high

A range is the 10th and 90th percentile. Exit code 3: there is no ledger to read yet."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print the line or the object."""
    from datetime import datetime
    from pathlib import Path

    from reports.status import NoLedger, answer, line, status
    from reports.window import midnight
    from tabwatt.settings import load

    url: str | None = load(args.home, os.environ, {}).store_url
    if url is not None and "://" in url and not url.startswith("sqlite:///"):
        raise CannotTell("status: reads a ledger file only, not a team's database")
    ledger = Path(url.removeprefix("sqlite:///")) if url else args.home / "ledger.db"
    try:
        found = status(ledger, midnight(datetime.now().astimezone()))
    except NoLedger as error:
        raise CannotTell(f"status: {error}") from None
    if args.json:
        import json

        print(json.dumps(answer(found)))
    else:
        print(line(found))
    return 0

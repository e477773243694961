"""`tabwatt tui`: the live screen over a ledger that is being written elsewhere."""

import argparse
import os

SUMMARY = (
    "The live screen over a ledger that runs or ran elsewhere: beside 'tabwatt serve', or over"
    " yesterday's rows. Requests in flight are shown while a proxy answers."
)
EPILOG = """\
examples:
  tabwatt tui
  tabwatt tui --endpoint http://127.0.0.1:9000      a proxy on another port"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the proxy is."""
    parser.add_argument("--endpoint", metavar="URL", help="the proxy (default: its usual port)")


def run(args: argparse.Namespace) -> int:
    """Show the screen until it is left."""
    from tabwatt.endpoint import endpoint
    from tabwatt.screen import show
    from tabwatt.settings import load

    settings = load(args.home, os.environ, {})
    show(args.home, settings, endpoint(args.endpoint, settings))
    return 0

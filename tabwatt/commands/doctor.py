"""`tabwatt doctor`: checks this installation and says what to do about each fault."""

import argparse
import json
import os
from dataclasses import asdict

SUMMARY = (
    "Check home, store, proxy, upstreams, devices and clock. Each fault comes with its cure;"
    " exit code 1 if there is one."
)
EPILOG = """\
examples:
  tabwatt doctor
  tabwatt doctor --json | jq '.findings[] | select(.state == "fault")'"""

_MARKS = {"ok": "ok   ", "fault": "FAULT", "note": "note "}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the proxy is."""
    parser.add_argument("--endpoint", metavar="URL", help="the proxy (default: its usual port)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print every finding; 1 if one is a fault."""
    from tabwatt.checks import all_checks
    from tabwatt.endpoint import endpoint
    from tabwatt.settings import load

    settings = load(args.home, os.environ, {})
    findings = all_checks(settings, args.home, endpoint(args.endpoint, settings))
    faults = sum(1 for finding in findings if finding.state == "fault")
    if args.json:
        shown = [{k: v for k, v in asdict(one).items() if v is not None} for one in findings]
        print(json.dumps({"v": 1, "faults": faults, "findings": shown}))
        return 1 if faults else 0
    for finding in findings:
        print(f"{_MARKS[finding.state]}  {finding.name:<20} {finding.found}")
        if finding.cure is not None:
            print(f"       {'':<20} -> {finding.cure}")
    print("no fault found" if not faults else f"{faults} fault{'s' if faults > 1 else ''}")
    return 1 if faults else 0

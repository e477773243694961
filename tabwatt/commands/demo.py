"""`tabwatt demo`: the whole of it with simulated editors, without any account."""

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger.record import Range
    from reports.snapshot import Snapshot

SUMMARY = (
    "Simulated developers type, chat and run agents against a built-in fake model service, through"
    " a real proxy with a ledger of its own that is thrown away afterwards."
)
EPILOG = """\
examples:
  tabwatt demo
  tabwatt demo --no-screen --seconds 5
  tabwatt demo --seconds 600 --rate 5               busier, for ten minutes"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How long, how busy, and whether with the screen."""
    parser.add_argument("--seconds", type=_positive, help="end by itself (default: when you quit)")
    parser.add_argument("--rate", type=_positive, default=2.0, help="activity, 1 is calm")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same requests")
    parser.add_argument("--no-screen", action="store_true", help="print a summary instead")
    parser.add_argument("--json", action="store_true", help="the summary as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Run the demo in a home of its own."""
    import tempfile

    from tabwatt.errors import UsageError

    if args.no_screen and args.seconds is None:
        args.seconds = 10.0
    if args.json and not args.no_screen:
        raise UsageError("--json: only with --no-screen")
    with tempfile.TemporaryDirectory(prefix="tabwatt-demo-") as folder:
        return _run(args, Path(folder))


def _run(args: argparse.Namespace, home: Path) -> int:
    from tabwatt.child import proxy
    from tabwatt.demo.stage import Stage, upstream_flags

    env = {k: v for k, v in os.environ.items() if not k.startswith("TABWATT_")}
    env["TABWATT_HOME"] = str(home)
    stage = Stage(seconds=args.seconds, rate=args.rate, seed=args.seed)
    with stage, proxy(["--port", "0", *upstream_flags(stage.url)], env) as ready:
        assert ready.reverse is not None
        stage.play(ready.reverse)
        if args.no_screen:
            problems = stage.wait()
        else:
            _show(home, ready.reverse)
            problems = stage.stop()
    for problem in problems:
        print(f"demo: {problem}")
    if args.no_screen:
        _summarise(home, as_json=args.json)
    return 1 if problems else 0


def _show(home: Path, endpoint: str) -> None:
    from tabwatt.screen import show
    from tabwatt.settings import Settings

    show(home, Settings(), endpoint)


def _summarise(home: Path, *, as_json: bool) -> None:
    """What the ledger holds after the proxy has left."""
    from datetime import datetime

    from tabwatt.look import snapshot_source

    found = snapshot_source(home / "ledger.db", lambda: datetime.now().astimezone())("24h")
    if as_json:
        print(json.dumps({"v": 1, **_numbers(found)}))
        return
    for name, value in _numbers(found).items():
        print(f"{name.replace('_', ' '):<20} {_plain(value)}")


def _numbers(found: "Snapshot") -> dict[str, object]:
    """The totals of the demo, by names that say the unit."""
    totals, tabs = found.totals, found.tabs
    return {
        "requests": totals.requests,
        "input_tokens": totals.input_tokens,
        "cache_read_tokens": totals.cache_read_tokens,
        "output_tokens": totals.output_tokens,
        "energy_wh": _interval(totals.energy_wh),
        "carbon_g": _interval(totals.carbon_g),
        "tabs_requested": tabs.requested,
        "tabs_delivered": tabs.delivered,
        "developers": [row.name for row in found.developers],
        "tiers": {part.tier: round(part.share, 3) for part in totals.tiers},
    }


def _interval(figure: "Range | None") -> dict[str, float] | None:
    if figure is None:
        return None
    return {"low": figure.low, "typical": figure.typical, "high": figure.high}


def _plain(value: object) -> str:
    if isinstance(value, dict) and "typical" in value:
        return f"{value['typical']:.3g} ({value['low']:.3g} to {value['high']:.3g})"
    if isinstance(value, dict):
        return ", ".join(f"{name} {share:.0%}" for name, share in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "unknown" if value is None else str(value)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e7:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value

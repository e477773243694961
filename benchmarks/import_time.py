"""How long light commands take, beside an interpreter that does nothing.

    python -m benchmarks.import_time [--runs 10] [--json]

The commands take turns, so that a busy moment of the machine meets all of them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

AIMS_MS = {"tabwatt --help": 200, "tabwatt status": 150}
NOTHING = "python -c pass"


def commands() -> Mapping[str, Sequence[str]]:
    """What is timed: the installed script where there is one, as people run it."""
    script = Path(sys.executable).parent / "tabwatt"
    tabwatt = [str(script)] if script.exists() else [sys.executable, "-m", "tabwatt"]
    return {
        NOTHING: [sys.executable, "-c", "pass"],
        "tabwatt --help": [*tabwatt, "--help"],
        "tabwatt status": [*tabwatt, "status"],
    }


def wall_ms(argv: Sequence[str], home: str) -> float:
    """One run, from start to exit. Its exit code is its own affair."""
    began = time.perf_counter()
    env = os.environ | {"TABWATT_HOME": home}
    subprocess.run(argv, capture_output=True, env=env, check=False)
    return (time.perf_counter() - began) * 1000


def measure(runs: int) -> dict[str, float]:
    """The median of each command over the runs, ms; one run before them does not count."""
    chosen = commands()
    times: dict[str, list[float]] = {name: [] for name in chosen}
    with tempfile.TemporaryDirectory(prefix="tabwatt-bench-") as home:
        for number in range(runs + 1):
            for name, argv in chosen.items():
                took_ms = wall_ms(argv, home)
                if number:
                    times[name].append(took_ms)
    return {name: median(values) for name, values in times.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print a Markdown table, or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.import_time", description=__doc__)
    parser.add_argument("--runs", type=int, default=10, choices=range(1, 101), metavar="N")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    found = measure(options.runs)
    if options.json:
        print(json.dumps({"v": 1, "median_ms": found}))
        return 0
    print("| command | ms | beyond `python -c pass` | aim |\n|---|---|---|---|")
    for name, value in found.items():
        aim = f"<= {AIMS_MS[name]}" if name in AIMS_MS else ""
        print(f"| `{name}` | {value:.0f} | {value - found[NOTHING]:.0f} | {aim} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())

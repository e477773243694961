"""What tabwatt adds to a request, beside nginx, a bare pass-through and no proxy at all.

    python -m benchmarks.proxy [--quick] [--rounds 3] [--targets nginx,aiohttp,tabwatt]
                               [--target NAME='command …'] [--scenarios first_byte,…]
                               [--out benchmarks/RESULTS.md] [--json]

`--target` adds a proxy of your own: `{upstream}` in its command becomes the upstream's URL, and
`{port}` a free port to listen on; without `{port}` it prints a ready line as `tabwatt serve --json`
does. One called `tabwatt-bare` is taken as tabwatt's transport without accounting.
"""

import argparse
import json
import resource
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from benchmarks import machine, procfs, table, targets
from benchmarks.build import NoCompilerError, build
from benchmarks.prompts import write_bodies
from benchmarks.rounds import DIRECT, Rounds, Visit, order
from benchmarks.scenarios import Scenario, scenarios, spaced
from benchmarks.targets import Target, TargetError
from benchmarks.visit import Bench, answer_bytes, health, memory, run, verify

KNOWN = ("nginx", "aiohttp", "tabwatt")
COMMANDS = {"aiohttp": targets.AIOHTTP, "tabwatt": targets.TABWATT}
SECONDS, QUICK_SECONDS = 3, 1
FILES = 8192
QUIET_CORES = 0.1
WARM = spaced("warm", "stream=0&usage=0", "100kb", 10, 1)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 2 on wrong usage, 3 when nothing can be measured here."""
    options = _parser().parse_args(argv)
    chosen = scenarios(QUICK_SECONDS if options.quick else SECONDS)
    if options.scenarios:
        chosen = tuple(s for s in chosen if s.key in options.scenarios.split(","))
    facts = machine.facts() | {"rounds": "1 short one" if options.quick else str(options.rounds)}
    commands = COMMANDS | dict(word.split("=", 1) for word in options.target)
    names = [*options.targets.split(","), *(word.partition("=")[0] for word in options.target)]
    try:
        with _bench() as (bench, folder), ExitStack() as stack:
            started = list(_started(stack, bench, names, commands, folder))
            count = 1 if options.quick else options.rounds
            quiet = machine.Quiet.begin()
            rounds = Rounds(_measure(bench, started, chosen, count))
            facts |= _others(quiet.others_cores())
            facts |= {f"counters of {t.name}": json.dumps(c) for t in started if (c := health(t))}
    except NoCompilerError as error:
        _say(str(error))
        return 3
    _publish(rounds, [DIRECT, *(target.name for target in started)], facts, options)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.proxy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="one short round: a look, no result")
    parser.add_argument("--rounds", type=int, default=3, choices=range(1, 21), metavar="N")
    parser.add_argument("--targets", default=",".join(KNOWN), help="of " + ", ".join(KNOWN))
    parser.add_argument("--target", action="append", default=[], metavar="NAME=CMD", type=_pair)
    parser.add_argument("--scenarios", default="", help="only these, by key")
    parser.add_argument("--out", type=Path, help="put the table into this Markdown file")
    parser.add_argument("--json", action="store_true", help="every visit as one JSON object")
    return parser


def _pair(word: str) -> str:
    name, _, command = word.partition("=")
    if not name or not command or name == DIRECT:
        raise argparse.ArgumentTypeError("want NAME='command …'")
    return word


@contextmanager
def _bench() -> Iterator[tuple[Bench, Path]]:
    """The tools, compiled; the upstream, running; a folder for everything that is written."""
    tools = build()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    with (
        tempfile.TemporaryDirectory(prefix="tabwatt-bench-") as name,
        targets.upstream(tools.upstream) as direct,
    ):
        bench = Bench(tools.load, write_bodies(Path(name)), direct)
        verify(bench, direct)
        yield bench, Path(name)


def _started(
    stack: ExitStack,
    bench: Bench,
    names: Sequence[str],
    commands: dict[str, str],
    folder: Path,
) -> Iterator[Target]:
    """Start and verify each proxy; say why one is left out."""
    for name in names:
        if name == DIRECT:
            continue
        home = folder / name
        home.mkdir()
        try:
            target = stack.enter_context(_start(name, commands, bench.direct.port, home))
            verify(bench, target)
        except TargetError as error:
            _say(str(error))
            continue
        yield target


def _start(
    name: str, commands: dict[str, str], port: int, home: Path
) -> AbstractContextManager[Target]:
    if name == "nginx":
        return targets.nginx(port, home)
    if name not in commands:
        raise TargetError(f"{name}: unknown target; want one of {', '.join(KNOWN)} or --target")
    return targets.command(name, commands[name], port, home)


def _measure(
    bench: Bench, proxies: Sequence[Target], chosen: Sequence[Scenario], count: int
) -> list[Visit]:
    visits = [Visit("memory", 0, target.name, _memory(bench, target)) for target in proxies]
    by_name = {target.name: target for target in (bench.direct, *proxies)}
    for scenario in chosen:
        expected = answer_bytes(bench, scenario)
        for number in range(count):
            for name in order([target.name for target in proxies], number):
                figures = run(bench, by_name[name], scenario, expected)
                visits.append(Visit(scenario.key, number, name, figures))
            _say(f"{scenario.key}: round {number + 1} of {count}")
    for target in proxies:
        peak = {"peak_kb": float(procfs.peak_kb(target.pid or 0))}
        visits.append(Visit("memory", 0, target.name, peak))
    return visits


def _others(cores: float) -> dict[str, str]:
    """How quiet the machine was, with a warning when the figures are not worth keeping."""
    if cores > QUIET_CORES:
        _say(f"warning: others used {cores:.2f} cores meanwhile; measure again on a quiet machine")
    return {"used by others meanwhile": f"{cores:.2f} cores"}


def _memory(bench: Bench, target: Target) -> dict[str, float]:
    run(bench, target, WARM, -1)
    return memory(bench, target)


def _publish(
    rounds: Rounds, names: Sequence[str], facts: dict[str, str], options: argparse.Namespace
) -> None:
    section = table.markdown(rounds, names, facts)
    if options.out:
        table.replace_section(options.out, section)
    if options.json:
        visits = [asdict(visit) for visit in rounds.visits]
        print(json.dumps({"v": 1, "facts": facts, "targets": list(names), "visits": visits}))
    else:
        print(section)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""The result as a Markdown table: one row per figure, one column per target, the aim beside it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rounds import DIRECT, Rounds

type Cell = Callable[[Rounds, str], str]

BEGIN, END = "<!-- proxy: begin -->", "<!-- proxy: end -->"
UNKNOWN = "-"
OURS = "tabwatt"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: what it is, how a target's cell is made, what we want to reach."""

    title: str
    cell: Cell
    aim: str = ""


def _number(value: float | None, digits: int) -> str:
    return UNKNOWN if value is None else f"{value:,.{digits}f}"


def _added(scenario: str, metric: str, digits: int = 2) -> Cell:
    """p50 / p99 beyond direct, whose own column is absolute."""

    def cell(rounds: Rounds, target: str) -> str:
        ask = rounds.value if target == DIRECT else rounds.added
        values = [ask(scenario, f"{metric}_{p}", target) for p in ("p50", "p99")]
        return " / ".join(_number(value, digits) for value in values)

    return cell


def _absolute(scenario: str, *metrics: str, digits: int = 0, scale: float = 1.0) -> Cell:
    def cell(rounds: Rounds, target: str) -> str:
        values = [rounds.value(scenario, metric, target) for metric in metrics]
        if all(value is None for value in values):
            return UNKNOWN
        return " / ".join(_number(v if v is None else v * scale, digits) for v in values)

    return cell


def _share_of_nginx(scenario: str) -> Cell:
    def cell(rounds: Rounds, target: str) -> str:
        share = rounds.share(scenario, "per_s", target, "nginx")
        return UNKNOWN if share is None else f"{share:.1%}"

    return cell


def _costs(scenario: str, bare: str) -> Cell:
    """Requests/s that ours loses against the same transport bare."""

    def cell(rounds: Rounds, target: str) -> str:
        share = rounds.share(scenario, "per_s", target, bare) if target == OURS else None
        return UNKNOWN if share is None else f"{1 - share:.1%}"

    return cell


def _change(scenario: str, other: str, metric: str) -> Cell:
    def cell(rounds: Rounds, target: str) -> str:
        values = [rounds.against(scenario, other, f"{metric}_{p}", target) for p in ("p50", "p99")]
        return " / ".join(UNKNOWN if value is None else f"{value:+.2f}" for value in values)

    return cell


def _faults(rounds: Rounds, target: str) -> str:
    names = sorted({visit.scenario for visit in rounds.visits} - {"memory"})
    sums = []
    for metric in ("lost", "wrong", "failed"):
        found = [rounds.total(name, metric, target) for name in names]
        sums.append(sum(value for value in found if value is not None))
    return " / ".join(f"{value:.0f}" for value in sums)


_DELAY = ("delay_ms_p50", "delay_ms_p99")
_MB = 1 / 1000 * 1.024

ROWS = (
    Row(
        "added time to first byte of a stream, 100/s, ms p50 / p99",
        _added("first_byte", "first_ms"),
        "<= 0.6 / 1.5, aim 0.35",
    ),
    Row("added time to a whole answer of 1 KB, 100/s, ms p50 / p99", _added("reply", "total_ms")),
    Row("requests/s, 1 connection", _absolute("requests_1", "per_s")),
    Row("requests/s, 16 connections", _absolute("requests_16", "per_s")),
    Row("… as a share of nginx", _share_of_nginx("requests_16"), ">= 5.5 %, aim 12 %"),
    Row(
        "… less than the same transport bare (`tabwatt-bare`)",
        _costs("requests_16", "tabwatt-bare"),
        "<= 10 %",
    ),
    Row("… CPU per request, us", _absolute("requests_16", "cpu_us")),
    Row("requests/s, 64 connections", _absolute("requests_64", "per_s")),
    Row("requests/s, a new connection each, 16 at once", _absolute("fresh_16", "per_s")),
    Row(
        "64 streams, a chunk per 10 ms: one-way delay, ms p50 / p99",
        _absolute("streams_64_10ms", *_DELAY, digits=2),
        "<= 0.3 / 5",
    ),
    Row("… CPU per chunk, us", _absolute("streams_64_10ms", "cpu_us"), "<= 55, aim 25"),
    Row(
        "… the same while 1 MB prompts without usage are counted",
        _absolute("streams_64_beside", *_DELAY, digits=2),
        "",
    ),
    Row(
        "… change by that, ms p50 / p99",
        _change("streams_64_beside", "streams_64_10ms", "delay_ms"),
        "no visible change",
    ),
    Row(
        "16 streams, a chunk per 1 ms: delay, ms p50 / p99",
        _absolute("streams_16_1ms", *_DELAY, digits=2),
    ),
    Row(
        "256 streams, a chunk per 10 ms: delay, ms p50 / p99",
        _absolute("streams_256_10ms", *_DELAY, digits=2),
    ),
    Row("body of 100 KB, added ms p50 / p99", _added("body_100kb", "total_ms")),
    Row("body of 1 MB, added ms p50 / p99", _added("body_1mb", "total_ms")),
    Row("body of 8 MB, added ms p50 / p99", _added("body_8mb", "total_ms", 1), "<= 15"),
    Row("chunks lost / answers wrong / connections failed", _faults, "0 / 0 / 0"),
    Row("resident when ready, MB", _absolute("memory", "ready_kb", scale=_MB)),
    Row(
        "resident after the first exchanges and a counted prompt, MB",
        _absolute("memory", "before_kb", scale=_MB),
        "<= 130",
    ),
    Row("per open stream (500), KiB", _absolute("memory", "per_stream_kb", digits=1), "<= 30"),
    Row("highest resident in the whole run, MB", _absolute("memory", "peak_kb", scale=_MB)),
)


def markdown(rounds: Rounds, targets: Sequence[str], facts: Mapping[str, str]) -> str:
    """The whole section, between the markers that `replace_section` looks for."""
    names = [target for target in targets if target != OURS] + [OURS] * (OURS in targets)
    lines = [
        BEGIN,
        "## Proxy",
        "",
        *(f"- {name}: {fact}" for name, fact in facts.items()),
        f"- {_noise(rounds)}",
        "",
        "Columns show what a proxy adds where the row says so; direct is absolute there.",
        "",
        "| figure | " + " | ".join(names) + " | aim |",
        "|---|" + "---|" * (len(names) + 1),
    ]
    for row in ROWS:
        cells = [row.cell(rounds, name) for name in names]
        if any(set(cell) - set("- /") for cell in cells):
            lines.append(f"| {row.title} | " + " | ".join(cells) + f" | {row.aim} |")
    return "\n".join([*lines, END, ""])


def _noise(rounds: Rounds) -> str:
    first = _number(rounds.noise("first_byte", "first_ms_p50"), 3)
    delay = _number(rounds.noise("streams_64_10ms", "delay_ms_p50"), 3)
    return f"two direct visits of a round differ by {first} ms (first byte), {delay} ms (chunks)"


def replace_section(path: Path, section: str) -> None:
    """Write the section into the file in place of an earlier one, or at its end."""
    text = path.read_text() if path.exists() else "# Results\n\n"
    before, begin, rest = text.partition(BEGIN)
    if begin:
        after = rest.partition(END)[2].lstrip("\n")
        path.write_text(before + section + (f"\n{after}" if after else ""))
    else:
        path.write_text(text.rstrip("\n") + "\n\n" + section)

"""`tabwatt estimate`: what a request costs, from flags or line by line from a file."""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from tabwatt.errors import UsageError

if TYPE_CHECKING:
    from estimator.figures import Estimate, Figure
    from estimator.interval import Interval

SUMMARY = (
    "What a request costs in energy, carbon and water, with the range and what makes it wide."
    " One request by flags, or many with --from FILE (NDJSON; '-' is stdin)."
)
EPILOG = """\
examples:
  tabwatt estimate --model gpt-5-mini --input-tokens 4000 --cache-read-tokens 3000 \\
      --output-tokens 300 --output-tokens-per-s 60
  tabwatt estimate --from requests.ndjson --json > estimates.ndjson

every fact that you give (--batch, --gpu, --zone, sizes) takes the place of a guess;
~ modelled, ? assumed: a default stands in for something that decides the answer.
exit codes: 0 fine, 2 a line of the file could not be answered"""

_FLAGS: tuple[tuple[str, type, str], ...] = (
    ("model", str, "name as the client, the host or the file has it"),
    ("input-tokens", float, "all input, cached tokens included"),
    ("cache-read-tokens", float, "of the input: read from a prompt cache"),
    ("cache-write-tokens", float, "of the input: written to a prompt cache"),
    ("output-tokens", float, "all output, reasoning included"),
    ("reasoning-tokens", float, "of the output: reasoning"),
    ("output-tokens-per-s", float, "observed rate of the stream"),
    ("ttft-s", float, "seconds to the first token"),
    ("duration-s", float, "seconds to the last token"),
    ("provider", str, "who serves it, as openai, bedrock, mistral; local for this machine"),
    ("zone", str, "ISO 3166-1 alpha-2 or 3166-2, as FR or US-VA"),
    ("stack-year", int, "year of the serving software"),
    ("gpu", str, "accelerator, as H100"),
    ("gpus", int, "how many of them serve one copy of the model"),
    ("batch", float, "requests served at once"),
    ("precision", str, "of the weights, as bf16, fp8, q4_K_M"),
    ("total-params-b", float, "parameters, billions"),
    ("active-params-b", float, "parameters active per token, billions"),
    ("n-layers", int, "layers"),
    ("kv-bytes-per-token", float, "KV cache per token, all layers, bytes"),
    ("kv-full-ctx-fraction", float, "share of the layers whose cache grows with the context"),
    ("architecture", str, "dense or moe"),
)
_BLOCK_BYTES = 1 << 18
_MARKS = {"modelled": "~", "assumed": "?", "unknown": " "}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One flag per field of the question."""
    for name, kind, text in _FLAGS:
        parser.add_argument(f"--{name}", type=kind, help=text, metavar=_metavar(kind))
    parser.add_argument(
        "--local", action="store_true", default=None, help="it runs on this machine"
    )
    parser.add_argument("--from", dest="source", metavar="FILE", help="NDJSON, '-' for stdin")
    parser.add_argument("--json", action="store_true", help="one JSON object per request")


def _metavar(kind: type) -> str:
    return {str: "NAME", int: "N", float: "X"}[kind]


def run(args: argparse.Namespace) -> int:
    """Answer the one request, or every line of the file."""
    asked = _asked(args)
    if args.source is None:
        return _answer_one(asked, args.json)
    if asked:
        raise UsageError("--from takes its requests from the file: leave the other flags out")
    if args.source == "-":
        return _answer_all(sys.stdin.buffer, args.json, "stdin")
    return _answer_file(args.source, args.json)


def _answer_file(name: str, as_json: bool) -> int:
    try:
        with Path(name).open("rb") as stream:
            return _answer_all(stream, as_json, name)
    except BrokenPipeError:
        raise  # the reader has had enough (`| head`): the command line knows what to do
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from error


def _asked(args: argparse.Namespace) -> dict[str, Any]:
    names = (name.replace("-", "_") for name, _, _ in _FLAGS)
    found = {name: getattr(args, name) for name in (*names, "local")}
    return {name: value for name, value in found.items() if value is not None}


def _answer_one(asked: dict[str, Any], as_json: bool) -> int:
    from estimator import rows
    from estimator.estimate import estimate

    try:
        query = rows.question(asked)
    except rows.Unanswerable as error:
        raise UsageError(str(error)) from error
    if query.input_tokens is None and query.output_tokens is None:
        raise UsageError("no token count: give --input-tokens, --output-tokens or --from FILE")
    found = estimate(query)
    if as_json:
        print(_json({"v": rows.VERSION} | rows.as_json(found)))
    else:
        print("\n".join(_lines(found)))
    return 0


def _answer_all(stream: BinaryIO, as_json: bool, name: str) -> int:
    """Every line in order, as it comes; the exit code is decided at the end."""
    from estimator import rows

    asked = bad = 0
    for block in _blocks(stream):
        found = rows.answers(block)
        asked += len(found)
        bad += sum("error" in answer for answer in found)
        for answer in found:
            print(_json(answer) if as_json else _short(answer))
        sys.stdout.flush()
    if bad:
        raise UsageError(f"{name}: {bad} of {asked} lines could not be answered; see their error")
    return 0


def _json(answer: dict[str, Any]) -> str:
    import msgspec

    return msgspec.json.encode(answer).decode()


def _blocks(stream: BinaryIO) -> Iterator[list[tuple[int, bytes]]]:
    """Numbered lines, as many as are there: a pipe that waits is answered line by line."""
    rest, number = b"", 0
    while True:
        read = os.read(stream.fileno(), _BLOCK_BYTES)
        *lines, rest = (rest + read).split(b"\n") if read else (rest, b"")
        block = []
        for line in lines:
            number += 1
            text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if text.strip():
                block.append((number, text))
        if block:
            yield block
        if not read:
            return


def _short(answer: dict[str, Any]) -> str:
    """One line about one answer, for people."""
    if "error" in answer:
        return f"{answer['id']}\t{answer['error']}"
    facility = answer["energy_j"]["facility"]
    if "typical" not in facility:
        return f"{answer['id']}\tunknown: {', '.join(answer['notes'])}"
    low, typical, high = (_energy(facility[end]) for end in ("low", "typical", "high"))
    mark = _MARKS[facility["tier"]]
    return f"{answer['id']}\t{mark} {typical}  ({low} to {high})\t{answer['model']['name']}"


def _lines(found: "Estimate") -> Iterator[str]:
    """The ladder, place, drivers and sources of one estimate, for people."""
    model = found.model
    asked = "" if model.asked in (None, model.name) else f", asked for as {model.asked}"
    yield f"{model.name} ({model.how}{asked})"
    yield ""
    yield f"{'':24}{'low':>12}{'typical':>12}{'high':>12}"
    energy = found.energy_j
    yield _row("accelerator", energy.accelerator)
    yield _row("+ host, idle = server", energy.server)
    yield _row("+ building = facility", energy.facility)
    yield ""
    yield _amounts("carbon of running", found.carbon_g, _mass)
    yield _amounts("carbon of making, apart", found.embodied_g, _mass)
    yield _amounts("water on site", found.water_ml, _volume)
    yield _amounts(f"grid {found.zone or '(place open)'}", found.intensity_g_per_kwh, _intensity)
    yield ""
    shares = ", ".join(f"{d.name} {d.share:.0%}" for d in found.drivers[:5])
    yield f"what makes it wide: {shares or 'nothing'}"
    for note in found.notes:
        yield f"note: {note}"
    yield f"sources: {', '.join(found.sources)}"
    yield f"method {found.method}; ~ modelled, ? assumed; 10th, 50th and 90th percentile"


def _row(name: str, figure: "Figure") -> str:
    return _amounts(f"{_MARKS[figure.tier]} {name}", figure.interval, _energy)


def _amounts(name: str, interval: "Interval | None", write: Any) -> str:
    if interval is None:
        return f"{name:24}{'unknown':>36}"
    amounts = (interval.low, interval.typical, interval.high)
    return f"{name:24}" + "".join(f"{write(amount):>12}" for amount in amounts)


def _energy(joules: float) -> str:
    return _scaled(joules / 3600.0, (("kWh", 1e3), ("Wh", 1.0), ("mWh", 1e-3), ("uWh", 1e-6)))


def _mass(grams: float) -> str:
    return _scaled(grams, (("kg", 1e3), ("g", 1.0), ("mg", 1e-3), ("ug", 1e-6)))


def _volume(millilitres: float) -> str:
    return _scaled(millilitres, (("l", 1e3), ("ml", 1.0), ("ul", 1e-3)))


def _intensity(g_per_kwh: float) -> str:
    return f"{g_per_kwh:.0f} g/kWh"


def _scaled(amount: float, units: tuple[tuple[str, float], ...]) -> str:
    """The amount in the largest unit of which it holds one, with three digits."""
    name, size = next(((n, s) for n, s in units if amount >= s), units[-1])
    value = amount / size
    digits = 0 if value >= 100 or value == 0 else 1 if value >= 10 else 2
    return f"{value:.{digits}f} {name}"

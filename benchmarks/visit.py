"""One visit of one target: proof that it passes bytes rightly, a timed run, its memory."""

import http.client
import json
import subprocess
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from benchmarks import procfs
from benchmarks.scenarios import PATH, Scenario, held
from benchmarks.targets import Target, TargetError

type Figures = dict[str, float]

LIMIT_S = 60
HELD_STREAMS = 500
SETTLE_S = 0.5


@dataclass(frozen=True, slots=True)
class Bench:
    """The load generator, the request bodies, and the upstream that tells right answers."""

    load: Path
    bodies: Mapping[str, Path]
    direct: Target


def verify(bench: Bench, target: Target) -> None:
    """Raise TargetError unless the target returns the upstream's bytes and delivers ours whole."""
    for query, body in (("stream=0", "reply"), ("stream=1&chunks=50&fixed=1", "stream")):
        truth, seen = (_exchange(bench, t, query, body) for t in (bench.direct, target))
        if truth != seen:
            raise TargetError(f"{target.name}: {query}: {seen[:2]}, not {truth[:2]}; left out")
    for name, path in bench.bodies.items():
        sent = path.read_bytes()
        answer = json.loads(_exchange(bench, target, "check=1", name)[2])
        if answer != {"bytes": len(sent), "adler32": zlib.adler32(sent)}:
            raise TargetError(f"{target.name}: the {name} body arrived as {answer}; left out")


def answer_bytes(bench: Bench, scenario: Scenario) -> int:
    """How long a right answer is, from the upstream itself (which is told not to pace it)."""
    query = scenario.query.partition("&interval_us")[0]
    return len(_exchange(bench, bench.direct, query, scenario.body)[2])


def run(bench: Bench, target: Target, scenario: Scenario, expect_bytes: int) -> Figures:
    """Run a scenario once; all its figures by flat names (`first_ms_p50`, `cpu_us` …)."""
    cpu_before_s = procfs.cpu_s(target.pid) if target.pid else 0.0
    load = _start(bench, target, scenario, expect_bytes)
    beside = _start(bench, target, scenario.beside, -1) if scenario.beside else None
    figures = _figures(_output(load))
    if beside is not None:
        figures |= {f"beside_{k}": v for k, v in _figures(_output(beside)).items()}
    if target.pid:
        spent_s = procfs.cpu_s(target.pid) - cpu_before_s
        figures["cpu_us"] = spent_s * 1e6 / max(1.0, figures[scenario.per])
    figures["per_s"] = figures["measured"] / figures["seconds"]
    return figures


def memory(bench: Bench, target: Target) -> Figures:
    """Resident memory before and with many open streams, and per stream, KiB."""
    if target.pid is None:
        return {}
    before_kb = procfs.rss_kb(target.pid)
    load = _start(bench, target, held(HELD_STREAMS), -1)
    try:
        assert load.stdout is not None
        opened = json.loads(load.stdout.readline() or "{}").get("open", 0)
        time.sleep(SETTLE_S)
        with_streams_kb = procfs.rss_kb(target.pid)
    finally:
        load.terminate()
        load.communicate()
    if opened != HELD_STREAMS:
        return {"ready_kb": target.ready_kb, "before_kb": before_kb}
    per_stream_kb = (with_streams_kb - before_kb) / HELD_STREAMS
    return {
        "ready_kb": target.ready_kb,
        "before_kb": before_kb,
        "per_stream_kb": per_stream_kb,
    }


def health(target: Target) -> Mapping[str, Any]:
    """What tabwatt says of itself: how many requests it counted and rows it wrote."""
    if not target.prefix:
        return {}
    url = f"http://127.0.0.1:{target.port}/_tabwatt/health"
    try:
        with urlopen(url, timeout=LIMIT_S) as answer:
            found: dict[str, Any] = json.load(answer)
    except (OSError, ValueError):
        return {}
    return {name: found[name] for name in ("counters", "store") if name in found}


def _exchange(bench: Bench, target: Target, query: str, body: str) -> tuple[int, str, bytes]:
    """Status, content type and body of one answer."""
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=LIMIT_S)
    try:
        headers = {"Content-Type": "application/json", "Authorization": "Bearer bench"}
        path = f"{target.prefix}{PATH}?{query}"
        connection.request("POST", path, bench.bodies[body].read_bytes(), headers)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Content-Type", ""), answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise TargetError(f"{target.name}: {query}: {error!r}; left out") from error
    finally:
        connection.close()


def _start(
    bench: Bench, target: Target, scenario: Scenario, expect_bytes: int
) -> subprocess.Popen[str]:
    options: dict[str, object] = {
        "port": target.port,
        "path": target.prefix + scenario.target,
        "body": bench.bodies[scenario.body],
        "expect_bytes": expect_bytes,
        "expect_chunks": scenario.chunks,
        "limit_s": LIMIT_S,
    }
    words = [f"{name}={value}" for name, value in (options | dict(scenario.options)).items()]
    return subprocess.Popen([bench.load, *words], stdout=subprocess.PIPE, text=True)


def _output(load: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = load.communicate(timeout=2 * LIMIT_S)
    if load.returncode != 0:
        raise RuntimeError(f"load generator ended with {load.returncode}")
    report: dict[str, Any] = json.loads(out)
    return report


def _figures(report: Mapping[str, Any]) -> Figures:
    """The report with nested figures flattened: {"first_ms": {"p50": 1}} -> first_ms_p50."""
    flat: Figures = {}
    for name, value in report.items():
        if isinstance(value, dict):
            flat |= {f"{name}_{key}": float(each) for key, each in value.items()}
        else:
            flat[name] = float(value)
    return flat

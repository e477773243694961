"""How fast the ledger takes rows and gives sums: `python -m benchmarks.ledger [--rows N]`.

Fills a ledger in a temporary folder with the requests of 20 developers in the working hours of 30
days (each with a few tools and models, as people have), then asks what the screen and the status
bar ask. Prints one line per figure: median and worst of the runs.
"""

import argparse
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import batched
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Thread

from ledger.record import Range, RequestRecord, TabCounts
from ledger.store import Store, open_store
from ledger.writer import Writer
from reports.snapshot import snapshot
from reports.status import status

NOW = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)
DAYS = 30
_MODELS = tuple(
    (provider, f"{provider}-{n}") for provider in ("openai", "anthropic", "mistral") for n in "abcd"
)
_TOOLS = (("tab", "copilot"), ("chat", "copilot"), ("agent", "claude-code"))
_MORNING, _WORKING_HOURS = 8, 9
_ENERGY = tuple(Range(0.4 * j, 1.0 * j, 2.5 * j, "modelled") for j in range(1, 200))
_CARBON = tuple(Range(4e-5 * j, 1e-4 * j, 3e-4 * j) for j in range(1, 200))


def requests(count: int, seed: int = 1) -> Iterator[RequestRecord]:
    """Requests in the order of time, with all that a real one has."""
    rng = random.Random(seed)
    first = (NOW - timedelta(days=DAYS - 1)).replace(hour=_MORNING, minute=0)
    worked = timedelta(hours=_WORKING_HOURS)
    for n in range(count):
        day, part = divmod(n * DAYS / count, 1)
        start = first + timedelta(days=day) + part * worked
        developer, tool = rng.randrange(20), rng.choices(range(3), (6, 1, 3))[0]
        purpose, client = _TOOLS[tool]
        provider, model = _MODELS[(developer + 5 * tool + 7 * (rng.random() < 0.1)) % len(_MODELS)]
        tokens, size = rng.randrange(40_000), rng.randrange(199)
        yield RequestRecord(
            id=f"0193{seed:04x}-{n:012x}",
            started_at=start,
            ended_at=start,
            developer=f"dev{developer}@example.org",
            duration_s=1.0 + size / 100,
            ttft_s=0.3,
            output_tokens_per_s=61.5,
            client=client,
            client_version="1.2.3",
            project="shop",
            purpose=purpose,
            provider=provider,
            api="openai.chat",
            upstream=provider,
            model_requested=model,
            model_served=model,
            stream=True,
            http_status=200,
            outcome="cancelled" if purpose == "tab" and size % 4 == 0 else "ok",
            request_bytes=4 * tokens,
            response_bytes=2_000,
            modalities=("text",),
            input_how="reported",
            output_how="reported",
            input_tokens=tokens,
            cache_read_tokens=tokens // 2,
            output_tokens=size,
            reasoning_tokens=0,
            tab=TabCounts("telemetry", 1, size % 3 == 0) if client == "copilot" else None,
            accelerator_j=_ENERGY[size],
            server_j=_ENERGY[size],
            facility_j=_ENERGY[size],
            carbon_g=_CARBON[size],
            embodied_g=_CARBON[size],
            zone="US-VA",
            intensity_g_per_kwh=Range(245.0, 305.0, 390.0),
            method="1",
        )


def _milliseconds(work: Callable[[], object], runs: int = 7) -> str:
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        taken.append(1e3 * (time.perf_counter() - start))
    return f"{median(taken):9.1f} ms   worst of {runs} {max(taken):.1f}"


def _say(what: str, figure: str) -> None:
    print(f"{what:<58}{figure}", flush=True)


def fill(store: Store, rows: int, batch: int) -> float:
    """Seconds that `apply` took, without making the records."""
    spent = 0.0
    for some in batched(requests(rows), batch):
        start = time.perf_counter()
        store.apply(some)
        spent += time.perf_counter() - start
    return spent


def _batches(folder: Path) -> None:
    records = list(requests(20_000))
    for batch in (1, 10, 100, 500, 2_000):
        store = open_store(folder / f"batch{batch}.db")
        some = records if batch >= 10 else records[:2_000]
        start, cpu = time.perf_counter(), time.process_time()
        for part in batched(some, batch):
            store.apply(part)
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        rate = f"{len(some) / wall:9.0f} rows/s {1e6 * cpu / len(some):6.0f} us CPU/row"
        _say(f"written in batches of {batch}, roll-up included", rate)
        if batch == 2_000:
            later = [replace(record, revision=2) for record in records]
            start = time.perf_counter()
            for part in batched(later, batch):
                store.apply(part)
            seconds = time.perf_counter() - start
            _say("the same rows again at revision 2", f"{len(later) / seconds:9.0f} rows/s")
        store.close()


def _put_to_disk(folder: Path) -> None:
    """From `put` until another connection sees the row."""
    path = folder / "latency.db"
    writer = Writer(lambda: open_store(path))
    while writer.counters.written == 0:
        writer.put(next(requests(1)))
        time.sleep(0.2)
    reader = open_store(path, create=False)
    delays = []
    for record in requests(20, seed=2):
        start = time.perf_counter()
        writer.put(record)
        while not reader.get(record.id):
            time.sleep(0.001)
        delays.append(1e3 * (time.perf_counter() - start))
    writer.close()
    reader.close()
    _say("put until another connection sees the row", f"{median(delays):9.1f} ms   "
         f"worst of 20 {max(delays):.1f}")  # fmt: skip


def _while_writing(store: Store, path: Path) -> None:
    """Snapshots while another thread writes 1,000 rows a second."""
    writer = Writer(lambda: open_store(path))
    stop: list[bool] = []

    def feed() -> None:
        for some in batched(requests(10**7, seed=3), 100):
            if stop:
                return
            for record in some:
                writer.put(replace(record, started_at=NOW))
            time.sleep(0.1)

    feeder = Thread(target=feed)
    feeder.start()
    figure = _milliseconds(lambda: snapshot(store, NOW.replace(hour=0), None, NOW))
    stop.append(True)
    feeder.join()
    writer.close()
    _say("snapshot of today while 1,000 rows/s come in", figure)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    args = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        _batches(folder)
        _put_to_disk(folder)
        path = folder / "ledger.db"
        store = open_store(path)
        seconds = fill(store, args.rows, 2_000)
        size = path.stat().st_size / 1e6
        _say(f"{args.rows} rows, {size:.0f} MB", f"{args.rows / seconds:9.0f} rows/s")
        today = NOW.replace(hour=0, minute=0)
        for what, since in (
            ("today", today),
            ("7 days", today - timedelta(days=6)),
            ("7 days from half past an hour", NOW - timedelta(days=7)),
            ("30 days", today - timedelta(days=DAYS)),
        ):
            figure = _milliseconds(partial(snapshot, store, since, None, NOW))
            _say(f"snapshot of {what}", figure)
        _while_writing(store, path)
        _say("newest 50", _milliseconds(lambda: store.newest(50)))
        _say("newest 50 of a developer",
             _milliseconds(lambda: store.newest(50, developer="dev7@example.org")))  # fmt: skip
        _say("status, in process", _milliseconds(lambda: status(path, today)))
        code = (
            "import sys, pathlib, argparse; from tabwatt.commands import status; "
            "status.run(argparse.Namespace(home=pathlib.Path(sys.argv[1]), json=False))"
        )
        command = [sys.executable, "-c", code, str(folder)]
        child = lambda: subprocess.run(command, check=True, capture_output=True)  # noqa: E731
        _say("status, with the interpreter's start", _milliseconds(child))
        start = time.perf_counter()
        count = sum(1 for _ in store.between())
        _say("read all records", f"{count / (time.perf_counter() - start):9.0f} rows/s")
        store.close()


if __name__ == "__main__":
    main()

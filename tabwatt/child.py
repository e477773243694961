"""A proxy in a process of its own, so that drawing a screen never delays a byte."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tabwatt.errors import UsageError

STOP_S = 6.0


@dataclass(frozen=True, slots=True)
class Ready:
    """What a proxy says when it listens."""

    reverse: str | None
    pid: int


@contextmanager
def proxy(flags: Sequence[str], env: Mapping[str, str]) -> Iterator[Ready]:
    """Run `tabwatt serve` beside us; raises `UsageError` with its own one line if it cannot."""
    # -P: the folder we are in may hold an aiohttp.py that is none of ours.
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "tabwatt", "serve", "--json", "--leave-with-stdin", *flags],
        env=dict(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl+C is the screen's; the proxy is told when to leave
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    try:
        line = child.stdout.readline()
        if not line:
            said = child.stderr.read().strip().splitlines()
            raise UsageError((said or ["the proxy did not start"])[-1].removeprefix("tabwatt: "))
        ready = json.loads(line)
        yield Ready(ready["reverse"], ready["pid"])
    finally:
        child.terminate()
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        for pipe in (child.stdin, child.stdout, child.stderr):
            pipe.close()

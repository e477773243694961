"""A proxy that is another process's child."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tabwatt.child import proxy
from tabwatt.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
PARENT = """
import os, sys, time
from tabwatt.child import proxy
with proxy(["--port", "0"], os.environ) as ready:
    print(ready.pid, flush=True)
    sys.stdin.read()
"""


def env(home: Path) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "TABWATT_HOME": str(home), "PYTHONPATH": str(ROOT)}


def test_it_listens_while_it_is_wanted_and_leaves_then(tmp_path: Path) -> None:
    with proxy(["--port", "0"], env(tmp_path)) as ready:
        assert ready.reverse is not None
        assert psutil.pid_exists(ready.pid)
    assert not psutil.pid_exists(ready.pid)


def test_its_own_line_says_why_it_did_not_start(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match="is not an http"),
        proxy(["--upstream", "x=ftp://v1"], env(tmp_path)),
    ):
        raise AssertionError("it started")


def test_a_parent_that_is_killed_leaves_no_proxy_behind(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        env=env(tmp_path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    assert parent.stdin is not None
    child = psutil.Process(int(parent.stdout.readline()))
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    gone, _ = psutil.wait_procs([child], timeout=8)
    parent.stdin.close()
    parent.stdout.close()
    assert gone == [child]

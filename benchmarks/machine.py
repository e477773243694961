"""Where and with what a measurement was made."""

import os
import platform
import re
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks import procfs

ROOT = Path(__file__).parent.parent
PACKAGES = ("aiohttp", "uvloop", "httptools", "mitmproxy", "msgspec", "tiktoken", "sqlmodel")


def facts() -> dict[str, str]:
    """Date, machine, kernel and versions, as lines for people."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "machine": f"{_cpu()}, {os.cpu_count()} cores, {_memory_gib():.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "versions": ", ".join(_versions()),
        "set-up": "upstream, load generator and targets share the cores, over loopback; "
        "one process each (nginx: one worker)",
    }


@dataclass(frozen=True, slots=True)
class Quiet:
    """Sees how much CPU everything but this run takes meanwhile."""

    began_s: float
    machine_s: float
    own_s: float

    @classmethod
    def begin(cls) -> "Quiet":
        """Start watching."""
        return cls(time.monotonic(), procfs.machine_cpu_s(), procfs.cpu_s(os.getpid()))

    def others_cores(self) -> float:
        """Cores that others kept busy since `begin`; our own targets must still be running."""
        machine_s = procfs.machine_cpu_s() - self.machine_s
        own_s = procfs.cpu_s(os.getpid()) - self.own_s
        return max(0.0, machine_s - own_s) / (time.monotonic() - self.began_s)


def _cpu() -> str:
    text = Path("/proc/cpuinfo").read_text()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


def _versions() -> list[str]:
    found = [f"tabwatt {_commit()}", f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    nginx = _first_line(["nginx", "-v"]) or _first_line(["/usr/sbin/nginx", "-v"])
    return found + [line for line in (nginx, _first_line(["cc", "--version"])) if line]


def _commit() -> str:
    commit = _first_line(["git", "-C", str(ROOT), "describe", "--always", "--dirty"])
    return commit if re.fullmatch(r"[\w.-]+", commit) else "of an uncommitted tree"


def _first_line(argv: list[str]) -> str:
    """What a program says first, on either channel; empty when it is not there."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return (done.stdout or done.stderr).partition("\n")[0]

"""CPU time and memory of a process and its children, from /proc (Linux).

Threads are part of their process's figures. Resident memory shared between a parent and its
workers is counted once for each, so a sum over several processes is an upper bound.
"""

import os
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")


def tree(pid: int) -> list[int]:
    """The process and all its living descendants."""
    children: dict[int, list[int]] = {}
    for child, parent in _parents():
        children.setdefault(parent, []).append(child)
    found = [pid]
    for each in found:
        found.extend(children.get(each, []))
    return found


def cpu_s(pid: int) -> float:
    """User and system seconds of the tree so far, children already reaped included."""
    ticks = sum(sum(int(field) for field in _stat(each)[11:15]) for each in tree(pid))
    return ticks / os.sysconf("SC_CLK_TCK")


def rss_kb(pid: int) -> int:
    """Resident memory of the tree now, KiB."""
    return sum(_status(each, "VmRSS") for each in tree(pid))


def peak_kb(pid: int) -> int:
    """Highest resident memory since each process of the tree began, KiB."""
    return sum(_status(each, "VmHWM") for each in tree(pid))


def machine_cpu_s() -> float:
    """User and system seconds of everything that runs, all cores together, since boot."""
    fields = (PROC / "stat").read_text().partition("\n")[0].split()
    user, nice, system = (int(field) for field in fields[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def _parents() -> Iterator[tuple[int, int]]:
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            fields = _stat(int(folder.name))
            if fields:
                yield int(folder.name), int(fields[1])


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third (state) on; none when the process is gone."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()


def _status(pid: int, name: str) -> int:
    try:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(name + ":")), 0)

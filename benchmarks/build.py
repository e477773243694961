"""Compile the C upstream and load generator with the machine's own compiler."""

import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent
FLAGS = ("-O2", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-std=gnu11")


@dataclass(frozen=True, slots=True)
class Tools:
    """The two programs that drive a measurement."""

    upstream: Path
    load: Path


class NoCompilerError(RuntimeError):
    """Nothing can be measured here: no C compiler, or no epoll."""


def build(folder: Path = SOURCES / "build") -> Tools:
    """Compile what is older than its source; raise NoCompilerError without Linux and `cc`."""
    if platform.system() != "Linux":
        raise NoCompilerError("the upstream and the load generator need Linux (epoll)")
    compiler = shutil.which("cc")
    if compiler is None:
        raise NoCompilerError("cc: not found; install a C compiler (Debian: apt-get install gcc)")
    folder.mkdir(parents=True, exist_ok=True)
    return Tools(*(_compiled(compiler, name, folder) for name in ("upstream", "load")))


def _compiled(compiler: str, name: str, folder: Path) -> Path:
    source, binary = SOURCES / f"{name}.c", folder / name
    newest = max(path.stat().st_mtime for path in (source, SOURCES / "wire.h"))
    if not binary.exists() or binary.stat().st_mtime < newest:
        subprocess.run([compiler, *FLAGS, "-o", binary, source], check=True)
    return binary

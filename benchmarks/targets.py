"""What is measured: the upstream itself and proxies in front of it, each in its own process."""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks import procfs

ROOT = Path(__file__).parent.parent
START_LIMIT_S = 30.0
STOP_LIMIT_S = 10.0

TABWATT = (
    f"{shlex.quote(sys.executable)} -m tabwatt serve --port 0 --intercept-port off"
    " --upstream bench={upstream} --json"
)
AIOHTTP = f"{shlex.quote(sys.executable)} -m benchmarks.bare_aiohttp {{port}} {{upstream}}"

NGINX_CONFIGURATION = """\
daemon off;
worker_processes 1;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    keepalive_requests 100000000;
    tcp_nodelay on;
    upstream bench {{
        server {upstream};
        keepalive 1024;
        keepalive_requests 100000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{
            proxy_pass http://bench;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_request_buffering off;
        }}
    }}
}}
"""


class TargetError(RuntimeError):
    """A target cannot be measured here; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """A listener that answers like the upstream; `pid` is None for the upstream itself.

    `ready_kb` is the resident memory (KiB) when it was ready, before its first request.
    """

    name: str
    port: int
    prefix: str = ""
    pid: int | None = None
    ready_kb: int = 0


@contextmanager
def upstream(binary: Path) -> Iterator[Target]:
    """The C upstream on a port of its choice."""
    process = subprocess.Popen([binary], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Target("direct", int(process.stdout.readline()))
    finally:
        _stop(process)
        process.stdout.close()


@contextmanager
def nginx(upstream_port: int, folder: Path) -> Iterator[Target]:
    """One nginx worker with kept upstream connections and no buffering."""
    binary = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if binary is None:
        raise TargetError("nginx: not installed; left out (Debian: apt-get install nginx-light)")
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(
        NGINX_CONFIGURATION.format(
            user="user root;" if os.geteuid() == 0 else "",
            folder=folder,
            upstream=f"127.0.0.1:{upstream_port}",
            port=port,
        )
    )
    argv = [binary, "-p", str(folder), "-c", str(configuration), "-e", str(folder / "error.log")]
    with _process("nginx", argv, folder) as process:
        _wait_for_port("nginx", process, port, folder)
        yield Target("nginx", port, "", process.pid, procfs.rss_kb(process.pid))


@contextmanager
def command(name: str, template: str, upstream_port: int, folder: Path) -> Iterator[Target]:
    """A proxy started by a command line with `{upstream}` (a URL) and perhaps `{port}` in it.

    Without `{port}` the command prints the ready line of `tabwatt serve --json`, and requests
    go to `/bench/…` of the address given there.
    """
    port = free_port() if "{port}" in template else None
    filled = template.replace("{upstream}", f"http://127.0.0.1:{upstream_port}")
    argv = shlex.split(filled.replace("{port}", str(port)))
    with _process(name, argv, folder) as process:
        if port is not None:
            _wait_for_port(name, process, port, folder)
            listens_at, prefix = port, ""
        else:
            reverse = _ready_line(name, process, folder)["reverse"]
            listens_at, prefix = urlsplit(str(reverse)).port or 0, "/bench"
        yield Target(name, listens_at, prefix, process.pid, procfs.rss_kb(process.pid))


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment(folder: Path) -> dict[str, str]:
    """Ours without proxy settings, which a proxy would obey, and with a home of its own."""
    kept = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    return kept | {"TABWATT_HOME": str(folder / "home")}


@contextmanager
def _process(name: str, argv: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        try:
            process = subprocess.Popen(
                argv, stdout=out, stderr=err, cwd=ROOT, env=_environment(folder)
            )
        except OSError as error:
            raise TargetError(f"{name}: cannot start {argv[0]}: {error.strerror}") from error
        try:
            yield process
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_for_port(name: str, process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    def listens() -> bool | None:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0 or None

    _await(name, process, folder, listens)


def _ready_line(name: str, process: subprocess.Popen[bytes], folder: Path) -> Mapping[str, object]:
    def line() -> Mapping[str, object] | None:
        first, end, _ = (folder / "stdout").read_text().partition("\n")
        return json.loads(first) if end else None

    ready = _await(name, process, folder, line)
    if not isinstance(ready, dict) or "reverse" not in ready:
        raise TargetError(f"{name}: its first line is no ready line: {ready!r}")
    return ready


def _await[T](
    name: str, process: subprocess.Popen[bytes], folder: Path, ask: Callable[[], T | None]
) -> T:
    """Ask until there is an answer, the process is gone or the time is up."""
    end = time.monotonic() + START_LIMIT_S
    while process.poll() is None and time.monotonic() < end:
        answer = ask()
        if answer is not None:
            return answer
        time.sleep(0.02)
    said = (folder / "stderr").read_text(errors="replace").strip().splitlines()
    raise TargetError(f"{name}: did not start; left out ({said[-1] if said else 'no message'})")

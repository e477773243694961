"""`tabwatt serve`: the proxy without a screen."""

import argparse
import asyncio
import gc
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tabwatt.settings import Settings

SWITCH_S = 0.001
"""How long accounting may hold the interpreter while a chunk waits; Python's default is 5 ms."""

SUMMARY = (
    "Start the proxy without a screen. Every byte passes untouched; one row per request goes"
    " into the ledger."
)
EPILOG = """\
examples:
  tabwatt serve
  tabwatt serve --port 0 --json                     any free port; one JSON line when ready
  tabwatt serve --upstream vllm=http://gpu1:8000    another model server, reached as /vllm/…

point a client at it:
  OPENAI_BASE_URL=http://127.0.0.1:8229/v1          (root paths go to the family's own vendor)
  ANTHROPIC_BASE_URL=http://127.0.0.1:8229
  http://127.0.0.1:8229/u/alice@example.org/vllm/v1 (a developer and an upstream by name)

SIGTERM and Ctrl+C drain for 2.5 s; streams still open then are cut and recorded so."""


def add_arguments(parser: argparse.ArgumentParser, *, with_json: bool = True) -> None:
    """Flags of `serve`; `up` shares them."""
    parser.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", help="port, 0 for any free one, or off (default 8229)")
    parser.add_argument(
        "--intercept-port",
        default="off",
        help="the intercepting proxy's port; only 'off' in this version",
    )
    parser.add_argument(
        "--upstream",
        action="append",
        default=[],
        metavar="NAME=URL",
        help="add or replace an upstream; repeatable",
    )
    if with_json:
        parser.add_argument("--json", action="store_true", help="print one JSON line when ready")
        # For a parent process: whatever ends it, its proxy does not stay behind.
        parser.add_argument("--leave-with-stdin", action="store_true", help=argparse.SUPPRESS)


def again(args: argparse.Namespace) -> list[str]:
    """The flags as they were given, for a `serve` in another process."""
    out = ["--intercept-port", args.intercept_port]
    for name in ("host", "port"):
        value = getattr(args, name)
        out += [f"--{name}", value] if value is not None else []
    for pair in args.upstream:
        out += ["--upstream", pair]
    return out


def flags(args: argparse.Namespace) -> dict[str, object]:
    """The flags as settings; raises `UsageError`."""
    from tabwatt.errors import UsageError
    from tabwatt.settings import read_port

    if args.intercept_port != "off":
        raise UsageError("--intercept-port: only 'off' in this version")
    upstreams: dict[str, str] = {}
    for pair in args.upstream:
        name, mark, url = pair.partition("=")
        if not mark or not url:
            raise UsageError(f"--upstream {pair}: expected NAME=URL")
        upstreams[name] = url
    found: dict[str, object] = {"host": args.host, "upstreams": upstreams or None}
    if args.port is not None:
        found["port"] = read_port("--port", args.port)
    return found


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    from tabwatt.errors import UsageError
    from tabwatt.settings import load

    settings = load(args.home, os.environ, flags(args))
    if settings.port is None:
        raise UsageError("port off: nothing would listen; this version has the reverse proxy only")
    _keep_secrets_in_memory()
    sys.setswitchinterval(SWITCH_S)
    runner = asyncio.Runner(loop_factory=_loop_factory())
    with runner:
        return runner.run(_serve(settings, args))


async def _serve(settings: "Settings", args: argparse.Namespace) -> int:
    from tabwatt.home import prepare
    from tabwatt.log import to_file
    from tabwatt.service import Service

    service = Service(settings, args.home, os.environ)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    if args.leave_with_stdin:
        # Nothing is ever written to it: readable means closed.
        loop.add_reader(sys.stdin.fileno(), stop.set)
    prepare(args.home)
    with to_file(args.home):
        await service.start()
        _spare_the_collector()
        _announce(service.url, as_json=args.json, token=settings.token is not None)
        await stop.wait()
        await service.stop()
    return 0


def _announce(url: str | None, *, as_json: bool, token: bool) -> None:
    if as_json:
        ready = {"ready": True, "reverse": url, "intercept": None, "ca": None, "pid": os.getpid()}
        print(json.dumps(ready), flush=True)
        return
    print(f"tabwatt is listening on {url}", flush=True)
    print("point a client at it:", flush=True)
    print(f"  export OPENAI_BASE_URL={url}/v1", flush=True)
    print(f"  export ANTHROPIC_BASE_URL={url}", flush=True)
    if token:
        print("clients must send the token as header X-Tabwatt-Token", flush=True)


def _spare_the_collector() -> None:
    """What is loaded stays: no pause of a stream to look through it for garbage again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _keep_secrets_in_memory() -> None:
    """No core dumps: they would hold prompts and keys."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # Windows
        return None
    return uvloop.new_event_loop

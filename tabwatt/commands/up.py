"""`tabwatt up`: the proxy and the live screen in one terminal."""

import argparse
import os

from tabwatt.commands import serve

SUMMARY = (
    "Start the proxy and watch it live. Point a client at it as the screen says; every byte"
    " passes untouched. The proxy runs in a process of its own, so the screen never delays it."
)
EPILOG = """\
examples:
  tabwatt up
  tabwatt up --port 9000 --upstream vllm=http://gpu1:8000

keys: ? help, u unit, t period, Enter details, q quit (the proxy drains and stops too)"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `serve`."""
    serve.add_arguments(parser, with_json=False)


def run(args: argparse.Namespace) -> int:
    """Start the proxy, show the screen until it is left, stop the proxy."""
    from tabwatt.child import proxy
    from tabwatt.screen import show
    from tabwatt.settings import load

    settings = load(args.home, os.environ, serve.flags(args))
    with proxy(serve.again(args), os.environ) as ready:
        show(args.home, settings, ready.reverse)
    return 0

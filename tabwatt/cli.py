"""The command line: one parser, one module per command, errors as one line.

Only the chosen command's module is imported, so that `--help` and `status` stay fast.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import NoReturn

from tabwatt import __version__
from tabwatt.errors import CannotTell, UsageError
from tabwatt.home import home_folder

COMMANDS: dict[str, str] = {
    "up": "start the proxy and watch it live in this terminal (start here)",
    "serve": "start the proxy without a screen",
    "tui": "the live screen over a ledger that is being written elsewhere",
    "demo": "everything with simulated editors, without any account",
    "status": "one line for a status bar",
    "export": "records as NDJSON or CSV",
    "estimate": "what a request costs in energy and carbon",
    "doctor": "check this installation, with the cure for each fault",
}
"""In the order in which a newcomer needs them."""

_EPILOG = """\
first steps:
  tabwatt demo                                see it alive, without any account
  tabwatt up                                  start the proxy, then point a client at it:
  export OPENAI_BASE_URL=http://127.0.0.1:8229/v1
  export ANTHROPIC_BASE_URL=http://127.0.0.1:8229

'tabwatt COMMAND --help' explains each command with an example.
exit codes: 0 fine, 1 the answer is no, 2 wrong usage or bad input, 3 cannot tell"""


class Parser(argparse.ArgumentParser):
    """argparse, but an error is one line like all others."""

    def error(self, message: str) -> NoReturn:
        """Wrong usage."""
        raise UsageError(f"{message}; see '{self.prog} --help'")


def run(argv: Sequence[str]) -> int:
    """Parse, run the command, translate its errors; returns the exit code."""
    try:
        return _run(argv)
    except UsageError as error:
        return _fail(str(error), 2)
    except CannotTell as error:
        return _fail(str(error), 3)
    except BrokenPipeError:
        # The reader went away (`… | head`): nothing is wrong, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _run(argv: Sequence[str]) -> int:
    chosen = next((word for word in argv if not word.startswith("-")), None)
    parser = _parser(chosen)
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help()
        return 0
    args.home = home_folder(os.environ)
    module: ModuleType = args.module
    code = module.run(args)
    sys.stdout.flush()
    return int(code)


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    parser = Parser(
        prog="tabwatt",
        description="The energy and carbon of every request your editor sends to a model.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"tabwatt {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, summary in COMMANDS.items():
        if name != chosen:
            commands.add_parser(name, help=summary)
            continue
        module = import_module(f"tabwatt.commands.{name}")
        command = commands.add_parser(
            name,
            help=summary,
            description=module.SUMMARY,
            epilog=module.EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        module.add_arguments(command)
        command.set_defaults(module=module)
    return parser


def _fail(message: str, code: int) -> int:
    print(f"tabwatt: {message}", file=sys.stderr)
    return code

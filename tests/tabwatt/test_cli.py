"""What a person meets on the command line: help, one-line errors, exit codes, light imports."""

import subprocess
import sys
from pathlib import Path

import pytest

from tabwatt.cli import COMMANDS, run

HEAVY = ("aiohttp", "mitmproxy", "numpy", "sqlalchemy", "sqlmodel", "textual", "tiktoken")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own."""
    monkeypatch.setenv("TABWATT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def failed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = run(words)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return code, said.err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        run([command, "--help"])
    said = capsys.readouterr().out
    assert "examples:" in said
    assert f"tabwatt {command}" in said.split("examples:")[1]


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    said = capsys.readouterr().out
    assert all(f"\n    {command}" in said for command in COMMANDS)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("bogus",), "invalid choice: 'bogus'"),
        (("serve", "--prot", "1"), "unrecognized arguments: --prot 1"),
        (("serve", "--port", "99999"), "--port 99999: expected a port from 0 to 65535, or off"),
        (("serve", "--upstream", "x"), "--upstream x: expected NAME=URL"),
        (("serve", "--upstream", "v1=http://h"), "start of a known path"),
        (("serve", "--upstream", "x=ftp://h"), "not an http(s) URL"),
        (("serve", "--host", "0.0.0.0"), "set a token"),
        (("serve", "--intercept-port", "8230"), "only 'off' in this version"),
        (("demo", "--seconds", "-1"), "not a positive number"),
        (("serve", "--port", "off"), "nothing would listen"),
        (("demo", "--seconds", "abc"), "abc is not a positive number"),
        (("doctor", "--endpoint", "foo"), "--endpoint foo: expected a URL"),
        (("up",), "needs a terminal"),
        (("tui",), "needs a terminal"),
        (("export", "--format", "xls"), "invalid choice: 'xls'"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(
    words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = failed(capsys, *words)
    assert code == 2
    assert told in said


def test_a_wrong_key_in_the_file_names_the_nearest(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.mkdir()
    (home / "tabwatt.toml").write_text("[server]\nprot = 1\n")
    code, said = failed(capsys, "serve")
    assert code == 2
    assert "server.prot is no known key; did you mean server.port?" in said


def test_a_ledger_that_is_not_there_is_exit_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert failed(capsys, "status")[0] == 3


@pytest.mark.parametrize("words", [("--help",), ("status",)])
def test_light_commands_stay_light(words: tuple[str, ...], tmp_path: Path) -> None:
    program = (
        "import sys; from tabwatt.cli import run\n"
        "try:\n    run(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        f"print(sorted(set(sys.modules) & set({HEAVY!r})))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, *words],
        env={"TABWATT_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.splitlines()[-1] == "[]"

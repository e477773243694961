"""`tabwatt estimate`, through its `run` and as a program."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tabwatt.commands import estimate
from tabwatt.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]


def run(*argv: str) -> int:
    parser = argparse.ArgumentParser()
    estimate.add_arguments(parser)
    return estimate.run(parser.parse_args(argv))


def program(*argv: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "tabwatt", "estimate", *argv]
    return subprocess.run(command, input=stdin, capture_output=True, cwd=ROOT, timeout=60)


def test_one_request_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run("--model", "gpt-5-mini-2026-08-07", "--input-tokens", "400", "--output-tokens", "90")
        == 0
    )
    text = capsys.readouterr().out
    assert "gpt-5-mini (shortened, asked for as gpt-5-mini-2026-08-07)" in text
    assert "? accelerator" in text
    assert "facility" in text
    assert "closed_models:gpt-5-mini" in text
    assert "what makes it wide:" in text


def test_a_known_model_is_marked_modelled(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--model", "qwen3-32b", "--input-tokens", "400", "--output-tokens", "90") == 0
    assert "~ accelerator" in capsys.readouterr().out


def test_one_request_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ("--gpu", "H100", "--gpus", "1", "--batch", "32", "--precision", "bf16", "--zone", "fr")
    assert (
        run(
            "--model",
            "llama3.1:8b",
            "--output-tokens",
            "90",
            "--input-tokens",
            "1",
            "--json",
            *flags,
        )
        == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert (found["v"], found["tier"], found["zone"]) == (1, "modelled", "FR")


@pytest.mark.parametrize(
    "argv",
    [
        ("--model", "gpt-5"),
        ("--output-tokens", "-5"),
        ("--input-tokens", "5", "--cache-read-tokens", "6"),
        ("--output-tokens", "nan"),
        ("--from", "-", "--model", "gpt-5"),
        ("--from", "/no/such/file"),
    ],
)
def test_wrong_usage_is_one_clear_line(argv: tuple[str, ...]) -> None:
    with pytest.raises(UsageError) as error:
        run(*argv)
    assert "\n" not in str(error.value)


def test_a_file_is_answered_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [{"id": f"r{i}", "model": "qwen3-8b", "output_tokens": i} for i in range(500)]
    path = tmp_path / "rows.ndjson"
    path.write_text("\ufeff" + "\r\n".join(map(json.dumps, lines)))
    assert run("--from", str(path), "--json") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["id"] for answer in found] == [f"r{i}" for i in range(500)]


def test_a_bad_line_is_two_at_the_end_and_the_rest_is_answered() -> None:
    stdin = b'{"id":"a","output_tokens":5}\n\nnonsense\n{"output_tokens":7}'
    done = program("--from", "-", "--json", stdin=stdin)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["id"] for answer in found] == ["a", 3, 4]
    assert ["error" in answer for answer in found] == [False, True, False]
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert b"1 of 3 lines" in done.stderr


def test_a_pipe_that_waits_is_answered_line_by_line() -> None:
    command = [sys.executable, "-m", "tabwatt", "estimate", "--from", "-", "--json"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in (1, 2):
            process.stdin.write(b'{"output_tokens":5}\n')
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == number
        process.stdin.close()
        assert process.wait(timeout=30) == 0


def test_a_reader_that_has_had_enough_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "rows.ndjson"
    path.write_bytes(b'{"output_tokens":5}\n' * 2_000)  # answers of 2 MB: more than a pipe holds
    command = [sys.executable, "-m", "tabwatt", "estimate", "--from", str(path), "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["id"] == 1
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=30) == 0


def test_a_folder_cannot_be_read(tmp_path: Path) -> None:
    done = program("--from", str(tmp_path), "--json")
    assert done.returncode == 2
    assert done.stdout == b""
    assert b"cannot be read" in done.stderr
    assert b"Traceback" not in done.stderr


def test_importing_the_command_loads_nothing_heavy() -> None:
    code = "import sys, tabwatt.commands.estimate; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == b"False"

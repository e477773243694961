"""The harness counts rightly. Nothing here asserts a time."""

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from benchmarks.build import NoCompilerError, Tools, build
from benchmarks.prompts import SIZES, write_bodies
from benchmarks.scenarios import paced, requests, spaced
from benchmarks.targets import AIOHTTP, Target, TargetError, command, free_port, upstream
from benchmarks.visit import Bench, answer_bytes, memory, run, verify


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Tools:
    try:
        return build(tmp_path_factory.mktemp("build"))
    except NoCompilerError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def bench(tools: Tools, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bodies = write_bodies(tmp_path_factory.mktemp("bodies"))
    with upstream(tools.upstream) as direct:
        yield Bench(tools.load, bodies, direct)


def test_the_upstream_delivers_the_same_bytes_twice_and_gets_ours_whole(bench: Bench) -> None:
    verify(bench, bench.direct)


def test_every_spaced_request_is_answered_and_the_first_ones_are_left_out(bench: Bench) -> None:
    scenario = spaced("reply", "stream=0", "reply", rate=400, seconds=1)
    figures = run(bench, bench.direct, scenario, answer_bytes(bench, scenario))
    assert figures["requests"] == 400
    assert figures["measured"] == 379  # 400 less a twentieth and one
    assert figures["bytes"] == 400 * answer_bytes(bench, scenario)
    assert (figures["wrong"], figures["failed"]) == (0, 0)


def test_no_chunk_of_a_paced_stream_is_lost(bench: Bench) -> None:
    scenario = paced(8, 10_000, 1)
    figures = run(bench, bench.direct, scenario, answer_bytes(bench, scenario))
    assert figures["chunks"] == 800  # 8 streams of 100
    assert (figures["lost"], figures["wrong"], figures["failed"]) == (0, 0, 0)
    assert figures["delay_ms_max"] > 0


def test_a_closed_loop_keeps_every_connection_busy(bench: Bench) -> None:
    figures = run(bench, bench.direct, requests(4, 1, fresh=True), -1)
    assert figures["measured"] >= 100
    assert (figures["wrong"], figures["failed"]) == (0, 0)


def test_an_answer_of_another_length_is_wrong(bench: Bench) -> None:
    scenario = spaced("reply", "stream=0", "reply", rate=400, seconds=1)
    figures = run(bench, bench.direct, scenario, expect_bytes=1)
    assert figures["wrong"] == 400


def test_chunks_that_never_come_are_lost(tools: Tools, bench: Bench) -> None:
    options = ["mode=streams", "connections=8", "expect_chunks=30", f"port={bench.direct.port}"]
    path = "path=/v1/chat/completions?stream=1&chunks=25"
    report = json.loads(subprocess.check_output([tools.load, *options, path]))
    assert report["chunks"] == 200  # 8 x 25
    assert report["lost"] == 40  # 8 x (30 - 25)


def test_a_dead_target_fails_and_ends(tools: Tools) -> None:
    options = ["mode=open", "rate=10000", "requests=5", f"port={free_port()}", "limit_s=5"]
    report = json.loads(subprocess.check_output([tools.load, *options]))
    assert report["failed"] == 5
    assert report["requests"] == 0


def test_bodies_have_exactly_their_size_and_hold_one_json_request(bench: Bench) -> None:
    for name, size in SIZES.items():
        body = bench.bodies[name].read_bytes()
        assert len(body) == size
        assert json.loads(body)["messages"][1]["role"] == "user"


def test_a_bare_pass_through_is_found_right_and_its_cost_is_seen(
    bench: Bench, tmp_path: Path
) -> None:
    with command("aiohttp", AIOHTTP, bench.direct.port, tmp_path) as target:
        verify(bench, target)
        scenario = spaced("reply", "stream=0", "reply", rate=400, seconds=1)
        figures = run(bench, target, scenario, answer_bytes(bench, scenario))
        assert figures["requests"] == 400
        assert (figures["wrong"], figures["failed"]) == (0, 0)
        assert figures["cpu_us"] > 0
        assert memory(bench, target)["before_kb"] > 10_000  # an interpreter is larger than 10 MB


class Meddler(BaseHTTPRequestHandler):
    """A proxy that answers with bytes of its own."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_target_that_changes_bytes_is_refused(bench: Bench) -> None:
    with HTTPServer(("127.0.0.1", 0), Meddler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with pytest.raises(TargetError, match="meddler: stream=0"):
                verify(bench, Target("meddler", server.server_address[1]))
        finally:
            server.shutdown()
            thread.join()


def test_a_target_that_does_not_start_is_named_with_its_last_words(tmp_path: Path) -> None:
    template = "python3 -c 'import sys; sys.exit(\"no such port\")' {port}"
    with (
        pytest.raises(TargetError, match=r"mine: did not start; left out \(no such port\)"),
        command("mine", template, 1, tmp_path),
    ):
        pass

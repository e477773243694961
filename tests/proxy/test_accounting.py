"""Whose figure counts, and what a row says about it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from estimator.usage import Usage
from proxy.accounting import (
    NOT_RUN,
    Place,
    model_name,
    needs_counting,
    provider,
    query,
    record,
    usage,
)
from proxy.exchange import Exchange
from proxy.identity import Caller
from proxy.protocols.openai_chat import OpenAIChat
from proxy.protocols.openai_completions import OpenAICompletions
from proxy.protocols.protocol import Ask
from proxy.routing import Route, upstream

BODY = (
    b'{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"order the list"}]}'
)
# 3 for the message's frame, 3 before the reply, 1 for "user", 3 for "order the list"
INPUT = 10
LONG = 250
"""What 1,050 bytes are guessed to be: 1050 / 4.2."""


def made(outcome: str = "ok", status: int | None = 200, **more: Any) -> Exchange:
    """An exchange that is over."""
    exchange = Exchange(
        id="x1",
        route=Route(upstream("openai", "https://api.openai.com"), "/v1/chat/completions", ""),
        protocol=more.pop("protocol", OpenAIChat()),
        headers={},
        started_at=datetime(2026, 11, 23, 10, tzinfo=UTC),
        started_s=100.0,
    )
    exchange.request_body(more.pop("body", BODY))
    exchange.read_request()
    exchange.status = status
    exchange.outcome = outcome  # type: ignore[assignment] # one of the outcomes
    exchange.ended_s = 102.5
    for name, value in more.items():
        setattr(exchange, name, value)
    return exchange


def said(exchange: Exchange, *texts: str) -> Exchange:
    for text in texts:
        exchange.reading.deltas += 1
        exchange.reading.add(text)
    return exchange


def reported(input_tokens: int | None = None, output_tokens: int | None = None) -> Usage:
    return Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        input_how="none" if input_tokens is None else "reported",
        output_how="none" if output_tokens is None else "reported",
    )


def figures(used: Usage) -> tuple[int | None, str, int | None, str]:
    return used.input_tokens, used.input_how, used.output_tokens, used.output_how


def test_the_servers_report_counts() -> None:
    exchange = said(made(), "one two")
    exchange.reading.report(reported(120, 40))
    assert figures(usage(exchange, count=True)) == (120, "reported", 40, "reported")
    assert needs_counting(exchange) == 0


def test_without_a_report_the_text_is_counted() -> None:
    exchange = said(made(), "one", " two", " th", "ree")  # joined first: " three" is one token
    assert figures(usage(exchange, count=True)) == (INPUT, "counted", 3, "counted")
    assert needs_counting(exchange) == len(BODY) + len("one two three")


def test_each_side_is_taken_by_itself() -> None:
    exchange = said(made(), "one two")
    exchange.reading.report(reported(120, None))
    assert figures(usage(exchange, count=True)) == (120, "reported", 2, "counted")


def test_the_clients_own_count_goes_before_ours() -> None:
    exchange = made(ask=Ask(model="gpt-4o-copilot", client_input_tokens=321))
    assert figures(usage(exchange, count=True))[:2] == (321, "client")
    exchange.reading.report(reported(300, 1))
    assert figures(usage(exchange, count=True))[:2] == (300, "reported")


def test_without_time_to_count_bytes_are_guessed_from() -> None:
    body = BODY + b" " * (1050 - len(BODY))
    exchange = said(made(body=body), "x" * 1050)
    assert figures(usage(exchange, count=False)) == (LONG, "guessed", LONG, "guessed")


@pytest.mark.parametrize(("outcome", "status"), [("upstream_error", 429), ("refused", None)])
def test_what_was_turned_away_used_nothing(outcome: str, status: int | None) -> None:
    exchange = made(outcome, status)
    assert usage(exchange, count=True) is NOT_RUN
    assert needs_counting(exchange) == 0


def test_a_stream_that_broke_off_counts_what_arrived() -> None:
    """Five tokens were reported on the way; the three after them are counted: 5 + 3."""
    exchange = made("cut")
    exchange.reading.report(reported(120, 5))
    said(exchange, "one", " two", " three")
    assert figures(usage(exchange, count=True)) == (120, "reported", 8, "counted")


def test_a_stream_that_reported_as_it_went_keeps_its_last_report() -> None:
    exchange = said(made("cancelled"), "one two three")
    exchange.reading.report(reported(120, 40))
    assert figures(usage(exchange, count=True)) == (120, "reported", 40, "reported")


def test_a_prompt_with_an_image_is_a_guess() -> None:
    exchange = made(ask=Ask(model="gpt-4o-mini", modalities=("image", "text")))
    assert figures(usage(exchange, count=True))[:2] == (INPUT, "guessed")


def test_no_answer_yet_is_no_output() -> None:
    assert figures(usage(made("cancelled", None), count=True))[2:] == (0, "counted")


@pytest.mark.parametrize(
    "exchange",
    [
        made("cut", ask=Ask(model="m", stream=False), response_bytes=100),
        made("cancelled", ask=Ask(model="m", stream=False), response_bytes=100),
        made("ok", ask=Ask(model="m", stream=False), response_bytes=9, fault="not readable"),
        made("ok", ask=Ask(model="m", stream=True), response_bytes=9, fault="not readable"),
    ],
)
def test_what_could_not_be_read_is_unknown_and_not_nothing(exchange: Exchange) -> None:
    assert figures(usage(exchange, count=True))[2:] == (None, "none")


def test_text_beyond_what_is_kept_is_a_guess() -> None:
    exchange = said(made(), "x" * 1050)
    exchange.reading.text_complete = False
    assert figures(usage(exchange, count=True))[2:] == (LONG, "guessed")


@pytest.mark.parametrize(
    ("name", "url", "expected"),
    [
        ("openai", "https://api.openai.com", "openai"),
        ("openai", "http://127.0.0.1:4000", "openai"),  # a gateway on this machine
        ("vllm", "http://127.0.0.1:8000", "local"),
        ("box", "http://localhost:9", "local"),
        ("gpu1", "http://gpu1:8000", "gpu1"),
    ],
)
def test_who_runs_the_models(name: str, url: str, expected: str) -> None:
    assert provider(upstream(name, url)) == expected


def test_the_estimator_hears_what_was_seen() -> None:
    exchange = made(first_output_s=100.5)
    asked = query(exchange, Usage(input_tokens=10, output_tokens=20), Place(zone="DE"))
    assert (asked.model, asked.input_tokens, asked.output_tokens) == ("gpt-4o-mini", 10, 20)
    assert (asked.ttft_s, asked.duration_s) == (0.5, 2.5)  # 100.5 - 100, 102.5 - 100
    assert (asked.local, asked.zone) == (False, None)  # a vendor's zone is not ours


def test_a_local_model_runs_where_we_are() -> None:
    route = Route(upstream("vllm", "http://127.0.0.1:8000"), "/v1/chat/completions", "")
    asked = query(made(route=route), Usage(), Place(zone="DE"))
    assert (asked.local, asked.zone, asked.provider) == (True, "DE", "local")


def test_a_row_says_who_what_and_when() -> None:
    caller = Caller("alice", "aider", "0.86", "vim", "s" * 24, "shop", "m" * 24)
    exchange = made(caller=caller, first_output_s=100.5, purpose="agent", response_bytes=77)
    exchange.reading.model = "gpt-4o-mini-2024-07-18"
    row = record(exchange, usage(exchange, count=True), None, Place("web"), revision=2, final=False)
    assert (row.id, row.revision, row.provisional) == ("x1", 2, True)
    assert (row.developer, row.team, row.client, row.editor) == ("alice", "web", "aider", "vim")
    assert (row.model_requested, row.model_served) == ("gpt-4o-mini", "gpt-4o-mini-2024-07-18")
    assert (row.duration_s, row.ttft_s) == (2.5, 0.5)
    assert row.ended_at == datetime(2026, 11, 23, 10, 0, 2, 500_000, tzinfo=UTC)
    assert (row.request_bytes, row.response_bytes) == (len(BODY), 77)
    assert (row.upstream, row.provider, row.api) == ("openai", "openai", "openai.chat")
    assert row.tab is None
    assert row.facility_j is None


def test_a_tab_is_marked_before_anything_is_known_of_its_fate() -> None:
    exchange = made(purpose="tab", protocol=OpenAICompletions())
    row = record(exchange, Usage(), None, Place(), revision=1, final=True)
    assert row.tab is not None
    assert (row.tab.shown, row.tab.accepted) == (None, None)
    assert row.developer == "unknown"


@pytest.mark.parametrize(
    ("named", "kept"),
    [
        ("/home/alice/models/smollm2.gguf", "smollm2.gguf"),
        ("C:\\models\\smollm2.gguf", "smollm2.gguf"),
        ("~/smollm2.gguf", "smollm2.gguf"),
        ("Qwen/Qwen3-32B", "Qwen/Qwen3-32B"),
        ("a\x1b[2Jb\u202e", "a?[2Jb?"),
        ("x" * 1000, "x" * 128),
        ("please order the list that I gave you", "(no name of a model)"),
        (None, None),
    ],
)
def test_a_models_path_on_somebodys_disk_is_not_kept(named: str | None, kept: str | None) -> None:
    assert model_name(named) == kept

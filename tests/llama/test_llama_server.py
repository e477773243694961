"""The main job on real input: a real model server, real clients, real rows.

Prompts differ in their first words from test to test, for the server keeps what it has computed.
"""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from anthropic import Anthropic
from clients.through import Proxy
from llama_server import LlamaServer
from openai import OpenAI

from estimator.catalogue import resolve
from ledger.record import RequestRecord

type Counters = Callable[[], dict[str, int]]

MODEL = "SmolLM2-135M-Instruct"
KEY = "none-needed"
GREEDY = {"temperature": 0}
"""Anthropic's SDK has no such parameter any more."""


@contextmanager
def openai_client(proxy: Proxy, developer: str = "dev") -> Iterator[OpenAI]:
    with OpenAI(
        base_url=f"{proxy.url}/u/{developer}/llamacpp/v1", api_key=KEY, max_retries=0
    ) as client:
        yield client


def said(words: str) -> list[Any]:
    return [{"role": "user", "content": words}]


def assert_served_here(row: RequestRecord, llama: LlamaServer) -> None:
    """What every row of this server has in common."""
    assert (row.outcome, row.http_status) == ("ok", 200)
    assert (row.provider, row.upstream) == ("local", "llamacpp")
    assert (row.input_how, row.output_how) == ("reported", "reported")
    assert row.model_served in {MODEL, Path(llama.model).name}
    for energy in (row.accelerator_j, row.server_j, row.facility_j):
        assert energy is not None
        assert energy.tier == "assumed"


def evaluated(row: RequestRecord) -> int:
    """Input that the server did not have in its cache: what its counter counts."""
    assert row.input_tokens is not None
    return row.input_tokens - (row.cache_read_tokens or 0)


def test_a_chat_agrees_with_the_server(
    before_llama: Proxy, llama: LlamaServer, counters: Counters
) -> None:
    with openai_client(before_llama, "alice") as client:
        reply = client.chat.completions.create(
            model=MODEL, messages=said("Apples are"), max_tokens=8, temperature=0
        )
    row = before_llama.row()
    assert_served_here(row, llama)
    assert reply.usage is not None
    assert reply.model_extra is not None
    timings = reply.model_extra["timings"]
    assert row.input_tokens == reply.usage.prompt_tokens == timings["cache_n"] + timings["prompt_n"]
    assert row.output_tokens == reply.usage.completion_tokens == timings["predicted_n"] == 8
    assert counters() == {"prompt_tokens": evaluated(row), "tokens_predicted": 8}
    assert (row.api, row.developer, row.client) == ("openai.chat", "alice", "openai-sdk")
    # The server's own spans lie within ours.
    assert row.duration_s is not None
    assert row.duration_s >= (timings["prompt_ms"] + timings["predicted_ms"]) / 1000 - 0.001


def test_a_streamed_chat_agrees_without_being_asked_for_usage(
    before_llama: Proxy, llama: LlamaServer, counters: Counters
) -> None:
    """The last chunk of a stream has `timings`; tokens come one by one and give the speed."""
    with openai_client(before_llama) as client:
        *_, last = client.chat.completions.create(
            model=MODEL, messages=said("Bridges are"), max_tokens=24, temperature=0, stream=True
        )
    row = before_llama.row()
    assert_served_here(row, llama)
    assert last.usage is None
    assert last.model_extra is not None
    timings = last.model_extra["timings"]
    assert row.input_tokens == timings["cache_n"] + timings["prompt_n"]
    assert row.cache_read_tokens == timings["cache_n"]
    assert row.output_tokens == timings["predicted_n"]
    assert counters() == {
        "prompt_tokens": timings["prompt_n"],
        "tokens_predicted": timings["predicted_n"],
    }
    assert row.ttft_s is not None
    assert row.duration_s is not None
    assert timings["prompt_ms"] / 1000 - 0.001 <= row.ttft_s < row.duration_s
    assert row.output_tokens_per_s is not None
    assert 0.1 < row.output_tokens_per_s / timings["predicted_per_second"] < 10


def test_text_completions_agree(
    before_llama: Proxy, llama: LlamaServer, counters: Counters
) -> None:
    with openai_client(before_llama) as client:
        whole = client.completions.create(
            model=MODEL, prompt="def add(a, b):", max_tokens=8, temperature=0
        )
        chunks = list(
            client.completions.create(
                model=MODEL,
                prompt="class Stack:",
                max_tokens=8,
                temperature=0,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
    rows = before_llama.rows()
    for row, usage in zip(rows, (whole.usage, chunks[-1].usage), strict=True):
        assert_served_here(row, llama)
        assert usage is not None
        told = (usage.prompt_tokens, usage.completion_tokens)
        assert (row.api, row.input_tokens, row.output_tokens) == ("openai.completions", *told)
    assert counters() == {
        "prompt_tokens": sum(map(evaluated, rows)),
        "tokens_predicted": 8 + 8,
    }


def test_responses_agree(before_llama: Proxy, llama: LlamaServer, counters: Counters) -> None:
    with openai_client(before_llama) as client:
        whole = client.responses.create(
            model=MODEL, input="Clouds are", max_output_tokens=8, temperature=0
        )
        # Not `responses.stream`: it adds up by `output_index`, which this server leaves out.
        *_, last = client.responses.create(
            model=MODEL, input="Deserts are", max_output_tokens=8, temperature=0, stream=True
        )
    rows = before_llama.rows()
    assert last.type == "response.completed"
    for row, reply in zip(rows, (whole, last.response), strict=True):
        assert_served_here(row, llama)
        assert reply.usage is not None
        told = (reply.usage.input_tokens, reply.usage.output_tokens)
        assert (row.api, row.input_tokens, row.output_tokens) == ("openai.responses", *told)
        assert row.cache_read_tokens == reply.usage.input_tokens_details.cached_tokens
    assert counters() == {
        "prompt_tokens": sum(map(evaluated, rows)),
        "tokens_predicted": 8 + 8,
    }


def test_anthropic_messages_agree(
    before_llama: Proxy, llama: LlamaServer, counters: Counters
) -> None:
    with Anthropic(base_url=f"{before_llama.url}/llamacpp", api_key=KEY, max_retries=0) as client:
        whole = client.messages.create(
            model=MODEL, messages=said("Eggs are"), max_tokens=8, extra_body=GREEDY
        )
        with client.messages.stream(
            model=MODEL, messages=said("Forests are"), max_tokens=8, extra_body=GREEDY
        ) as stream:
            final = stream.get_final_message()
    rows = before_llama.rows()
    for row, usage in zip(rows, (whole.usage, final.usage), strict=True):
        assert_served_here(row, llama)
        assert row.api == "anthropic.messages"
        assert evaluated(row) == usage.input_tokens
        assert row.cache_read_tokens == usage.cache_read_input_tokens
        assert row.output_tokens == usage.output_tokens == 8
    assert counters() == {
        "prompt_tokens": sum(map(evaluated, rows)),
        "tokens_predicted": 8 + 8,
    }
    assert rows[0].client == "anthropic-sdk"


def test_a_native_completion_agrees(
    before_llama: Proxy, llama: LlamaServer, counters: Counters
) -> None:
    """Each event of the stream tells the counts so far."""
    with openai_client(before_llama) as client:
        answer = client.post(
            f"{before_llama.url}/llamacpp/completion",
            body={"prompt": "import os", "n_predict": 8, "temperature": 0, "stream": True},
            cast_to=str,
        )
    last = json.loads(answer.rpartition("data: ")[2])
    row = before_llama.row()
    assert_served_here(row, llama)
    assert (row.api, row.stream) == ("llamacpp.completion", True)
    assert row.input_tokens == last["tokens_evaluated"]
    assert row.cache_read_tokens == last["timings"]["cache_n"]
    assert row.output_tokens == last["tokens_predicted"] == 8
    assert counters() == {"prompt_tokens": evaluated(row), "tokens_predicted": 8}


def test_requests_at_once_add_up_to_the_counters(
    before_llama: Proxy, llama: LlamaServer, counters: Counters
) -> None:
    """Six clients, two slots: the others wait, and what each of them used is still its own."""
    start = threading.Barrier(6)

    def one(number: int) -> int:
        with openai_client(before_llama, f"dev{number}") as client:
            start.wait(30)
            *_, last = client.chat.completions.create(
                model=MODEL,
                messages=said(f"{number} friends went to"),
                max_tokens=8 + number,
                temperature=0,
                stream=True,
                stream_options={"include_usage": True},
            )
        assert last.usage is not None
        return last.usage.completion_tokens

    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(one, range(6)))
    rows = {row.developer: row for row in before_llama.rows()}
    assert [rows[f"dev{number}"].output_tokens for number in range(6)] == told
    for row in rows.values():
        assert_served_here(row, llama)
    assert counters() == {
        "prompt_tokens": sum(map(evaluated, rows.values())),
        "tokens_predicted": sum(told),
    }


def test_a_stream_left_early_counts_what_arrived(before_llama: Proxy, counters: Counters) -> None:
    """The server goes on until it notices, and counts that too: measured 8 read, 10 counted there.

    Its vocabulary is not the one we count with: plain English differs by a token or two in ten.
    """
    question = said("Write a short story about a dog.")
    with (
        openai_client(before_llama) as client,
        client.chat.completions.create(
            model=MODEL, messages=question, max_tokens=256, temperature=0, stream=True
        ) as stream,
    ):
        deltas = 0
        for chunk in stream:
            deltas += bool(chunk.choices[0].delta.content)
            if deltas == 8:
                break
    row = before_llama.row()
    assert (row.outcome, row.http_status) == ("cancelled", 200)
    assert (row.output_how, row.input_how) == ("counted", "counted")
    counted = counters()
    assert row.output_tokens is not None
    assert 8 - 2 <= row.output_tokens <= counted["tokens_predicted"] + 2 < 256


def test_its_model_is_known_to_the_estimator(llama: LlamaServer) -> None:
    """It calls its model by the path of the file."""
    assert llama.model.endswith("SmolLM2-135M-Instruct.Q4_1.gguf")
    for name in (MODEL, llama.model):
        assert resolve(name).name == "smollm2-135m"


@pytest.mark.parametrize("path", ["/v1/models", "/props", "/health"])
def test_facts_about_the_server_have_no_row(before_llama: Proxy, path: str) -> None:
    with OpenAI(base_url=f"{before_llama.url}/llamacpp", api_key=KEY) as client:
        assert client.get(path, cast_to=object)
    assert before_llama.rows() == []

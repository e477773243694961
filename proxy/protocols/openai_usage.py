"""Usage and timings of the OpenAI dialects: the same object in chat, completions, embeddings."""

from estimator.usage import Usage
from proxy.protocols.fields import Fields, reported, seconds, tokens, total
from proxy.protocols.protocol import Reading


class InputDetails(Fields, frozen=True, gc=False):
    """`prompt_tokens_details` or `input_tokens_details`."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class OutputDetails(Fields, frozen=True, gc=False):
    """`completion_tokens_details` or `output_tokens_details`."""

    reasoning_tokens: int | None = None


class ChatUsage(Fields, frozen=True, gc=False):
    """`usage` of chat completions, with the extras of DeepSeek, Moonshot, Groq and others."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: InputDetails | None = None
    completion_tokens_details: OutputDetails | None = None
    prompt_cache_hit_tokens: int | None = None
    prompt_cache_miss_tokens: int | None = None
    cached_tokens: int | None = None
    prompt_time: float | None = None
    completion_time: float | None = None


class Timings(Fields, frozen=True, gc=False):
    """`timings` of llama.cpp."""

    prompt_n: int | None = None
    prompt_ms: float | None = None
    predicted_n: int | None = None
    predicted_ms: float | None = None
    cache_n: int | None = None


class Metrics(Fields, frozen=True, gc=False):
    """`metrics` of vLLM (`--enable-per-request-metrics`)."""

    time_to_first_token_ms: float | None = None
    generation_time_ms: float | None = None
    queue_time_ms: float | None = None


def chat_usage(usage: ChatUsage) -> Usage | None:
    """The normal form; `prompt_tokens` includes cached, `completion_tokens` reasoning tokens."""
    inputs = usage.prompt_tokens
    if inputs is None:
        inputs = total(usage.prompt_cache_hit_tokens, usage.prompt_cache_miss_tokens)
    details = usage.prompt_tokens_details or InputDetails()
    reasoning = (usage.completion_tokens_details or OutputDetails()).reasoning_tokens
    cached = (details.cached_tokens, usage.prompt_cache_hit_tokens, usage.cached_tokens)
    return reported(
        inputs,
        _output(usage, reasoning),
        cache_read=next((count for count in cached if count is not None), None),
        cache_write=details.cache_write_tokens,
        reasoning=reasoning,
    )


def _output(usage: ChatUsage, reasoning: int | None) -> int | None:
    """Output with reasoning; xAI leaves it out of `completion_tokens`, and its total shows it."""
    outputs = usage.completion_tokens
    if not reasoning or outputs is None or usage.prompt_tokens is None:
        return outputs
    with_reasoning = outputs + reasoning
    if usage.total_tokens == usage.prompt_tokens + with_reasoning:
        return with_reasoning
    return outputs


def read_usage(reading: Reading, usage: ChatUsage) -> None:
    """Take usage, and Groq's timings inside it (seconds)."""
    known = chat_usage(usage)
    if known is not None:
        reading.report(known)
    if usage.prompt_time is not None:
        reading.prefill_s = seconds(usage.prompt_time, 1)
    if usage.completion_time is not None:
        reading.decode_s = seconds(usage.completion_time, 1)


def read_timings(reading: Reading, timings: Timings) -> None:
    """Take llama.cpp's timings (milliseconds); they hold the token counts too.

    `prompt_n` counts only what was computed; with `cache_n` it is the whole prompt.
    """
    reading.prefill_s = seconds(timings.prompt_ms, 1000)
    reading.decode_s = seconds(timings.predicted_ms, 1000)
    known = reading.usage
    cached = tokens(timings.cache_n)
    if known is None:
        inputs = None if cached is None else total(timings.prompt_n, cached)
        known = reported(inputs, timings.predicted_n, cache_read=cached)
    elif known.cache_read_tokens is None and cached is not None:
        known = reported(known.input_tokens, known.output_tokens, cache_read=cached)
    if known is not None:
        reading.report(known)


def read_metrics(reading: Reading, metrics: Metrics) -> None:
    """Take vLLM's timings (milliseconds); time to first token includes the queue."""
    queued_ms = metrics.queue_time_ms or 0.0
    if metrics.time_to_first_token_ms is not None:
        reading.prefill_s = seconds(metrics.time_to_first_token_ms - queued_ms, 1000)
    reading.decode_s = seconds(metrics.generation_time_ms, 1000)

"""OpenAI chat completions, and the dialects of Mistral, Copilot, DeepSeek, llama.cpp and vLLM."""

from tabwatt.demo.answer import Answer, Truth, body, chunked, done, interleaved, sse, streamed
from tabwatt.demo.call import Call, Json
from tabwatt.demo.draft import Draft, draft, honest, reports
from tabwatt.demo.families.openai_usage import CREATED, dialect, extras, timings, usage

NAME = "openai.chat"
FIM = "mistral.fim"
REASONING_MODELS = ("gpt-5", "o1", "o3", "o4", "deepseek-reasoner", "magistral")
USAGE_UNASKED = frozenset({"mistral", "copilot"})
"""Dialects whose streams report usage though nobody asked."""


def answer(call: Call) -> Answer:
    """Answer a chat completion."""
    speaks = dialect(call)
    model = _deployment(call) or str(call.body.get("model") or "gpt-4o-mini")
    limit = call.body.get("max_completion_tokens") or call.body.get("max_tokens")
    inner = _fim(call)
    thought = draft(
        call,
        model=model,
        shortest=4 if inner else 20,
        spread=24 if inner else 160,
        choices=int(call.body.get("n") or 1),
        limit=limit if isinstance(limit, int) else None,
        reasons=model.startswith(REASONING_MODELS),
    )
    if not call.stream:
        truth = _truth(call, thought, unasked=True)
        return body(_whole(call, thought, speaks), truth)
    wants = _wants_usage(call, speaks)
    events = [sse(chunk, call.controls) for chunk in _chunks(call, thought, speaks, wants)]
    failure = sse({"error": {"message": "overloaded", "type": "server_error"}}, call.controls)
    truth = _truth(call, thought, unasked=wants)
    return streamed(events, done(call.controls), failure, truth)


def _truth(call: Call, thought: Draft, *, unasked: bool) -> Truth:
    speaks = dialect(call)
    return thought.truth(
        FIM if _fim(call) else NAME,
        reported=honest(call, unasked),
        thoughts_shown=_shows_thoughts(speaks),
        timed=speaks == "llamacpp",
    )


def _fim(call: Call) -> bool:
    return call.path.endswith("/fim/completions")


def _deployment(call: Call) -> str | None:
    """The model behind an Azure deployment, whose name (in path and body) is not a model's."""
    return "gpt-5-mini" if "/deployments/" in call.path else None


def _wants_usage(call: Call, speaks: str) -> bool:
    options = call.body.get("stream_options")
    asked = isinstance(options, dict) and bool(options.get("include_usage"))
    return reports(call, asked or speaks in USAGE_UNASKED)


def _shows_thoughts(speaks: str) -> bool:
    return speaks in {"deepseek", "vllm", "llamacpp"}


def _frame(call: Call, thought: Draft, kind: str) -> Json:
    return {
        "id": f"chatcmpl-{call.tag}",
        "object": kind,
        "created": CREATED,
        "model": thought.model,
        "service_tier": "default",
        "system_fingerprint": "fp_fake",
    }


def _tool_calls(call: Call, thought: Draft) -> list[Json]:
    return [
        {
            "index": index,
            "id": f"call_{call.tag}_{index}",
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        }
        for index, (name, arguments) in enumerate(thought.calls)
    ]


def _finish(thought: Draft, index: int) -> str:
    if thought.calls and index == 0:
        return "tool_calls"
    return "length" if thought.truncated else "stop"


def _tail(thought: Draft, speaks: str) -> Json:
    """What a dialect adds to the object that carries usage."""
    match speaks:
        case "copilot":
            return {"copilot_usage": {"total_nano_aiu": 1000 * thought.output_tokens}}
        case "llamacpp":
            return {"timings": timings(thought)}
        case _:
            return {}


def _usage(call: Call, thought: Draft, speaks: str, output: int | None = None) -> Json:
    zero = call.controls.usage == "zero"
    return usage(thought, extras(thought, speaks), zero=zero, output=output)


def _whole(call: Call, thought: Draft, speaks: str) -> Json:
    choices: list[Json] = []
    for index, text in enumerate(thought.texts):
        message: Json = {"role": "assistant", "content": text, "refusal": None}
        if index == 0 and _shows_thoughts(speaks) and thought.reasoning:
            message["reasoning_content"] = "".join(thought.reasoning)
        if index == 0 and thought.calls:
            message["tool_calls"] = _tool_calls(call, thought)
        finish = _finish(thought, index)
        choices.append({"index": index, "message": message, "finish_reason": finish})
    told = {"usage": _usage(call, thought, speaks)} if reports(call, True) else {}
    frame = _frame(call, thought, "chat.completion")
    return {**frame, "choices": choices, **told, **_tail(thought, speaks)}


def _chunks(call: Call, thought: Draft, speaks: str, wants: bool) -> list[Json]:
    """Every chunk before `[DONE]`."""
    frame = _frame(call, thought, "chat.completion.chunk")
    mode = call.controls.usage
    options = call.body.get("stream_options") or {}
    every = mode == "every" or (speaks == "vllm" and bool(options.get("continuous_usage_stats")))
    on_choice = mode == "last" or speaks == "mistral"
    chunks: list[Json] = []

    def choice(index: int, delta: Json, finish: str | None = None) -> Json:
        inner = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        chunk = {**frame, "choices": [inner]}
        if every:
            told = min(thought.output_tokens, len(chunks) + 1)
            chunk["usage"] = _usage(call, thought, speaks, told)
        elif wants and not on_choice:
            chunk["usage"] = None
        return chunk

    for index, delta in _deltas(call, thought, speaks):
        chunks.append(choice(index, delta))
    for index in range(len(thought.choices)):
        chunks.append(choice(index, {}, _finish(thought, index)))
    if wants and (on_choice or every):
        chunks[-1]["usage"] = _usage(call, thought, speaks)
    if wants and not on_choice:
        tail = _tail(thought, speaks)
        chunks.append({**frame, "choices": [], "usage": _usage(call, thought, speaks), **tail})
    elif speaks == "llamacpp":
        chunks[-1] |= _tail(thought, speaks)
    return chunks


def _deltas(call: Call, thought: Draft, speaks: str) -> list[tuple[int, Json]]:
    """(choice, delta) in the order they are sent."""
    deltas: list[tuple[int, Json]] = [
        (index, {"role": "assistant", "content": ""}) for index in range(len(thought.choices))
    ]
    if _shows_thoughts(speaks):
        deltas += [(0, {"reasoning_content": text}) for text in thought.reasoning]
    deltas += [(index, {"content": text}) for index, text in interleaved(thought.choices)]
    for tool in _tool_calls(call, thought):
        function = tool["function"]
        opened = {**tool, "function": {"name": function["name"], "arguments": ""}}
        deltas.append((0, {"tool_calls": [opened]}))
        for piece in chunked(list(function["arguments"]), (9, 14)):
            part = {"index": tool["index"], "function": {"arguments": piece}}
            deltas.append((0, {"tool_calls": [part]}))
    return deltas

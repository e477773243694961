"""Legacy text completions: FIM through `prompt` and `suffix`, and Copilot's ghost text."""

import re
from dataclasses import replace

from tabwatt.demo.answer import Answer, body, done, interleaved, sse, streamed
from tabwatt.demo.call import Call, Json
from tabwatt.demo.draft import Draft, draft, honest, reports
from tabwatt.demo.families.openai_usage import CREATED, dialect, extras, timings, usage

NAME = "openai.completions"
ENGINE = re.compile(r"/engines/([^/]+)/completions$")


def answer(call: Call) -> Answer:
    """Answer a text completion; ghost text streams without usage, as Copilot's does."""
    engine = ENGINE.search(call.path)
    limit = call.body.get("max_tokens")
    inner = bool(engine) or "suffix" in call.body
    thought = draft(
        _with_client_count(call),
        model=engine[1] if engine else None,
        choices=int(call.body.get("n") or 1),
        shortest=4 if inner else 20,
        spread=24 if inner else 160,
        limit=limit if isinstance(limit, int) else None,
        caches=False,
    )
    if not call.stream:
        truth = thought.truth(NAME, reported=honest(call, True), timed=_timed(call))
        return body(_whole(call, thought), truth)
    options = call.body.get("stream_options")
    wants = reports(call, isinstance(options, dict) and bool(options.get("include_usage")))
    events = [sse(chunk, call.controls) for chunk in _chunks(call, thought, wants)]
    failure = sse({"error": {"message": "overloaded", "type": "server_error"}}, call.controls)
    truth = thought.truth(NAME, reported=honest(call, wants), timed=_timed(call))
    return streamed(events, done(call.controls), failure, truth)


def _timed(call: Call) -> bool:
    return dialect(call) == "llamacpp"


def _with_client_count(call: Call) -> Call:
    """Copilot counts its own prompt (`extra`): the fake agrees with it."""
    extra = call.body.get("extra")
    if not isinstance(extra, dict) or call.controls.input_tokens is not None:
        return call
    count = extra.get("prompt_tokens", 0) + extra.get("suffix_tokens", 0)
    if not count:
        return call
    return replace(call, controls=replace(call.controls, input_tokens=count))


def _usage(call: Call, thought: Draft) -> Json:
    zero = call.controls.usage == "zero"
    return usage(thought, extras(thought, dialect(call)), zero=zero)


def _frame(call: Call, thought: Draft) -> Json:
    ident = f"cmpl-{call.tag}"
    return {"id": ident, "object": "text_completion", "created": CREATED, "model": thought.model}


def _tail(call: Call, thought: Draft) -> Json:
    return {"timings": timings(thought)} if _timed(call) else {}


def _whole(call: Call, thought: Draft) -> Json:
    finish = "length" if thought.truncated else "stop"
    choices = [
        {"index": index, "text": text, "logprobs": None, "finish_reason": finish}
        for index, text in enumerate(thought.texts)
    ]
    told = {"usage": _usage(call, thought)} if reports(call, True) else {}
    return {**_frame(call, thought), "choices": choices, **told, **_tail(call, thought)}


def _chunks(call: Call, thought: Draft, wants: bool) -> list[Json]:
    frame = _frame(call, thought)
    finish = "length" if thought.truncated else "stop"

    def chunk(index: int, text: str, ended: str | None = None) -> Json:
        inner = {"index": index, "text": text, "logprobs": None, "finish_reason": ended}
        return {**frame, "choices": [inner]}

    chunks = [chunk(index, text) for index, text in interleaved(thought.choices)]
    chunks += [chunk(index, "", finish) for index in range(len(thought.choices))]
    if wants and call.controls.usage in {"last", "every"}:
        chunks[-1]["usage"] = _usage(call, thought)
    elif wants:
        chunks.append({**frame, "choices": [], "usage": _usage(call, thought)})
    chunks[-1] |= _tail(call, thought)
    return chunks

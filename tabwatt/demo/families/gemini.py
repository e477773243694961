"""Gemini: SSE or one JSON array in pieces, cumulative usage; Code Assist wraps everything."""

from dataclasses import replace

from tabwatt.demo.answer import JSON, Answer, Truth, body, dumps, sse, streamed
from tabwatt.demo.call import Call, Json, input_tokens, seed
from tabwatt.demo.draft import Draft, draft, honest, reports

NAME = "gemini.generate"
THINKING_MODELS = ("gemini-2.5", "gemini-3")
ERROR_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}


def answer(call: Call) -> Answer:
    """Answer `:generateContent` and `:streamGenerateContent`."""
    inner = _unwrapped(call)
    config = inner.body.get("generationConfig") or {}
    limit = config.get("maxOutputTokens")
    model = _model(call)
    thought = draft(
        inner,
        model=model,
        choices=int(config.get("candidateCount") or 1),
        limit=limit if isinstance(limit, int) else None,
        reasons=model.startswith(THINKING_MODELS),
    )
    shown = bool((config.get("thinkingConfig") or {}).get("includeThoughts"))
    truth = thought.truth(NAME, reported=honest(call, True), thoughts_shown=shown)
    if not call.path.endswith(":streamGenerateContent"):
        return body(_wrapped(call, _whole(inner, thought, shown)), truth)
    chunks = [_wrapped(call, chunk) for chunk in _chunks(inner, thought, shown)]
    failure = _error(503)
    if call.query.get("alt") != "sse":
        return _array(call, chunks, failure, truth)
    *events, last = (sse(chunk, call.controls) for chunk in chunks)
    return streamed(events, last, sse(failure, call.controls), truth)


def count_tokens(call: Call) -> Answer:
    """Answer `:countTokens`: no generation, no truth."""
    asked = call.controls.input_tokens
    count = input_tokens(_unwrapped(call).body) if asked is None else asked
    return body(_wrapped(call, {"totalTokens": count}))


def error(call: Call, status: int) -> Answer:
    """Refuse in Google's shape."""
    return body(_error(status), status=status)


def _error(status: int) -> Json:
    named = ERROR_STATUS.get(status, "INTERNAL")
    return {"error": {"code": status, "message": "refused", "status": named}}


def _internal(call: Call) -> bool:
    """Whether this is the endpoint of Code Assist logins."""
    return "/v1internal" in call.path


def _unwrapped(call: Call) -> Call:
    request = call.body.get("request")
    if not isinstance(request, dict):
        return call
    return replace(call, body=request, seed=seed(request))


def _wrapped(call: Call, reply: Json) -> Json:
    return {"response": reply, "traceId": call.tag} if _internal(call) else reply


def _model(call: Call) -> str:
    named = call.path.rpartition("/models/")[2].partition(":")[0]
    if _internal(call):
        named = str(call.body.get("model") or "")
    return named.removeprefix("models/") or "gemini-2.5-flash"


def _usage(call: Call, thought: Draft, spoken: int) -> Json:
    """Usage once `spoken` visible tokens have been sent."""
    if call.controls.usage == "zero":
        return {"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0}
    thoughts = thought.reasoning_tokens
    told: Json = {
        "promptTokenCount": thought.input_tokens,
        "candidatesTokenCount": spoken,
        "totalTokenCount": thought.input_tokens + spoken + thoughts,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": thought.input_tokens}],
    }
    if thoughts:
        told["thoughtsTokenCount"] = thoughts
    if thought.cache_read_tokens:
        told["cachedContentTokenCount"] = thought.cache_read_tokens
    return told


def _candidate(index: int, parts: list[Json], finish: str | None) -> Json:
    told: Json = {"content": {"role": "model", "parts": parts}, "index": index}
    return told | ({"finishReason": finish} if finish else {})


def _reply(call: Call, thought: Draft, candidates: list[Json], spoken: int) -> Json:
    told = {"usageMetadata": _usage(call, thought, spoken)} if reports(call, True) else {}
    named = {"modelVersion": thought.model, "responseId": call.tag}
    return {"candidates": candidates, **told, **named}


def _finish(thought: Draft) -> str:
    return "MAX_TOKENS" if thought.truncated else "STOP"


def _calls(thought: Draft) -> list[Json]:
    return [
        {"functionCall": {"name": name, "args": thought.call_arguments(index)}}
        for index, (name, _) in enumerate(thought.calls)
    ]


def _visible(thought: Draft) -> int:
    return thought.output_tokens - thought.reasoning_tokens


def _whole(call: Call, thought: Draft, shown: bool) -> Json:
    thoughts = [{"text": "".join(thought.reasoning), "thought": True}] if shown else []
    candidates = [
        _candidate(
            index,
            [*(thoughts if index == 0 else []), {"text": text}],
            _finish(thought),
        )
        for index, text in enumerate(thought.texts)
    ]
    candidates[0]["content"]["parts"] += _calls(thought)
    return _reply(call, thought, candidates, _visible(thought))


def _chunks(call: Call, thought: Draft, shown: bool) -> list[Json]:
    """Every chunk; the last one finishes all candidates and has the final counts."""
    chunks: list[Json] = []
    if shown:
        for text in thought.reasoning:
            parts: list[Json] = [{"text": text, "thought": True}]
            chunks.append(_reply(call, thought, [_candidate(0, parts, None)], 0))
    spoken = 0
    for index, deltas in enumerate(thought.choices):
        for text in deltas:
            spoken = min(_visible(thought), spoken + len(text.split()))
            candidate = _candidate(index, [{"text": text}], None)
            chunks.append(_reply(call, thought, [candidate], spoken))
    ended = [
        _candidate(index, _calls(thought) if index == 0 else [], _finish(thought))
        for index in range(len(thought.choices))
    ]
    for candidate in ended:
        candidate["content"]["parts"] = candidate["content"]["parts"] or [{"text": ""}]
    return [*chunks, _reply(call, thought, ended, _visible(thought))]


def _array(call: Call, chunks: list[Json], failure: Json, truth: Truth) -> Answer:
    """One JSON array that grows: `[{…}`, `,{…}`, `]`."""
    eol = call.controls.eol
    events = tuple(
        f"{'[' if index == 0 else f',{eol}'}{dumps(chunk)}".encode()
        for index, chunk in enumerate(chunks)
    )
    broken = f",{eol}{dumps(failure)}{eol}]".encode()
    kind = f"{JSON}; charset=UTF-8"
    return Answer(events, kind, f"{eol}]".encode(), broken, truth, stream=True)

"""Anthropic messages: named events, a cumulative output count, input split by cache."""

from tabwatt.demo.answer import Answer, body, chunked, dumps, sse, streamed
from tabwatt.demo.call import Call, Json, input_tokens
from tabwatt.demo.draft import Draft, draft, honest, reports

NAME = "anthropic.messages"
ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
FIRST_OUTPUT_TOKENS = 1
"""`message_start` already tells a small output count, which is not to be added up."""


def answer(call: Call) -> Answer:
    """Answer `/v1/messages`."""
    limit = call.body.get("max_tokens")
    thinking = call.body.get("thinking")
    marked = "cache_control" in dumps(call.body)
    thought = draft(
        call,
        limit=limit if isinstance(limit, int) else None,
        reasons=isinstance(thinking, dict) and thinking.get("type") in {"enabled", "adaptive"},
        caches=marked,
        writes=marked,
    )
    truth = thought.truth(NAME, reported=honest(call, True), thoughts_shown=True)
    if not call.stream:
        return body(_message(call, thought, _content(call, thought), ended=True), truth)
    events = [sse(event, call.controls, str(event["type"])) for event in _events(call, thought)]
    end = sse({"type": "message_stop"}, call.controls, "message_stop")
    failure = sse(_error("overloaded_error"), call.controls, "error")
    return streamed(events, end, failure, truth)


def count_tokens(call: Call) -> Answer:
    """Answer `/v1/messages/count_tokens`: no generation, no truth."""
    asked = call.controls.input_tokens
    return body({"input_tokens": input_tokens(call.body) if asked is None else asked})


def error(call: Call, status: int) -> Answer:
    """Refuse in Anthropic's shape."""
    kind = ERROR_TYPES.get(status, "api_error")
    return body({**_error(kind), "request_id": f"req_{call.tag}"}, status=status)


def _error(kind: str) -> Json:
    return {"type": "error", "error": {"type": kind, "message": "refused"}}


def _usage(call: Call, thought: Draft, output: int) -> Json:
    if call.controls.usage == "zero":
        return {"input_tokens": 0, "output_tokens": 0}
    write = thought.cache_write_tokens
    return {
        "input_tokens": thought.input_tokens - thought.cache_read_tokens - write,
        "cache_creation_input_tokens": write,
        "cache_read_input_tokens": thought.cache_read_tokens,
        "cache_creation": {"ephemeral_5m_input_tokens": write, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output,
        "service_tier": "standard",
    }


def _stop_reason(thought: Draft) -> str:
    if thought.calls:
        return "tool_use"
    return "max_tokens" if thought.truncated else "end_turn"


def _message(call: Call, thought: Draft, content: list[Json], *, ended: bool) -> Json:
    told = {}
    if reports(call, True):
        output = thought.output_tokens if ended else min(FIRST_OUTPUT_TOKENS, thought.output_tokens)
        told = {"usage": _usage(call, thought, output)}
    return {
        "id": f"msg_{call.tag}",
        "type": "message",
        "role": "assistant",
        "model": thought.model,
        "content": content,
        "stop_reason": _stop_reason(thought) if ended else None,
        "stop_sequence": None,
        **told,
    }


def _content(call: Call, thought: Draft) -> list[Json]:
    """The finished blocks."""
    blocks: list[Json] = []
    if thought.reasoning:
        told = "".join(thought.reasoning)
        blocks.append({"type": "thinking", "thinking": told, "signature": call.tag})
    blocks.append({"type": "text", "text": "".join(thought.texts)})
    for index, (name, _) in enumerate(thought.calls):
        blocks.append(_tool_use(call, index, name) | {"input": thought.call_arguments(index)})
    return blocks


def _tool_use(call: Call, index: int, name: str) -> Json:
    return {"type": "tool_use", "id": f"toolu_{call.tag}_{index}", "name": name, "input": {}}


def _blocks(call: Call, thought: Draft) -> list[tuple[Json, list[Json]]]:
    """Each content block as it opens, with its deltas."""
    blocks: list[tuple[Json, list[Json]]] = []
    if thought.reasoning:
        deltas: list[Json] = [
            {"type": "thinking_delta", "thinking": text} for text in thought.reasoning
        ]
        deltas.append({"type": "signature_delta", "signature": call.tag})
        blocks.append(({"type": "thinking", "thinking": "", "signature": ""}, deltas))
    said = [text for deltas in thought.choices for text in deltas]
    texts: list[Json] = [{"type": "text_delta", "text": text} for text in said]
    blocks.append(({"type": "text", "text": ""}, texts))
    for index, (name, arguments) in enumerate(thought.calls):
        pieces = ["", *chunked(list(arguments), (9, 14))]
        parts: list[Json] = [{"type": "input_json_delta", "partial_json": p} for p in pieces]
        blocks.append((_tool_use(call, index, name), parts))
    return blocks


def _events(call: Call, thought: Draft) -> list[Json]:
    """Every event before `message_stop`."""
    message = _message(call, thought, [], ended=False)
    events: list[Json] = [{"type": "message_start", "message": message}]
    for index, (opened, deltas) in enumerate(_blocks(call, thought)):
        events.append({"type": "content_block_start", "index": index, "content_block": opened})
        if index == 0:
            events.append({"type": "ping"})
        for delta in deltas:
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    stop = {"stop_reason": _stop_reason(thought), "stop_sequence": None}
    if call.controls.usage == "every" and thought.output_tokens:
        half = {"output_tokens": thought.output_tokens // 2}
        none = {"stop_reason": None, "stop_sequence": None}
        events.append({"type": "message_delta", "delta": none, "usage": half})
    ended: Json = {"type": "message_delta", "delta": stop}
    if reports(call, True):
        told = 0 if call.controls.usage == "zero" else thought.output_tokens
        ended["usage"] = {"output_tokens": told}
    return [*events, ended]

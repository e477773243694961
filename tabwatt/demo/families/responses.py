"""OpenAI Responses: the same events over server-sent events and over a WebSocket."""

from tabwatt.demo.answer import Answer, body, chunked, sse, streamed
from tabwatt.demo.call import Call, Json
from tabwatt.demo.draft import Draft, draft, honest, reports
from tabwatt.demo.families.openai_usage import CREATED

NAME = "openai.responses"
REASONING_MODELS = ("gpt-5", "o1", "o3", "o4", "codex")


def answer(call: Call) -> Answer:
    """Answer `POST /responses`."""
    thought = _draft(call)
    truth = thought.truth(NAME, reported=honest(call, True), thoughts_shown=True)
    if not call.stream:
        return body(_response(call, thought, _items(call, thought), _status(thought)), truth)
    *events, last = (sse(event, call.controls, event["type"]) for event in _events(call, thought))
    failure = sse(failed(call), call.controls, "response.failed")
    return streamed(events, last, failure, truth)


def turn(call: Call) -> tuple[list[Json], Answer]:
    """Answer one `response.create` of a socket: its events, and the answer that has the truth."""
    thought = _draft(call)
    if call.body.get("generate") is False:
        return _warm_up(call, thought), body({})
    truth = thought.truth(NAME, reported=honest(call, True), thoughts_shown=True)
    return _events(call, thought), body({}, truth)


def failed(call: Call) -> Json:
    """The event that says that generation failed."""
    told = {"code": "server_error", "message": "overloaded"}
    ident = f"resp_{call.tag}"
    response = {"id": ident, "object": "response", "status": "failed", "error": told}
    return {"type": "response.failed", "sequence_number": 99, "response": response}


def _draft(call: Call) -> Draft:
    limit = call.body.get("max_output_tokens")
    model = str(call.body.get("model") or "gpt-5-mini")
    return draft(
        call,
        model=model,
        limit=limit if isinstance(limit, int) else None,
        reasons=model.startswith(REASONING_MODELS),
    )


def _status(thought: Draft) -> str:
    return "incomplete" if thought.truncated else "completed"


def _usage(call: Call, thought: Draft, *, generated: bool = True) -> Json:
    zero = call.controls.usage == "zero"
    told_input = 0 if zero else thought.input_tokens
    output = thought.output_tokens if generated and not zero else 0
    return {
        "input_tokens": told_input,
        "input_tokens_details": {"cached_tokens": 0 if zero else thought.cache_read_tokens},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": min(output, thought.reasoning_tokens)},
        "total_tokens": told_input + output,
    }


def _response(call: Call, thought: Draft, output: list[Json], status: str) -> Json:
    ended = status in {"completed", "incomplete"}
    why = {"reason": "max_output_tokens"} if status == "incomplete" else None
    return {
        "id": f"resp_{call.tag}",
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": None,
        "incomplete_details": why,
        "model": thought.model,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": call.body.get("previous_response_id"),
        "tool_choice": "auto",
        "tools": [],
        "usage": _usage(call, thought) if ended and reports(call, True) else None,
    }


def _warm_up(call: Call, thought: Draft) -> list[Json]:
    """A turn that only sends context: it ends at once and generates nothing."""
    created = _response(call, thought, [], "in_progress")
    completed = _response(call, thought, [], "completed") | {"usage": None}
    if call.controls.usage == "yes":
        completed["usage"] = _usage(call, thought, generated=False)
    return [
        {"type": "response.created", "sequence_number": 0, "response": created},
        {"type": "response.completed", "sequence_number": 1, "response": completed},
    ]


def _reasoning(call: Call, thought: Draft) -> Json:
    summary = {"type": "summary_text", "text": "".join(thought.reasoning)}
    return {"id": f"rs_{call.tag}", "type": "reasoning", "summary": [summary]}


def _message(call: Call, thought: Draft) -> Json:
    return {
        "id": f"msg_{call.tag}",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [_part("".join(thought.texts))],
    }


def _part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": []}


def _function_calls(call: Call, thought: Draft) -> list[Json]:
    return [
        {
            "id": f"fc_{call.tag}_{index}",
            "type": "function_call",
            "status": "completed",
            "call_id": f"call_{call.tag}_{index}",
            "name": name,
            "arguments": arguments,
        }
        for index, (name, arguments) in enumerate(thought.calls)
    ]


def _items(call: Call, thought: Draft) -> list[Json]:
    """The finished output."""
    thoughts = [_reasoning(call, thought)] if thought.reasoning else []
    return [*thoughts, _message(call, thought), *_function_calls(call, thought)]


def _events(call: Call, thought: Draft) -> list[Json]:
    """Every event, the one that ends the response last."""
    opened = _response(call, thought, [], "in_progress")
    events: list[Json] = [
        {"type": "response.created", "response": opened},
        {"type": "response.in_progress", "response": opened},
    ]
    items = _items(call, thought)
    for index, item in enumerate(items):
        parts = _PARTS[item["type"]]
        events.append(
            {"type": "response.output_item.added", "output_index": index, "item": _empty(item)}
        )
        events += [
            {**event, "item_id": item["id"], "output_index": index}
            for event in parts(item, thought)
        ]
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    status = _status(thought)
    ended = _response(call, thought, items, status)
    events.append({"type": f"response.{status}", "response": ended})
    return [
        {"type": event["type"], "sequence_number": number, **event}
        for number, event in enumerate(events)
    ]


def _empty(item: Json) -> Json:
    """An item as it stands before its first delta."""
    blank = {"content": [], "summary": [], "arguments": "", "status": "in_progress"}
    return {**item, **{key: value for key, value in blank.items() if key in item}}


def _thought_events(item: Json, thought: Draft) -> list[Json]:
    text = item["summary"][0]["text"]
    at = {"summary_index": 0}
    deltas = [
        {"type": "response.reasoning_summary_text.delta", **at, "delta": delta}
        for delta in thought.reasoning
    ]
    return [*deltas, {"type": "response.reasoning_summary_text.done", **at, "text": text}]


def _text_events(item: Json, thought: Draft) -> list[Json]:
    text = item["content"][0]["text"]
    at = {"content_index": 0}
    deltas = [
        {"type": "response.output_text.delta", **at, "delta": delta, "logprobs": []}
        for delta in (text for deltas in thought.choices for text in deltas)
    ]
    return [
        {"type": "response.content_part.added", **at, "part": _part("")},
        *deltas,
        {"type": "response.output_text.done", **at, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **at, "part": _part(text)},
    ]


def _argument_events(item: Json, thought: Draft) -> list[Json]:
    arguments = item["arguments"]
    kind = "response.function_call_arguments"
    deltas = [
        {"type": f"{kind}.delta", "delta": piece} for piece in chunked(list(arguments), (9, 14))
    ]
    return [*deltas, {"type": f"{kind}.done", "name": item["name"], "arguments": arguments}]


_PARTS = {
    "reasoning": _thought_events,
    "message": _text_events,
    "function_call": _argument_events,
}

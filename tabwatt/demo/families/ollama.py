"""Ollama's native API: streams by default, one JSON object a line, durations in nanoseconds."""

from tabwatt.demo.answer import NDJSON, Answer, body, ndjson
from tabwatt.demo.call import Call, Json
from tabwatt.demo.draft import Draft, draft, honest, reports

CHAT = "ollama.chat"
GENERATE = "ollama.generate"
CREATED_AT = "2026-09-21T14:13:20.000000000Z"
LOAD_S = 0.02
MODELS = ("qwen2.5-coder:7b", "nomic-embed-text:latest")


def answer(call: Call) -> Answer:
    """Answer `/api/chat` and `/api/generate`."""
    chat = call.path.endswith("/api/chat")
    options = call.body.get("options") or {}
    limit = options.get("num_predict")
    inner = "suffix" in call.body
    thought = draft(
        call,
        shortest=4 if inner else 20,
        spread=24 if inner else 160,
        limit=limit if isinstance(limit, int) and limit > 0 else None,
        reasons=bool(call.body.get("think")),
        caches=False,
    )
    truth = thought.truth(
        CHAT if chat else GENERATE, reported=honest(call, True), thoughts_shown=True, timed=True
    )
    pieces = _pieces(thought, chat)
    if call.body.get("stream", True) is False:
        return body(_line(thought, _joined(pieces)) | _ending(call, thought), truth)
    events = tuple(ndjson(_line(thought, piece), call.controls) for piece in pieces)
    last = _line(thought, _said(chat, "")) | _ending(call, thought)
    failure = ndjson({"error": "overloaded"}, call.controls)
    end = ndjson(last, call.controls)
    return Answer(events, NDJSON, end, failure, truth, stream=True)


def tags(call: Call) -> Answer:
    """Answer `/api/tags`: the models at hand."""
    details = {"family": "qwen2", "parameter_size": "7.6B", "quantization_level": "Q4_K_M"}
    return body(
        {
            "models": [
                {
                    "name": name,
                    "model": name,
                    "modified_at": CREATED_AT,
                    "size": 4683087519,
                    "digest": call.tag,
                    "details": details,
                }
                for name in MODELS
            ]
        }
    )


def show(call: Call) -> Answer:
    """Answer `/api/show`: one model's particulars."""
    details = {"family": "qwen2", "parameter_size": "7.6B", "quantization_level": "Q4_K_M"}
    shape = {"general.architecture": "qwen2", "general.parameter_count": 7615616512}
    return body({"details": details, "model_info": shape, "capabilities": ["completion"]})


def version(call: Call) -> Answer:
    """Answer `/api/version`."""
    return body({"version": "0.12.0"})


def error(call: Call, status: int) -> Answer:
    """Refuse in Ollama's shape."""
    return body({"error": "refused"}, status=status)


def _line(thought: Draft, said: Json) -> Json:
    return {"model": thought.model, "created_at": CREATED_AT, **said, "done": False}


def _said(chat: bool, text: str, **more: object) -> Json:
    """A piece of output in the place where the endpoint puts it."""
    if chat:
        return {"message": {"role": "assistant", "content": text, **more}}
    return {"response": text, **more}


def _pieces(thought: Draft, chat: bool) -> list[Json]:
    pieces = [_said(chat, "", thinking=text) for text in thought.reasoning]
    pieces += [_said(chat, text) for deltas in thought.choices for text in deltas]
    if chat and thought.calls:
        calls = [
            {"function": {"name": name, "arguments": thought.call_arguments(index)}}
            for index, (name, _) in enumerate(thought.calls)
        ]
        pieces.append(_said(chat, "", tool_calls=calls))
    return pieces


def _joined(pieces: list[Json]) -> Json:
    """The pieces of a stream as one reply."""
    whole: Json = {}
    for piece in pieces:
        for key, value in piece.items():
            if isinstance(value, dict):
                whole[key] = _joined([whole.get(key, {}), value])
            elif key in {"content", "response", "thinking"}:
                whole[key] = whole.get(key, "") + value
            else:
                whole[key] = value
    return whole


def _ending(call: Call, thought: Draft) -> Json:
    """The fields of the last object."""
    ended: Json = {"done": True, "done_reason": "length" if thought.truncated else "stop"}
    if not reports(call, True):
        return ended
    zero = call.controls.usage == "zero"
    prefill_ns, decode_ns = round(thought.prefill_s * 1e9), round(thought.decode_s * 1e9)
    load_ns = round(LOAD_S * 1e9)
    return {
        **ended,
        "total_duration": load_ns + prefill_ns + decode_ns,
        "load_duration": load_ns,
        "prompt_eval_count": 0 if zero else thought.input_tokens,
        "prompt_eval_duration": prefill_ns,
        "eval_count": 0 if zero else thought.output_tokens,
        "eval_duration": decode_ns,
    }

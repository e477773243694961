"""llama.cpp's native API: `/completion` and `/infill` with timings, `/props`."""

from tabwatt.demo.answer import Answer, body, sse, streamed
from tabwatt.demo.call import Call, Json, tokens
from tabwatt.demo.draft import Draft, draft, honest, reports
from tabwatt.demo.families.openai_usage import timings

NAME = "llamacpp.completion"
MODEL = "qwen2.5-coder-1.5b-q8_0.gguf"


def answer(call: Call) -> Answer:
    """Answer `/completion` and `/infill`."""
    infill = call.path.endswith("/infill")
    limit = call.body.get("n_predict")
    thought = draft(
        call,
        model=str(call.body.get("model") or MODEL),
        shortest=4 if infill else 20,
        spread=24 if infill else 160,
        limit=limit if isinstance(limit, int) and limit > 0 else None,
        caches=False,
    )
    told = honest(call, True)
    truth = thought.truth(NAME, reported=told, timed=told)
    last = _final(call, thought)
    if not call.stream:
        return body({**last, "content": truth.text}, truth)
    events = [sse(chunk, call.controls) for chunk in _chunks(thought)]
    kind = {"code": 500, "message": "refused", "type": "server_error"}
    failure = sse({"error": kind}, call.controls)
    return streamed(events, sse(last, call.controls), failure, truth)


def props(call: Call) -> Answer:
    """Answer `/props`."""
    return body({"total_slots": 1, "model_path": MODEL, "build_info": "b0-fake"})


def health(call: Call) -> Answer:
    """Answer `/health`."""
    return body({"status": "ok"})


def tokenize(call: Call) -> Answer:
    """Answer `/tokenize`: as many tokens as the fake counts."""
    return body({"tokens": list(range(tokens(call.body.get("content"))))})


def _chunks(thought: Draft) -> list[Json]:
    chunks: list[Json] = []
    spoken = 0
    for text in (text for deltas in thought.choices for text in deltas):
        spoken = min(thought.output_tokens, spoken + len(text.split()))
        chunks.append(
            {
                "index": 0,
                "content": text,
                "tokens": [],
                "stop": False,
                "id_slot": 0,
                "tokens_predicted": spoken,
                "tokens_evaluated": thought.input_tokens,
            }
        )
    return chunks


def _final(call: Call, thought: Draft) -> Json:
    """The last object, with the counts and the timings."""
    last: Json = {
        "index": 0,
        "content": "",
        "id_slot": 0,
        "stop": True,
        "model": thought.model,
        "stop_type": "limit" if thought.truncated else "eos",
        "stopping_word": "",
        "truncated": False,
    }
    if not reports(call, True):
        return last
    zero = call.controls.usage == "zero"
    return last | {
        "tokens_predicted": 0 if zero else thought.output_tokens,
        "tokens_evaluated": 0 if zero else thought.input_tokens,
        "tokens_cached": thought.input_tokens + thought.output_tokens,
        "timings": timings(thought),
    }

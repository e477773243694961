"""Embeddings in the shapes of OpenAI, Ollama and Gemini: input tokens alone."""

import base64
import struct

from tabwatt.demo.answer import Answer, Truth, body
from tabwatt.demo.call import Call, Json
from tabwatt.demo.draft import Draft, draft, honest, reports
from tabwatt.demo.families.openai_usage import dialect

OPENAI = "openai.embeddings"
OLLAMA = "ollama.embed"
GEMINI = "gemini.embed"
VECTOR = (0.5, -0.25, 0.125, 0.0625)
"""Every embedding; binary fractions, so that base64 and JSON agree."""


def _count(call: Call, model: str | None = None) -> Draft:
    return draft(call, model=model, limit=0, caches=False)


def _inputs(call: Call) -> int:
    """How many texts are to be embedded."""
    given = call.body.get("input")
    return len(given) if isinstance(given, list) and given else 1


def _truth(call: Call, thought: Draft, family: str, unasked: bool) -> Truth:
    return thought.truth(family, reported=honest(call, unasked))


def openai(call: Call) -> Answer:
    """Answer `/embeddings`."""
    thought = _count(call)
    vector: object = list(VECTOR)
    if call.body.get("encoding_format") == "base64":
        vector = base64.b64encode(struct.pack("<4f", *VECTOR)).decode()
    told: Json = {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": vector}
            for index in range(_inputs(call))
        ],
        "model": thought.model,
    }
    if dialect(call) == "mistral":
        told["id"] = f"emb_{call.tag}"
    if reports(call, True):
        count = 0 if call.controls.usage == "zero" else thought.input_tokens
        told["usage"] = {"prompt_tokens": count, "total_tokens": count}
    return body(told, _truth(call, thought, OPENAI, True))


def ollama(call: Call) -> Answer:
    """Answer `/api/embed`, and the older `/api/embeddings`, which reports nothing."""
    thought = _count(call)
    if call.path.endswith("/api/embeddings"):
        return body({"embedding": list(VECTOR)}, _truth(call, thought, OLLAMA, False))
    prefill_ns = round(thought.prefill_s * 1e9)
    told: Json = {
        "model": thought.model,
        "embeddings": [list(VECTOR)] * _inputs(call),
        "total_duration": prefill_ns,
        "load_duration": 0,
    }
    if reports(call, True):
        told["prompt_eval_count"] = 0 if call.controls.usage == "zero" else thought.input_tokens
    return body(told, _truth(call, thought, OLLAMA, True))


def gemini(call: Call) -> Answer:
    """Answer `:embedContent` and `:batchEmbedContents`, which report no tokens."""
    model = call.path.rpartition("/models/")[2].partition(":")[0]
    thought = _count(call, model)
    truth = _truth(call, thought, GEMINI, False)
    values: Json = {"values": list(VECTOR)}
    if call.path.endswith(":batchEmbedContents"):
        return body({"embeddings": [values] * len(call.body.get("requests") or [1])}, truth)
    return body({"embedding": values}, truth)

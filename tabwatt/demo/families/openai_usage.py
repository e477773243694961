"""What the families of OpenAI's making share: usage objects, ids, errors, the dialect spoken."""

from tabwatt.demo.answer import Answer, body
from tabwatt.demo.call import Call, Json
from tabwatt.demo.draft import Draft

CREATED = 1790000000
"""The moment at which every fake reply was made (Unix time), so that replies repeat exactly."""

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "invalid_api_key",
    404: "not_found_error",
    429: "rate_limit_exceeded",
}


def dialect(call: Call) -> str:
    """Which server this is: `openai`, `mistral`, `copilot`, `deepseek`, `llamacpp` or `vllm`."""
    if call.controls.dialect:
        return call.controls.dialect
    for name in ("mistral", "copilot", "deepseek", "llamacpp", "vllm"):
        if name in call.via:
            return name
    model = str(call.body.get("model", ""))
    if model.startswith(("mistral", "codestral", "devstral", "ministral")):
        return "mistral"
    if "copilot-integration-id" in call.headers or "copilot" in model + call.path:
        return "copilot"
    return "deepseek" if model.startswith("deepseek") else "openai"


def usage(draft: Draft, spoken: Json, *, zero: bool = False, output: int | None = None) -> Json:
    """Chat's usage object; `spoken` holds a dialect's further fields."""
    if zero:
        return {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    told = draft.output_tokens if output is None else output
    return {
        "prompt_tokens": draft.input_tokens,
        "completion_tokens": told,
        "total_tokens": draft.input_tokens + told,
        "prompt_tokens_details": {"cached_tokens": draft.cache_read_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": min(draft.reasoning_tokens, told),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
        **spoken,
    }


def extras(draft: Draft, speaks: str) -> Json:
    """The fields that a dialect adds to usage."""
    if speaks != "deepseek":
        return {}
    hit = draft.cache_read_tokens
    return {"prompt_cache_hit_tokens": hit, "prompt_cache_miss_tokens": draft.input_tokens - hit}


def timings(draft: Draft) -> Json:
    """llama.cpp's timings, native and on its OpenAI-style endpoints."""
    fresh = draft.input_tokens - draft.cache_read_tokens
    prompt_ms, predicted_ms = draft.prefill_s * 1000, draft.decode_s * 1000
    return {
        "cache_n": draft.cache_read_tokens,
        "prompt_n": fresh,
        "prompt_ms": prompt_ms,
        "prompt_per_token_ms": prompt_ms / max(1, fresh),
        "prompt_per_second": 1000 * fresh / prompt_ms if prompt_ms else 0.0,
        "predicted_n": draft.output_tokens,
        "predicted_ms": predicted_ms,
        "predicted_per_token_ms": predicted_ms / max(1, draft.output_tokens),
        "predicted_per_second": 1000 * draft.output_tokens / predicted_ms if predicted_ms else 0.0,
    }


def error(call: Call, status: int) -> Answer:
    """Refuse in OpenAI's shape, or Mistral's, or llama.cpp's."""
    kind = ERROR_TYPES.get(status, "server_error")
    match dialect(call):
        case "mistral":
            told: Json = {"object": "error", "message": "refused", "type": kind, "code": "3505"}
        case "llamacpp":
            told = {"error": {"code": status, "message": "refused", "type": kind}}
        case _:
            inner = {"message": "refused", "type": kind, "param": None, "code": kind}
            told = {"error": inner}
    return body(told, status=status)

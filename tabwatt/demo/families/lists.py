"""What generates nothing: model lists, sign-in, telemetry, and paths nobody knows."""

from tabwatt.demo.answer import Answer, body
from tabwatt.demo.call import Call, Json

OPENAI_MODELS = ("gpt-5", "gpt-5-mini", "gpt-4.1", "text-embedding-3-small")
ANTHROPIC_MODELS = ("claude-sonnet-4-6", "claude-haiku-4-5")
GEMINI_MODELS = ("gemini-2.5-pro", "gemini-2.5-flash")
CREATED_AT = "2026-09-21T14:13:20Z"


def models(call: Call) -> Answer:
    """Answer `GET …/models` in the shape of whoever is asked."""
    if "anthropic-version" in call.headers or "anthropic" in call.via:
        return body(_anthropic())
    if "/v1beta/" in call.path or "x-goog-api-key" in call.headers:
        return body({"models": [{"name": f"models/{name}"} for name in GEMINI_MODELS]})
    listed = [
        {"id": name, "object": "model", "created": 1790000000, "owned_by": "fake"}
        for name in OPENAI_MODELS
    ]
    return body({"object": "list", "data": listed})


def _anthropic() -> Json:
    listed = [
        {"type": "model", "id": name, "display_name": name, "created_at": CREATED_AT}
        for name in ANTHROPIC_MODELS
    ]
    first, last = ANTHROPIC_MODELS[0], ANTHROPIC_MODELS[-1]
    return {"data": listed, "has_more": False, "first_id": first, "last_id": last}


def token(call: Call) -> Answer:
    """Answer Copilot's token exchange; every endpoint is this server."""
    here = f"http://{call.headers.get('host', '127.0.0.1')}"
    names = ("api", "proxy", "telemetry", "origin-tracker")
    told: Json = {
        "token": f"tid={call.tag};exp=1790003600;sku=fake;proxy-ep=127.0.0.1:{call.tag}",
        "expires_at": 1790003600,
        "refresh_in": 1500,
        "endpoints": dict.fromkeys(names, here),
    }
    return body(told)


def user(call: Call) -> Answer:
    """Answer `GET /copilot_internal/user`."""
    return body({"login": "octo-fake", "copilot_plan": "individual", "quota_snapshots": {}})


def telemetry(call: Call) -> Answer:
    """Take telemetry."""
    return body({"itemsReceived": 1, "itemsAccepted": 1, "errors": []})


def empty(call: Call) -> Answer:
    """Answer an export or a probe with an empty object."""
    return body({})


def root(call: Call) -> Answer:
    """Answer the base URL, as Ollama does."""
    return Answer((b"Ollama is running",), "text/plain; charset=utf-8")


def echo(call: Call) -> Answer:
    """Give a body back as it came."""
    kind = call.headers.get("content-type", "application/octet-stream")
    return Answer((call.raw,), kind)


def unknown(call: Call) -> Answer:
    """Answer a path that no family has: 404, with what was asked for in no shape of theirs."""
    return body({"detail": "Not Found"}, status=404)


def error(call: Call, status: int) -> Answer:
    """Refuse plainly."""
    return body({"detail": "refused"}, status=status)

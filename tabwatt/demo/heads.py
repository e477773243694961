"""Response headers as the services send them, so that a proxy's losses show."""

from tabwatt.demo.answer import Answer
from tabwatt.demo.call import Call
from tabwatt.demo.families.openai_usage import dialect

DATE = "Mon, 21 Sep 2026 14:13:20 GMT"
"""Fixed, so that the same request is answered with the same bytes."""
RETRY_AFTER_S = 7
RETRIED = frozenset({408, 409, 429, 500, 502, 503, 529})


def head(call: Call, family: str, answer: Answer, status: int) -> list[tuple[str, str]]:
    """Every header of a reply but those of its framing and coding, repeated names included."""
    asked = call.headers.get("x-request-id")
    named = asked or f"req-{call.tag}"
    headers = [("Date", DATE), ("Server", "fake-upstream"), ("Content-Type", answer.content_type)]
    headers += _of_family(call, family, named)
    headers += [
        ("Set-Cookie", f"__cf_bm={call.tag}; path=/; HttpOnly"),
        ("Set-Cookie", "_cfuvid=fake; path=/; HttpOnly"),
        ("X-Mixed-Case", "kept; as=it is"),
        *answer.headers,
    ]
    if status in RETRIED:
        headers += [("retry-after", str(RETRY_AFTER_S)), ("x-should-retry", "true")]
    if answer.stream:
        headers.append(("Cache-Control", "no-cache"))
    return headers


def _of_family(call: Call, family: str, named: str) -> list[tuple[str, str]]:
    if family.startswith("anthropic"):
        return [
            ("request-id", f"req_{call.tag}"),
            ("anthropic-ratelimit-requests-limit", "4000"),
            ("anthropic-ratelimit-requests-remaining", "3999"),
            ("anthropic-ratelimit-tokens-remaining", "399000"),
            ("anthropic-organization-id", "org-fake"),
        ]
    if family.startswith(("copilot", "telemetry")) or dialect(call) == "copilot":
        return [("x-github-request-id", f"FAKE:{call.tag}"), ("x-request-id", named)]
    if family.startswith(("openai", "mistral", "models", "unknown")):
        return [
            ("x-request-id", named),
            ("openai-processing-ms", "42"),
            ("x-ratelimit-limit-requests", "5000"),
            ("x-ratelimit-remaining-requests", "4999"),
            ("x-codex-primary-used-percent", "3"),
        ]
    return [("x-request-id", named)]

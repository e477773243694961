"""Errors of our own, as each client's library reads them."""

import json

import pytest

from proxy.refusals import body


@pytest.mark.parametrize(
    ("api", "told"),
    [
        (
            "openai.chat",
            {"error": {"message": "tabwatt: no", "type": "gone", "param": None, "code": "gone"}},
        ),
        (
            "anthropic.messages",
            {"type": "error", "error": {"type": "gone", "message": "tabwatt: no"}},
        ),
        ("gemini.generate", {"error": {"code": 502, "message": "tabwatt: no", "status": "GONE"}}),
        (
            "mistral.fim",
            {"object": "error", "message": "tabwatt: no", "type": "gone", "code": 502},
        ),
        ("ollama.chat", {"error": "tabwatt: no"}),
        (
            None,
            {"error": {"message": "tabwatt: no", "type": "gone", "param": None, "code": "gone"}},
        ),
    ],
)
def test_shapes(api: str | None, told: object) -> None:
    assert json.loads(body(api, 502, "gone", "no")) == told


def test_what_is_told_stays_one_json_value() -> None:
    assert json.loads(body("ollama.chat", 502, "gone", 'a "b"\n')) == {"error": 'tabwatt: a "b"\n'}

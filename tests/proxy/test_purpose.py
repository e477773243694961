import pytest

from proxy.protocols.protocol import Ask, Purpose
from proxy.purpose import purpose, speculative

CHAT = "/v1/chat/completions"


@pytest.mark.parametrize(
    ("ask", "path", "headers", "client", "expected"),
    [
        (Ask(embedding=True), "/v1/embeddings", {}, None, "embedding"),
        (Ask(), "/v1beta/models/e:embedContent?key=k", {}, None, "embedding"),
        (Ask(), "/v1/engines/m/completions", {}, None, "tab"),
        (Ask(), "/v1/fim/completions", {}, None, "tab"),
        (Ask(), "/infill", {}, None, "tab"),
        (Ask(completion=True), CHAT, {"x-initiator": "agent"}, None, "tab"),
        (Ask(), CHAT, {"openai-intent": "copilot-ghost"}, None, "tab"),
        (Ask(), CHAT, {"x-initiator": "agent"}, None, "agent"),
        (Ask(), CHAT, {"x-initiator": "user"}, None, "chat"),
        (Ask(tools=True), CHAT, {"x-initiator": "user"}, None, "agent"),
        (Ask(tools=True), CHAT, {"openai-intent": "conversation-panel"}, None, "chat"),
        (Ask(), CHAT, {"openai-intent": "conversation-inline"}, None, "edit"),
        (
            Ask(),
            CHAT,
            {"x-interaction-type": "conversation-edits", "x-initiator": "agent"},
            None,
            "edit",
        ),
        (Ask(), CHAT, {"openai-intent": "conversation-other"}, None, "chat"),
        (Ask(tools=True), CHAT, {}, None, "agent"),
        (
            Ask(),
            "/v1/messages",
            {"user-agent": "claude-cli/2.1.197 (external)"},
            None,
            "agent",
        ),
        (Ask(), "/v1/messages", {}, "claude-code", "agent"),
        (Ask(), "/v1/completions", {}, None, "chat"),
        (Ask(), CHAT, {"user-agent": "OpenAI/Python 2"}, None, "chat"),
    ],
)
def test_the_first_rule_that_holds(
    ask: Ask, path: str, headers: dict[str, str], client: str | None, expected: Purpose
) -> None:
    assert purpose(ask, path, headers, client) == expected


def test_speculative_requests_say_so() -> None:
    assert speculative({"x-copilot-speculative": "true"})
    assert speculative({"x-copilot-speculative": "True"})
    assert not speculative({"x-copilot-speculative": "false"})
    assert not speculative({})

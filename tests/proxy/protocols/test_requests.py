"""What each family's requests say: `ask`, and the text that `prompt` gives to count."""

import json

import pytest

from proxy.protocols import recognise
from proxy.protocols.protocol import Ask, Prompt, Protocol

CHAT = "/v1/chat/completions"
PICTURE = "data:image/png;base64," + "A" * 4000


def family(path: str) -> Protocol:
    protocol = recognise("POST", path).protocol
    assert protocol is not None
    return protocol


def ask(path: str, request: object) -> Ask:
    return family(path).ask(path, json.dumps(request).encode())


def prompt(path: str, request: object) -> Prompt:
    return family(path).prompt(json.dumps(request).encode())


def test_a_chat_request() -> None:
    request = {
        "model": "gpt-x",
        "stream": True,
        "n": 2,
        "user": "alice",
        "prompt_cache_key": "session-1",
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": PICTURE}},
                    {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": '{"a":1}'}}],
            },
            {"role": "tool", "tool_call_id": "c", "content": "42"},
        ],
    }
    assert ask(CHAT, request) == Ask(
        model="gpt-x",
        stream=True,
        choices=2,
        tools=True,
        user="alice",
        session="session-1",
        modalities=("audio", "image", "text"),
    )
    tools = '[{"type":"function","function":{"name":"f"}}]'
    assert prompt(CHAT, request) == Prompt(
        parts=("Be brief.", "What is this?", "f", '{"a":1}', "42", tools),
        modalities=("audio", "image", "text"),
        messages=4,
    )


@pytest.mark.parametrize(
    ("request_fields", "user"),
    [
        ({"user": "a", "metadata": {"user_id": "b"}, "safety_identifier": "c"}, "a"),
        ({"metadata": {"user_id": "b"}, "safety_identifier": "c"}, "b"),
        ({"safety_identifier": "c"}, "c"),
        ({"user": 7, "safety_identifier": "c"}, "c"),
        ({}, None),
    ],
)
def test_the_user_a_request_names(request_fields: dict[str, object], user: str | None) -> None:
    assert ask(CHAT, request_fields).user == user


def test_a_deployment_is_not_a_model() -> None:
    assert ask("/openai/deployments/blue/chat/completions?api-version=1", {}).model is None


def test_next_edit_models_complete() -> None:
    assert ask(CHAT, {"model": "copilot-nes-v2"}).completion
    assert ask(CHAT, {"model": "org/sweep-next-edit"}).completion
    assert not ask(CHAT, {"model": "gpt-x"}).completion


def test_one_wrong_field_costs_that_field_alone() -> None:
    request = {"model": "gpt-x", "stream": "yes", "n": 1.0, "messages": [7, {"content": "hi"}]}
    assert ask(CHAT, request) == Ask(model="gpt-x", modalities=("text",))


def test_an_unreadable_body_gives_what_the_path_says() -> None:
    path = "/v1/engines/gpt-41-copilot/completions"
    assert family(path).ask(path, b'{"prompt": "cut').model == "gpt-41-copilot"
    assert family(path).ask(path, b'{"prompt": "cut').completion


def test_a_ghost_text_request_brings_its_own_count() -> None:
    request = {
        "prompt": "# Path: calc.py\ndef f(",
        "suffix": "\n",
        "stream": True,
        "n": 3,
        "extra": {"language": "python", "prompt_tokens": 38, "suffix_tokens": 12, "nwo": "a/b"},
    }
    assert ask("/v1/engines/gpt-41-copilot/completions", request) == Ask(
        model="gpt-41-copilot",
        stream=True,
        choices=3,
        completion=True,
        language="python",
        repository="a/b",
        modalities=("text",),
        client_input_tokens=50,  # 38 + 12
    )


@pytest.mark.parametrize(
    ("request_fields", "completion"),
    [
        ({"prompt": "a", "suffix": "b"}, True),
        ({"prompt": "<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>"}, True),
        ({"prompt": "<PRE> a <SUF>b <MID>"}, True),
        ({"prompt": "[SUFFIX]b[PREFIX]a"}, True),
        ({"prompt": "<PRE>html</PRE>"}, False),
        ({"prompt": "Say hello", "suffix": ""}, False),
        ({"segments": {"prefix": "a", "suffix": "b"}, "language": "python"}, True),
    ],
)
def test_the_shape_of_a_completion(request_fields: dict[str, object], completion: bool) -> None:
    assert ask("/v1/completions", request_fields).completion is completion


def test_fim_path_completes_without_suffix() -> None:
    assert ask("/v1/fim/completions", {"model": "codestral", "prompt": "a"}).completion
    assert prompt("/v1/fim/completions", {"prompt": "a", "suffix": "b"}).parts == ("a", "b")


def test_prompts_of_token_numbers_are_counted_not_read() -> None:
    assert prompt("/v1/completions", {"prompt": [1, 2, 3]}) == Prompt((), ("text",), 0, 3)
    assert prompt("/v1/completions", {"prompt": [[1, 2], [3]]}).token_ids == 3
    assert prompt("/v1/embeddings", {"input": ["a", "b"]}).parts == ("a", "b")
    assert prompt("/v1/embeddings", {"input": [[5, 6]]}).token_ids == 2


def test_an_anthropic_request() -> None:
    request = {
        "model": "claude-x",
        "stream": True,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "metadata": {
            "user_id": json.dumps({"device_id": "d", "account_uuid": "", "session_id": "s"})
        },
        "tools": [{"name": "bash"}],
        "messages": [
            {"role": "user", "content": "List it."},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm", "signature": "c2ln"},
                    {"type": "tool_use", "id": "t", "name": "bash", "input": {"command": "ls"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "t",
                        "content": [
                            {"type": "text", "text": "a.py"},
                            {"type": "image", "source": {"type": "base64", "data": "iVBORw0KGgo="}},
                        ],
                    }
                ],
            },
        ],
    }
    assert ask("/v1/messages?beta=true", request) == Ask(
        model="claude-x",
        stream=True,
        tools=True,
        user="d",
        session="s",
        modalities=("image", "text"),
    )
    assert prompt("/v1/messages", request) == Prompt(
        parts=(
            "Be brief.",
            "List it.",
            "Hm",
            "bash",
            '{"command":"ls"}',
            "a.py",
            '[{"name":"bash"}]',
        ),
        modalities=("image", "text"),
        messages=3,
    )


@pytest.mark.parametrize(
    ("user_id", "user", "session"),
    [
        ("user_ab_account__session_cd", "user_ab_account_", "cd"),
        ('{"device_id":"d","account_uuid":"u","session_id":"s"}', "u", "s"),
        ("alice", "alice", None),
        ("{broken", "{broken", None),
        ("", None, None),
    ],
)
def test_claude_codes_user_and_session(user_id: str, user: str | None, session: str | None) -> None:
    found = ask("/v1/messages", {"metadata": {"user_id": user_id}})
    assert (found.user, found.session) == (user, session)


def test_vertex_names_claude_in_the_path() -> None:
    path = "/v1/projects/p/locations/l/publishers/anthropic/models/claude-x%401:rawPredict"
    assert ask(path, {"anthropic_version": "vertex"}).model == "claude-x@1"


def test_a_responses_request() -> None:
    request = {
        "model": "gpt-x",
        "stream": True,
        "instructions": "Be brief.",
        "prompt_cache_key": "thread-1",
        "tools": [{"type": "function", "name": "f"}],
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Look."}]},
            {"role": "user", "content": [{"type": "input_image", "image_url": PICTURE}]},
            {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c"},
            {"type": "function_call_output", "call_id": "c", "output": "done"},
        ],
    }
    assert ask("/v1/responses", request) == Ask(
        model="gpt-x",
        stream=True,
        tools=True,
        session="thread-1",
        modalities=("image", "text"),
    )
    assert prompt("/v1/responses", request) == Prompt(
        parts=("Be brief.", "Look.", "f", "{}", "done", '[{"type":"function","name":"f"}]'),
        modalities=("image", "text"),
        messages=4,
    )
    assert prompt("/v1/responses", {"input": "hi"}) == Prompt(("hi",), ("text",), 1)


def test_a_gemini_request() -> None:
    request = {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {
                "role": "user",
                "parts": [{"text": "Look."}, {"inlineData": {"mimeType": "image/png"}}],
            },
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": 1}}}]},
            {"role": "user", "parts": [{"fileData": {"mimeType": "application/pdf"}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
    }
    path = "/v1beta/models/gemini-x:streamGenerateContent?alt=sse"
    told = Ask(model="gemini-x", stream=True, tools=True, modalities=("file", "image", "text"))
    text = Prompt(
        parts=(
            "Be brief.",
            "Look.",
            '{"name":"f","args":{"a":1}}',
            '[{"functionDeclarations":[{"name":"f"}]}]',
        ),
        modalities=("file", "image", "text"),
        messages=3,
    )
    assert ask(path, request) == told
    assert prompt(path, request) == text
    wrapped = {"model": "gemini-x", "request": request}
    assert ask("/v1internal:streamGenerateContent?alt=sse", wrapped) == told
    assert prompt("/v1internal:streamGenerateContent", wrapped) == text


def test_gemini_embeddings() -> None:
    path = "/v1beta/models/e:batchEmbedContents"
    request = {"requests": [{"content": {"parts": [{"text": "a"}]}}]}
    assert ask(path, request) == Ask(model="e", embedding=True, modalities=("text",))
    assert prompt(path, request).parts == ("a",)


@pytest.mark.parametrize(
    ("path", "request_fields", "stream", "generates", "completion"),
    [
        ("/api/chat", {"messages": [{"content": "hi"}]}, True, True, False),
        ("/api/chat", {"messages": [], "keep_alive": 0}, True, False, False),
        ("/api/generate", {"prompt": "a", "stream": False}, False, True, False),
        ("/api/generate", {"prompt": "a", "suffix": "b"}, True, True, True),
        ("/api/generate", {"prompt": "<|fim_prefix|>", "raw": True}, True, True, True),
        ("/api/generate", {"model": "m"}, True, False, False),
    ],
)
def test_ollama_requests(
    path: str,
    request_fields: dict[str, object],
    stream: bool,
    generates: bool,
    completion: bool,
) -> None:
    found = ask(path, request_fields)
    assert (found.stream, found.generates, found.completion) == (stream, generates, completion)


def test_ollama_pictures_are_marked() -> None:
    request = {"messages": [{"role": "user", "content": "What?", "images": ["iVBORw0KGgo="]}]}
    assert ask("/api/chat", request).modalities == ("image", "text")
    assert prompt("/api/chat", request) == Prompt(("What?",), ("image", "text"), 1)


def test_infill_sends_its_context_apart() -> None:
    request = {
        "input_prefix": "a",
        "input_suffix": "b",
        "input_extra": [{"filename": "c.py", "text": "c"}],
    }
    assert ask("/infill", request).completion
    assert prompt("/infill", request).parts == ("a", "b", "c")


def test_data_urls_in_plain_text_fields_are_no_text() -> None:
    request = {"messages": [{"role": "user", "content": PICTURE}]}
    assert prompt(CHAT, request) == Prompt((), ("image",), 1)

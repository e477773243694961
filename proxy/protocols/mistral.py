"""Mistral's fill-in-the-middle: asked like a legacy completion, answered like a chat.

Mistral's chat is OpenAI's chat; usage comes on the last chunk without any stream option.
"""

import re
from dataclasses import replace
from typing import ClassVar

from proxy.protocols.openai_chat import ChatReply
from proxy.protocols.openai_completions import OpenAICompletions
from proxy.protocols.protocol import Ask, Prompt, Reply

_COMPLETIONS = OpenAICompletions()


class MistralFim:
    """POST `…/fim/completions`."""

    api: ClassVar[str] = "mistral.fim"
    paths: ClassVar[re.Pattern[str]] = re.compile(r"/fim/completions$")

    def ask(self, path: str, body: bytes) -> Ask:
        """What the request says; by its path it is an inline completion."""
        return replace(_COMPLETIONS.ask(path, body), completion=True)

    def prompt(self, body: bytes) -> Prompt:
        """Prompt and suffix."""
        return _COMPLETIONS.prompt(body)

    def reply(self, ask: Ask) -> Reply:
        """A reader for the answer."""
        return ChatReply()

"""OpenAI embeddings: input tokens only."""

import re
from typing import Any, ClassVar

import msgspec

from proxy.protocols.content import Text
from proxy.protocols.fields import Fields, plain, read, reported
from proxy.protocols.openai_chat import OpenAIError, openai_error
from proxy.protocols.openai_usage import ChatUsage
from proxy.protocols.protocol import Ask, Prompt, Reading, Reply


class _Request(Fields, frozen=True, gc=False):
    model: str | None = None
    user: str | None = None


class _Body(Fields, frozen=True, gc=False):
    id: str | None = None
    model: str | None = None
    usage: ChatUsage | None = None
    error: OpenAIError | str | None = None


_REQUEST = msgspec.json.Decoder(_Request)
_BODY = msgspec.json.Decoder(_Body)


class EmbeddingsReply:
    """The one body of an embeddings answer; its vectors are skipped."""

    __slots__ = ("reading",)

    def __init__(self) -> None:
        """Start with an empty reading."""
        self.reading = Reading()

    def event(self, name: str, data: bytes) -> None:
        """Take the whole body. Nothing is generated: output is a known zero."""
        body = read(_BODY, data)
        if body is None:
            return
        self.reading.model = body.model or None
        self.reading.response_id = body.id or None
        if body.error is not None:
            self.reading.error = openai_error(body.error)
            return
        usage = body.usage or ChatUsage()
        known = reported(usage.prompt_tokens, 0)
        if known is not None:
            self.reading.report(known)
        self.reading.ended = True


class OpenAIEmbeddings:
    """POST `…/embeddings`."""

    api: ClassVar[str] = "openai.embeddings"
    paths: ClassVar[re.Pattern[str]] = re.compile(r"(?<!/api)/embeddings$")

    def ask(self, path: str, body: bytes) -> Ask:
        """What the request says."""
        request = read(_REQUEST, body) or _Request()
        return Ask(
            model=request.model or None,
            embedding=True,
            user=request.user or None,
            modalities=("text",) if body else (),
        )

    def prompt(self, body: bytes) -> Prompt:
        """The texts, or token numbers, to embed."""
        text = Text()
        request: Any = plain(body)
        if isinstance(request, dict):
            text.add_tokens(request.get("input"))
        return text.prompt()

    def reply(self, ask: Ask) -> Reply:
        """A reader for the answer."""
        return EmbeddingsReply()

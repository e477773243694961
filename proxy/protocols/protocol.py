"""The seam between the proxies and the vendors' formats: what a request asks, what a reply tells.

Sans I/O: a `Protocol` is fed bytes and gives values. It never opens a socket, reads a clock, or
logs; it treats every field as optional and never raises on what a client or a server sends.
"""

import re
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal
from typing import Protocol as Seam

from estimator.usage import Usage

TEXT_CHARS_KEPT = 4 * 1024 * 1024
"""Characters of generated text held for counting; beyond it the count becomes a guess."""

type Purpose = Literal["tab", "chat", "agent", "edit", "embedding", "other"]
"""What a request is for; DESIGN section 5 gives the order of the rules."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a request's path and body say. Holds no prompt text."""

    model: str | None = None
    stream: bool = False
    choices: int = 1
    """How many answers to one prompt are asked for (`n`)."""
    generates: bool = True
    """False for a warm-up that asks for no output: it is no request and has no row."""
    embedding: bool = False
    completion: bool = False
    """An inline completion by its shape: `suffix`, FIM path or markers, next-edit model."""
    tools: bool = False
    user: str | None = None
    """`user`, `metadata.user_id` or `safety_identifier` as sent: a name or an opaque id."""
    session: str | None = None
    language: str | None = None
    repository: str | None = None
    modalities: tuple[str, ...] = ()
    """Sorted, of: text, image, audio, file."""
    client_input_tokens: int | None = None
    """The client's own count of its input, where it sends one."""


@dataclass(slots=True)
class Reading:
    """What a reply has told so far; a `Reply` fills it in as events come."""

    model: str | None = None
    usage: Usage | None = None
    """As the server reported it; the last report counts."""
    text: list[str] = field(default_factory=list)
    """Generated text in the order it came, for counting: what came since the output tokens were
    last reported. It is empty after a complete answer with usage; of a stream that reports as it
    goes and breaks off, it is what the last report did not cover."""
    other_choices: dict[int, list[str]] = field(default_factory=dict)
    """Text of the choices beyond the first: interleaved choices are joined and counted apart."""
    text_complete: bool = True
    """False once text was left out because there was more than `TEXT_CHARS_KEPT`."""
    text_chars: int = 0
    """Characters generated so far, also those whose text was dropped."""
    deltas: int = 0
    """Events that carried output, of whatever kind."""
    choices: int = 1
    """Answers seen so far: the highest choice index plus one."""
    ended: bool = False
    """The vendor's own end marker came (`[DONE]`, `message_stop`, `"done":true` …)."""
    error: str | None = None
    """The vendor's error type, never its message (messages quote prompts)."""
    response_id: str | None = None
    prefill_s: float | None = None
    decode_s: float | None = None
    load_s: float | None = None
    """The server's own timings, where it gives them (Ollama, llama.cpp, vLLM)."""

    @property
    def understood(self) -> bool:
        """Whether anything of the answer made sense."""
        known = (self.model, self.usage, self.error, self.response_id)
        return self.ended or self.deltas > 0 or any(value is not None for value in known)

    @property
    def unreported_chars(self) -> int:
        """Characters of the kept text: what came after the last report of the output."""
        others = sum(len(part) for parts in self.other_choices.values() for part in parts)
        return sum(map(len, self.text)) + others

    def add(self, text: str, choice: int = 0) -> None:
        """Take generated text of one choice, to be held until a report covers it."""
        self.text_chars += len(text)
        if choice >= self.choices:
            self.choices = choice + 1
        if self.text_chars > TEXT_CHARS_KEPT:
            self.text_complete = False
        elif choice == 0:
            self.text.append(text)
        else:
            self.other_choices.setdefault(choice, []).append(text)

    def report(self, usage: Usage) -> None:
        """Take what the server says it used; a known output covers the text so far.

        A later report that leaves a side out, or says 0 after a real figure, takes nothing back.
        """
        before = self.usage
        if before is not None:
            if usage.input_tokens == 0 == usage.output_tokens and before.output_tokens:
                return
            if usage.output_tokens is None:
                usage = replace(
                    usage,
                    output_tokens=before.output_tokens,
                    reasoning_tokens=before.reasoning_tokens,
                    output_how=before.output_how,
                )
            if usage.input_tokens is None:
                usage = replace(
                    usage,
                    input_tokens=before.input_tokens,
                    cache_read_tokens=before.cache_read_tokens,
                    cache_write_tokens=before.cache_write_tokens,
                    input_how=before.input_how,
                )
            told = usage.output_tokens != before.output_tokens
        else:
            told = usage.output_tokens is not None
        self.usage = usage
        if told:
            self.text.clear()
            self.other_choices.clear()


@dataclass(frozen=True, slots=True)
class Prompt:
    """The input side of a request as text to count; made only when nobody reports a count."""

    parts: tuple[str, ...]
    modalities: tuple[str, ...] = ()
    messages: int = 0
    token_ids: int = 0
    """Tokens sent as numbers instead of text (legacy completions, embeddings)."""


class Reply(Seam):
    """One reply being read."""

    reading: Reading

    def event(self, name: str, data: bytes) -> None:
        """Take one event of a stream (`name` of SSE or ""), or a whole JSON body."""
        ...


class Protocol(Seam):
    """One API family."""

    api: ClassVar[str]
    """Its name in the record: `openai.chat`, `anthropic.messages` …"""
    paths: ClassVar[re.Pattern[str]]
    """Searched in the path without its query; base URLs may put any prefix before it."""

    def ask(self, path: str, body: bytes) -> Ask:
        """What the request says; an unreadable body gives what the path alone says."""
        ...

    def prompt(self, body: bytes) -> Prompt:
        """The text of the request's input; images, audio and files are marked, not returned."""
        ...

    def reply(self, ask: Ask) -> Reply:
        """A reader for the answer to `ask`."""
        ...

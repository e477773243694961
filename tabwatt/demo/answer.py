"""What a fake family answers: events as bytes, and the truth about what they cost."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tabwatt.demo.controls import Controls

SSE = "text/event-stream"
NDJSON = "application/x-ndjson"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Truth:
    """What one request really used, in the convention of `estimator.usage.Usage`."""

    family: str
    model: str
    """The model that the reply names, or the request's where the reply names none."""
    input_tokens: int
    """Cached tokens, read and written, included."""
    output_tokens: int
    """Reasoning included, over all choices."""
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    text: str = ""
    """The visible text of all choices in the order of their index."""
    texts: tuple[str, ...] = ()
    """The same, by choice."""
    reasoning_text: str = ""
    """Reasoning as far as the reply shows it."""
    arguments: tuple[str, ...] = ()
    """The arguments of each tool call as JSON text."""
    reported: bool = True
    """Whether the reply, read to its end, tells these counts."""
    prefill_s: float | None = None
    decode_s: float | None = None
    """The server's own timings, where the family gives them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply before it is encoded, cut and sent."""

    events: tuple[bytes, ...]
    """The pieces of the body up to the end marker; one piece where it is no stream."""
    content_type: str = JSON
    end: bytes = b""
    """The piece that says that the stream is over."""
    failure: bytes = b""
    """What this family says when it breaks off in the middle, framed."""
    truth: Truth | None = None
    """None where nothing is generated."""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    stream: bool = False


def dumps(value: Any) -> str:
    """JSON as services send it: compact, characters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def body(value: Any, truth: Truth | None = None, status: int = 200) -> Answer:
    """Answer with one JSON value."""
    return Answer((dumps(value).encode(),), truth=truth, status=status)


def sse(value: Any, asked: Controls, event: str = "") -> bytes:
    """Frame one server-sent event; a `str` goes as it is, everything else as JSON."""
    eol = asked.eol
    space = "" if asked.sse == "nospace" else " "
    lines = [value] if isinstance(value, str) else [dumps(value)]
    if asked.sse == "multiline" and not isinstance(value, str):
        lines = json.dumps(value, ensure_ascii=False, indent=0).split("\n")
    head = [": keep-alive", "", "id: 1"] if asked.sse == "comments" else []
    head += [f"event:{space}{event}"] if event else []
    return (eol.join([*head, *(f"data:{space}{line}" for line in lines), "", ""])).encode()


def ndjson(value: Any, asked: Controls) -> bytes:
    """Frame one object of newline-delimited JSON."""
    return f"{dumps(value)}{asked.eol}".encode()


def done(asked: Controls) -> bytes:
    """OpenAI's end marker."""
    return sse("[DONE]", asked)


def chunked(words: Sequence[str], sizes: Sequence[int] = (1, 3, 2)) -> list[str]:
    """Join words into deltas of changing size, for a chunk is not a token."""
    deltas: list[str] = []
    at = 0
    while at < len(words):
        size = sizes[len(deltas) % len(sizes)]
        deltas.append("".join(words[at : at + size]))
        at += size
    return deltas


def interleaved(columns: Sequence[Sequence[str]]) -> Iterable[tuple[int, str]]:
    """Take one delta of each choice in turn: (choice index, text)."""
    for row in range(max((len(column) for column in columns), default=0)):
        for index, column in enumerate(columns):
            if row < len(column):
                yield index, column[row]


def streamed(events: Sequence[bytes], end: bytes, failure: bytes, truth: Truth) -> Answer:
    """Answer with server-sent events."""
    return Answer(tuple(events), f"{SSE}; charset=utf-8", end, failure, truth, stream=True)

"""Counting tokens where nobody reports them: exact for OpenAI's models, near for the others.

Pure functions; they take their time (17 MB/s) and so belong off the request path.
"""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from proxy.protocols.protocol import Prompt, Reading
from proxy.vocabulary import EncodingName, encoding

if TYPE_CHECKING:
    from tiktoken import Encoding

TOKENS_PER_MESSAGE = 4
"""Three tokens that chat models put around each message and one for its role (OpenAI cookbook,
"How to count tokens with tiktoken"; gpt-3.5-turbo and later). Tool definitions have an unpublished
format: their JSON is counted as text."""

TOKENS_BEFORE_REPLY = 3
"""Tokens that begin the assistant's answer (same source)."""

BYTES_PER_TOKEN = 4.2
"""UTF-8 bytes of code and its JSON for each o200k_base token.

Measured 2026-11 on this package's own Python sources: 4.17 as plain text, 3.79 as a JSON string,
4.39 as the body of a chat request that carries them (of which only the text becomes tokens);
English prose about code came to 3.6."""

_SLICE_CHARS = 64 * 1024
"""Longer text is counted in slices: tiktoken overflows its stack on a million blanks, and one
word of a million characters takes it half a second."""

_SEARCH_CHARS = 4096
_WORD_START = re.compile(r"(?<=\S) (?=[A-Za-z])")
"""Where both vocabularies always begin a new word, so that counting both sides apart is exact."""

_FAMILIES: tuple[tuple[str, EncodingName], ...] = (
    ("gpt-4o", "o200k_base"),
    ("gpt-4.1", "o200k_base"),
    ("gpt-4.5", "o200k_base"),
    ("gpt-41", "o200k_base"),
    ("gpt-4", "cl100k_base"),
    ("gpt-3.5", "cl100k_base"),
    ("gpt-35", "cl100k_base"),
    ("text-embedding-", "cl100k_base"),
    ("text-davinci-", "cl100k_base"),
    ("davinci-002", "cl100k_base"),
    ("babbage-002", "cl100k_base"),
    ("llama-3", "cl100k_base"),
    ("llama3", "cl100k_base"),
    ("meta-llama-3", "cl100k_base"),
    ("qwen", "cl100k_base"),
)
"""Starts of model names, without a vendor's prefix; the first that fits counts.

Llama 3 and Qwen extend cl100k_base with words of more languages, so for code it comes near.
"""


def encoding_name(model: str | None) -> EncodingName:
    """The vocabulary for a model: its own where that is public, else the nearest.

    Claude, Gemini, Mistral, DeepSeek and others use tokenizers of their own: the count is then an
    approximation, and the record still says `counted`. Measured 2026-11 against Mistral's tekken
    (mistral-common 1.13) on 535 kB of CPython's library: 4.5 % too low; the others' vocabularies
    were not at hand.
    """
    name = (model or "").lower().rsplit("/", 1)[-1].removeprefix("ft:")
    return next((found for start, found in _FAMILIES if name.startswith(start)), "o200k_base")


def count(text: str, tokenizer: "Encoding") -> int:
    """The number of tokens of `text`; special tokens in it count as the text they are."""
    return sum(len(tokenizer.encode_ordinary(piece)) for piece in _slices(text))


def _slices(text: str) -> Iterator[str]:
    """Cut long text where a word begins; in the middle of a run where none does."""
    start = 0
    while len(text) - start > _SLICE_CHARS:
        end = start + _SLICE_CHARS
        for word in _WORD_START.finditer(text, end - _SEARCH_CHARS, end):
            end = word.start()
        yield text[start:end]
        start = end
    yield text[start:] if start else text


def count_text(parts: Iterable[str], model: str | None) -> int | None:
    """Tokens of an answer that came in `parts`, joined first so that no border splits a token.

    None where the vocabulary cannot be loaded.
    """
    tokenizer = encoding(encoding_name(model))
    return None if tokenizer is None else count("".join(parts), tokenizer)


def count_reading(reading: Reading, model: str | None) -> int | None:
    """Tokens of the text a reply has given, each choice joined for itself."""
    choices = (reading.text, *reading.other_choices.values())
    counts = [count_text(parts, model) for parts in choices]
    known = [tokens for tokens in counts if tokens is not None]
    return sum(known) if len(known) == len(counts) else None


def count_prompt(prompt: Prompt, model: str | None) -> int | None:
    """Tokens of a request's input with the frame of its chat format; images are not in it.

    None where the vocabulary cannot be loaded.
    """
    tokenizer = encoding(encoding_name(model))
    if tokenizer is None:
        return None
    frame = prompt.messages * TOKENS_PER_MESSAGE + (TOKENS_BEFORE_REPLY if prompt.messages else 0)
    return sum(count(part, tokenizer) for part in prompt.parts) + prompt.token_ids + frame


def guess(byte_count: int) -> int:
    """Tokens for so many bytes of text or of a request body, when nothing better is known."""
    return round(byte_count / BYTES_PER_TOKEN)

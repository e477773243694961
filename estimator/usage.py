"""What a request used, in the one convention that everything behind the adapters shares."""

from dataclasses import dataclass
from typing import Literal

type How = Literal["reported", "client", "counted", "guessed", "none"]
"""Where a token count comes from: the server's own figure, the client's own count, our
tokenizer, the number of bytes, or nowhere."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts in OpenTelemetry's convention; `None` is unknown, 0 is a known zero.

    `input_tokens` includes cached tokens (read and written), `output_tokens` includes reasoning.
    """

    input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    input_how: How = "none"
    output_how: How = "none"

"""What a test asks of the fake upstream: request headers (or `metadata` keys) named `x-fake-…`.

| header | values |
|---|---|
| `x-fake-{input,output,reasoning,cache-read,cache-write}-tokens` | a number |
| `x-fake-status` | answer with this status and an error body of the family's own shape |
| `x-fake-usage` | `yes`, `no`, `zero`; `every` (cumulative, each event); `last` (last choice) |
| `x-fake-encoding` | `gzip`, `br`, `zstd`, `deflate`, `deflate-raw`: flushed after every event |
| `x-fake-cuts` | `every` (byte by byte), `random:SEED` |
| `x-fake-newline` | `crlf`, `lf` |
| `x-fake-sse` | `comments`, `multiline`, `nospace` |
| `x-fake-framing` | `length`, `chunked`, `close` (the body ends with the connection) |
| `x-fake-fault` | `refuse`, `reset-head`, `cut:BYTES`, `hang[:BYTES]`, `slow:MS`, `bad-chunk`,
  `no-end-marker`, `error-event` |
| `x-fake-read` | `no`: answers without reading the request's body |
| `x-fake-dialect` | of chat: `openai`, `mistral`, `copilot`, `deepseek`, `llamacpp`, `vllm` |
| `x-fake-delay-ms` | waits before the head |
| `x-fake-model`, `x-fake-text`, `x-fake-tool-calls` | model served; text first said; number |
"""

from collections.abc import Mapping
from dataclasses import dataclass

PREFIX = "x-fake-"


@dataclass(frozen=True, slots=True)
class Controls:
    """The test controls of one request, with what holds where nothing was asked for."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    tool_calls: int | None = None
    status: int = 200
    usage: str = ""
    """`yes`, `no`, `zero`, `every`, `last`, or empty for what the family does by itself."""
    encoding: str = "identity"
    cuts: str = "none"
    newline: str = "lf"
    sse: str = "plain"
    framing: str = ""
    fault: str = ""
    fault_number: int = 0
    """Bytes for `cut` and `hang`, milliseconds for `slow`."""
    delay_s: float = 0.0
    dialect: str = ""
    model: str | None = None
    text: str = ""

    @property
    def eol(self) -> str:
        """The line end of streams."""
        return "\r\n" if self.newline == "crlf" else "\n"


def controls(headers: Mapping[str, str]) -> Controls:
    """Read the controls out of headers whose names are in lower case."""
    asked = {k.removeprefix(PREFIX): v for k, v in headers.items() if k.startswith(PREFIX)}

    def number(name: str) -> int | None:
        return int(asked[name]) if name in asked else None

    fault, _, argument = asked.get("fault", "").partition(":")
    return Controls(
        input_tokens=number("input-tokens"),
        output_tokens=number("output-tokens"),
        reasoning_tokens=number("reasoning-tokens"),
        cache_read_tokens=number("cache-read-tokens"),
        cache_write_tokens=number("cache-write-tokens"),
        tool_calls=number("tool-calls"),
        status=number("status") or 200,
        usage=asked.get("usage", ""),
        encoding=asked.get("encoding", "identity"),
        cuts=asked.get("cuts", "none"),
        newline=asked.get("newline", "lf"),
        sse=asked.get("sse", "plain"),
        framing=asked.get("framing", ""),
        fault=fault,
        fault_number=int(argument or 0),
        delay_s=(number("delay-ms") or 0) / 1000,
        dialect=asked.get("dialect", ""),
        model=asked.get("model"),
        text=asked.get("text", ""),
    )

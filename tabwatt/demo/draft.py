"""How much a reply says and costs: the same for the same request, whatever the family."""

import json
from dataclasses import dataclass

from tabwatt.demo.answer import Truth, chunked, dumps
from tabwatt.demo.call import Call, Json, input_tokens, prefix_tokens, turns
from tabwatt.demo.vocabulary import words

PREFILL_S_PER_TOKEN = 0.0005
DECODE_S_PER_TOKEN = 0.015
"""Roughly a model of 7 to 8 billion parameters on a laptop's GPU; only for timings shown."""
CACHE_BLOCK_TOKENS = 64
TOOL_RESULT_MARKS = ("tool", "tool_result", "function_call_output", "functionResponse")

SERVED = {
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
    "codestral-latest": "codestral-2508",
}
"""Names under which an alias answers (vendors' model lists, 2025)."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A reply that has been thought of and not yet been put in any family's shape."""

    model: str
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int
    choices: tuple[tuple[str, ...], ...]
    """Each choice as the text of its deltas."""
    reasoning: tuple[str, ...]
    """The reasoning as the text of its deltas."""
    calls: tuple[tuple[str, str], ...]
    """Tool calls: name and arguments as JSON text."""
    truncated: bool
    """Whether the request's limit on output was met."""

    @property
    def texts(self) -> tuple[str, ...]:
        """The text of each choice."""
        return tuple("".join(deltas) for deltas in self.choices)

    def call_arguments(self, index: int) -> Json:
        """The arguments of one tool call as an object."""
        return dict(json.loads(self.calls[index][1]))

    @property
    def prefill_s(self) -> float:
        """Seconds the prompt takes, cached tokens for nothing."""
        return PREFILL_S_PER_TOKEN * (self.input_tokens - self.cache_read_tokens)

    @property
    def decode_s(self) -> float:
        """Seconds the output takes."""
        return DECODE_S_PER_TOKEN * self.output_tokens

    def truth(
        self, family: str, *, reported: bool, thoughts_shown: bool = False, timed: bool = False
    ) -> Truth:
        """State what this reply really used."""
        return Truth(
            family=family,
            model=self.model,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cache_read_tokens=self.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens,
            reasoning_tokens=self.reasoning_tokens,
            text="".join(self.texts),
            texts=self.texts,
            reasoning_text="".join(self.reasoning) if thoughts_shown else "",
            arguments=tuple(arguments for _, arguments in self.calls),
            reported=reported,
            prefill_s=self.prefill_s if timed else None,
            decode_s=self.decode_s if timed else None,
        )


def draft(
    call: Call,
    *,
    model: str | None = None,
    choices: int = 1,
    shortest: int = 20,
    spread: int = 160,
    limit: int | None = None,
    reasons: bool = False,
    caches: bool = True,
    writes: bool = False,
) -> Draft:
    """Think of a reply of `shortest` to `shortest + spread` tokens a choice, `limit` at most."""
    asked = call.controls
    named = model or str(call.body.get("model") or "fake-model")
    each = shortest + call.seed % spread
    truncated = limit is not None and asked.output_tokens is None and each >= limit
    each = min(each, limit) if limit is not None else each
    output = asked.output_tokens if asked.output_tokens is not None else each * choices
    reasoning = asked.reasoning_tokens
    if reasoning is None:
        reasoning = output // 4 if reasons else 0
    reasoning = min(reasoning, output)
    spoken = _spoken(call, output - reasoning, choices)
    calls, spoken = _tool_calls(call, spoken)
    prompt, read, write = _input(call, caches, writes)
    return Draft(
        model=asked.model or SERVED.get(named, named),
        input_tokens=prompt,
        cache_read_tokens=read,
        cache_write_tokens=write,
        output_tokens=output,
        reasoning_tokens=reasoning,
        choices=tuple(tuple(chunked(part)) for part in spoken),
        reasoning=tuple(chunked(words(call.seed + 1, reasoning))),
        calls=calls,
        truncated=truncated,
    )


def _spoken(call: Call, total: int, choices: int) -> list[tuple[str, ...]]:
    """Share `total` words among the choices, the first ones taking what does not divide."""
    share, rest = divmod(total, choices)
    spoken = [words(call.seed + 7 * index, share + (index < rest)) for index in range(choices)]
    if call.controls.text:
        spoken[0] = (call.controls.text, *spoken[0][1:])
    return spoken


def _tool_calls(
    call: Call, spoken: list[tuple[str, ...]]
) -> tuple[tuple[tuple[str, str], ...], list[tuple[str, ...]]]:
    """Turn the second half of the first choice into tool calls, if tools are offered."""
    count = call.controls.tool_calls
    if count is None:
        count = int(bool(call.body.get("tools")) and not _tool_answered(call))
    if not count:
        return (), spoken
    half = len(spoken[0]) // 2
    rest = spoken[0][half:]
    names = _offered(call) or ["read_file"]
    calls = tuple(
        (
            names[index % len(names)],
            dumps({"path": "src/main.py", "text": "".join(rest[index::count])}),
        )
        for index in range(count)
    )
    return calls, [spoken[0][:half], *spoken[1:]]


def _tool_answered(call: Call) -> bool:
    """Whether the last turn is the result of a tool: then the reply is text."""
    last = dumps(turns(call.body)[-1:])
    return any(f'"{mark}"' in last for mark in TOOL_RESULT_MARKS)


def _offered(call: Call) -> list[str]:
    """The names of the tools in a request of any family."""
    names: list[str] = []
    for tool in call.body.get("tools") or ():
        for one in (tool, tool.get("function"), *tool.get("functionDeclarations", ())):
            if isinstance(one, dict) and isinstance(one.get("name"), str):
                names.append(one["name"])
    return names


def reports(call: Call, unasked: bool) -> bool:
    """Whether a reply tells its usage: as the test says, else as the family does (`unasked`)."""
    return unasked if not call.controls.usage else call.controls.usage != "no"


def honest(call: Call, unasked: bool) -> bool:
    """Whether the usage told, if any, is the true one."""
    return reports(call, unasked) and call.controls.usage != "zero"


def _input(call: Call, caches: bool, writes: bool) -> tuple[int, int, int]:
    """Input tokens, and how many of them are read from and written to a cache."""
    asked = call.controls
    read, write = asked.cache_read_tokens, asked.cache_write_tokens
    prompt = asked.input_tokens
    if prompt is not None:
        return prompt, read or 0, write or 0
    prompt = max(input_tokens(call.body), (read or 0) + (write or 0) + 1)
    if read is None:
        whole = prefix_tokens(call.body) if caches else 0
        read = whole // CACHE_BLOCK_TOKENS * CACHE_BLOCK_TOKENS
    if write is None:
        write = (prompt - read) * 7 // 8 if writes else 0
    return prompt, read, write

"""Spellings of a model's name: what a vendor, a host or a file adds to it, taken off again.

Nothing here knows any model; `estimator.catalogue` looks up what these functions return.
"""

import re
from collections.abc import Iterator

_ROUTING = re.compile(
    r"^(?:(?:us|eu|apac|ap|au|jp|ca|global|us-gov)\.)?"  # Bedrock's inference profiles
    r"(?:(?:anthropic|meta|mistral|amazon|cohere|deepseek|openai|qwen|google|moonshot|minimax|zai)"
    r"\.)"
)
_VARIANT = re.compile(r":(?:free|nitro|floor|online|thinking|extended|beta|exacto|cloud|latest)$")
_BEDROCK_VERSION = re.compile(r"-v\d+:\d+$")
_QUANTISATION = re.compile(
    r"[-_.:](?:"
    r"(i?q[2-8](?:[-_](?:0|1|k|xs|xxs|nl|s|m|l))*)"
    r"|((?:awq|gptq|fp8|mxfp4|nvfp4|bf16|fp16|f16|int8|int4|w8a8|w4a16|bnb[-_]4bit|[3-8]bit"
    r"|gptq[-_]int4))(?:[-_]dynamic)?"
    r")$"
)
_DRESS = re.compile(
    r"[-_:](?:instruct|chat|it|hf|base|text|pt|preview|exp|latest|gguf|mlx|thinking|fast|tee"
    r"|128k|64k|32k|16k|8k|4k|copilot|highspeed|instant|versatile|\d{3,4}"
    r"|v\d+(?:\.\d+)?|20\d{6}|20\d\d[-.]\d\d[-.]\d\d|\d\d-20\d\d|\d\d-\d\d)$"
)
_CONTEXT = re.compile(r"(?:\[\d+[km]\]|[-_:](?:1|2|4|10)m|[-_:](?:1024|512|256|200)k)(?=$|[-_:])")
_VENDOR_WORD = re.compile(r"^(?:meta|mistralai|nvidia|ibm|google|openai|microsoft)[-_]")


def key(name: str) -> str:
    """One spelling for `llama3.1:8b`, `Llama-3.1-8B` and `llama_3_1_8b`."""
    return "-".join(re.findall(r"[a-z]+|\d+", name.lower()))


def bare(name: str) -> str:
    """The name without routes, folders, file endings, hosts' versions and sizes of the context."""
    text = name.strip().lower().split("@", 1)[0].removesuffix(".gguf")
    text = text.replace("\\", "/").rsplit("/", 1)[-1]
    text = _VARIANT.sub("", text)
    text = _ROUTING.sub("", text)
    return _CONTEXT.sub("", _BEDROCK_VERSION.sub("", text))


def quantisation(name: str) -> tuple[str, str | None]:
    """The name without its quantisation, and the quantisation (`q4_k_m`, `awq`), if it has one."""
    dressed = re.sub(r"[-_.]gguf$", "", name)
    match = _QUANTISATION.search(dressed)
    if match is None:
        return dressed, None
    return dressed[: match.start()], match.group(1) or match.group(2)


def shorter(name: str) -> Iterator[str]:
    """The name, then without its last qualifier (date, `-latest`, `-instruct`), and so on."""
    while True:
        yield name
        without_vendor = _VENDOR_WORD.sub("", name)
        if without_vendor != name:
            yield without_vendor
        match = _DRESS.search(name)
        if match is None:
            return
        name = name[: match.start()]


_EXPERTS = re.compile(r"(?<![a-z0-9.])(\d+)x(\d+(?:\.\d+)?)b(?![a-z])")
_ACTIVE = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)b-a(\d+(?:\.\d+)?)b(?![a-z])")
_BILLIONS = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)b(?![a-z0-9])")
_MILLIONS = re.compile(r"(?<![a-z0-9.])(\d+)m(?![a-z0-9])")

# What 8 experts of Mixtral share: 46.7 B in all of 8 x 7, 12.9 B active of 2 x 7 (table models).
_SHARED_TOTAL, _SHARED_ACTIVE = 0.834, 0.92


_FEWEST_MILLIONS = 20  # less is the length of a context: `-1m`


def size_in(name: str) -> tuple[float, float] | None:
    """Active and total parameters, in billions, that the name itself states."""
    if match := _ACTIVE.search(name):
        return float(match.group(2)), float(match.group(1))
    if match := _EXPERTS.search(name):
        experts, size = int(match.group(1)), float(match.group(2))
        return min(2, experts) * size * _SHARED_ACTIVE, experts * size * _SHARED_TOTAL
    if match := _BILLIONS.search(name):
        return float(match.group(1)), float(match.group(1))
    if (match := _MILLIONS.search(name)) and int(match.group(1)) >= _FEWEST_MILLIONS:
        return float(match.group(1)) / 1e3, float(match.group(1)) / 1e3
    return None

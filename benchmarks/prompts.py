"""Request bodies: a short question and long prompts of real source text that never repeats."""

import json
import sysconfig
from collections.abc import Mapping
from pathlib import Path

SIZES = {"100kb": 100_000, "1mb": 1_000_000, "8mb": 8_000_000}
LEFT_OUT = ("site-packages", "dist-packages", "test", "tests", "idlelib")


def write_bodies(folder: Path) -> Mapping[str, Path]:
    """Write the bodies of all scenarios: `reply`, `stream` and one per size in SIZES (bytes)."""
    bodies = {
        "reply": chat("What does this function return?", stream=False),
        "stream": chat("What does this function return?", stream=True),
    }
    source = _source_text(max(SIZES.values()))
    bodies |= {name: _of_size(source, size) for name, size in SIZES.items()}
    paths = {name: folder / f"{name}.json" for name in bodies}
    for name, body in bodies.items():
        paths[name].write_bytes(body)
    return paths


def chat(prompt: str, *, stream: bool) -> bytes:
    """A chat completion request."""
    body: dict[str, object] = {
        "model": "gpt-5-mini",
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": prompt},
        ],
    }
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return json.dumps(body).encode()


def _of_size(source: str, size: int) -> bytes:
    """A request of exactly this many bytes: its prompt shortened, then padded with spaces."""
    kept = size * len(source) // len(json.dumps(source))
    body = chat(source[:kept], stream=False)
    while len(body) > size:
        kept -= max(1, (len(body) - size) // 2)
        body = chat(source[:kept], stream=False)
    return body + b" " * (size - len(body))


def _source_text(characters: int) -> str:
    """Source of the standard library, as plain ASCII, at least this long if there is as much."""
    library = Path(sysconfig.get_path("stdlib"))
    texts, length = [], 0
    for path in sorted(library.rglob("*.py")):
        if not set(LEFT_OUT).isdisjoint(path.relative_to(library).parts):
            continue
        text = path.read_bytes().decode("ascii", errors="ignore")
        texts.append(text)
        length += len(text)
        if length >= characters:
            break
    return "".join(texts)

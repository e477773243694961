"""Errors of our own, in the shape that the client of each API family can read."""

import json
from collections.abc import Callable, Mapping

type Shape = Callable[[int, str, str], object]


def _openai(status: int, code: str, message: str) -> object:
    return {"error": {"message": message, "type": code, "param": None, "code": code}}


def _anthropic(status: int, code: str, message: str) -> object:
    return {"type": "error", "error": {"type": code, "message": message}}


def _gemini(status: int, code: str, message: str) -> object:
    return {"error": {"code": status, "message": message, "status": code.upper()}}


def _plain(status: int, code: str, message: str) -> object:
    return {"error": message}


def _mistral(status: int, code: str, message: str) -> object:
    return {"object": "error", "message": message, "type": code, "code": status}


_SHAPES: Mapping[str, Shape] = {
    "anthropic": _anthropic,
    "gemini": _gemini,
    "llamacpp": _openai,
    "mistral": _mistral,
    "ollama": _plain,
    "openai": _openai,
}


def body(api: str | None, status: int, code: str, message: str) -> bytes:
    """The JSON body for an API (`openai.chat` …; unknown ones read OpenAI's shape)."""
    family = (api or "openai").partition(".")[0]
    shape = _SHAPES.get(family, _openai)
    return json.dumps(shape(status, code, f"tabwatt: {message}")).encode()

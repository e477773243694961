"""The NDJSON contract of `tabwatt estimate --from`: one question a line in, one answer a line out.

A line that cannot be answered gets `{"v", "id", "error"}`; the lines around it are answered all
the same. Nothing here reads or writes a file.
"""

import codecs
import json
import math
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from estimator.estimate import Estimate, estimate_many
from estimator.figures import Figure
from estimator.interval import Interval
from estimator.place import is_zone
from estimator.query import Query

VERSION = 1

type Json = dict[str, Any]


class Unanswerable(ValueError):
    """A line that asks for the impossible, or cannot be read; the message is for its author."""


def answer(line: bytes | str, number: int) -> Json:
    """The answer to one line; `number` (from 1) is its id where it has none of its own."""
    return answers([(number, line)])[0]


def answers(lines: Iterable[tuple[int, bytes | str]]) -> list[Json]:
    """The answers to many numbered lines, in order; much faster together than one by one."""
    found: list[Json] = []
    asked: list[tuple[int, Query, list[str]]] = []
    for number, line in lines:
        reply, query, ignored = _read(line, number)
        if query is not None:
            asked.append((len(found), query, ignored))
        found.append(reply)
    estimates = estimate_many(query for _, query, _ in asked)
    for (place, _, ignored), estimate in zip(asked, estimates, strict=True):
        found[place] |= as_json(estimate)
        if ignored:
            found[place]["ignored"] = ignored
    return found


def _read(line: bytes | str, number: int) -> tuple[Json, Query | None, list[str]]:
    """The head of the answer, and the question unless it is to be refused."""
    head: Json = {"v": VERSION, "id": number}
    try:
        asked = msgspec.json.decode(_without_mark(line) if number == 1 else line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        head["id"] = _id_of_unreadable(line, number)
        return head | {"error": f"line {number} is not JSON: {error}"}, None, []
    if not isinstance(asked, dict):
        return head | {"error": f"line {number} is not a JSON object"}, None, []
    own_id = asked.get("id")
    if isinstance(own_id, str | int | float) and not isinstance(own_id, bool):
        head["id"] = own_id
    elif own_id is not None:
        return head | {"error": "id is neither text nor a number"}, None, []
    try:
        query = question(asked)
    except Unanswerable as error:
        return head | {"error": str(error)}, None, []
    return head, query, [key for key in asked if key not in _CHECKS and key != "id"]


def _without_mark(line: bytes | str) -> bytes | str:
    """The line without the mark that some programs put at the start of UTF-8."""
    if isinstance(line, bytes):
        return line.removeprefix(codecs.BOM_UTF8)
    return line.removeprefix("\ufeff")


def _id_of_unreadable(line: bytes | str, number: int) -> str | float:
    """Its own id where only NaN or Infinity, which many programs write, is in the way."""
    try:
        asked = json.loads(_without_mark(line))
    except (ValueError, RecursionError):
        return number
    own_id = asked.get("id") if isinstance(asked, dict) else None
    if isinstance(own_id, bool) or not isinstance(own_id, str | int | float):
        return number
    return own_id if isinstance(own_id, str) or math.isfinite(own_id) else number


def question(asked: Json) -> Query:
    """The question in a JSON object; null is absent, unknown keys are left to the caller.

    Raises `Unanswerable` for a value that cannot be: NaN, negative, a wrong type, parts larger
    than their whole.
    """
    given: Json = {
        name: _CHECKS[name](name, value)
        for name, value in asked.items()
        if value is not None and name in _CHECKS
    }
    query = Query(**given)
    _check_parts(query)
    return query


def _check_parts(query: Query) -> None:
    cached = (query.cache_read_tokens or 0) + (query.cache_write_tokens or 0)
    if query.input_tokens is not None and cached > query.input_tokens:
        raise Unanswerable("cache_read_tokens and cache_write_tokens exceed input_tokens")
    if query.output_tokens is not None and (query.reasoning_tokens or 0) > query.output_tokens:
        raise Unanswerable("reasoning_tokens exceed output_tokens")
    active, total = query.active_params_b, query.total_params_b
    if active is not None and total is not None and active > total:
        raise Unanswerable("active_params_b exceeds total_params_b")


type _Check = Callable[[str, object], object]


def _number(low: float, high: float) -> _Check:
    def check(name: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Unanswerable(f"{name} is not a number")
        if not math.isfinite(value) or not low <= value <= high:
            raise Unanswerable(f"{name} is not between {low:g} and {high:g}")
        return value

    return check


def _whole(low: int, high: int) -> _Check:
    within = _number(low, high)

    def check(name: str, value: object) -> int:
        number = within(name, value)
        if not isinstance(number, int | float) or number != int(number):
            raise Unanswerable(f"{name} is not a whole number")
        return int(number)

    return check


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise Unanswerable(f"{name} is not text")
    return value


def _zone(name: str, value: object) -> str:
    zone = _text(name, value).upper()
    if not is_zone(zone):
        raise Unanswerable(f"{name} is not an ISO 3166-1 alpha-2 or 3166-2 code, as US-VA or FR")
    return zone


def _architecture(name: str, value: object) -> str:
    if value not in ("dense", "moe"):
        raise Unanswerable(f"{name} is neither dense nor moe")
    return _text(name, value)


def _truth(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise Unanswerable(f"{name} is neither true nor false")
    return value


_TOKENS = _number(0.0, 1e12)
_SECONDS = _number(0.0, 1e9)
_SIZE = _number(1e-6, 1e6)

_CHECKS: dict[str, _Check] = {
    "model": _text,
    "input_tokens": _TOKENS,
    "cache_read_tokens": _TOKENS,
    "cache_write_tokens": _TOKENS,
    "output_tokens": _TOKENS,
    "reasoning_tokens": _TOKENS,
    "output_tokens_per_s": _number(1e-6, 1e7),
    "ttft_s": _SECONDS,
    "duration_s": _SECONDS,
    "provider": _text,
    "zone": _zone,
    "stack_year": _whole(2015, 2100),
    "gpu": _text,
    "gpus": _whole(1, 100_000),
    "batch": _number(1.0, 1e6),
    "precision": _text,
    "total_params_b": _SIZE,
    "active_params_b": _SIZE,
    "n_layers": _whole(1, 100_000),
    "kv_bytes_per_token": _number(0.0, 1e9),
    "kv_full_ctx_fraction": _number(0.0, 1.0),
    "architecture": _architecture,
    "local": _truth,
}


def as_json(estimate: Estimate) -> Json:
    """An estimate in the shape of the contract; what is unknown is absent."""
    energy = estimate.energy_j
    found: Json = {
        "tier": estimate.tier,
        "energy_j": {
            "accelerator": _figure(energy.accelerator),
            "server": _figure(energy.server),
            "facility": _figure(energy.facility),
        },
    }
    for name in ("carbon_g", "embodied_g", "water_ml", "intensity_g_per_kwh"):
        interval = getattr(estimate, name)
        if interval is not None:
            found[name] = _interval(interval)
    if estimate.zone is not None:
        found["zone"] = estimate.zone
    model = estimate.model
    return found | {
        "drivers": [{"name": d.name, "share": round(d.share, 4)} for d in estimate.drivers],
        "sources": list(estimate.sources),
        "method": estimate.method,
        "model": {"name": model.name, "how": model.how},
        "notes": list(estimate.notes),
    }


def _figure(figure: Figure) -> Json:
    if figure.interval is None:
        return {"tier": figure.tier}
    return {"tier": figure.tier} | _interval(figure.interval)


def _interval(interval: Interval) -> Json:
    return {"low": interval.low, "typical": interval.typical, "high": interval.high}

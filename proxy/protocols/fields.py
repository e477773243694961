"""Reading JSON that others wrote: typed where it fits, field by field where it does not."""

import json
import re
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from estimator.usage import Usage

MAX_TOKENS = 2**53
"""Above this a count is no longer exact in JSON, and absurd in any case."""

_ERROR_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_MISFIT = object()


class Fields(msgspec.Struct, frozen=True, gc=False):
    """The fields that are read of one JSON object; every one of them has a default."""


FITTED_BYTES = 1024 * 1024
"""Longer JSON that does not have the expected shape stays unread: fitting it field by field would
hold the interpreter for seconds."""


def read[T: Fields](decoder: msgspec.json.Decoder[T], data: bytes) -> T | None:
    """Decode `data`; a field of the wrong type costs that field alone. None if it is no object."""
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return fit(decoder.type, plain(data)) if len(data) <= FITTED_BYTES else None


def plain(data: bytes) -> Any:
    """JSON as dicts and lists; also lone surrogates, NaN and broken UTF-8. None if unreadable."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass  # stricter than the JSON that is out there
    try:
        return json.loads(data.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return None


def fit[T: Fields](kind: type[T], value: Any) -> T | None:
    """Make a `kind` of those fields of `value` that have the right type."""
    try:
        fitted = _fit(kind, value)
    except RecursionError:
        return None
    return fitted if isinstance(fitted, kind) else None


def _fit(kind: Any, value: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, Fields):
        return _fit_object(kind, value) if isinstance(value, dict) else _MISFIT
    if kind is msgspec.Raw:
        return msgspec.Raw(json.dumps(value).encode())
    if get_origin(kind) is list and isinstance(value, list):
        fitted = (_fit(get_args(kind)[0], item) for item in value)
        return [item for item in fitted if item is not _MISFIT]
    if get_origin(kind) in (UnionType, Union):
        fitted = (_fit(case, value) for case in get_args(kind))
        return next((item for item in fitted if item is not _MISFIT), _MISFIT)
    return _fit_scalar(kind, value)


def _fit_object(kind: type[Fields], value: dict[str, Any]) -> Fields:
    fitted = {
        known.name: _fit(known.type, value[known.encode_name])
        for known in msgspec.structs.fields(kind)
        if known.encode_name in value
    }
    return kind(**{name: item for name, item in fitted.items() if item is not _MISFIT})


def _fit_scalar(kind: Any, value: Any) -> Any:
    if kind is NoneType:
        return value if value is None else _MISFIT
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if kind is float and type(value) is int and abs(value) < MAX_TOKENS:
        return float(value)
    return value if type(value) is kind else _MISFIT


def compact(value: msgspec.Raw) -> str:
    """A JSON value as text without the blanks of pretty-printing; "" if it was absent."""
    try:
        return msgspec.json.format(bytes(value), indent=-1).decode("utf-8", "replace")
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ""


def tokens(count: int | None) -> int | None:
    """A token count as reported; negative or absurdly large ones are as good as absent."""
    return count if count is not None and 0 <= count <= MAX_TOKENS else None


def seconds(amount: float | None, per_second: float) -> float | None:
    """A duration in units of 1/`per_second` seconds, in seconds; absurd ones are absent."""
    return amount / per_second if amount is not None and 0 <= amount < MAX_TOKENS else None


def total(*counts: int | None) -> int | None:
    """The sum of the known counts; None when none is known."""
    known = [count for count in map(tokens, counts) if count is not None]
    return tokens(sum(known)) if known else None


def reported(
    input_tokens: int | None,
    output_tokens: int | None,
    cache_read: int | None = None,
    cache_write: int | None = None,
    reasoning: int | None = None,
) -> Usage | None:
    """Usage of the server's own figures in the normal form; a part above its whole is dropped."""
    inputs, outputs = tokens(input_tokens), tokens(output_tokens)
    if inputs is None and outputs is None:
        return None
    return Usage(
        input_tokens=inputs,
        cache_read_tokens=_part(cache_read, inputs),
        cache_write_tokens=_part(cache_write, inputs),
        output_tokens=outputs,
        reasoning_tokens=_part(reasoning, outputs),
        input_how="none" if inputs is None else "reported",
        output_how="none" if outputs is None else "reported",
    )


def _part(part: int | None, whole: int | None) -> int | None:
    known = tokens(part)
    return known if known is not None and whole is not None and known <= whole else None


def error_code(*candidates: object) -> str:
    """The first candidate that looks like a code and not like prose; `error` if none does."""
    for candidate in candidates:
        code = str(candidate) if type(candidate) is int else candidate
        if isinstance(code, str) and _ERROR_CODE.fullmatch(code):
            return code
    return "error"

"""A finished exchange becomes a record: counted, estimated, without any text.

Pure: the recorder calls it from a thread of its own, after the last byte has gone.
"""

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypedDict

from estimator.figures import Estimate, Figure
from estimator.interval import Interval
from estimator.place import provider_of_host
from estimator.query import Query
from estimator.usage import How, Usage
from ledger.record import Range, RequestRecord, TabCounts, Tier
from proxy.counting import count_prompt, count_reading, guess
from proxy.exchange import Exchange
from proxy.protocols.protocol import Prompt
from proxy.routing import DEFAULT_URLS, Upstream

MAX_MODEL_CHARS = 128
UNNAMED = "(no name of a model)"
"""Stands for a text that is no name: it may be part of a prompt."""
_WORD = re.compile(r"[\w.+#-]{1,40}")
_ABSOLUTE = re.compile(r"/|~/|[A-Za-z]:[/\\]|\\\\")

NOT_RUN = Usage(input_tokens=0, output_tokens=0)
"""What was turned away before a model saw it used nothing: a known zero."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where this installation stands: for models that run on this machine."""

    team: str | None = None
    zone: str | None = None


def usage(exchange: Exchange, *, count: bool) -> Usage:
    """What the exchange used: reported, else counted (or guessed, if `count` is off).

    A stream that broke off has no final report: its output is what had been reported by then
    and what arrived after that.
    """
    if _turned_away(exchange):
        return NOT_RUN
    if (exchange.status or 0) >= 500 and not exchange.reading.deltas:
        return exchange.reading.usage or Usage()  # whether a model ran, nobody knows
    reported = exchange.reading.usage or Usage()
    if reported.input_tokens is None:
        tokens, how = _input(exchange, count)
        reported = replace(reported, input_tokens=tokens, input_how=how)
    if reported.output_tokens is not None and exchange.outcome == "ok":
        return reported
    more, how = _output(exchange, count)
    if reported.output_tokens is None:
        return replace(reported, output_tokens=more, output_how=how)
    if not more:
        return reported
    return replace(reported, output_tokens=reported.output_tokens + more, output_how=how)


def _turned_away(exchange: Exchange) -> bool:
    """Refused before a model saw it, or sent elsewhere."""
    return exchange.outcome == "refused" or 300 <= (exchange.status or 0) < 500


def needs_counting(exchange: Exchange) -> int:
    """How many characters would have to be counted: the work that `count` would do."""
    reported = exchange.reading.usage
    if _turned_away(exchange) or (exchange.status or 0) >= 500:
        return 0
    chars = 0
    if reported is None or reported.input_tokens is None:
        chars += 0 if exchange.ask.client_input_tokens is not None else len(exchange.body)
    if reported is None or reported.output_tokens is None or exchange.outcome != "ok":
        chars += exchange.reading.unreported_chars
    return chars


def _input(exchange: Exchange, count: bool) -> tuple[int, How]:
    told = exchange.ask.client_input_tokens
    if told is not None:
        return told, "client"
    body = exchange.body
    if not count or not body:
        return guess(exchange.request_bytes), "guessed"
    prompt: Prompt = exchange.protocol.prompt(body)
    tokens = count_prompt(prompt, exchange.ask.model)
    if tokens is None or (tokens == 0 and not prompt.modalities):  # nothing could be read
        return guess(len(body)), "guessed"
    # What an image or a recording costs in tokens is the model's secret: the text is a floor.
    seen = set(prompt.modalities) | set(exchange.ask.modalities)
    return tokens, "guessed" if seen - {"text"} else "counted"


def _output(exchange: Exchange, count: bool) -> tuple[int | None, How]:
    """Output that no report covers; unknown where an answer came that could not be read."""
    reading = exchange.reading
    reported = reading.usage is not None and reading.usage.output_tokens is not None
    chars = reading.unreported_chars
    if not reading.text_complete:  # of a text too long to keep, nobody knows what a report covers
        chars = 0 if reported else reading.text_chars
    if chars == 0:
        return (None, "none") if unread(exchange) else (0, "counted")
    whole = count and reading.text_complete
    tokens = count_reading(reading, reading.model or exchange.ask.model) if whole else None
    if tokens is None:
        return guess(chars), "guessed"
    return tokens, "counted"


def unread(exchange: Exchange) -> bool:
    """Whether an answer came whose output nobody knows: unreadable, or a piece of one body."""
    if exchange.response_bytes == 0 or exchange.ask.embedding:
        return False
    torn = exchange.outcome in {"cut", "cancelled"} and not exchange.ask.stream
    odd = exchange.outcome == "ok" and not exchange.reading.understood
    return exchange.fault is not None or torn or odd


def query(exchange: Exchange, used: Usage, place: Place) -> Query:
    """What the estimator is asked about an exchange."""
    served_by = provider(exchange.route.upstream)
    local = served_by == "local"
    return Query(
        id=exchange.id,
        model=exchange.reading.model or exchange.ask.model,
        input_tokens=used.input_tokens,
        cache_read_tokens=used.cache_read_tokens,
        cache_write_tokens=used.cache_write_tokens,
        output_tokens=used.output_tokens,
        reasoning_tokens=used.reasoning_tokens,
        output_tokens_per_s=exchange.output_tokens_per_s(used.output_tokens),
        ttft_s=ttft_s(exchange),
        duration_s=duration_s(exchange),
        provider=served_by,
        zone=place.zone if local else None,
        local=local,
    )


def provider(upstream: Upstream) -> str:
    """Who runs the models behind an upstream: `local`, a known provider, or its own name.

    A vendor's name stays the vendor's, also where its URL leads to a gateway on this machine.
    """
    vendor = DEFAULT_URLS.get(upstream.name, "")
    if vendor.startswith("https://"):
        return provider_of_host(vendor.removeprefix("https://")) or upstream.name
    if upstream.local:
        return "local"
    return provider_of_host(upstream.host) or upstream.name


def ttft_s(exchange: Exchange) -> float | None:
    """Seconds from the request's arrival to the first output of a stream."""
    if not exchange.ask.stream or exchange.first_output_s is None:
        return None
    return exchange.first_output_s - exchange.started_s


def duration_s(exchange: Exchange) -> float | None:
    """Seconds from the request's arrival to the end of the answer."""
    return None if exchange.ended_s is None else exchange.ended_s - exchange.started_s


def record(
    exchange: Exchange,
    used: Usage,
    estimate: Estimate | None,
    place: Place,
    *,
    revision: int,
    final: bool,
) -> RequestRecord:
    """The row of an exchange."""
    caller, ask, upstream = exchange.caller, exchange.ask, exchange.route.upstream
    assert exchange.outcome is not None
    lasted_s = duration_s(exchange)
    return RequestRecord(
        id=exchange.id,
        started_at=exchange.started_at,
        developer=caller.developer if caller else "unknown",
        revision=revision,
        provisional=not final,
        ended_at=None if lasted_s is None else exchange.started_at + timedelta(seconds=lasted_s),
        duration_s=lasted_s,
        ttft_s=ttft_s(exchange),
        output_tokens_per_s=exchange.output_tokens_per_s(used.output_tokens),
        team=place.team,
        machine=caller.machine if caller else None,
        client=caller.client if caller else None,
        client_version=caller.client_version if caller else None,
        editor=caller.editor if caller else None,
        language=_word(ask.language),
        session=caller.session if caller else None,
        project=caller.project if caller else None,
        purpose=exchange.purpose,
        speculative=exchange.speculative,
        capture=exchange.capture,
        provider=provider(upstream),
        api=exchange.protocol.api,
        upstream=upstream.name,
        model_requested=model_name(ask.model),
        model_served=model_name(exchange.reading.model),
        stream=ask.stream,
        http_status=exchange.status,
        outcome=exchange.outcome,
        request_bytes=exchange.request_bytes,
        response_bytes=exchange.response_bytes,
        modalities=ask.modalities,
        input_how=used.input_how,
        output_how=used.output_how,
        input_tokens=used.input_tokens,
        cache_read_tokens=used.cache_read_tokens,
        cache_write_tokens=used.cache_write_tokens,
        output_tokens=used.output_tokens,
        reasoning_tokens=used.reasoning_tokens,
        tab=TabCounts() if exchange.purpose == "tab" else None,
        **_figures(estimate),
    )


def model_name(model: str | None) -> str | None:
    """A model's name as the ledger keeps it: printable, short, without folders of a disk.

    llama.cpp names a model by its absolute path, and a client may send anything at all.
    """
    if model is None:
        return None
    if _ABSOLUTE.match(model):
        model = re.split(r"[/\\]", model)[-1]
    plain = "".join(sign if sign.isprintable() else "?" for sign in model[:MAX_MODEL_CHARS])
    return plain if len(plain.split()) <= 6 else UNNAMED


def _word(text: str | None) -> str | None:
    """A language's id, or nothing."""
    return text if text is not None and _WORD.fullmatch(text) else None


def _plain(interval: Interval | None, tier: Tier | None = None) -> Range | None:
    if interval is None:
        return None
    return Range(interval.low, interval.typical, interval.high, tier)


def _figure(figure: Figure) -> Range | None:
    return _plain(figure.interval, figure.tier)


class Figures(TypedDict, total=False):
    """The fields of a record that an estimate fills."""

    accelerator_j: Range | None
    server_j: Range | None
    facility_j: Range | None
    carbon_g: Range | None
    embodied_g: Range | None
    water_ml: Range | None
    zone: str | None
    intensity_g_per_kwh: Range | None
    method: str


def _figures(estimate: Estimate | None) -> Figures:
    if estimate is None:
        return Figures()
    energy = estimate.energy_j
    return Figures(
        accelerator_j=_figure(energy.accelerator),
        server_j=_figure(energy.server),
        facility_j=_figure(energy.facility),
        carbon_g=_plain(estimate.carbon_g),
        embodied_g=_plain(estimate.embodied_g),
        water_ml=_plain(estimate.water_ml),
        zone=estimate.zone,
        intensity_g_per_kwh=_plain(estimate.intensity_g_per_kwh),
        method=estimate.method,
    )

"""One request in, its energy, carbon and water out, as intervals that own up to their width.

The order of work: facts and priors (`case`), hypotheses weighed by what was observed
(`evidence`), then the ladder accelerator -> server -> facility and the place.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from estimator import spread
from estimator.case import Case, case_of
from estimator.evidence import Posterior, Tokens, posterior
from estimator.figures import METHOD as METHOD
from estimator.figures import Driver, Energy, Figure
from estimator.figures import Estimate as Estimate
from estimator.hypotheses import Floats
from estimator.interval import Interval
from estimator.ladder import Rung, Rungs, ladder
from estimator.query import Query
from estimator.tables import constants

_MOST_TOKENS = 1e12
_FEWEST_FOR_A_RATE = 16
_PLAUSIBLE_RATES = (1.0, 1000.0)
_ELEMENTS_AT_ONCE = 16384
_LEAST_SHARE = 0.002


def estimate(query: Query) -> Estimate:
    """The estimate of one request."""
    return estimate_many((query,))[0]


def estimate_many(queries: Iterable[Query], *, explained: bool = True) -> list[Estimate]:
    """The estimates of many requests, in order; those with the same facts are done at once.

    `drivers` stay empty unless `explained`: naming them takes a third of the time.
    """
    asked = list(queries)
    answers: list[Estimate | None] = [None] * len(asked)
    groups: dict[int, tuple[Case, list[int], list[_Counts]]] = {}
    for i, query in enumerate(asked):
        case, counts = case_of(query), _counts(query)
        if counts is None:
            answers[i] = _without_energy(case, None)
        elif counts.input + counts.output == 0.0:
            answers[i] = _without_energy(case, Interval(0.0, 0.0, 0.0))
        else:
            _, members, their_counts = groups.setdefault(id(case), (case, [], []))
            members.append(i)
            their_counts.append(counts)
    for case, members, their_counts in groups.values():
        for i, answer in zip(members, _answers(case, their_counts, explained), strict=True):
            answers[i] = answer
    return [answer for answer in answers if answer is not None]


@dataclass(frozen=True, slots=True)
class _Counts:
    """Tokens of one request, with a default where one side is unknown."""

    input: float
    cached: float
    output: float
    rate_per_s: float
    """NaN where none was observed."""
    defaulted: str | None
    """The constant that stands in for an unknown side."""


def _counts(query: Query) -> _Counts | None:
    """`None` where neither side is known: then nothing can be said."""
    given_input, given_output = query.input_tokens, query.output_tokens
    defaulted = None
    if given_input is None and given_output is None:
        return None
    if given_input is None:
        defaulted, given_input = "input_tokens", constants()["input_tokens"].typical
        given_input = max(given_input, query.cache_read_tokens or 0.0)
    if given_output is None:
        defaulted, given_output = "output_tokens", constants()["output_tokens"].typical
    taken_in = min(float(given_input), _MOST_TOKENS)
    return _Counts(
        input=taken_in,
        cached=min(float(query.cache_read_tokens or 0.0), taken_in),
        output=min(float(given_output), _MOST_TOKENS),
        rate_per_s=_rate(query),
        defaulted=defaulted,
    )


def _rate(query: Query) -> float:
    """Tokens per second of the stream: as observed, else from its duration where that is safe."""
    rate, output = query.output_tokens_per_s, query.output_tokens
    if rate is not None and rate > 0.0:
        return rate
    if query.duration_s is None or query.ttft_s is None or output is None or query.reasoning_tokens:
        return math.nan  # hidden reasoning comes before the first token that is seen
    seconds = query.duration_s - query.ttft_s
    if output < _FEWEST_FOR_A_RATE or seconds <= 0.0:
        return math.nan
    rate = (output - 1.0) / seconds
    return rate if _PLAUSIBLE_RATES[0] <= rate <= _PLAUSIBLE_RATES[1] else math.nan


def _answers(case: Case, counts: list[_Counts], explained: bool) -> Iterator[Estimate]:
    """All requests of one case, as many at once as the processor's cache holds."""
    step = max(1, _ELEMENTS_AT_ONCE // len(case.grid.prior))
    for start in range(0, len(counts), step):
        yield from _answers_at_once(case, counts[start : start + step], explained)


def _answers_at_once(case: Case, counts: list[_Counts], explained: bool) -> list[Estimate]:
    columns = np.array([(c.input - c.cached, c.cached, c.output, c.rate_per_s) for c in counts])
    fresh, cached, output, rate_per_s = columns.T
    tokens = Tokens(fresh, cached, output, rate_per_s, case.hosted, case.gap_over_step)
    found = posterior(case.grid, tokens, case.noise)
    factor = np.where(np.isnan(rate_per_s), case.half_width_blind, case.half_width_rate)
    central = Rung(
        np.exp(found.log_typical),
        (found.log_typical - found.log_low) * factor,
        (found.log_high - found.log_typical) * factor,
    )
    by_tokens = {
        "cached prefix": _share_widths(found.cached_share, constants()["cache_hit"]),
        "unknown tokens": _unknown_tokens(found, counts),
    }
    accelerator = central
    for down, up in by_tokens.values():
        accelerator = accelerator.widened(down, up)
    variances = found.variances | {
        name: ((down + up) / spread.WIDTH_PER_SD) ** 2 for name, (down, up) in by_tokens.items()
    }
    drivers = _drivers(case, variances) if explained else [()] * len(counts)
    rows = zip(ladder(case, accelerator), drivers, counts, strict=True)
    return [_answer(case, rungs, drivers, one.defaulted) for rungs, drivers, one in rows]


def _unknown_tokens(found: Posterior, counts: list[_Counts]) -> tuple[Floats, Floats]:
    """The widths that a default in the place of a token count adds."""
    down, up = np.zeros(len(counts)), np.zeros(len(counts))
    for i, one in enumerate(counts):
        if one.defaulted is not None:
            output = found.output_share[i : i + 1]
            share = output if one.defaulted == "output_tokens" else 1.0 - output
            widths = _share_widths(share, constants()[one.defaulted])
            down[i], up[i] = widths[0][0], widths[1][0]
    return down, up


def _share_widths(share: Floats, factor: Interval) -> tuple[Floats, Floats]:
    """The widths of a sum of which `share` is uncertain by `factor`."""
    low = 1.0 - share + share * (factor.low / factor.typical)
    high = 1.0 - share + share * (factor.high / factor.typical)
    return -np.log(low), np.log(high)


def _drivers(case: Case, variances: dict[str, Floats]) -> list[tuple[Driver, ...]]:
    """Every cause of width with its share of the variance of ln(carbon), largest first."""
    names = (*variances, *case.fixed_variances)
    width = len(next(iter(variances.values())))
    fixed = (np.full(width, value) for value in case.fixed_variances.values())
    table = np.array([*variances.values(), *fixed])
    shares = (table / table.sum(axis=0)).T
    order = np.argsort(-shares, axis=1, kind="stable")
    ranked = zip(order.tolist(), np.take_along_axis(shares, order, axis=1).tolist(), strict=True)
    return [
        tuple(
            Driver(names[i], share)
            for i, share in zip(places, values, strict=True)
            if share >= _LEAST_SHARE
        )
        for places, values in ranked
    ]


def _answer(
    case: Case, rungs: Rungs, drivers: tuple[Driver, ...], defaulted: str | None
) -> Estimate:
    tier, notes, sources = case.tier, case.notes, case.sources
    if defaulted is not None:
        tier = "assumed"
        notes = (*notes, f"{defaulted} unknown: a default stands in")
        sources = (*sources, f"constants:{defaulted}")
    return Estimate(
        energy_j=Energy(
            Figure(tier, rungs.accelerator_j),
            Figure(tier, rungs.server_j),
            Figure(tier if case.place.building_known else "assumed", rungs.facility_j),
        ),
        carbon_g=rungs.carbon_g,
        embodied_g=rungs.embodied_g,
        water_ml=rungs.water_ml,
        intensity_g_per_kwh=case.place.intensity_g_per_kwh,
        zone=case.place.zone,
        drivers=drivers,
        sources=sources,
        method=METHOD,
        model=case.model,
        notes=notes,
    )


def _without_energy(case: Case, zero: Interval | None) -> Estimate:
    """Nothing known of the tokens: nothing known of the energy. No tokens: no energy."""
    figure = Figure("unknown" if zero is None else case.tier, zero)
    return Estimate(
        energy_j=Energy(figure, figure, figure),
        carbon_g=zero,
        embodied_g=zero,
        water_ml=zero,
        intensity_g_per_kwh=case.place.intensity_g_per_kwh,
        zone=case.place.zone,
        drivers=(),
        sources=case.sources,
        method=METHOD,
        model=case.model,
        notes=("no token count" if zero is None else "no tokens",),
    )

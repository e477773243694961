"""Everything that many requests share, made ready once: hypotheses, ladder, place, tier, notes."""

import math
from dataclasses import dataclass, fields
from functools import lru_cache
from operator import attrgetter
from typing import Any

from estimator import spread
from estimator.facts import Facts, Known, known
from estimator.figures import ResolvedModel, Tier
from estimator.hypotheses import Grid, grid
from estimator.interval import Interval
from estimator.place import Place, place
from estimator.priors import Setup, is_certain
from estimator.query import Query
from estimator.tables import accelerators, constant, constants
from estimator.units import G_PER_KG, HOURS_PER_YEAR, S_PER_HOUR


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """Everything an estimate needs but the tokens; widths are logs of `estimator.spread`."""

    grid: Grid
    noise: float
    """Standard deviation of the log of the energy, given a hypothesis."""
    hosted: bool
    gap_over_step: float
    half_width_blind: float
    half_width_rate: float
    tier: Tier
    place: Place
    model: ResolvedModel
    notes: tuple[str, ...]
    sources: tuple[str, ...]
    server_factor: Interval
    server_widths: spread.LogWidths
    pue_widths: spread.LogWidths
    intensity_widths: spread.LogWidths
    wue_widths: spread.LogWidths
    embodied_g_per_j: Interval
    embodied_widths: spread.LogWidths
    fixed_variances: dict[str, float]
    """Of the log of the carbon, by cause, the same for every request of the case."""


_FACTS = attrgetter(*(field.name for field in fields(Facts)))


def case_of(query: Query) -> Case:
    """The case of a request."""
    return _case(_FACTS(query))


@lru_cache(maxsize=512)
def _case(values: tuple[Any, ...]) -> Case:
    facts = Facts(*values)
    found = known(facts)
    setup = found.setup
    where = place(facts.zone, found.provider)
    server = constants()["local_host"] if setup.local else _server_factor()
    hypotheses = grid(setup)
    embodied = _embodied_g_per_j(hypotheses.tdp_w, setup.local)
    blind, rate = _half_widths(setup)
    return Case(
        grid=hypotheses,
        noise=math.hypot(constant("model_noise"), found.uncalibrated_sd),
        hosted=not setup.local and facts.batch is None and where.building_known,
        gap_over_step=constant("gap_over_step_2024") if setup.stack == "2024" else 1.0,
        half_width_blind=blind,
        half_width_rate=rate,
        tier="modelled" if found.modelled else "assumed",
        place=where,
        model=ResolvedModel(facts.model, found.model.name, found.model.how),
        notes=found.notes + _zone_notes(facts.zone, where),
        sources=_sources(found, where),
        server_factor=server,
        server_widths=spread.log_widths(server),
        pue_widths=spread.log_widths(where.pue),
        intensity_widths=spread.log_widths(where.intensity_g_per_kwh),
        wue_widths=spread.log_widths(where.wue_l_per_kwh),
        embodied_g_per_j=embodied,
        embodied_widths=spread.log_widths(embodied),
        fixed_variances=_fixed_variances(found, server, where),
    )


def _zone_notes(asked: str | None, where: Place) -> tuple[str, ...]:
    if asked is None or where.zone is not None:
        return ()
    return (f"zone {asked} unknown: the world's average stands in",)


def _fixed_variances(found: Known, server: Interval, where: Place) -> dict[str, float]:
    return {
        "model error": constant("model_noise") ** 2,
        "uncalibrated hardware": found.uncalibrated_sd**2,
        "host and idle": spread.variance(spread.log_widths(server)),
        "PUE": spread.variance(spread.log_widths(where.pue)),
        "grid": spread.variance(spread.log_widths(where.intensity_g_per_kwh)),
    }


def _half_widths(setup: Setup) -> tuple[float, float]:
    """Factors on the half-widths, without and with an observed rate, that made them cover 80 %."""
    kind = "2024" if setup.stack == "2024" else "moe" if setup.moe else "dense"
    if is_certain(setup):
        true = constant(f"half_width_true_{kind}")
        return true, true
    return constant(f"half_width_blind_{kind}"), constant(f"half_width_rate_{kind}")


def _server_factor() -> Interval:
    """Server over accelerator: host processors and memory, and the idle share of the fleet."""
    host, idle = constants()["host"], constants()["idle"]
    widths = spread.joined(spread.log_widths(host), spread.log_widths(idle))
    return spread.around(host.typical * idle.typical, widths)


def _embodied_g_per_j(tdp_w: float, local: bool) -> Interval:
    """Making the hardware, per joule of its accelerators: kg / (active life x mean power)."""
    made = constants()["embodied_machine" if local else "embodied_accelerator"]
    life = constants()["lifetime"]
    active = constants()["local_active_share" if local else "active_share"]
    power = constants()["power_over_tdp"]
    seconds = life.typical * HOURS_PER_YEAR * S_PER_HOUR * active.typical
    typical = made.typical * G_PER_KG / (seconds * power.typical * tdp_w)
    shorter = [tuple(reversed(spread.log_widths(part))) for part in (life, active, power)]
    widths = spread.joined(spread.log_widths(made), *((w[0], w[1]) for w in shorter))
    return spread.around(typical, widths)


def _sources(found: Known, where: Place) -> tuple[str, ...]:
    rows = [] if found.model.row is None else [found.model.row]
    for name, _ in found.setup.hardware:
        rows.append(f"accelerators:{name}")
        if accelerators()[name].calibrated:
            rows.append(f"roofline:{name}")
    local = found.setup.local
    server = ["constants:local_host"] if local else ["constants:host", "constants:idle"]
    return (*rows, "constants:prefill", "constants:cache_hit", *server, *where.sources)

"""The facts of a request apart from its tokens, made ready once for all requests that share them.

Given facts replace what the tables say, the tables replace priors; what stands in for a fact
that decides the answer makes the tier `assumed` and leaves a note.
"""

import math
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from operator import attrgetter
from typing import Any

from estimator import spread
from estimator.catalogue import Model, Size, resolve, spread_sizes
from estimator.figures import ResolvedModel, Tier
from estimator.hypotheses import Grid, Setup, grid, is_certain
from estimator.interval import Interval
from estimator.place import Place, Provider, place, provider_named, providers
from estimator.query import Architecture, Query
from estimator.tables import (
    accelerator_named,
    accelerators,
    constant,
    constants,
    precision_named,
)
from estimator.units import G_PER_KG, HOURS_PER_YEAR, S_PER_HOUR

_FLEET = {
    "2025": (("H100", 0.45), ("B200", 0.55)),  # docs/method.md, "Priors"
    "2024": (("H100", 0.5), ("A100-40", 0.5)),
}
_NEW_STACK_YEAR = 2025


@dataclass(frozen=True, slots=True)
class Facts:
    """The part of a `Query` that many requests share."""

    model: str | None
    provider: str | None
    zone: str | None
    stack_year: int | None
    gpu: str | None
    gpus: int | None
    batch: float | None
    precision: str | None
    total_params_b: float | None
    active_params_b: float | None
    n_layers: int | None
    kv_bytes_per_token: float | None
    kv_full_ctx_fraction: float | None
    architecture: Architecture | None
    local: bool


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


@lru_cache(maxsize=2048)
def _case(values: tuple[Any, ...]) -> Case:
    facts = Facts(*values)
    notes: list[str] = []
    model = _model(facts, notes)
    provider = _provider(facts, model, notes)
    local = facts.local or (provider is not None and provider.local)
    if local and (provider is None or not provider.local):
        provider = providers()["local"]
    stack = "2024" if (facts.stack_year or _NEW_STACK_YEAR) < _NEW_STACK_YEAR else "2025"
    hardware, hardware_known = _hardware(facts, provider, stack, notes)
    setup = _setup(facts, model, hardware, stack, local, notes)
    uncalibrated = _uncalibrated_sd(hardware, provider, facts.gpu is not None and hardware_known)
    known = model.sourced and hardware_known and uncalibrated == 0.0
    where = place(facts.zone, provider)
    if not model.sourced:
        notes.append(
            "size of the model not published"
            if model.how != "size in its name"
            else "size of the model read from its name"
        )
    if uncalibrated > 0.0:
        notes.append("hardware without calibration: data-sheet figures or a stand-in")
    return _assembled(
        setup, model, facts, where, uncalibrated, "modelled" if known else "assumed", notes, local
    )


def _assembled(
    setup: Setup,
    model: Model,
    facts: Facts,
    where: Place,
    uncalibrated: float,
    tier: Tier,
    notes: list[str],
    local: bool,
) -> Case:
    hypotheses = grid(setup)
    noise = constant("model_noise")
    server = constants()["local_host"] if local else _server_factor()
    embodied = _embodied_g_per_j(hypotheses.tdp_w, local)
    blind, rate = _half_widths(setup)
    server_widths, pue_widths = spread.log_widths(server), spread.log_widths(where.pue)
    intensity_widths = spread.log_widths(where.intensity_g_per_kwh)
    return Case(
        grid=hypotheses,
        noise=math.hypot(noise, uncalibrated),
        hosted=not local and facts.batch is None and where.building_known,
        gap_over_step=constant("gap_over_step_2024") if setup.stack == "2024" else 1.0,
        half_width_blind=blind,
        half_width_rate=rate,
        tier=tier,
        place=where,
        model=ResolvedModel(facts.model, model.name, model.how),
        notes=tuple(notes),
        sources=_sources(setup, model, where, local),
        server_factor=server,
        server_widths=server_widths,
        pue_widths=pue_widths,
        intensity_widths=intensity_widths,
        wue_widths=spread.log_widths(where.wue_l_per_kwh),
        embodied_g_per_j=embodied,
        embodied_widths=spread.log_widths(embodied),
        fixed_variances={
            "model error": noise * noise,
            "uncalibrated hardware": uncalibrated * uncalibrated,
            "host and idle": spread.variance(server_widths),
            "PUE": spread.variance(pue_widths),
            "grid": spread.variance(intensity_widths),
        },
    )


def _model(facts: Facts, notes: list[str]) -> Model:
    """The model of the table, with every fact that was given in the place of the table's."""
    model = resolve(facts.model)
    if facts.active_params_b is not None or facts.total_params_b is not None:
        model = _resized(model, facts)
    elif facts.architecture is not None:
        model = replace(model, moe=facts.architecture == "moe")
    layers = facts.n_layers or model.n_layers
    if facts.n_layers is not None and facts.kv_bytes_per_token is None:
        model = replace(model, kv_bytes_per_token=None)
    if facts.kv_bytes_per_token is not None:
        model = replace(model, kv_bytes_per_token=facts.kv_bytes_per_token)
    if facts.kv_full_ctx_fraction is not None:
        model = replace(model, kv_full_ctx_fraction=facts.kv_full_ctx_fraction)
    if model.how == "unknown":
        notes.append(f"model {model.name!r} is in no table: a wide prior over sizes")
    return replace(model, n_layers=layers)


def _resized(model: Model, facts: Facts) -> Model:
    """The model with the sizes that were given; one alone stands for both unless it is a MoE."""
    total = facts.total_params_b or facts.active_params_b or 0.0
    active = facts.active_params_b
    same = model.sourced and len(model.sizes) == 1
    moe = facts.architecture == "moe" or (active is not None and active < total)
    if active is None and facts.architecture is None and same and model.moe:
        moe = True
        active = total * model.sizes[0].active_b / model.sizes[0].total_b
    sizes: tuple[Size, ...] = (Size(active or total, total),)
    if active is None and moe:
        sizes = spread_sizes((0.05 * total, 0.3 * total), (total, total))
    kept = (
        model
        if same
        else replace(
            model, n_layers=None, kv_bytes_per_token=None, kv_full_ctx_fraction=1.0, row=None
        )
    )
    return replace(
        kept,
        sizes=sizes,
        sourced=len(sizes) == 1,
        moe=moe,
        how="given",
        routed_share=model.routed_share if moe else None,
    )


def _provider(facts: Facts, model: Model, notes: list[str]) -> Provider | None:
    found = provider_named(facts.provider)
    if found is None and facts.provider is not None:
        notes.append(f"provider {facts.provider!r} is in no table")
        return None
    if found is None and model.provider is not None and not facts.local:
        notes.append(f"provider not given: taken to be {model.provider}")
        return provider_named(model.provider)
    return found


def _hardware(
    facts: Facts, provider: Provider | None, stack: str, notes: list[str]
) -> tuple[tuple[tuple[str, float], ...], bool]:
    """Accelerators with their prior weights, and whether those can carry a `modelled` figure."""
    if facts.gpu is not None:
        chip = accelerator_named(facts.gpu)
        if chip is not None:
            return ((chip.name, 1.0),), True
        notes.append(f"accelerator {facts.gpu!r} is in no table: a mix stands in")
    local = facts.local or (provider is not None and provider.local)
    if local:
        if facts.gpu is None:
            notes.append("device of this machine unknown: a mix stands in")
        return providers()["local"].hardware, False
    if stack == "2024" or provider is None:
        return _FLEET[stack], facts.gpu is None
    return provider.hardware, facts.gpu is None


def _uncalibrated_sd(
    hardware: tuple[tuple[str, float], ...], provider: Provider | None, given: bool
) -> float:
    generic = any(not accelerators()[name].calibrated for name, _ in hardware)
    sd = constant("uncalibrated_noise") if generic else 0.0
    return math.hypot(sd, 0.0 if given or provider is None else provider.hardware_log_sd)


def _setup(
    facts: Facts,
    model: Model,
    hardware: tuple[tuple[str, float], ...],
    stack: str,
    local: bool,
    notes: list[str],
) -> Setup:
    given = None if facts.precision is None else precision_named(facts.precision)
    if facts.precision is not None and given is None:
        notes.append(f"precision {facts.precision!r} is in no table: a prior stands in")
    native = None if model.precision is None else precision_named(model.precision)
    if given is None and model.quantised:
        given = native
    return Setup(
        sizes=model.sizes,
        moe=model.moe,
        routed_share=model.routed_share,
        n_layers=model.n_layers,
        kv_bytes_per_token=model.kv_bytes_per_token,
        kv_full_ctx_fraction=model.kv_full_ctx_fraction,
        native_precision=None if native is None else native.name,
        precision=None if given is None else given.name,
        hardware=hardware,
        gpus=facts.gpus,
        batch=facts.batch,
        stack=stack,
        local=local,
    )


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


def _sources(setup: Setup, model: Model, where: Place, local: bool) -> tuple[str, ...]:
    rows = [] if model.row is None else [model.row]
    for name, _ in setup.hardware:
        rows.append(f"accelerators:{name}")
        if accelerators()[name].calibrated:
            rows.append(f"roofline:{name}")
    server = ["constants:local_host"] if local else ["constants:host", "constants:idle"]
    return (*rows, "constants:prefill", "constants:cache_hit", *server, *where.sources)

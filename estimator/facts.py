"""What is known of a request apart from its tokens, and what stands in where it is not.

Given facts replace what the tables say, the tables replace priors; what stands in for a fact
that decides the answer makes the tier `assumed` and leaves a note.
"""

import math
from dataclasses import dataclass, replace

from estimator.catalogue import Model, Size, resolve, spread_sizes
from estimator.place import Provider, provider_named, providers
from estimator.priors import Setup
from estimator.query import Architecture
from estimator.tables import accelerator_named, accelerators, constant, precision_named

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


@dataclass(frozen=True, slots=True)
class Known:
    """The facts after the tables have been asked."""

    setup: Setup
    model: Model
    provider: Provider | None
    uncalibrated_sd: float
    """Error added by hardware that nobody has calibrated, as a deviation of the log."""
    modelled: bool
    """Whether nothing that decides the answer is a stand-in."""
    notes: tuple[str, ...]


def known(facts: Facts) -> Known:
    """What the tables make of the facts."""
    notes: list[str] = []
    model = _model(facts, notes)
    provider = _provider(facts, model, notes)
    local = provider is not None and provider.local
    stack = "2024" if (facts.stack_year or _NEW_STACK_YEAR) < _NEW_STACK_YEAR else "2025"
    hardware, hardware_known = _hardware(facts, provider, stack, notes)
    setup = _setup(facts, model, hardware, stack, local, notes)
    given = facts.gpu is not None and hardware_known
    uncalibrated = _uncalibrated_sd(hardware, provider, given)
    if model.how == "size in its name":
        notes.append("size of the model read from its name")
    elif not model.sourced:
        notes.append("size of the model not published")
    if uncalibrated > 0.0:
        notes.append("hardware without calibration: data-sheet figures or a stand-in")
    modelled = model.sourced and hardware_known and uncalibrated == 0.0
    return Known(setup, model, provider, uncalibrated, modelled, tuple(notes))


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
    if facts.local:
        return found if found is not None and found.local else providers()["local"]
    if found is None and facts.provider is not None:
        notes.append(f"provider {facts.provider!r} is in no table")
        return None
    if found is None and model.provider is not None:
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
    if provider is not None and provider.local:
        if facts.gpu is None:
            notes.append("device of this machine unknown: a mix stands in")
        return provider.hardware, False
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

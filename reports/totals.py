"""Sums of the ledger's groups as the figures that screens print."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from ledger.record import Range
from ledger.sums import Sums
from reports.sums import J_PER_WH, mean, scaled, total


class GroupKey(NamedTuple):
    """What the requests of one group have in common; names are the ledger's key columns."""

    developer_id: str
    client: str
    provider: str
    model: str
    purpose: str
    outcome: str
    speculative: bool
    tier: str
    tab_fate: str


type Group = tuple[GroupKey, Sums]

COLUMNS: Final = (
    "requests",
    "cacheable_tokens",
    "input_tokens",
    "input_tokens_unknown",
    "cache_read_tokens",
    "output_tokens",
    "output_tokens_unknown",
    "facility_low_uj",
    "facility_typical_uj",
    "facility_high_uj",
    "facility_unknown",
    "carbon_low_ng",
    "carbon_typical_ng",
    "carbon_high_ng",
    "carbon_unknown",
    "tab_shown",
    "tab_shown_unknown",
    "tab_accepted",
    "tab_accepted_unknown",
)
"""What a summary reads of each group."""

_WEAKEST_FIRST: Final = ("", "unknown", "assumed", "modelled", "measured")


@dataclass(frozen=True, slots=True)
class TierShare:
    """How much of the energy a tier stands for, 0 to 1."""

    tier: str
    share: float


@dataclass(frozen=True, slots=True)
class Totals:
    """What some requests used and cost. `None` is unknown; no requests cost 0."""

    requests: int
    input_tokens: int
    cache_read_tokens: int
    output_tokens: int
    input_unknown: int
    """Requests whose input tokens nobody knows; they are not in `input_tokens`."""
    output_unknown: int
    energy_wh: Range | None
    """Facility energy of the requests whose energy is known."""
    carbon_g: Range | None
    """Operational carbon of the requests whose carbon is known."""
    energy_unknown: int
    carbon_unknown: int
    tiers: tuple[TierShare, ...]
    """Shares of the known energy, strongest tier first."""
    cache_hit_rate: float | None
    """Cached input tokens as a share of input tokens, where both are known."""

    @property
    def tier(self) -> str:
        """The weakest tier that stands for at least a twentieth of the energy."""
        return weakest(self.tiers)


def weakest(tiers: Iterable[TierShare]) -> str:
    """The weakest tier that stands for at least a twentieth of the energy."""
    counted = [part.tier for part in tiers if part.share >= 0.05]
    return counted[-1] if counted else "unknown"


def totals(groups: Iterable[Group]) -> Totals:
    """The figures of all these groups together."""
    parts = list(groups)

    def count(column: str) -> int:
        return sum(sums[column] for _, sums in parts)

    cacheable = count("cacheable_tokens")
    cached = count("cache_read_tokens")
    return Totals(
        requests=count("requests"),
        input_tokens=count("input_tokens"),
        cache_read_tokens=cached,
        output_tokens=count("output_tokens"),
        input_unknown=count("input_tokens_unknown"),
        output_unknown=count("output_tokens_unknown"),
        energy_wh=energy_wh(parts),
        carbon_g=carbon_g(parts),
        energy_unknown=count("facility_unknown"),
        carbon_unknown=count("carbon_unknown"),
        tiers=tier_shares(parts),
        cache_hit_rate=cached / cacheable if cacheable else None,
    )


def energy_wh(groups: Iterable[Group]) -> Range | None:
    """Facility energy in watt hours, of the requests where it is known."""
    return scaled(_interval(groups, "facility", "facility_unknown"), 1 / J_PER_WH)


def carbon_g(groups: Iterable[Group]) -> Range | None:
    """Operational carbon in grams, of the requests where it is known."""
    return _interval(groups, "carbon", "carbon_unknown")


def _interval(groups: Iterable[Group], quantity: str, unknown: str) -> Range | None:
    """One interval over groups: shared errors within a model and provider, else independent."""
    per_model: dict[tuple[str, str], Sums] = {}
    anything = False
    for key, sums in groups:
        anything = anything or sums["requests"] > 0
        if sums["requests"] > sums[unknown] or sums.range(quantity).high:
            model = (key.provider, key.model)
            per_model[model] = per_model[model] + sums if model in per_model else sums
    if not per_model:
        return None if anything else Range(0.0, 0.0, 0.0)
    return total(sums.range(quantity) for sums in per_model.values())


def tier_shares(groups: Iterable[Group]) -> tuple[TierShare, ...]:
    """How much of the energy of these groups each tier stands for, strongest first."""
    energy: dict[str, float] = {}
    for key, sums in groups:
        energy[key.tier] = energy.get(key.tier, 0.0) + mean(sums.range("facility"))
    whole = sum(energy.values())
    if not whole:
        return ()
    return tuple(
        TierShare(tier or "unknown", energy[tier] / whole)
        for tier in reversed(_WEAKEST_FIRST)
        if energy.get(tier)
    )

"""What inline completions cost, and what one of them costs that somebody took."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ledger.record import Range
from reports.sums import mean, scaled
from reports.totals import Group, carbon_g, energy_wh, tier_shares, weakest


@dataclass(frozen=True, slots=True)
class Tabs:
    """The funnel of a window's `tab` requests, and the Tab cost."""

    requested: int
    speculative: int
    cancelled: int
    delivered: int
    """Answered in full, speculative ones included."""
    shown: int | None
    """None: no client says what it showed."""
    accepted: int | None
    """None: no client says what was accepted."""
    accept_unknown: int
    """`tab` requests of which nobody knows whether they were accepted."""
    energy_wh: Range | None
    carbon_g: Range | None
    energy_unknown: int
    tier: str
    """The weakest tier that stands for at least a twentieth of the energy."""
    per: Literal["accepted", "delivered"] | None
    """What the cost is divided by; None when there is nothing to divide by."""
    cost_wh: Range | None
    """Energy of all `tab` requests over the number of Tabs that `per` names."""
    cost_g: Range | None
    unseen_share: float | None
    """Share of the energy that went into Tabs nobody saw, 0 to 1; None without a signal."""


def tabs(groups: Iterable[Group]) -> Tabs:
    """The Tab block over groups of any purpose."""
    parts = [(key, sums) for key, sums in groups if key.purpose == "tab"]
    requested = sum(sums["requests"] for _, sums in parts)
    delivered = sum(sums["requests"] for key, sums in parts if key.outcome == "ok")
    accept_unknown = sum(sums["tab_accepted_unknown"] for _, sums in parts)
    shown = _signal(parts, "tab_shown")
    accepted = _signal(parts, "tab_accepted")
    per: Literal["accepted", "delivered"] = "delivered" if accepted is None else "accepted"
    divisor = delivered if accepted is None else accepted
    energy, carbon = energy_wh(parts), carbon_g(parts)
    return Tabs(
        requested=requested,
        speculative=sum(sums["requests"] for key, sums in parts if key.speculative),
        cancelled=sum(sums["requests"] for key, sums in parts if key.outcome == "cancelled"),
        delivered=delivered,
        shown=shown,
        accepted=accepted,
        accept_unknown=accept_unknown,
        energy_wh=energy,
        carbon_g=carbon,
        energy_unknown=sum(sums["facility_unknown"] for _, sums in parts),
        tier=weakest(tier_shares(parts)),
        per=per if divisor else None,
        cost_wh=scaled(energy, 1 / divisor) if divisor else None,
        cost_g=scaled(carbon, 1 / divisor) if divisor else None,
        unseen_share=None if shown is None else _unseen_share(parts),
    )


def _signal(parts: list[Group], column: str) -> int | None:
    """The sum of what clients said; None where none said anything."""
    known = sum(sums["requests"] - sums[f"{column}_unknown"] for _, sums in parts)
    return sum(sums[column] for _, sums in parts) if known else None


def _unseen_share(parts: list[Group]) -> float | None:
    """Unseen is what the client said it never showed, or what it never received whole."""
    whole = unseen = 0.0
    for key, sums in parts:
        energy = mean(sums.range("facility"))
        whole += energy
        broken_off = key.tab_fate == "unknown" and key.outcome != "ok"
        if key.tab_fate == "unseen" or broken_off:
            unseen += energy
    return unseen / whole if whole else None

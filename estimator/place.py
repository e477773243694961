"""Where a request was served: the carbon and water of a joule there, and the building around it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType

from estimator.interval import Interval
from estimator.spread import log_widths, widened
from estimator.tables import constants, rows

_ZONE = re.compile(r"^[A-Z]{2}(?:-[A-Z0-9]{1,3})?$")


@dataclass(frozen=True, slots=True)
class Provider:
    """One host of models, as `providers.csv` has it."""

    id: str
    local: bool
    host_suffixes: tuple[str, ...]
    zones: tuple[tuple[str, float], ...]
    pue: Interval
    wue_l_per_kwh: Interval
    hardware: tuple[tuple[str, float], ...]
    hardware_log_sd: float
    """Error added because part of its hardware is of a kind that nobody has calibrated."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a joule becomes at a place."""

    zone: str | None
    """The zone, or the country that all candidate zones lie in.

    `None` where that is open, or where no table has the zone that was given.
    """
    intensity_g_per_kwh: Interval
    pue: Interval
    wue_l_per_kwh: Interval
    building_known: bool
    sources: tuple[str, ...]


@cache
def providers() -> Mapping[str, Provider]:
    """`providers.csv` by id."""
    return MappingProxyType({row["id"]: _provider(row) for row in rows("providers")})


def _provider(row: Mapping[str, str]) -> Provider:
    return Provider(
        id=row["id"],
        local=row["kind"] == "local",
        host_suffixes=tuple(row["host_suffixes"].split(";")),
        zones=_weights(row["zones"]),
        pue=_interval(row, "pue"),
        wue_l_per_kwh=_interval(row, "wue"),
        hardware=_weights(row["hardware"]),
        hardware_log_sd=float(row["hardware_log_sd"]),
    )


@cache
def _provider_ids() -> Mapping[str, str]:
    return {
        spelling: row["id"]
        for row in rows("providers")
        for spelling in (row["id"], *filter(None, row["aliases"].split(";")))
    }


def provider_named(name: str | None) -> Provider | None:
    """The provider of that id or alias (`mistral_ai`, `aws.bedrock`), if the table knows it."""
    found = None if name is None else _provider_ids().get(name.strip().lower())
    return None if found is None else providers()[found]


def provider_of_host(host: str) -> str | None:
    """The id of the provider behind a host name (`api.openai.com`), if the table knows it."""
    name = host.strip().lower().rstrip(".")
    for provider in providers().values():
        for suffix in filter(None, provider.host_suffixes):
            if name == suffix or name.endswith(("." + suffix, "-" + suffix)):
                return provider.id
    return None


def is_zone(zone: str) -> bool:
    """Whether the text has the form of ISO 3166-1 alpha-2 or 3166-2."""
    return _ZONE.match(zone) is not None


@lru_cache(maxsize=1024)
def place(zone: str | None, provider: Provider | None) -> Place:
    """The place of a request: the zone if given, else where the provider is known to be.

    The provider `local` stands in no data centre: its PUE is 1 and it drinks no water.
    """
    intensity, name, sources = _intensity(zone, () if provider is None else provider.zones)
    if provider is None:
        pue, wue = constants()["pue"], constants()["wue"]
        building: tuple[str, ...] = ("constants:pue", "constants:wue")
    else:
        pue, wue = provider.pue, provider.wue_l_per_kwh
        building = (f"providers:{provider.id}",)
    return Place(name, intensity, pue, wue, provider is not None, sources + building)


@cache
def _grid() -> Mapping[str, float]:
    return {row["zone"]: float(row["intensity_g_per_kwh"]) for row in rows("grid")}


def _intensity(
    zone: str | None, candidates: tuple[tuple[str, float], ...]
) -> tuple[Interval, str | None, tuple[str, ...]]:
    known = _known_zone(zone)
    if known is not None:
        return _over_hours(_point(_grid()[known])), zone, (f"grid:{known}",)
    if candidates and zone is None:
        countries = {name.split("-")[0] for name, _ in candidates}
        only = candidates[0][0] if len(candidates) == 1 else None
        common = countries.pop() if len(countries) == 1 else None
        sources = tuple(f"grid:{name}" for name, _ in candidates)
        return _over_hours(_over_zones(candidates)), only or common, sources
    spread, world = constants()["world_spread"], _grid()["WORLD"]
    return spread.scaled(world), None, ("grid:WORLD", "constants:world_spread")


def _known_zone(zone: str | None) -> str | None:
    """The row for a zone: its own, else its country's."""
    if zone is None:
        return None
    return next((name for name in (zone, zone.split("-")[0]) if name in _grid()), None)


def _over_zones(candidates: tuple[tuple[str, float], ...]) -> Interval:
    """10th, 50th and 90th percentile of the intensity over weighted candidate zones."""
    ordered = sorted((_grid()[name], weight) for name, weight in candidates)
    total = sum(weight for _, weight in ordered)

    def at(q: float) -> float:
        reached = 0.0
        for value, weight in ordered:
            reached += weight
            if reached >= q * total - 1e-12:
                return value
        return ordered[-1][0]

    return Interval(at(0.1), at(0.5), at(0.9))


def _over_hours(yearly: Interval) -> Interval:
    return widened(yearly, log_widths(constants()["hourly_spread"]))


def _point(value: float) -> Interval:
    return Interval(value, value, value)


def _weights(text: str) -> tuple[tuple[str, float], ...]:
    pairs = (pair.rsplit(":", 1) for pair in text.split(";") if pair)
    return tuple((name, float(weight)) for name, weight in pairs)


def _interval(row: Mapping[str, str], name: str) -> Interval:
    low, typical, high = (float(row[f"{name}_{end}"]) for end in ("low", "typical", "high"))
    return Interval(low, typical, high)

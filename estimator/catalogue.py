"""From a model's name to what is known of it, and how that was found out.

A name that no table holds gets the size that stands in it, or a wide prior: never a neighbour's.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Literal

from estimator import names
from estimator.tables import rows

type How = Literal["exact", "alias", "shortened", "size in its name", "given", "unknown"]


@dataclass(frozen=True, slots=True)
class Size:
    """One guess at a model's size, with its weight among the guesses."""

    active_b: float
    total_b: float
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Model:
    """What decides a model's energy; sizes in billions of parameters."""

    name: str
    how: How
    sizes: tuple[Size, ...]
    sourced: bool
    """One size, published by who made the model (or given with the question)."""
    row: str | None = None
    """The row of the table, as `table:name`."""
    moe: bool = False
    routed_share: float | None = None
    """Experts per token over experts."""
    n_layers: int | None = None
    kv_bytes_per_token: float | None = None
    kv_full_ctx_fraction: float = 1.0
    precision: str | None = None
    """As released, or as the name says it was quantised."""
    quantised: bool = False
    """The precision stands in the name that was asked for: no guess."""
    provider: str | None = None


@lru_cache(maxsize=4096)
def resolve(name: str | None) -> Model:
    """The model of that name; `how` says by which way it was found."""
    if name is None or not name.strip():
        return replace(_wide_prior(), name="(not named)")
    text, quantised = names.quantisation(names.bare(name))
    found = _look_up(text)
    if found is None:
        found = _sized_by_name(text, name) or replace(_wide_prior(), name=name.strip())
    return found if quantised is None else replace(found, precision=quantised, quantised=True)


def _look_up(text: str) -> Model | None:
    for step, candidate in enumerate(names.shorter(text)):
        spelling = names.key(candidate)
        if (model := _models().get(spelling)) is not None:
            return replace(model, how="exact" if step == 0 else "shortened")
        if (target := _aliases().get(spelling)) is not None:
            return replace(_models()[names.key(target)], how="alias")
    return None


@cache
def _models() -> Mapping[str, Model]:
    models = {names.key(row["name"]): _closed(row) for row in rows("closed_models")}
    models |= {names.key(row["name"]): _open(row) for row in rows("models")}
    return MappingProxyType(models)


@cache
def _aliases() -> Mapping[str, str]:
    return MappingProxyType({names.key(row["alias"]): row["name"] for row in rows("aliases")})


def known_names() -> Iterator[str]:
    """Every name that the tables hold, open models first."""
    for table, column in (("models", "name"), ("closed_models", "name"), ("aliases", "alias")):
        yield from (row[column] for row in rows(table))


def _open(row: Mapping[str, str]) -> Model:
    layers = int(row["n_layers"]) if row["n_layers"] else None
    values = float(row["kv_values_per_layer"]) if row["kv_values_per_layer"] else None
    active, total = float(row["active_params_b"]), float(row["total_params_b"])
    experts = row["experts"]
    return Model(
        name=row["name"],
        how="exact",
        sizes=(Size(active, total),),
        sourced=True,
        row=f"models:{row['name']}",
        moe=active < total,
        routed_share=float(row["experts_active"]) / float(experts) if experts else None,
        n_layers=layers,
        # The cache holds 16-bit values.
        kv_bytes_per_token=None if layers is None or values is None else 2.0 * layers * values,
        kv_full_ctx_fraction=float(row["kv_full_ctx_fraction"] or 1.0),
        precision=row["precision"],
    )


def _closed(row: Mapping[str, str]) -> Model:
    return Model(
        name=row["name"],
        how="exact",
        sizes=spread_sizes(
            (float(row["active_low_b"]), float(row["active_high_b"])),
            (float(row["total_low_b"]), float(row["total_high_b"])),
        ),
        sourced=False,
        row=f"closed_models:{row['name']}",
        moe=row["architecture"] != "dense",
        provider=row["provider"] or None,
    )


def spread_sizes(active_b: tuple[float, float], total_b: tuple[float, float]) -> tuple[Size, ...]:
    """Three sizes for a published guess: its ends, widened by half, and its geometric mean.

    Guesses at one closed model differ by up to ten times between those who make them, so the
    ends are moved out by a factor of 1.5 before they stand for a tenth to a quarter each.
    """
    low, high = active_b[0] / 1.5, active_b[1] * 1.5
    total_low, total_high = total_b[0] / 1.5, total_b[1] * 1.5
    middle, total_middle = math.sqrt(low * high), math.sqrt(total_low * total_high)
    return (
        Size(low, max(low, total_low), 0.25),
        Size(middle, max(middle, total_middle), 0.5),
        Size(high, max(high, total_high), 0.25),
    )


def _wide_prior() -> Model:
    return replace(_models()[names.key("unknown-closed")], how="unknown")


def _sized_by_name(text: str, name: str) -> Model | None:
    size = names.size_in(text)
    if size is None or size[1] <= 0:
        return None
    active, total = size
    return Model(
        name=name.strip(),
        how="size in its name",
        sizes=(Size(active, total),),
        sourced=False,
        moe=active < total,
    )

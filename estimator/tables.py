"""The published numbers in `data/`, read once each and typed; nothing is computed here."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from estimator.interval import Interval


@cache
def rows(table: str) -> tuple[Mapping[str, str], ...]:
    """Every row of `data/<table>.csv`, as text."""
    text = (files("data") / f"{table}.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


@cache
def constants() -> Mapping[str, Interval]:
    """`constants.csv` by name, in the unit that its row states."""
    return MappingProxyType({row["name"]: _interval(row) for row in rows("constants")})


def constant(name: str) -> float:
    """The typical value of a constant, in the unit that its row states."""
    return constants()[name].typical


@dataclass(frozen=True, slots=True)
class Accelerator:
    """One accelerator: data-sheet figures, and what was fitted where somebody measured it."""

    name: str
    memory_bytes: float
    bandwidth_bytes_per_s: float
    flop_per_s: float
    """Dense, 16 bit."""
    fp8_speedup: float
    tdp_w: float
    calibrated: bool
    bandwidth_share: float
    compute_share: float
    static_w: float
    j_per_byte: float
    j_per_flop: float
    moe_bandwidth: tuple[float, float, float]
    """What a mixture of experts keeps of the bandwidth, by kind of weights: bf16, fp8, fp4."""
    kind: str


# A chip with data-sheet figures alone: shares of its power as the fitted ones have them,
# 0.25 static, 0.45 at full bandwidth, 0.65 at full compute (table roofline, H100).
_GENERIC_BANDWIDTH, _GENERIC_COMPUTE = 0.70, 0.50
_GENERIC_STATIC, _GENERIC_MEMORY, _GENERIC_FLOPS = 0.25, 0.45, 0.65
_GENERIC_MOE = (0.6, 0.6, 0.6)


@cache
def accelerators() -> Mapping[str, Accelerator]:
    """`accelerators.csv` joined with `roofline.csv`, by name."""
    fits = {row["accelerator"]: row for row in rows("roofline")}
    found = (_accelerator(row, fits.get(row["name"])) for row in rows("accelerators"))
    return MappingProxyType({chip.name: chip for chip in found})


def _accelerator(row: Mapping[str, str], fit: Mapping[str, str] | None) -> Accelerator:
    bandwidth = float(row["bandwidth_gb_s"]) * 1e9
    flops = float(row["bf16_tflops"]) * 1e12
    tdp_w = float(row["tdp_w"])
    if fit is None:
        share, compute, static_w = _GENERIC_BANDWIDTH, _GENERIC_COMPUTE, _GENERIC_STATIC * tdp_w
        j_per_byte = _GENERIC_MEMORY * tdp_w / (bandwidth * share)
        j_per_flop = _GENERIC_FLOPS * tdp_w / (flops * compute)
        moe = _GENERIC_MOE
    else:
        share, compute = float(fit["bandwidth_share"]), float(fit["compute_share"])
        static_w = float(fit["static_w"])
        j_per_byte = float(fit["pj_per_byte"]) * 1e-12
        j_per_flop = float(fit["pj_per_flop"]) * 1e-12
        moe = (float(fit["moe_bf16"]), float(fit["moe_fp8"]), float(fit["moe_fp4"]))
    return Accelerator(
        name=row["name"],
        memory_bytes=float(row["memory_gb"]) * 1e9,
        bandwidth_bytes_per_s=bandwidth,
        flop_per_s=flops,
        fp8_speedup=float(row["fp8_speedup"]),
        tdp_w=tdp_w,
        calibrated=fit is not None,
        bandwidth_share=share,
        compute_share=compute,
        static_w=static_w,
        j_per_byte=j_per_byte,
        j_per_flop=j_per_flop,
        moe_bandwidth=moe,
        kind=row["kind"],
    )


@dataclass(frozen=True, slots=True)
class Precision:
    """How weights are stored, and in what they are multiplied."""

    name: str
    bytes_per_weight: float
    kind: int
    """Index into `Accelerator.moe_bandwidth`."""
    fast: bool
    """Multiplied in 8 bits or fewer, where the accelerator can."""


@cache
def precisions() -> Mapping[str, Precision]:
    """`precisions.csv` by name."""
    kinds = ("bf16", "fp8", "fp4")
    return MappingProxyType(
        {
            row["name"]: Precision(
                row["name"],
                float(row["bytes_per_weight"]),
                kinds.index(row["kind"]),
                row["arithmetic"] == "fp8",
            )
            for row in rows("precisions")
        }
    )


@cache
def _spellings(table: str) -> Mapping[str, str]:
    return {
        _MAKERS.sub("", _plain(spelling)): row["name"]
        for row in rows(table)
        for spelling in (row["name"], *filter(None, row["aliases"].split(";")))
    }


_MAKERS = re.compile(r"^(?:(?:nvidia|amd|instinct|tesla|geforce|apple)-)+")
_BOARD = re.compile(r"-(?:sxm\d*|pcie|nvl|hbm\w*|oam|\d+gb|gpu)$")


def accelerator_named(name: str) -> Accelerator | None:
    """The accelerator of that name or alias (`NVIDIA H100 80GB HBM3`, `rtx 4090`), if any.

    Maker, board and memory may stand around it; memory only where it does not tell two apart.
    """
    spellings = _spellings("accelerators")
    plain = _MAKERS.sub("", _plain(name))
    while plain not in spellings:
        shorter = _BOARD.sub("", plain)
        if shorter == plain:
            return None
        plain = shorter
    return accelerators()[spellings[plain]]


def precision_named(name: str) -> Precision | None:
    """The precision of that name or alias (`bfloat16`, `Q4_K_M`), if any."""
    found = _spellings("precisions").get(_plain(name))
    return None if found is None else precisions()[found]


def _plain(name: str) -> str:
    return name.strip().lower().replace("_", "-").replace(" ", "-")


def _interval(row: Mapping[str, str]) -> Interval:
    return Interval(float(row["low"]), float(row["typical"]), float(row["high"]))

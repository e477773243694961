"""What is believed of a server before anything of it is seen: values with weights that sum to 1."""

import math
from dataclasses import dataclass

import numpy as np

from estimator.catalogue import Size
from estimator.tables import Precision, precisions


@dataclass(frozen=True, slots=True)
class Setup:
    """What decides the hypotheses: facts where they are known, priors where they are not."""

    sizes: tuple[Size, ...]
    moe: bool
    routed_share: float | None
    n_layers: int | None
    kv_bytes_per_token: float | None
    kv_full_ctx_fraction: float
    native_precision: str | None
    precision: str | None
    hardware: tuple[tuple[str, float], ...]
    gpus: int | None
    batch: float | None
    stack: str
    local: bool


def stored_precisions(setup: Setup) -> list[tuple[Precision, float]]:
    """Ways to store the weights: as given, else as released, in 8 bits where that is usual."""
    table = precisions()
    if setup.precision is not None:
        return [(table[setup.precision], 1.0)]
    if setup.local:
        return [(table["int4"], 0.7), (table["q8"], 0.15), (table["bf16"], 0.15)]
    if setup.native_precision not in (None, "bf16"):
        return [(table[setup.native_precision or "bf16"], 1.0)]
    if max(size.total_b for size in setup.sizes) > 150:
        return [(table["bf16"], 0.39), (table["fp8"], 0.61)]  # shares in ML.ENERGY v3
    return [(table["bf16"], 1.0)]


def count_multiples(setup: Setup) -> list[tuple[float, float]]:
    """Accelerators used, over the fewest that hold the weights."""
    if setup.gpus is not None or setup.local:
        return [(1.0, 1.0)]
    return [(1.0, 2 / 3), (2.0, 1 / 3)]  # shares in ML.ENERGY v2 and v3


def batches(setup: Setup) -> list[tuple[float, float]]:
    """Requests served at once: log-uniform over what servers were measured at."""
    if setup.batch is not None:
        return [(max(setup.batch, 1.0), 1.0)]
    if setup.local:
        return [(1.0, 0.85), (2.0, 0.10), (4.0, 0.05)]
    low = 8.0 if setup.stack == "2025" else 32.0
    points = 9 if len(setup.sizes) > 1 else 13
    return [(float(b), 1.0 / points) for b in np.geomspace(low, 4096.0, points)]


def is_certain(setup: Setup) -> bool:
    """Whether accelerator, count, precision and batch are all given: only the model errs."""
    known = setup.gpus is not None and setup.batch is not None and setup.precision is not None
    return known and len(setup.hardware) == 1 and math.isclose(setup.hardware[0][1], 1.0)

"""Every way a request may have been served, as arrays: accelerator, count, precision, size, batch.

All arrays of a grid have one entry per hypothesis, flattened from five axes in that order. The
constants are those of the tables `roofline` and `constants`; nothing here depends on the tokens
of a request, so that a grid can be kept and asked many times.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from estimator.catalogue import Size
from estimator.tables import Accelerator, Precision, accelerators, constant, precisions

type Floats = NDArray[np.float64]


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


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The coefficients of the step time and of the energy, per hypothesis."""

    shape: tuple[int, int, int, int, int]
    prior: Floats
    batch: Floats
    step_fixed_s: Floats
    step_weights_s: Floats
    step_kv_s_per_token: Floats
    step_compute_cubed: Floats
    static_w: Floats
    step_j: Floats
    step_kv_j_per_token: Floats
    power_cap_w: Floats
    prefill_j_per_token: Floats
    attention_per_token: Floats
    """Attention over prefill's own work, per token of context that a fresh token looks back on."""
    log2_batch_over_capacity: Floats
    """log2 of (batch x 1 token / tokens of KV cache that fit); prior falls beyond twice that."""
    full_context: float
    tdp_w: float
    """Of one accelerator, in the mean of the prior."""


@lru_cache(maxsize=1024)
def grid(setup: Setup) -> Grid:
    """The hypotheses of a setup, with the prior of the method note (docs/method.md)."""
    chips = [accelerators()[name] for name, _ in setup.hardware]
    stored = _precisions(setup)
    multiples = _count_multiples(setup)
    batches = _batches(setup)
    shape = (len(chips), len(multiples), len(stored), len(setup.sizes), len(batches))
    axes = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    chip_i, multiple_i, precision_i, size_i, batch_i = (axis.ravel() for axis in axes)

    def of_chip(values: list[float]) -> Floats:
        return np.array(values)[chip_i]

    active = np.array([size.active_b for size in setup.sizes])[size_i] * 1e9
    total = np.array([size.total_b for size in setup.sizes])[size_i] * 1e9
    batch = np.array([b for b, _ in batches])[batch_i]
    width = np.array([p.bytes_per_weight for p, _ in stored])[precision_i]
    fast = np.array([p.fast for p, _ in stored])[precision_i]
    kind = np.array([p.kind for p, _ in stored])[precision_i]
    memory = of_chip([chip.memory_bytes for chip in chips])
    if setup.gpus is None:
        # Smallest power of two that holds the weights with a tenth to spare, times 1 or 2.
        need = np.maximum(1.10 * width * total / memory, 1.0)
        n = 2.0 ** np.ceil(np.log2(need)) * np.array([m for m, _ in multiples])[multiple_i]
    else:
        n = np.full(active.shape, float(setup.gpus))

    layers = _layers(setup, active, total)
    kv_bytes = _kv_bytes(setup, layers)
    bandwidth = of_chip([c.bandwidth_bytes_per_s * c.bandwidth_share for c in chips]) * n
    speed = np.where(fast, of_chip([c.fp8_speedup for c in chips]), 1.0)
    flop_per_s = of_chip([c.flop_per_s * c.compute_share for c in chips]) * n * speed
    kept = _moe_bandwidth(chips, setup.moe)[chip_i, kind]
    weights_bytes = width * _weights_read(setup, active, total, batch)
    kv_step_bytes = constant("kv_read") * batch * kv_bytes
    flops = 2.0 * active * batch
    j_per_byte = of_chip([c.j_per_byte for c in chips])
    j_per_flop = of_chip([c.j_per_flop for c in chips]) / np.sqrt(speed)
    tdp_w = of_chip([c.tdp_w for c in chips])
    room = np.maximum(0.88 * n * memory - width * total, 0.02 * n * memory)
    prior = (
        of_chip([weight for _, weight in setup.hardware])
        * np.array([w for _, w in multiples])[multiple_i]
        * np.array([w for _, w in stored])[precision_i]
        * np.array([size.weight for size in setup.sizes])[size_i]
        * np.array([w for _, w in batches])[batch_i]
    )
    if setup.local and setup.gpus is None:
        prior = prior / n  # two graphics cards in one machine are rarer than one
    prior = prior / prior.sum()
    return Grid(
        shape=shape,
        prior=prior,
        batch=batch,
        step_fixed_s=_overhead_s(setup, layers, n, batch, kind == 1),
        step_weights_s=weights_bytes / (bandwidth * kept),
        step_kv_s_per_token=kv_step_bytes / bandwidth,
        step_compute_cubed=(flops / flop_per_s) ** 3,
        static_w=n * of_chip([c.static_w for c in chips]),
        step_j=j_per_byte * weights_bytes + j_per_flop * flops,
        step_kv_j_per_token=j_per_byte * kv_step_bytes,
        power_cap_w=0.98 * n * tdp_w,
        prefill_j_per_token=2.0 * active * _prefill_j_per_flop(chips, chip_i, n) / np.sqrt(speed),
        # A layer does about 24 d^2 FLOPs a token and 4 d x context in attention: context / 6 d.
        attention_per_token=1.0 / (6.0 * np.sqrt(active / (12.0 * layers))),
        log2_batch_over_capacity=np.log2(batch * np.maximum(kv_bytes, 1.0) / (2.0 * room)),
        full_context=setup.kv_full_ctx_fraction,
        tdp_w=float((prior * tdp_w).sum()),
    )


def _precisions(setup: Setup) -> list[tuple[Precision, float]]:
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


def _count_multiples(setup: Setup) -> list[tuple[float, float]]:
    if setup.gpus is not None or setup.local:
        return [(1.0, 1.0)]
    return [(1.0, 2 / 3), (2.0, 1 / 3)]  # shares in ML.ENERGY v2 and v3


def _batches(setup: Setup) -> list[tuple[float, float]]:
    if setup.batch is not None:
        return [(setup.batch, 1.0)]
    if setup.local:
        return [(1.0, 0.85), (2.0, 0.10), (4.0, 0.05)]
    low = 8.0 if setup.stack == "2025" else 32.0
    points = 9 if len(setup.sizes) > 1 else 13
    return [(float(b), 1.0 / points) for b in np.geomspace(low, 4096.0, points)]


def _layers(setup: Setup, active: Floats, total: Floats) -> Floats:
    """Layers where nobody says: a power law through the open models of the table."""
    if setup.n_layers is not None:
        return np.full(active.shape, float(setup.n_layers))
    result: Floats = 16.5 * (np.sqrt(active * total) / 1e9) ** 0.33
    return result


def _kv_bytes(setup: Setup, layers: Floats) -> Floats:
    """Bytes of KV cache per token, all layers; 8 heads of 128, keys and values, 16 bit."""
    if setup.kv_bytes_per_token is not None:
        return np.full(layers.shape, setup.kv_bytes_per_token)
    return 2.0 * 2.0 * 8.0 * 128.0 * layers


def _weights_read(setup: Setup, active: Floats, total: Floats, batch: Floats) -> Floats:
    """Weights that one step reads: all of a dense model, the experts hit of a mixture.

    With experts chosen evenly, a batch B of tokens that use a share s of them each misses one
    with probability (1 - s)^B.
    """
    if not setup.moe:
        return total
    share = np.full(active.shape, setup.routed_share or 0.0)
    if setup.routed_share is None:
        share = 0.6 * active / total
    routed = (total - active) / (1.0 - share)
    shared = np.maximum(active - share * routed, 0.0)
    read: Floats = np.minimum(shared + routed * (1.0 - (1.0 - share) ** batch), total)
    return read


def _moe_bandwidth(chips: list[Accelerator], moe: bool) -> Floats:
    return np.array([chip.moe_bandwidth if moe else (1.0, 1.0, 1.0) for chip in chips])


def _overhead_s(
    setup: Setup, layers: Floats, n: Floats, batch: Floats, is_fp8: NDArray[np.bool_]
) -> Floats:
    """The part of a step that no memory or arithmetic explains: launches, links, scheduling."""
    per_layer = np.full(layers.shape, constant(f"layer_{setup.stack}"))
    if setup.moe:
        fp8_s = constant("moe_fp8_layer") * np.sqrt(4.0 / n)
        per_layer = per_layer + constant("moe_layer") + np.where(is_fp8, fp8_s, 0.0)
    parallel_s = layers * np.log2(n) * constant(f"tensor_parallel_{setup.stack}")
    sequence_s = constant(f"sequence_{setup.stack}") + constant("sequence_layer") * layers
    seconds: Floats = layers * per_layer + parallel_s + batch * sequence_s
    return seconds


def _prefill_j_per_flop(chips: list[Accelerator], chip_i: NDArray[np.intp], n: Floats) -> Floats:
    """Measured on H100: 1.05 pJ/FLOP on one, 1.35 on four; elsewhere by TDP over peak FLOP/s."""
    reference = constant("prefill_reference") * 1e-12
    scale = np.array([chip.tdp_w / chip.flop_per_s / reference for chip in chips])[chip_i]
    one = constant("prefill") * 1e-12
    doubling = 0.15e-12  # (1.35 - 1.05) / log2(4)
    return scale * (one + doubling * np.minimum(np.log2(n), 3.0))


def doublings_over_capacity(found: Grid, tokens: Floats) -> Floats:
    """By how many doublings the batch is beyond twice what the KV cache holds; 0 below."""
    length = np.log2(np.maximum(tokens, 1.0))
    return np.maximum(found.log2_batch_over_capacity + length, 0.0)


def is_certain(setup: Setup) -> bool:
    """Whether accelerator, count, precision and batch are all given: only the model errs."""
    known = setup.gpus is not None and setup.batch is not None and setup.precision is not None
    return known and len(setup.hardware) == 1 and math.isclose(setup.hardware[0][1], 1.0)

"""Every way a request may have been served, as arrays: accelerator, count, precision, size, batch.

All arrays of a grid have one entry per hypothesis, flattened from five axes in that order. The
constants are those of the tables `roofline` and `constants`; nothing here depends on the tokens
of a request, so that a grid can be kept and asked many times.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from estimator.priors import Setup, batches, count_multiples, stored_precisions
from estimator.tables import Accelerator, accelerators, constant

type Floats = NDArray[np.float64]


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


@dataclass(frozen=True, slots=True, eq=False)
class _Axes:
    """What the hypotheses say, one entry each, and how likely each is beforehand."""

    shape: tuple[int, int, int, int, int]
    chips: list[Accelerator]
    chip_i: NDArray[np.intp]
    n: Floats
    precision_bytes: Floats
    precision_kind: NDArray[np.intp]
    speed: Floats
    """Arithmetic at this precision over 16 bit."""
    active: Floats
    total: Floats
    batch: Floats
    prior: Floats

    def of_chip(self, read: Callable[[Accelerator], float]) -> Floats:
        """A figure of each hypothesis' accelerator."""
        found: Floats = np.array([read(chip) for chip in self.chips])[self.chip_i]
        return found


@lru_cache(maxsize=512)
def grid(setup: Setup) -> Grid:
    """The hypotheses of a setup, with the prior of the method note (docs/method.md)."""
    axes = _axes(setup)
    n, batch, active, speed = axes.n, axes.batch, axes.active, axes.speed
    layers = _layers(setup, active, axes.total)
    kv_bytes = _kv_bytes(setup, layers)
    bandwidth = axes.of_chip(lambda c: c.bandwidth_bytes_per_s * c.bandwidth_share) * n
    flop_per_s = axes.of_chip(lambda c: c.flop_per_s * c.compute_share) * n * speed
    weights_bytes = axes.precision_bytes * _weights_read(setup, active, axes.total, batch)
    kv_step_bytes = constant("kv_read") * batch * kv_bytes
    flops = 2.0 * active * batch
    j_per_byte = axes.of_chip(lambda c: c.j_per_byte)
    j_per_flop = axes.of_chip(lambda c: c.j_per_flop) / np.sqrt(speed)
    tdp_w = axes.of_chip(lambda c: c.tdp_w)
    return Grid(
        shape=axes.shape,
        prior=axes.prior,
        batch=batch,
        step_fixed_s=_overhead_s(setup, layers, n, batch, axes.precision_kind == 1),
        step_weights_s=weights_bytes / (bandwidth * _kept_bandwidth(setup, axes)),
        step_kv_s_per_token=kv_step_bytes / bandwidth,
        step_compute_cubed=(flops / flop_per_s) ** 3,
        static_w=n * axes.of_chip(lambda c: c.static_w),
        step_j=j_per_byte * weights_bytes + j_per_flop * flops,
        step_kv_j_per_token=j_per_byte * kv_step_bytes,
        power_cap_w=0.98 * n * tdp_w,
        prefill_j_per_token=2.0 * active * _prefill_j_per_flop(axes) / np.sqrt(speed),
        # A layer does about 24 d^2 FLOPs a token and 4 d x context in attention: context / 6 d.
        attention_per_token=1.0 / (6.0 * np.sqrt(active / (12.0 * layers))),
        log2_batch_over_capacity=np.log2(batch * np.maximum(kv_bytes, 1.0) / (2.0 * _room(axes))),
        full_context=setup.kv_full_ctx_fraction,
        tdp_w=float((axes.prior * tdp_w).sum()),
    )


def _axes(setup: Setup) -> _Axes:
    """The five axes, flattened; the prior of a hypothesis is the product of its parts'."""
    chips = [accelerators()[name] for name, _ in setup.hardware]
    stored, multiples = stored_precisions(setup), count_multiples(setup)
    sizes, filled = setup.sizes, batches(setup)
    shape = (len(chips), len(multiples), len(stored), len(sizes), len(filled))
    chip_i, multiple_i, precision_i, size_i, batch_i = np.indices(shape).reshape(5, -1)
    total = np.array([size.total_b for size in sizes])[size_i] * 1e9
    width = np.array([p.bytes_per_weight for p, _ in stored])[precision_i]
    memory = np.array([chip.memory_bytes for chip in chips])[chip_i]
    n = np.full(total.shape, float(setup.gpus or 0))
    if setup.gpus is None:
        # Smallest power of two that holds the weights with a tenth to spare, times 1 or 2.
        need = np.maximum(1.10 * width * total / memory, 1.0)
        n = 2.0 ** np.ceil(np.log2(need)) * np.array([m for m, _ in multiples])[multiple_i]
    prior = (
        np.array([weight for _, weight in setup.hardware])[chip_i]
        * np.array([weight for _, weight in multiples])[multiple_i]
        * np.array([weight for _, weight in stored])[precision_i]
        * np.array([size.weight for size in sizes])[size_i]
    )
    if setup.local and setup.gpus is None:
        prior = prior / n  # two graphics cards in one machine are rarer than one
    prior = prior * np.array([weight for _, weight in filled])[batch_i]
    fast = np.array([p.fast for p, _ in stored])[precision_i]
    return _Axes(
        shape=shape,
        chips=chips,
        chip_i=chip_i,
        n=n,
        precision_bytes=width,
        precision_kind=np.array([p.kind for p, _ in stored])[precision_i],
        speed=np.where(fast, np.array([chip.fp8_speedup for chip in chips])[chip_i], 1.0),
        active=np.array([size.active_b for size in sizes])[size_i] * 1e9,
        total=total,
        batch=np.array([batch for batch, _ in filled])[batch_i],
        prior=prior / prior.sum(),
    )


def _room(axes: _Axes) -> Floats:
    """Bytes left for the KV cache beside the weights; never quite none."""
    memory = axes.n * axes.of_chip(lambda c: c.memory_bytes)
    room: Floats = np.maximum(0.88 * memory - axes.precision_bytes * axes.total, 0.02 * memory)
    return room


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


def _kept_bandwidth(setup: Setup, axes: _Axes) -> Floats:
    """Share of the bandwidth that reading the weights keeps: all of it in a dense model."""
    if not setup.moe:
        return np.ones_like(axes.n)
    kept: Floats = np.array([chip.moe_bandwidth for chip in axes.chips])[
        axes.chip_i, axes.precision_kind
    ]
    return kept


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


def _prefill_j_per_flop(axes: _Axes) -> Floats:
    """Measured on H100: 1.05 pJ/FLOP on one, 1.35 on four; elsewhere by TDP over peak FLOP/s."""
    scale = axes.of_chip(lambda c: c.tdp_w / c.flop_per_s) / constant("prefill_reference")
    doubling = 0.15  # (1.35 - 1.05) / log2(4)
    pj_per_flop = constant("prefill") + doubling * np.minimum(np.log2(axes.n), 3.0)
    found: Floats = scale * pj_per_flop
    return found


def doublings_over_capacity(found: Grid, tokens: Floats) -> Floats:
    """By how many doublings the batch is beyond twice what the KV cache holds; 0 below."""
    length = np.log2(np.maximum(tokens, 1.0))
    return np.maximum(found.log2_batch_over_capacity + length, 0.0)

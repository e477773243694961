"""Hypotheses and requests in, energy of the accelerators out: one array operation for many.

The energy of a request is a sum of four terms (fresh prefill, cached prefix, decode's weights,
decode's KV cache), each of a hypothesis; the observed token rate weighs the hypotheses.
"""

import math
from dataclasses import dataclass

import numpy as np

from estimator.hypotheses import Floats, Grid, doublings_over_capacity
from estimator.quantiles import log_quantiles
from estimator.tables import constant

API_RATE = (16.5, 143.0)
"""Steps per second of one stream at hosted services, where nothing was observed.

They offer 33 to 143 tokens a second (docs/method.md, "Priors"); speculative decoding may yield
two tokens a step, so the slow end is halved.
"""

_UNEXPLAINED = 0.01
"""Weight left to every hypothesis by a rate that none explains: speculative decoding, buffers."""


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """Token counts and rates of many requests on one grid; all arrays have one entry each."""

    fresh: Floats
    cached: Floats
    output: Floats
    rate_per_s: Floats
    """Observed per stream; NaN where it was not."""
    hosted: bool
    """Whether a hosted service's usual rates stand in where none was observed."""
    gap_over_step: float
    """Observed gap between tokens over the step time: 1 but for the 2024 stack."""


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """Energy of the accelerators per request, J: quantiles as logs, and what made them wide."""

    log_low: Floats
    log_typical: Floats
    log_high: Floats
    variances: dict[str, Floats]
    """Of the log of the energy, by cause, before the model's own error."""
    cached_share: Floats
    """Energy of the cached prefix over all of it."""
    output_share: Floats


def posterior(grid: Grid, tokens: Tokens, noise: float) -> Posterior:
    """The energy of each request under all hypotheses, weighed by what was observed."""
    context = tokens.fresh + tokens.cached + constant("context_output_share") * tokens.output
    step_s, token_j = _decode(grid, _effective(grid, context)[:, None])
    prefill_j, cached_j = _prefill(grid, tokens)
    output_j = tokens.output[:, None] * token_j
    energy_j = prefill_j + cached_j + output_j
    weights = _weights(grid, tokens, step_s)
    log_j = np.log(energy_j)
    mean_j = (weights * energy_j).sum(axis=1)
    low, typical, high = log_quantiles(log_j, weights, noise)
    return Posterior(
        log_low=low,
        log_typical=typical,
        log_high=high,
        variances=_by_cause(grid, log_j, weights),
        cached_share=(weights * cached_j).sum(axis=1) / mean_j,
        output_share=(weights * output_j).sum(axis=1) / mean_j,
    )


def _effective(grid: Grid, context: Floats) -> Floats:
    """Context whose KV cache is read: layers with a window stop growing at its end."""
    windowed = np.minimum(context, constant("window_tokens"))
    result: Floats = grid.full_context * context + (1.0 - grid.full_context) * windowed
    return result


def _decode(grid: Grid, context: Floats) -> tuple[Floats, Floats]:
    """Seconds per step and joules per output token at a context, per hypothesis.

    Memory and arithmetic overlap (cubic norm), overheads add; power is static + traffic +
    arithmetic under a soft cap at the thermal limit.
    """
    memory_s = grid.step_kv_s_per_token * context
    memory_s += grid.step_weights_s
    step_s = memory_s * memory_s
    step_s *= memory_s
    step_s += grid.step_compute_cubed
    step_s = np.cbrt(step_s, out=step_s)
    step_s += grid.step_fixed_s
    power_w = grid.step_kv_j_per_token * context
    power_w += grid.step_j
    power_w /= step_s
    power_w += grid.static_w
    over = power_w / grid.power_cap_w
    for _ in range(3):
        over *= over  # to the eighth
    over += 1.0
    for _ in range(3):
        over = np.sqrt(over, out=over)
    power_w /= over
    power_w *= step_s
    power_w /= grid.batch
    return step_s, power_w


def _prefill(grid: Grid, tokens: Tokens) -> tuple[Floats, Floats]:
    """Joules of the fresh and of the cached input.

    A fresh token looks back on the cached prefix and, on average, half of the fresh ones. A
    cached one costs a share of what its own prefill would have.
    """
    behind = _effective(grid, tokens.cached + 0.5 * tokens.fresh)[:, None]
    fresh_j = grid.prefill_j_per_token * (1.0 + grid.attention_per_token * behind)
    cached_j = grid.prefill_j_per_token * constant("cache_hit")
    return tokens.fresh[:, None] * fresh_j, tokens.cached[:, None] * cached_j


def _weights(grid: Grid, tokens: Tokens, step_s: Floats) -> Floats:
    """Prior x KV capacity x likelihood of the observed (or usual) rate; rows sum to 1."""
    length = tokens.fresh + tokens.cached + 0.6 * tokens.output
    over = doublings_over_capacity(grid, length[:, None])
    log_gap = np.log(step_s)
    off = log_gap + np.log(tokens.rate_per_s * tokens.gap_over_step)[:, None]
    unseen = np.isnan(tokens.rate_per_s)
    if unseen.any():
        off[unseen] = _off_usual(log_gap[unseen]) if tokens.hosted else 0.0
    off *= 1.0 / constant("gap_noise")
    off *= off
    off *= -0.5
    likelihood = np.exp(off, out=off)
    likelihood += _UNEXPLAINED
    weights = np.exp(np.negative(over, out=over), out=over)
    weights *= grid.prior
    weights *= likelihood
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def _off_usual(log_gap: Floats) -> Floats:
    """How far outside the usual rates a gap is, in its log; 0 inside."""
    slow, fast = -math.log(API_RATE[0]), -math.log(API_RATE[1])
    result: Floats = np.maximum(log_gap - slow, 0.0) + np.minimum(log_gap - fast, 0.0)
    return result


_AXES = ("batch", "model size", "precision", "accelerators", "accelerators")


def _by_cause(grid: Grid, log_j: Floats, weights: Floats) -> dict[str, Floats]:
    """The variance of the log energy, split exactly: within the last axis, then the next."""
    shape = (len(log_j), *grid.shape)
    mean, mass = log_j.reshape(shape), weights.reshape(shape)
    causes: dict[str, Floats] = {}
    for cause in _AXES:
        if mass.shape[-1] == 1:
            mean, mass = mean[..., 0], mass[..., 0]
            continue
        total = mass.sum(axis=-1)
        centre = (mass * mean).sum(axis=-1) / np.maximum(total, 1e-300)
        within = (mass * (mean - centre[..., None]) ** 2).reshape(len(log_j), -1).sum(axis=1)
        causes[cause] = causes.get(cause, 0.0) + within
        mean, mass = centre, total
    return causes

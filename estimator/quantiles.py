"""Quantiles of a weighted mixture: hypotheses with weights, each blurred by the model's own error.

The blur is logistic in the log of the quantity: close to a normal one, and the distribution
function of the mixture is then cheap and smooth, so its quantiles can be solved exactly.
"""

import math

import numpy as np

from estimator.hypotheses import Floats

_LOGIT_90 = math.log(9.0)
LOGISTIC_PER_NORMAL = 1.2816 / _LOGIT_90
"""Scale of the logistic distribution whose 10-90 % range is that of a normal one of sd 1."""

_STEPS = 60
_TOLERANCE = 1e-6  # of the scale; a quantity is then right to about one in ten million


def log_quantiles(
    log_values: Floats, weights: Floats, log_sd: float
) -> tuple[Floats, Floats, Floats]:
    """The 10th, 50th and 90th percentile, as logs, of each row's mixture; weights sum to 1."""
    scale = log_sd * LOGISTIC_PER_NORMAL
    scaled = log_values / scale
    centre = np.einsum("qh,qh->q", weights, scaled)
    scaled -= centre[:, None]
    # Every component has its quantile between these two ends, so the mixture has.
    ends = scaled.min(axis=1), scaled.max(axis=1)
    around = 1.28 * np.sqrt(np.einsum("qh,qh,qh->q", weights, scaled, scaled) + 3.0)
    odds = np.exp(scaled)
    middle = _solved(odds, weights, 0.5, np.zeros_like(centre), ends[0], ends[1])
    low = _solved(odds, weights, 0.1, middle - around, ends[0] - _LOGIT_90, middle)
    high = _solved(odds, weights, 0.9, middle + around, middle, ends[1] + _LOGIT_90)
    return (low + centre) * scale, (middle + centre) * scale, (high + centre) * scale


def _solved(
    odds: Floats, weights: Floats, q: float, start: Floats, low: Floats, high: Floats
) -> Floats:
    """Where the distribution function reaches `q`: Newton's method, halving where it leaves."""
    at = np.clip(start, low, high)
    share, mass = np.empty_like(odds), np.empty_like(odds)
    for _ in range(_STEPS):
        # The logistic distribution function of each component, then its weighted sum.
        np.multiply(odds, np.exp(-at)[:, None], out=share)
        share += 1.0
        np.reciprocal(share, out=share)
        np.multiply(weights, share, out=mass)
        reached = mass.sum(axis=1)
        slope = reached - np.einsum("qh,qh->q", mass, share)
        error = reached - q
        low = np.where(error < 0.0, at, low)
        high = np.where(error < 0.0, high, at)
        newton = at - error / np.maximum(slope, 1e-300)
        following = np.where((newton > low) & (newton < high), newton, 0.5 * (low + high))
        moved = np.abs(following - at).max()
        at = following
        if moved < _TOLERANCE:
            break
    return at

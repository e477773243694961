"""What is known of one request: the question that `estimator.estimate` answers."""

from dataclasses import dataclass
from typing import Literal

type Architecture = Literal["dense", "moe"]


@dataclass(frozen=True, slots=True)
class Query:
    """One request; `None` is unknown, and every fact that is given replaces a prior.

    `input_tokens` includes cached tokens, `output_tokens` includes reasoning. Tokens may be
    fractions, so that the mean of many requests can be asked about.
    """

    id: str | int | None = None
    model: str | None = None
    input_tokens: float | None = None
    cache_read_tokens: float | None = None
    cache_write_tokens: float | None = None
    output_tokens: float | None = None
    reasoning_tokens: float | None = None
    output_tokens_per_s: float | None = None
    """Of this one stream: one over the median gap between tokens."""
    ttft_s: float | None = None
    duration_s: float | None = None
    provider: str | None = None
    """An id of the table `providers`; see `estimator.place.provider_of_host`."""
    zone: str | None = None
    """ISO 3166-1 alpha-2 or 3166-2."""
    stack_year: int | None = None
    gpu: str | None = None
    gpus: int | None = None
    batch: float | None = None
    precision: str | None = None
    total_params_b: float | None = None
    active_params_b: float | None = None
    n_layers: int | None = None
    kv_bytes_per_token: float | None = None
    kv_full_ctx_fraction: float | None = None
    architecture: Architecture | None = None
    local: bool = False
    """The model runs on this machine, on a device that `gpu` names or nobody knows."""

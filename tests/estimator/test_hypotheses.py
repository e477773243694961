import math
from dataclasses import replace

import numpy as np
import pytest

from estimator.catalogue import Size
from estimator.evidence import Tokens, posterior
from estimator.hypotheses import doublings_over_capacity, grid
from estimator.priors import Setup, is_certain

DENSE_8B = Setup(
    sizes=(Size(8.0, 8.0),),
    moe=False,
    routed_share=None,
    n_layers=32,
    kv_bytes_per_token=131_072.0,
    kv_full_ctx_fraction=1.0,
    native_precision="bf16",
    precision="bf16",
    hardware=(("H100", 1.0),),
    gpus=1,
    batch=32.0,
    stack="2025",
    local=False,
)


def tokens(fresh: float, cached: float, output: float, rate: float = math.nan) -> Tokens:
    one = [np.array([value]) for value in (fresh, cached, output, rate)]
    return Tokens(one[0], one[1], one[2], one[3], hosted=False, gap_over_step=1.0)


def typical_j(setup: Setup, asked: Tokens) -> float:
    return float(np.exp(posterior(grid(setup), asked, 0.2).log_typical[0]))


def test_one_input_token_of_8b_on_h100_takes_16_8_mj() -> None:
    # 2 x 8e9 FLOP x 1.05 pJ = 16.8 mJ (measured: 16.7 for 8 B); attention adds 1 / 6 d a token,
    # d = sqrt(8e9 / (12 x 32)) = 4,564, so one token on its own adds nothing that is seen.
    assert typical_j(DENSE_8B, tokens(1.0, 0.0, 0.0)) == pytest.approx(0.0168, rel=1e-3)


def test_attention_makes_a_long_prompt_dearer_per_token() -> None:
    # 8,192 tokens look back on 4,096 in the mean: 1 + 4,096 / (6 x 4,564.4) = 1.1496
    per_token = typical_j(DENSE_8B, tokens(8192.0, 0.0, 0.0)) / 8192
    assert per_token == pytest.approx(0.0168 * 1.1496, rel=1e-3)


def test_four_accelerators_take_1_35_pj_per_flop() -> None:
    four = replace(DENSE_8B, gpus=4)
    assert typical_j(four, tokens(1.0, 0.0, 0.0)) == pytest.approx(16e9 * 1.35e-12, rel=1e-3)


def test_a_cached_token_takes_an_eighth_of_a_fresh_one() -> None:
    assert typical_j(DENSE_8B, tokens(0.0, 1000.0, 0.0)) == pytest.approx(0.0168 * 0.12 * 1000)


def test_one_decode_step_by_hand() -> None:
    # Batch 32, context 1: weights 16 GB over 0.95 x 3.35 TB/s = 5.027 ms; arithmetic
    # 2 x 8e9 x 32 / (0.52 x 989e12) = 0.996 ms; cubic norm (with the cache's 1.2 us) 5.042 ms;
    # overhead 32 x 72 us + 32 x (31 us + 0.36 us x 32) = 2.304 + 1.361 ms; step 8.706 ms.
    # Power 164 W + (180 pJ x 16 GB + 0.96 pJ x 512 GFLOP) / 8.706 ms = 164 + 387 W = 551 W,
    # under the cap at 686 W by (1 + (551 / 686)^8)^(1/8) = 1.020; 540 W x 8.706 ms / 32 = 147 mJ.
    assert typical_j(DENSE_8B, tokens(0.0, 0.0, 1.0)) == pytest.approx(0.147, rel=0.005)


def test_a_larger_batch_shares_the_weights() -> None:
    alone = typical_j(replace(DENSE_8B, batch=8.0), tokens(200.0, 0.0, 300.0))
    many = typical_j(replace(DENSE_8B, batch=256.0), tokens(200.0, 0.0, 300.0))
    assert 3.0 < alone / many < 15.0  # measured: 2.7 to 15 between batch 8 and the largest


def test_a_mixture_of_experts_reads_only_the_experts_hit() -> None:
    moe = replace(DENSE_8B, sizes=(Size(22.0, 235.0),), moe=True, routed_share=8 / 128, gpus=8)
    one, many = grid(replace(moe, batch=1.0)), grid(replace(moe, batch=4096.0))
    # Bandwidth 8 x 3.35e12 x 0.95, of which a mixture keeps 0.51: weights read = time x that.
    bandwidth = 8 * 3.35e12 * 0.95 * 0.51
    assert one.step_weights_s[0] * bandwidth == pytest.approx(22e9 * 2, rel=1e-6)
    assert many.step_weights_s[0] * bandwidth == pytest.approx(235e9 * 2, rel=1e-6)


def test_two_h100_hold_a_70b_in_16_bits_with_or_without_room() -> None:
    found = grid(replace(DENSE_8B, sizes=(Size(70.6, 70.6),), gpus=None))
    # 1.10 x 141.2 GB / 80 GB = 1.94 -> 2, and twice that; static power 164 W each.
    assert sorted(set(found.static_w / 164.0)) == pytest.approx([2.0, 4.0])


def test_batches_beyond_the_cache_lose_weight() -> None:
    found = grid(DENSE_8B)
    # Room 0.88 x 80 - 16 = 54.4 GB = 415,039 tokens; batch 32 fills twice that at 25,940 each.
    assert doublings_over_capacity(found, np.array([25_900.0]))[0] == pytest.approx(0.0, abs=1e-3)
    assert doublings_over_capacity(found, np.array([4 * 25_940.0]))[0] == pytest.approx(2, abs=1e-3)


def test_priors_sum_to_one() -> None:
    blind = replace(
        DENSE_8B, precision=None, gpus=None, batch=None, hardware=(("H100", 0.45), ("B200", 0.55))
    )
    assert grid(blind).prior.sum() == pytest.approx(1.0)
    assert not is_certain(blind)
    assert is_certain(DENSE_8B)


def test_a_slow_stream_means_a_full_and_so_a_thrifty_server() -> None:
    blind = replace(DENSE_8B, batch=None)
    slow = typical_j(blind, tokens(200.0, 0.0, 300.0, rate=25.0))
    fast = typical_j(blind, tokens(200.0, 0.0, 300.0, rate=125.0))
    assert fast > 2.0 * slow


def test_a_rate_that_nothing_explains_changes_little() -> None:
    blind = replace(DENSE_8B, batch=None)
    unexplained = typical_j(blind, tokens(200.0, 0.0, 300.0, rate=50_000.0))
    assert unexplained == pytest.approx(typical_j(blind, tokens(200.0, 0.0, 300.0)), rel=0.01)


def test_the_variance_is_split_without_rest() -> None:
    blind = replace(DENSE_8B, batch=None, gpus=None, hardware=(("H100", 0.45), ("B200", 0.55)))
    hypotheses = grid(blind)
    found = posterior(hypotheses, tokens(200.0, 0.0, 300.0), 0.2)
    parts = sum(float(part[0]) for part in found.variances.values())
    assert set(found.variances) == {"batch", "accelerators"}
    # The whole: a mixture's 10-90 % range is near 2.56 sd of its log when it is near normal.
    width = float(found.log_high[0] - found.log_low[0]) / 2.5631
    assert math.sqrt(parts + 0.04) == pytest.approx(width, rel=0.15)

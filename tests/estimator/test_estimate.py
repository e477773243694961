import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.catalogue import known_names
from estimator.estimate import METHOD, Estimate, estimate, estimate_many
from estimator.interval import Interval
from estimator.query import Query

MODELS = st.sampled_from(
    [
        "qwen3-32b",
        "gpt-oss-120b",
        "deepseek-v3",
        "gpt-5-mini",
        "claude-sonnet-4-6",
        "acme-14b",
        "foo",
    ]
)
COUNTS = st.integers(0, 200_000)


def accelerator(found: Estimate) -> Interval:
    interval = found.energy_j.accelerator.interval
    assert interval is not None
    return interval


def facility_wh(query: Query) -> Interval:
    interval = estimate(query).energy_j.facility.interval
    assert interval is not None
    return interval.scaled(1 / 3600)


@given(MODELS, COUNTS, COUNTS, st.none() | st.floats(5.0, 300.0))
def test_intervals_are_ordered_and_grow_outwards(
    model: str, taken_in: int, out: int, rate: float | None
) -> None:
    query = Query(model=model, input_tokens=taken_in, output_tokens=out, output_tokens_per_s=rate)
    found = estimate(query)
    rungs = [found.energy_j.accelerator, found.energy_j.server, found.energy_j.facility]
    typical = [rung.interval.typical for rung in rungs if rung.interval is not None]
    assert len(typical) == 3
    if taken_in + out == 0:
        assert typical == [0.0, 0.0, 0.0]
    else:
        assert 0.0 < typical[0] < typical[1] < typical[2] < math.inf
        assert sum(driver.share for driver in found.drivers) > 0.95


@given(MODELS, COUNTS, COUNTS, st.integers(1, 50_000), st.integers(1, 50_000))
def test_more_tokens_never_take_less(
    model: str, taken_in: int, out: int, more_in: int, more_out: int
) -> None:
    query = Query(model=model, input_tokens=taken_in, output_tokens=out)
    base = accelerator(estimate(query))
    for more in (
        replace(query, input_tokens=taken_in + more_in),
        replace(query, output_tokens=out + more_out),
    ):
        grown = accelerator(estimate(more))
        assert grown.low >= base.low * (1 - 1e-6)
        assert grown.typical >= base.typical * (1 - 1e-6)
        assert grown.high >= base.high * (1 - 1e-6)


@given(MODELS, st.integers(1, 100_000), st.integers(0, 2000), st.data())
def test_a_cached_prefix_never_takes_more_than_a_fresh_one(
    model: str, taken_in: int, out: int, data: st.DataObject
) -> None:
    cached = data.draw(st.integers(1, taken_in))
    query = Query(model=model, input_tokens=taken_in, output_tokens=out)
    fresh = accelerator(estimate(query)).typical
    assert accelerator(estimate(replace(query, cache_read_tokens=cached))).typical < fresh


@given(st.lists(st.tuples(MODELS, COUNTS, COUNTS), min_size=1, max_size=8))
def test_many_at_once_are_the_same_as_one_by_one(asked: list[tuple[str, int, int]]) -> None:
    queries = [Query(model=m, input_tokens=i, output_tokens=o) for m, i, o in asked]
    for together, alone in zip(estimate_many(queries), map(estimate, queries), strict=True):
        pair = zip(
            (accelerator(together).low, accelerator(together).high),
            (accelerator(alone).low, accelerator(alone).high),
            strict=True,
        )
        assert all(a == pytest.approx(b, rel=1e-5) for a, b in pair)
        assert together.sources == alone.sources


def test_a_known_server_is_linear_in_the_input() -> None:
    server = Query(
        model="llama-3.1-8b",
        gpu="H100",
        gpus=1,
        batch=8,
        precision="bf16",
        kv_full_ctx_fraction=0.0,
    )
    # Layers with a window stop looking back at 8,192 tokens: beyond that prefill is linear.
    a, b, c = (
        accelerator(estimate(replace(server, input_tokens=n, output_tokens=0))).typical
        for n in (20_000, 30_000, 40_000)
    )
    assert c - b == pytest.approx(b - a, rel=1e-6)


def test_no_token_count_is_unknown_and_not_nought() -> None:
    found = estimate(Query(model="qwen3-32b"))
    assert found.tier == "unknown"
    assert found.energy_j.facility.interval is None
    assert found.carbon_g is None
    assert found.embodied_g is None
    assert found.water_ml is None


def test_no_tokens_take_no_energy() -> None:
    found = estimate(Query(model="qwen3-32b", input_tokens=0, output_tokens=0))
    assert accelerator(found) == Interval(0.0, 0.0, 0.0)
    assert found.carbon_g == Interval(0.0, 0.0, 0.0)


def test_one_side_unknown_is_assumed_and_wide() -> None:
    whole = estimate(Query(model="qwen3-32b", input_tokens=300, output_tokens=200))
    found = estimate(Query(model="qwen3-32b", input_tokens=300))
    assert (whole.tier, found.tier) == ("modelled", "assumed")
    assert accelerator(found).typical == pytest.approx(accelerator(whole).typical)
    assert accelerator(found).high > accelerator(whole).high
    assert "constants:output_tokens" in found.sources


@pytest.mark.parametrize(
    ("query", "tiers"),
    [
        (Query(model="qwen3-32b"), ("modelled", "modelled", "assumed")),
        (Query(model="qwen3-32b", provider="fireworks"), ("modelled",) * 3),
        (Query(model="qwen3-32b", provider="groq"), ("assumed",) * 3),
        (Query(model="gpt-5", provider="openai"), ("assumed",) * 3),
        (Query(model="acme-14b"), ("assumed",) * 3),
        (Query(model="acme", total_params_b=14.0), ("modelled", "modelled", "assumed")),
        (Query(model="qwen3-32b", local=True), ("assumed",) * 3),
        (Query(model="qwen3-32b", gpu="RTX 4090", local=True), ("assumed",) * 3),
        (Query(model="qwen3-32b", gpu="NVIDIA H100 80GB HBM3", local=True), ("modelled",) * 3),
        (Query(model="qwen3-32b", gpu="no such thing"), ("assumed",) * 3),
    ],
)
def test_a_default_that_decides_makes_it_assumed(query: Query, tiers: tuple[str, ...]) -> None:
    energy = estimate(replace(query, input_tokens=100, output_tokens=100)).energy_j
    assert (energy.accelerator.tier, energy.server.tier, energy.facility.tier) == tiers


def test_the_ladder_by_hand() -> None:
    found = estimate(
        Query(model="qwen3-32b", input_tokens=100, output_tokens=100, provider="openai", zone="FR")
    )
    joules = accelerator(found).typical
    # server x 1.375 host x 1.1 idle; facility x 1.16 (PUE); grid 41.2 g/kWh; water 0.27 l/kWh.
    assert found.energy_j.server.interval is not None
    assert found.energy_j.facility.interval is not None
    assert found.carbon_g is not None
    assert found.water_ml is not None
    assert found.energy_j.server.interval.typical == pytest.approx(joules * 1.5125)
    assert found.energy_j.facility.interval.typical == pytest.approx(joules * 1.5125 * 1.16)
    assert found.carbon_g.typical == pytest.approx(joules * 1.5125 * 1.16 / 3.6e6 * 41.2)
    assert found.water_ml.typical == pytest.approx(joules * 1.5125 / 3.6e6 * 0.27 * 1000)
    assert (found.zone, found.method) == ("FR", METHOD)


def test_making_the_hardware_by_hand() -> None:
    known = Query(
        model="llama-3.1-8b", input_tokens=100, output_tokens=100, gpu="H100", gpus=1, batch=32,
        precision="bf16",
    )  # fmt: skip
    found = estimate(known)
    # 500 kg / (4.5 years x 0.7 x 31,557,600 s x 0.74 x 700 W) = 9.71e-6 g/J
    assert found.embodied_g is not None
    per_j = 500_000 / (4.5 * 0.7 * 31_557_600 * 0.74 * 700)
    assert found.embodied_g.typical == pytest.approx(accelerator(found).typical * per_j)


def test_known_facts_make_it_as_narrow_as_its_calibration() -> None:
    known = Query(
        model="qwen3-32b", input_tokens=900, output_tokens=500, gpu="H100", gpus=1, batch=32,
        precision="bf16",
    )  # fmt: skip
    interval = accelerator(estimate(known))
    # One hypothesis: +-1.2816 x 0.2 x 1.03 (dense) in the log.
    assert interval.high / interval.typical == pytest.approx(math.exp(0.2563 * 1.03), rel=1e-3)
    blind = accelerator(estimate(Query(model="qwen3-32b", input_tokens=900, output_tokens=500)))
    assert blind.high / blind.low > 3 * interval.high / interval.low


def test_what_is_known_replaces_what_is_guessed() -> None:
    query = Query(model="qwen3-235b-a22b", input_tokens=300, output_tokens=600)
    names = {driver.name for driver in estimate(query).drivers}
    assert {"batch", "accelerators", "precision", "model error", "grid"} <= names
    known = replace(query, batch=64, gpu="B200", gpus=4, precision="fp8", zone="FR")
    left = {driver.name for driver in estimate(known).drivers}
    assert left.isdisjoint({"batch", "accelerators", "precision", "model size"})


def test_the_size_of_a_closed_model_drives_its_width() -> None:
    found = estimate(Query(model="gpt-5", input_tokens=300, output_tokens=600))
    shares = {driver.name: driver.share for driver in found.drivers}
    assert shares["model size"] > 0.1
    assert found.model.how == "exact"
    assert any("not published" in note for note in found.notes)


def test_a_rate_from_the_duration_stands_in_for_an_observed_one() -> None:
    query = Query(model="qwen3-32b", input_tokens=300, output_tokens=401)
    seen = estimate(replace(query, output_tokens_per_s=50.0))
    # (401 - 1) tokens in 9 - 1 seconds = 50 a second
    derived = estimate(replace(query, duration_s=9.0, ttft_s=1.0))
    assert accelerator(derived) == accelerator(seen)
    hidden = estimate(replace(query, duration_s=9.0, ttft_s=1.0, reasoning_tokens=300))
    assert accelerator(hidden) == accelerator(estimate(query))


def test_every_name_of_the_tables_has_an_estimate() -> None:
    found = estimate_many(
        Query(model=name, input_tokens=500, output_tokens=100) for name in known_names()
    )
    assert all(1e-3 < accelerator(one).typical < 1e5 for one in found)


@st.composite
def facts(draw: st.DrawFn) -> Query:
    total = draw(st.none() | st.floats(0.01, 5000.0))
    return Query(
        model=draw(st.none() | MODELS),
        input_tokens=draw(st.floats(0.0, 1e7)),
        output_tokens=draw(st.floats(0.001, 1e6)),
        output_tokens_per_s=draw(st.none() | st.floats(1e-3, 1e6)),
        provider=draw(st.sampled_from([None, "openai", "groq", "local", "ollama", "acme"])),
        zone=draw(st.sampled_from([None, "FR", "US-VA", "XX", "DE-BE"])),
        stack_year=draw(st.none() | st.integers(2020, 2030)),
        gpu=draw(st.sampled_from([None, "H100", "A100-SXM4-80GB", "rtx 3060", "acme"])),
        gpus=draw(st.none() | st.integers(1, 1024)),
        batch=draw(st.none() | st.floats(1.0, 1e6)),
        precision=draw(st.sampled_from([None, "bf16", "Q4_K_M", "mxfp4", "acme"])),
        total_params_b=total,
        active_params_b=None if total is None else draw(st.none() | st.floats(0.005, total)),
        n_layers=draw(st.none() | st.integers(1, 500)),
        kv_bytes_per_token=draw(st.none() | st.floats(0.0, 1e8)),
        kv_full_ctx_fraction=draw(st.none() | st.floats(0.0, 1.0)),
        architecture=draw(st.sampled_from([None, "dense", "moe"])),
        local=draw(st.booleans()),
    )


@given(facts())
def test_any_facts_give_a_finite_answer(query: Query) -> None:
    found = estimate(query)
    for interval in (accelerator(found), found.carbon_g, found.embodied_g):
        assert interval is not None
        assert 0.0 < interval.low <= interval.typical <= interval.high < math.inf
    assert found.tier in ("modelled", "assumed")


# Published per query, accelerator to data centre: within the 10-90 % range of the same question.
@pytest.mark.parametrize(
    ("query", "published_wh"),
    [
        # Epoch AI, February 2025: GPT-4o, 500 output tokens, with short, 10 k and 100 k input.
        (Query(model="gpt-4o", input_tokens=100, output_tokens=500), 0.3),
        (Query(model="gpt-4o", input_tokens=10_000, output_tokens=500), 2.5),
        (Query(model="gpt-4o", input_tokens=100_000, output_tokens=500), 40.0),
        # OpenAI, June 2025: 0.34 Wh for an average query (tokens not said).
        (Query(model="gpt-4o", input_tokens=200, output_tokens=400), 0.34),
        # Google, arXiv 2508.15734: 0.24 Wh for a median prompt of Gemini (tokens not said).
        (Query(model="gemini-2.5-flash", input_tokens=200, output_tokens=300), 0.24),
        # MIT Technology Review, May 2025: Llama 3.1, 114 J and 6,706 J with everything.
        (Query(model="llama-3.1-8b", input_tokens=100, output_tokens=400), 114 / 3600),
        (Query(model="llama-3.1-405b", input_tokens=100, output_tokens=400), 6706 / 3600),
    ],
)
def test_published_figures_lie_within_the_range(query: Query, published_wh: float) -> None:
    found = facility_wh(query)
    assert found.low <= published_wh <= found.high
    assert found.high / found.low < 60.0

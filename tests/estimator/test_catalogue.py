import pytest

from estimator.catalogue import known_names, resolve


@pytest.mark.parametrize(
    ("asked", "name", "how"),
    [
        ("llama-3.1-8b", "llama-3.1-8b", "exact"),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b", "shortened"),
        ("meta-llama/Meta-Llama-3.1-70B-Instruct", "llama-3.1-70b", "shortened"),
        ("llama3.1:8b", "llama-3.1-8b", "exact"),
        ("llama3.2:latest", "llama-3.2-3b", "alias"),
        ("qwen2.5-coder:7b-instruct-q4_K_M", "qwen2.5-coder-7b", "shortened"),
        ("Qwen2.5-Coder-7B-Instruct-Q4_K_M.gguf", "qwen2.5-coder-7b", "shortened"),
        ("/srv/models/SmolLM2-135M-Instruct.Q4_1.gguf", "smollm2-135m", "shortened"),
        (r"C:\models\SmolLM2-135M-Instruct.Q4_1.gguf", "smollm2-135m", "shortened"),
        ("Qwen/Qwen2.5-Coder-32B-Instruct-AWQ", "qwen2.5-coder-32b", "shortened"),
        ("Qwen/Qwen3-235B-A22B-Instruct-2507-FP8", "qwen3-235b-a22b", "shortened"),
        ("bartowski/Qwen2.5-Coder-14B-Instruct-GGUF", "qwen2.5-coder-14b", "shortened"),
        ("openai/gpt-oss-120b", "gpt-oss-120b", "exact"),
        ("accounts/fireworks/models/deepseek-v3p1", None, "unknown"),
        ("accounts/fireworks/models/deepseek-r1", "deepseek-r1", "exact"),
        ("deepseek/deepseek-r1:free", "deepseek-r1", "exact"),
        ("deepseek-ai/DeepSeek-R1-0528", "deepseek-r1", "shortened"),
        ("deepseek-chat", "deepseek-v3.2", "alias"),
        ("llama-3.3-70b-versatile", "llama-3.3-70b", "shortened"),
        ("mistralai/Mistral-7B-Instruct-v0.3", "mistral-7b", "shortened"),
        ("mistral-large-2407", "mistral-large-2-123b", "alias"),
        ("codestral-latest", "codestral-2508", "alias"),
        ("gpt-5-mini-2026-08-07", "gpt-5-mini", "shortened"),
        ("gpt-4o-2024-08-06", "gpt-4o", "shortened"),
        ("openai/gpt-4.1", "gpt-4.1", "exact"),
        ("gpt-41-copilot", "gpt-4.1", "alias"),
        ("claude-3-5-sonnet-20241022", "claude-3-5-sonnet", "shortened"),
        ("claude-3.5-sonnet", "claude-3-5-sonnet", "exact"),
        ("anthropic/claude-sonnet-4.5", "claude-sonnet-4-5", "exact"),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", "claude-sonnet-4", "shortened"),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-3-5-sonnet", "shortened"),
        ("claude-opus-4-1@20250805", "claude-opus-4-1", "exact"),
        ("meta.llama3-1-8b-instruct-v1:0", "llama-3.1-8b", "shortened"),
        ("models/gemini-2.5-flash", "gemini-2.5-flash", "exact"),
        ("gemini-2.5-flash-preview-05-20", "gemini-2.5-flash", "shortened"),
        ("publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro", "exact"),
        ("google/gemma-3-27b-it", "gemma-3-27b", "shortened"),
        ("phi-4-mini-instruct", "phi-4-mini", "shortened"),
        ("deepseek-v3", "deepseek-v3", "exact"),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "smollm2-135m", "shortened"),
    ],
)
def test_a_name_resolves_visibly(asked: str, name: str | None, how: str) -> None:
    model = resolve(asked)
    assert (model.name, model.how) == (name or asked, how)


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("claude-sonnet-4-6[1m]", "claude-sonnet-4-6"),
        ("claude-sonnet-4-6[1M]", "claude-sonnet-4-6"),
        ("claude-sonnet-4-6-1m", "claude-sonnet-4-6"),
        ("anthropic/claude-sonnet-4-5-20250929[1m]", "claude-sonnet-4-5"),
        ("claude-sonnet-4-6-1m-20260217", "claude-sonnet-4-6"),
        ("claude-sonnet-4-6-200k", "claude-sonnet-4-6"),
        ("gemini-2.5-pro-1m", "gemini-2.5-pro"),
        ("gemini-2.5-pro-128k", "gemini-2.5-pro"),
    ],
)
def test_the_length_of_a_context_is_no_part_of_a_name(asked: str, name: str) -> None:
    assert resolve(asked).name == name


@pytest.mark.parametrize("asked", ["gemini-x-pro-1m", "acme-coder[1m]", "acme-10m", "acme-3m-x"])
def test_the_length_of_a_context_is_no_size(asked: str) -> None:
    assert resolve(asked).how == "unknown"


def test_every_name_of_the_tables_finds_itself() -> None:
    for name in known_names():
        assert resolve(name).how in ("exact", "alias"), name


@pytest.mark.parametrize(
    ("asked", "active_b", "total_b"),
    [
        ("acme-coder-14b-q4_k_m", 14.0, 14.0),
        ("acme/Writer-30B-A3B-Instruct", 3.0, 30.0),
        ("acme-8x7b", 2 * 7 * 0.92, 8 * 7 * 0.834),  # 12.9 and 46.7: as Mixtral
        ("acme-1.5b-chat", 1.5, 1.5),
        ("tiny-350m", 0.35, 0.35),
    ],
)
def test_an_unknown_name_gives_the_size_that_stands_in_it(
    asked: str, active_b: float, total_b: float
) -> None:
    model = resolve(asked)
    assert model.how == "size in its name"
    assert not model.sourced
    assert model.sizes[0].active_b == pytest.approx(active_b)
    assert model.sizes[0].total_b == pytest.approx(total_b)


@pytest.mark.parametrize("asked", ["claude-sonnet-99", "foo", "", "gpt-77-ultra", None])
def test_an_unknown_name_is_never_its_neighbour(asked: str | None) -> None:
    model = resolve(asked)
    assert model.how == "unknown"
    assert not model.sourced
    assert model.sizes[0].active_b * 50 < model.sizes[-1].active_b


def test_a_quantisation_in_the_name_is_kept_and_one_in_none_is_not_invented() -> None:
    assert resolve("qwen2.5-coder:7b-instruct-q4_K_M").precision == "q4_k_m"
    assert resolve("qwen2.5-coder:7b-instruct-q4_K_M").quantised
    assert not resolve("qwen2.5-coder:7b").quantised


def test_the_cache_of_llama_8b_is_128_kib_a_token() -> None:
    # 32 layers x 2 (key, value) x 8 heads x 128 values x 2 bytes = 131,072
    assert resolve("llama-3.1-8b").kv_bytes_per_token == 131_072


def test_a_closed_model_is_a_range_around_what_others_say() -> None:
    # EcoLogits and ecocost: 30 to 90 active; moved out by 1.5 to 20 and 135, middle sqrt(20 x 135).
    sizes = [size.active_b for size in resolve("gpt-5").sizes]
    assert sizes == pytest.approx([20.0, 51.96, 135.0], rel=1e-3)

"""What makes a request an inline completion by its shape: fill-in-the-middle markers, models."""

FIM_MARKERS: tuple[tuple[str, ...], ...] = (
    ("<|fim_prefix|>",),  # Qwen coder, Granite, OpenAI
    ("<fim_prefix>",),  # StarCoder
    ("<fim-prefix>",),  # SantaCoder
    ("<|fim_begin|>",),  # DeepSeek coder, with ASCII bars
    ("<｜fim▁begin｜>",),  # noqa: RUF001 DeepSeek coder spells it so
    ("<PRE>", "<SUF>", "<MID>"),  # Code Llama; `<PRE>` alone may be HTML
    ("[PREFIX]", "[SUFFIX]"),  # Codestral
    ("[SUFFIX]", "[MIDDLE]"),
    ("<|code_prefix|>",),  # GLM
    ("<|prefix|>", "<|suffix|>"),  # StableCode family
    ("<|editable_region_start|>",),  # Zeta and other next-edit models
    ("<|user_cursor_is_here|>",),
)
"""Each row is one notation: all of its markers must be in the prompt."""

NEXT_EDIT_MODELS = ("copilot-nes", "next-edit", "nes-", "mercury-edit", "zeta")
"""Parts of names of models that do nothing but propose the next edit."""


def has_fim_markers(prompt: str) -> bool:
    """Whether a raw prompt is written in some model's fill-in-the-middle notation."""
    return any(all(marker in prompt for marker in markers) for markers in FIM_MARKERS)


def is_next_edit_model(model: str | None) -> bool:
    """Whether the model's name says that it only proposes next edits."""
    if model is None:
        return False
    name = model.lower().rsplit("/", 1)[-1]
    return any(name.startswith(part) or f"-{part}" in name for part in NEXT_EDIT_MODELS)

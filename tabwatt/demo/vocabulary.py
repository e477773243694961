"""The words that fake replies and prompts are made of: neutral, and one token each.

Every entry, with the space before it, is one token in both of tiktoken's current encodings
(cl100k_base, o200k_base), so a text of N words is N tokens whoever counts it. Some words hold
characters of two bytes, so that streams cut inside a character are met.
"""

from random import Random

_LINES = """
return value list item index count total result path file name line token user test data key text
open read write parse build check start stop first last next each other left right load store merge
split order group field type class method call update insert remove find match filter sort reverse
copy move create close send receive wait ready error limit offset buffer window cache queue batch
chunk stream für más também über peut año señ
"""
WORDS: tuple[str, ...] = tuple(_LINES.split())


def words(seed: int, count: int) -> tuple[str, ...]:
    """Return `count` words, each with the space before it, the same ones for the same seed."""
    random = Random(seed)
    return tuple(f" {random.choice(WORDS)}" for _ in range(count))


def sentence(seed: int, count: int) -> str:
    """Return `count` words as one text without the leading space."""
    return "".join(words(seed, count)).strip()

"""Who does what when in a demonstration: a series that a seed decides, without any I/O."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from tabwatt.demo import agents, chats, tabs
from tabwatt.demo.step import Step

PAUSE_S = 1.6
"""Seconds between two beginnings of one developer, on average, at rate 1."""
FIRST_S = 0.8
"""Everybody has begun by then, at rate 1."""

type Habit = Callable[[Random, str], tuple[Step, ...]]


@dataclass(frozen=True, slots=True)
class Developer:
    """Somebody with an editor."""

    name: str
    habits: tuple[tuple[int, Habit], ...]
    """Each habit with its weight among this developer's."""


DEVELOPERS: tuple[Developer, ...] = (
    Developer(
        "alice@example.org",
        ((12, tabs.copilot(tabs.VSCODE)), (2, chats.copilot), (2, agents.claude_code)),
    ),
    Developer(
        "bob@example.org",
        ((9, tabs.copilot(tabs.NEOVIM)), (4, tabs.ollama), (2, chats.aider), (1, chats.anthropic)),
    ),
    Developer(
        "carol@example.org",
        (
            (9, tabs.continue_codestral),
            (3, tabs.continue_local),
            (2, agents.codex),
            (1, chats.openai),
            (1, chats.embeddings),
        ),
    ),
    Developer(
        "dave@example.org",
        ((10, tabs.copilot(tabs.JETBRAINS)), (3, chats.gemini), (1, chats.anthropic)),
    ),
)


@dataclass(frozen=True, slots=True)
class Activity:
    """Something a developer begins: its steps follow one another."""

    at_s: float
    """Seconds after the start."""
    developer: str
    steps: tuple[Step, ...]


def plan(
    seconds: float, seed: int, rate: float, developers: tuple[Developer, ...] = DEVELOPERS
) -> Iterator[Activity]:
    """Everything that begins within `seconds`, in order; `rate` 2 means twice as often.

    It is made as it is read, so it may be endless.
    """
    days = [
        _day(developer, Random(seed * len(developers) + index), seconds, rate)
        for index, developer in enumerate(developers)
    ]
    return heapq.merge(*days, key=lambda activity: activity.at_s)


def _day(developer: Developer, random: Random, seconds: float, rate: float) -> Iterator[Activity]:
    """One developer's activities: each habit once in turn at first, then by weight."""
    habits = [habit for _, habit in developer.habits]
    weights = list(accumulate(weight for weight, _ in developer.habits))
    ahead = iter(habits)
    at_s = random.random() * FIRST_S / rate
    while at_s < seconds:
        habit = next(ahead, None) or random.choices(habits, cum_weights=weights)[0]
        yield Activity(at_s, developer.name, habit(random, developer.name))
        at_s += random.expovariate(rate / PAUSE_S)

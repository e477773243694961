"""The simulated editors against the fake itself, without a proxy between them."""

import asyncio
import json
from collections import Counter
from itertools import islice, pairwise
from random import Random

import pytest

from tabwatt.demo.editors import simulate
from tabwatt.demo.plan import DEVELOPERS, Activity, Developer
from tabwatt.demo.plan import plan as endless
from tabwatt.demo.step import Step
from tabwatt.demo.upstream import FakeUpstream


class Clock:
    """Time that passes only where somebody sleeps; sleeping lets everything else run."""

    def __init__(self, settle: int = 0) -> None:
        self.now_s = 0.0
        self._settle = settle

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        for _ in range(self._settle):
            await asyncio.sleep(0)


def plan(seconds: float, seed: int, rate: float) -> tuple[Activity, ...]:
    return tuple(endless(seconds, seed, rate))


def clients(activities: tuple[Activity, ...]) -> Counter[str]:
    agents: Counter[str] = Counter()
    for activity in activities:
        for step in activity.steps:
            headers = dict(step.headers)
            agents[headers.get("User-Agent", "").partition("/")[0]] += 1
    return agents


def test_same_seed_same_bytes() -> None:
    assert plan(10, 7, 1.0) == plan(10, 7, 1.0)
    assert plan(10, 7, 1.0) != plan(10, 8, 1.0)


def test_plan_is_in_order_and_within_its_time() -> None:
    activities = plan(20, 1, 1.0)
    times = [activity.at_s for activity in activities]
    assert times == sorted(times)
    assert 0 <= times[0] <= 0.8
    assert times[-1] < 20
    # four developers, a beginning every 1.6 s each: 4 * 20 / 1.6 = 50; Poisson, so +-3 * 7
    assert 29 <= len(activities) <= 71
    assert {activity.developer for activity in activities} == {d.name for d in DEVELOPERS}


def test_twice_the_rate_is_twice_the_work() -> None:
    # 4 * 60 / 1.6 = 150 at rate 1, +-3 * 12; twice that at rate 2, +-3 * 17
    assert 113 <= len(plan(60, 2, 1.0)) <= 187
    assert 248 <= len(plan(60, 2, 2.0)) <= 352


def test_every_client_appears() -> None:
    seen = clients(plan(60, 3, 1.0))
    assert set(seen) >= {
        "GithubCopilot",
        "GitHubCopilotChat",
        "claude-cli",
        "codex_exec",
        "GeminiCLI",
        "OpenAI",
        "Zed",
        "node-fetch",
        "ollama-python",
    }


def test_tabs_are_left_shown_and_sometimes_speculative() -> None:
    steps = [step for activity in plan(300, 4, 1.0) for step in activity.steps]
    ghosts = [step for step in steps if step.path.endswith("/gpt-41-copilot/completions")]
    left = [step for step in ghosts if step.leave_after_chunks is not None]
    speculative = [s for s in ghosts if dict(s.headers)["X-Copilot-Speculative"] == "true"]
    told = [json.loads(step.body) for step in steps if step.path.endswith("/telemetry")]
    # of all tabs 0.4 are left, 0.6 shown; 0.6 of these are followed by a speculative request
    tabs = len(ghosts) - len(speculative)
    assert 0.33 < len(left) / tabs < 0.47
    assert len(told) == tabs - len(left)
    assert 0.5 < len(speculative) / len(told) < 0.7
    idents = {dict(step.headers)["X-Request-Id"] for step in ghosts}
    for shown, _ in told:
        assert shown["data"]["baseData"]["name"] == "agent/ghostText.shown"
        assert shown["data"]["baseData"]["properties"]["headerRequestId"] in idents


def test_agents_repeat_what_they_sent_and_add_to_it() -> None:
    activities = [a for a in plan(60, 5, 1.0) if len(a.steps) > 4 and not a.steps[0].body]
    bodies = [json.loads(step.body) for step in activities[0].steps[2:]]
    for before, after in pairwise(bodies):
        assert after["messages"][: len(before["messages"])] == before["messages"]
        assert len(after["messages"]) == len(before["messages"]) + 2
        assert after["system"] == before["system"]


async def test_editors_work_against_every_family() -> None:
    clock = Clock(settle=40)
    async with FakeUpstream(keep=5000) as upstream:
        done = await simulate(upstream.url, 30, seed=6, clock=clock, sleep=clock.sleep)
        assert not done.problems
        assert clock.now_s == pytest.approx(30)
        assert done.failed == 0
        steps = [step for activity in plan(30, 6, 1.0) for step in activity.steps]
        planned = sum(len(step.frames) or 1 for step in steps)
        assert planned - 12 < done.requests <= planned
        left = sum(step.leave_after_chunks is not None for step in steps)
        assert left / 2 < done.cancelled <= left
        # what is still open when time is over is little
        assert 0 <= done.unfinished < 6
        assert set(upstream.seen) == {
            "anthropic.messages",
            "gemini.generate",
            "mistral.fim",
            "ollama.generate",
            "openai.chat",
            "openai.completions",
            "openai.embeddings",
            "openai.responses",
            "root",
            "telemetry",
        }
        reads = [t.cache_read_tokens for t in upstream.truths if t.family == "anthropic.messages"]
        assert max(reads) > 4000  # an agent's instructions are 3500 words of five bytes or so


async def test_failing_requests_are_reported() -> None:
    clock = Clock(settle=200)
    async with FakeUpstream() as upstream:
        gone = upstream.url
    done = await simulate(gone, 3, seed=1, clock=clock, sleep=clock.sleep)
    assert done.completed == 0
    assert done.problems
    assert all(problem.endswith("ClientConnectorError") for problem in done.problems)


async def test_what_is_open_at_the_end_is_closed() -> None:
    clock = Clock(settle=40)
    async with FakeUpstream(first_delay_s=3600) as upstream:
        done = await simulate(upstream.url, 3, seed=1, clock=clock, sleep=clock.sleep)
        assert done.unfinished == done.requests > 3
        await upstream.until(lambda: all(seen.left for seen in upstream.requests))


async def test_a_fault_of_the_simulation_is_raised() -> None:
    def broken(random: Random, developer: str) -> tuple[Step, ...]:
        return (Step("GET", "/v1/models", headers=(("a\nb", "c"),)),)

    clock = Clock(settle=40)
    nobody = (Developer("nobody@example.org", ((1, broken),)),)
    async with FakeUpstream() as upstream:
        with pytest.RaisesGroup(ValueError):
            await simulate(upstream.url, 30, developers=nobody, clock=clock, sleep=clock.sleep)
    assert clock.now_s < 30


def test_plan_may_be_endless() -> None:
    first = list(islice(endless(float("inf"), 7, 1.0), 20))
    assert tuple(first) == plan(first[-1].at_s + 1e-9, 7, 1.0)

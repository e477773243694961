"""A day of two people as the ledger would report it, and sources that speak the two seams."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from textual.pilot import Pilot

from ledger.record import Range
from reports.snapshot import HourPoint, Recent, Row, Snapshot
from reports.tabs import Tabs
from reports.totals import TierShare, Totals
from tui.app import LiveApp

NOW = datetime(2026, 11, 23, 10, 42, 7, tzinfo=UTC)
NOTHING = Totals(0, 0, 0, 0, 0, 0, Range(0, 0, 0), Range(0, 0, 0), 0, 0, (), None)
NO_TABS = Tabs(
    requested=0,
    speculative=0,
    cancelled=0,
    delivered=0,
    shown=None,
    accepted=None,
    accept_unknown=0,
    energy_wh=Range(0, 0, 0),
    carbon_g=Range(0, 0, 0),
    energy_unknown=0,
    tier="unknown",
    per=None,
    cost_wh=None,
    cost_g=None,
    unseen_share=None,
)


def totals(requests: int, grams: float, **changes: object) -> Totals:
    """So many requests of so many grams, at 400 g/kWh, 25 % down and 30 % up."""
    wh = grams * 2.5
    made = Totals(
        requests=requests,
        input_tokens=requests * 2_000,
        cache_read_tokens=requests * 1_820,
        output_tokens=requests * 100,
        input_unknown=0,
        output_unknown=0,
        energy_wh=Range(wh * 0.75, wh, wh * 1.3),
        carbon_g=Range(grams * 0.75, grams, grams * 1.3),
        energy_unknown=0,
        carbon_unknown=0,
        tiers=(TierShare("measured", 0.08), TierShare("modelled", 0.92)),
        cache_hit_rate=0.91,
    )
    return replace(made, **changes)  # type: ignore[arg-type] # the test names real fields


def request(place: int, **changes: object) -> Recent:
    """The `place`-th newest request: a Tab by alice, a minute older each."""
    made = Recent(
        id=f"01938c00-{place:04}",
        started_at=NOW - timedelta(minutes=place),
        developer="alice@example.org",
        client="copilot-vscode",
        provider="openai",
        model="gpt-41-copilot",
        purpose="tab",
        speculative=False,
        outcome="ok",
        provisional=False,
        upstream="copilot",
        http_status=200,
        ttft_s=0.12,
        duration_s=0.41,
        output_tokens_per_s=62.0,
        input_tokens=1_200,
        cache_read_tokens=900,
        cache_write_tokens=0,
        output_tokens=18,
        reasoning_tokens=None,
        input_how="reported",
        output_how="reported",
        accelerator_wh=Range(0.0035, 0.006, 0.01),
        server_wh=Range(0.005, 0.0085, 0.015),
        energy_wh=Range(0.006, 0.01, 0.018),
        carbon_g=Range(0.0024, 0.004, 0.0072),
        embodied_g=Range(0.0002, 0.0004, 0.0009),
        zone="US-VA",
        intensity_g_per_kwh=Range(245.0, 305.0, 390.0),
        method="2026.11.1",
        tier="modelled",
        tab_fate="accepted",
    )
    return replace(made, **changes)  # type: ignore[arg-type] # the test names real fields


def newest() -> tuple[Recent, ...]:
    """One of each kind, then a long tail."""
    kinds: list[Recent] = [
        request(0),
        request(1, speculative=True, tab_fate="unseen"),
        request(
            2,
            client="claude-code",
            model="claude-sonnet-4-6-20260217-with-a-very-long-tail-v2",
            purpose="agent",
            input_tokens=84_000,
            cache_read_tokens=81_000,
            output_tokens=1_400,
            carbon_g=Range(0.71, 1.31, 2.4),
            energy_wh=Range(2.0, 3.4, 6.1),
            tab_fate="",
        ),
        request(
            3,
            developer="bob",
            client="continue",
            model="qwen3-coder-30b",
            purpose="chat",
            cache_read_tokens=None,
            input_how="counted",
            output_how="guessed",
            output_tokens=640,
            tier="measured",
            carbon_g=Range(0.22, 0.22, 0.22),
            tab_fate="",
        ),
        request(4, outcome="cancelled", tab_fate="unknown"),
        request(
            5,
            developer="bob",
            model=None,
            client=None,
            purpose="embedding",
            outcome="refused",
            input_tokens=None,
            cache_read_tokens=None,
            output_tokens=None,
            energy_wh=None,
            carbon_g=None,
            tier="unknown",
            tab_fate="",
        ),
    ]
    return (*kinds, *(request(place) for place in range(6, 40)))


def day() -> Snapshot:
    """48 g by two people: alice 30, bob 18."""
    hours = [0, 0, 1, 2, 3, 5, 7, 6, 3, 2, 1, 1, 2, 4, 5, 8, 5, 3, 0, 0, 0, 1, 2, 1]
    return Snapshot(
        since=NOW.replace(hour=0),
        until=None,
        now=NOW,
        totals=totals(428, 48.0),
        tabs=Tabs(
            requested=412,
            speculative=139,
            cancelled=96,
            delivered=316,
            shown=118,
            accepted=41,
            accept_unknown=0,
            energy_wh=Range(1.2, 2.15, 3.8),
            carbon_g=Range(0.49, 0.86, 1.52),
            energy_unknown=0,
            tier="modelled",
            per="accepted",
            cost_wh=Range(0.029, 0.052, 0.093),
            cost_g=Range(0.012, 0.021, 0.037),
            unseen_share=0.58,
        ),
        developers=(Row("alice@example.org", totals(300, 30.0)), Row("bob", totals(128, 18.0))),
        models=(
            Row("claude-sonnet-4-6", totals(16, 40.0), "anthropic"),
            Row("gpt-41-copilot", totals(412, 8.0), "openai"),
        ),
        clients=(Row("claude-code", totals(16, 40.0)), Row("copilot-vscode", totals(412, 8.0))),
        hours=tuple(
            HourPoint(NOW - timedelta(hours=23 - place), totals(grams, float(grams)))
            for place, grams in enumerate(hours)
        ),
        newest=newest(),
    )


def nothing() -> Snapshot:
    """A ledger without a row."""
    hours = tuple(HourPoint(NOW - timedelta(hours=23 - place), NOTHING) for place in range(24))
    return Snapshot(NOW, None, NOW, NOTHING, NO_TABS, (), (), (), hours, ())


def answer(*flights: Mapping[str, object], **counters: int) -> dict[str, object]:
    """What `GET /_tabwatt/live` says."""
    zero = ("requests", "side_traffic", "not_recognised", "uncounted", "refused", "guessed")
    return {
        "v": 1,
        "counters": dict.fromkeys(zero, 0) | counters,
        "store": {"written": 428, "waiting": 0, "lost": 0, "last_error": None},
        "in_flight": list(flights),
    }


FLIGHT: dict[str, object] = {
    "id": "f1",
    "started_at": NOW.isoformat(),
    "elapsed_s": 31.2,
    "developer": "alice@example.org",
    "client": "claude-code",
    "upstream": "anthropic",
    "model": "claude-sonnet-4-6",
    "purpose": "agent",
    "output_deltas": 300,
    "output_chars": 1_210,
    "response_bytes": 40_000,
}


@dataclass
class World:
    """Both sources; a test changes what they say between looks."""

    snapshot: Snapshot = field(default_factory=day)
    live: dict[str, object] | None = field(default_factory=lambda: answer(FLIGHT, not_recognised=3))
    fault: Exception | None = None
    periods: list[str] = field(default_factory=list)

    def read(self, period: str) -> Snapshot:
        """The ledger."""
        self.periods.append(period)
        if self.fault is not None:
            raise self.fault
        return self.snapshot

    def ask(self) -> dict[str, object] | None:
        """The proxy."""
        return self.live

    def app(
        self, *, ascii_only: bool = False, endpoint: str | None = "http://127.0.0.1:8229"
    ) -> LiveApp:
        """A screen over both that looks again only when told to."""
        return LiveApp(
            read=self.read,
            live=self.ask,
            endpoint=endpoint,
            refresh_s=3_600,
            ascii_only=ascii_only,
            timezone=UTC,
            utcnow=lambda: NOW,
        )


@pytest.fixture
def world() -> World:
    """A day of two people, and a proxy with one request in flight."""
    return World()


@pytest.fixture
def make_request() -> Callable[..., Recent]:
    """Makes the n-th newest request, with changes."""
    return request


@pytest.fixture
def empty() -> Snapshot:
    """A ledger without a row."""
    return nothing()


@pytest.fixture
def some_totals() -> Callable[..., Totals]:
    """Makes totals of so many requests and grams, with changes."""
    return totals


def shown(app: LiveApp) -> list[str]:
    """The lines that stand on the screen, without spaces at their ends."""
    strips = app.screen._compositor.render_strips()  # what Textual itself would write
    return [strip.text.rstrip() for strip in strips]


@pytest.fixture
def lines_of() -> Callable[[LiveApp], list[str]]:
    """Reads the screen."""
    return shown


async def settle(pilot: Pilot[None]) -> None:
    """Wait until the look that is under way has been drawn."""
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


@pytest.fixture
def settled() -> Callable[[Pilot[None]], Awaitable[None]]:
    """Waits for a look."""
    return settle

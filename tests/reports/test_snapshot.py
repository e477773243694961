from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sample_records import TEN, record, spread

from ledger.record import Range, RequestRecord, TabCounts
from ledger.store import Store, open_store
from reports.snapshot import Snapshot, snapshot

_NOW = TEN + timedelta(minutes=42)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "ledger.db")
    yield opened
    opened.close()


def _chat(id: str, **changes: object) -> RequestRecord:
    """36 kJ (10 Wh) at the facility between 18 kJ and 72 kJ; 4 g between 2 and 8."""
    given = {
        "provider": "anthropic",
        "model_served": "sonnet",
        "client": "claude-code",
        "purpose": "agent",
        "input_tokens": 1000,
        "cache_read_tokens": 900,
        "output_tokens": 100,
        "facility_j": spread(18_000, 36_000, 72_000),
        "carbon_g": Range(2, 4, 8),
    }
    return record(id, **(given | changes))


def _tab(id: str, **changes: object) -> RequestRecord:
    """360 J (0.1 Wh), measured; 0.04 g."""
    given = {
        "provider": "openai",
        "model_served": "gpt-copilot",
        "client": "copilot",
        "purpose": "tab",
        "input_tokens": 200,
        "cache_read_tokens": 0,
        "output_tokens": 20,
        "facility_j": Range(360, 360, 360, "measured"),
        "carbon_g": Range(0.04, 0.04, 0.04),
    }
    return record(id, **(given | changes))


class _Near:
    """Equal to a range whose ends are about these."""

    def __init__(self, low: float, typical: float, high: float) -> None:
        self.ends = (low, typical, high)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Range):
            return False
        return (other.low, other.typical, other.high) == pytest.approx(self.ends)


def _see(store: Store, **changes: object) -> Snapshot:
    return snapshot(store, None, None, _NOW, **changes)  # type: ignore[arg-type] # newest only


def test_requests_of_one_model_err_together(store: Store) -> None:
    store.apply([_chat("a"), _chat("b")])
    seen = _see(store).totals
    assert seen.energy_wh == _Near(10, 20, 40)  # twice 5, 10, 20 Wh
    assert seen.carbon_g == _Near(4, 8, 16)
    assert (seen.requests, seen.input_tokens, seen.output_tokens) == (2, 2000, 200)
    assert seen.cache_hit_rate == pytest.approx(0.9)  # 1800 of 2000


def test_models_err_independently(store: Store) -> None:
    store.apply([_chat("a"), _chat("b", model_served="opus")])
    seen = _see(store).totals
    # Each is lognormal: median 10, sigma = ln 2 / 1.2816 = 0.5409. A million draws of the
    # sum of two have the percentiles 12.96, 21.37, 35.43; erring together it would be 10, 20, 40.
    assert seen.energy_wh is not None
    assert seen.energy_wh.low == pytest.approx(12.96, rel=0.02)
    assert seen.energy_wh.typical == pytest.approx(21.37, rel=0.02)
    assert seen.energy_wh.high == pytest.approx(35.43, rel=0.02)


def test_what_is_unknown_is_counted_apart_and_not_as_zero(store: Store) -> None:
    store.apply([_chat("a"), _chat("b", facility_j=None, carbon_g=None, output_tokens=None)])
    seen = _see(store).totals
    assert seen.energy_wh == _Near(5, 10, 20)
    assert (seen.requests, seen.energy_unknown, seen.carbon_unknown) == (2, 1, 1)
    assert (seen.output_tokens, seen.output_unknown, seen.input_unknown) == (100, 1, 0)


def test_if_nothing_is_known_the_sum_is_unknown(store: Store) -> None:
    store.apply([record("a")])
    seen = _see(store).totals
    assert seen.energy_wh is None
    assert seen.carbon_g is None
    assert seen.cache_hit_rate is None
    assert seen.tier == "unknown"


def test_an_empty_ledger_cost_nothing(store: Store) -> None:
    seen = _see(store)
    assert seen.totals.requests == 0
    assert seen.totals.energy_wh == Range(0, 0, 0)
    assert not seen.newest
    assert not seen.developers
    assert seen.tabs.per is None


def test_tiers_have_shares_of_the_energy(store: Store) -> None:
    # 9 to 11 Wh modelled, 10 (a hair less) in the mean; 100 * 0.1 Wh measured.
    modelled = _chat("a", facility_j=spread(32_400, 36_000, 39_600))
    store.apply([modelled, *(_tab(f"t{n}") for n in range(100))])
    seen = _see(store).totals
    assert [part.tier for part in seen.tiers] == ["measured", "modelled"]
    assert [part.share for part in seen.tiers] == pytest.approx([0.5, 0.5], abs=1e-3)
    assert seen.tier == "modelled"


def test_the_cost_of_a_tab_is_that_of_all_requests_over_the_accepted(store: Store) -> None:
    store.apply(
        [
            _tab("a", tab=TabCounts("telemetry", shown=1, accepted=1)),
            _tab("b", tab=TabCounts("telemetry", shown=1, accepted=0)),
            _tab("c", speculative=True, tab=TabCounts("telemetry", shown=0, accepted=0)),
            _tab("d", outcome="cancelled", tab=TabCounts("telemetry", shown=0)),
            _tab("e", tab=TabCounts("telemetry", shown=1, accepted=1)),
            _chat("f"),
        ]
    )
    seen = _see(store).tabs
    assert (seen.requested, seen.speculative, seen.cancelled, seen.delivered) == (5, 1, 1, 4)
    assert (seen.shown, seen.accepted, seen.accept_unknown) == (3, 2, 1)
    assert seen.energy_wh == _Near(0.5, 0.5, 0.5)
    assert seen.per == "accepted"
    assert seen.cost_wh == _Near(0.25, 0.25, 0.25)  # 5 * 0.1 Wh / 2
    assert seen.cost_g == _Near(0.1, 0.1, 0.1)  # 5 * 0.04 g / 2
    assert seen.unseen_share == pytest.approx(0.4)  # c and d of five


def test_without_an_accept_signal_the_cost_is_per_delivered_tab(store: Store) -> None:
    store.apply([_tab("a"), _tab("b"), _tab("c", outcome="cancelled")])
    seen = _see(store).tabs
    assert (seen.shown, seen.accepted, seen.unseen_share) == (None, None, None)
    assert seen.per == "delivered"
    assert seen.cost_g == _Near(0.06, 0.06, 0.06)  # 3 * 0.04 g / 2


def test_with_nothing_accepted_yet_there_is_no_cost_of_a_tab(store: Store) -> None:
    store.apply([_tab("a", tab=TabCounts("telemetry", shown=1, accepted=0))])
    seen = _see(store).tabs
    assert (seen.accepted, seen.per, seen.cost_g) == (0, None, None)


def test_rows_are_by_name(store: Store) -> None:
    store.apply([_tab("a", developer="zoe"), _chat("b", developer="Bob"), _chat("c")])
    seen = _see(store)
    assert [(row.name, row.totals.requests) for row in seen.developers] == [
        ("alice", 1),
        ("Bob", 1),
        ("zoe", 1),
    ]
    assert [(row.provider, row.name, row.totals.requests) for row in seen.models] == [
        ("openai", "gpt-copilot", 1),
        ("anthropic", "sonnet", 2),
    ]
    assert [row.name for row in seen.clients] == ["claude-code", "copilot"]
    assert seen.models[1].totals.energy_wh == _Near(10, 20, 40)


def test_the_series_has_the_last_24_hours(store: Store) -> None:
    store.apply(
        [
            _chat("now"),
            _chat("oldest", started_at=TEN - timedelta(hours=23)),
            _chat("older", started_at=TEN - timedelta(hours=23, minutes=1)),
        ]
    )
    seen = _see(store).hours
    assert [point.totals.requests for point in seen] == [1, *[0] * 22, 1]
    assert seen[-1].start == TEN
    assert seen[-1].totals.carbon_g == _Near(2, 4, 8)
    assert seen[5].totals.carbon_g == Range(0, 0, 0)


def test_a_window_sums_what_lies_in_it_and_lists_the_newest_of_all(store: Store) -> None:
    moments = {"a": -3, "b": -1, "c": 0}
    store.apply([_chat(id, started_at=TEN + timedelta(hours=h)) for id, h in moments.items()])
    seen = snapshot(store, TEN - timedelta(hours=2), TEN, _NOW, newest=2)
    assert seen.totals.requests == 1
    assert [one.id for one in seen.newest] == ["c", "b"]


def test_a_line_of_the_list_has_what_the_screen_prints(store: Store) -> None:
    store.apply([_tab("a", tab=TabCounts("telemetry", shown=1, accepted=1), input_how="reported")])
    (one,) = _see(store).newest
    assert (one.developer, one.client, one.model) == ("alice", "copilot", "gpt-copilot")
    assert (one.input_tokens, one.cache_read_tokens, one.output_tokens) == (200, 0, 20)
    assert (one.input_how, one.output_how, one.tier) == ("reported", "none", "measured")
    assert one.energy_wh == _Near(0.1, 0.1, 0.1)
    assert one.tab_fate == "accepted"


def test_loading_a_model_costs_energy_and_is_no_request(store: Store) -> None:
    store.apply([_chat("a"), _chat("b", kind="cold_start", input_tokens=0, output_tokens=0)])
    seen = _see(store).totals
    assert seen.requests == 1
    assert seen.energy_wh == _Near(10, 20, 40)

"""The blocks of the screen as text, in the cases that a normal day does not show."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ledger.record import Range
from reports.snapshot import Recent, Row
from reports.tabs import Tabs
from reports.totals import TierShare, Totals
from tui.detail import sheet
from tui.groups import others, people
from tui.headline import headline
from tui.marks import UNICODE
from tui.now import now
from tui.pulse import pulse, sparkline
from tui.requests import heads, line
from tui.sight import Flight, proxy_of
from tui.view import View

VIEW = View()


def test_a_sparkline_is_flat_at_zero_and_full_at_the_top() -> None:
    # 8 levels above zero: 1/8 of the top is the first, a hair above zero too
    assert sparkline([0, 0.001, 1, 4, 8, None], "·▁▂▃▄▅▆▇█") == "·▁▁▄█ "
    assert sparkline([0, 0], "·▁█") == "··"
    assert sparkline([], "·▁█") == ""


def test_without_an_accept_signal_the_cost_is_per_delivered_tab_and_says_so(world: Any) -> None:
    day = world.snapshot
    tabs = replace(day.tabs, accepted=None, shown=None, unseen_share=None, per="delivered")
    text = headline(replace(day, tabs=tabs), VIEW).plain
    assert "~ 21 mg per delivered Tab" in text
    assert "accepts not known" in text
    assert "412 asked 316 delivered" in text
    assert "accepted" not in text


def test_tabs_of_which_none_was_accepted_have_no_price_of_their_own(world: Any) -> None:
    day = world.snapshot
    tabs = replace(day.tabs, accepted=0, per=None, cost_g=None, cost_wh=None)
    text = headline(replace(day, tabs=tabs), VIEW).plain
    assert "\u2013 cost of a Tab not known" in text
    assert "0 accepted" in text


def test_unknown_is_not_zero(world: Any, some_totals: Callable[..., Totals]) -> None:
    unknown = some_totals(
        5, 1.0, energy_wh=None, carbon_g=None, energy_unknown=5, carbon_unknown=5, tiers=()
    )
    text = headline(replace(world.snapshot, totals=unknown), VIEW).plain
    assert "carbon not known" in text
    assert "5 not priced" in text
    assert "0 g" not in text.splitlines()[0]


def test_the_mark_of_a_sum_is_its_weakest_large_part(
    world: Any, some_totals: Callable[..., Totals]
) -> None:
    shares = (TierShare("measured", 0.6), TierShare("assumed", 0.4))
    text = headline(replace(world.snapshot, totals=some_totals(5, 1.0, tiers=shares)), VIEW).plain
    assert text.startswith("? 1.0 g CO2e")
    assert "60 % measured" in text


def test_a_cache_that_nobody_reports_is_not_a_miss(
    world: Any, some_totals: Callable[..., Totals]
) -> None:
    day = replace(world.snapshot, totals=some_totals(5, 1.0, cache_hit_rate=None))
    assert "cache hits not known" in pulse(day, None, VIEW).plain


def test_rows_without_room_are_counted(some_totals: Callable[..., Totals]) -> None:
    rows = [Row(f"person-{place}", some_totals(1, 1.0)) for place in range(7)]
    text = people(rows, 3, 78, VIEW).plain.splitlines()
    assert [words.split()[0] for words in text] == ["people", "person-0", "person-1", "and"]
    assert text[-1] == "and 5 more"


def test_costs_by_different_divisors_never_share_a_column(
    world: Any, some_totals: Callable[..., Totals]
) -> None:
    taken, given = world.snapshot.tabs, replace(world.snapshot.tabs, per="delivered")

    def drawn(*tabs: Tabs) -> list[str]:
        rows = [Row("p", some_totals(9, 1.0), tabs=one) for one in tabs]
        return [text.rstrip() for text in people(rows, 5, 78, VIEW).plain.splitlines()]

    head, first, second = drawn(taken, given)
    assert head.endswith("/accept")
    assert first.split()[1:3] == ["412", "9"]
    assert first.endswith("~  21 mg")
    assert second.endswith("\u2013")
    assert drawn(given)[0].endswith("/deliver")
    assert drawn(given)[1].endswith("~  21 mg")


def test_addresses_are_shortened_together_or_not_at_all(
    some_totals: Callable[..., Totals],
) -> None:
    def first_words(*names: str) -> list[str]:
        rows = [Row(name, some_totals(1, 1.0)) for name in names]
        return [text.split()[0] for text in people(rows, 5, 58, VIEW).plain.splitlines()[1:]]

    # 58 cells leave 16 for the name
    assert first_words("al@a.org", "bob@b.org") == ["al@a.org", "bob@b.org"]
    assert first_words("al@a.org", "bob@example.elsewhere.org") == ["al", "bob"]
    assert first_words("al@a.org", "al@example.elsewhere.org") == ["al@a.org", "al@example.else…"]


def test_a_model_of_two_providers_is_told_apart(some_totals: Callable[..., Totals]) -> None:
    rows = [Row("gpt-4.1", some_totals(1, 1.0), provider) for provider in ("azure", "openai")]
    drawn = others("models", rows, 5, 50, VIEW).plain.splitlines()[1:]
    assert [text[:14].rstrip() for text in drawn] == ["gpt-4.1 azure", "gpt-4.1 openai"]


def test_the_columns_of_a_table_end_together(some_totals: Callable[..., Totals]) -> None:
    rows = [
        Row("a-model-with-a-name-that-is-far-too-long-for-it", some_totals(1_234_567, 4_321.0)),
        Row("", some_totals(1, 0.0004)),
    ]
    head, *drawn = others("models", rows, 5, 50, VIEW).plain.splitlines()
    assert {len(text) for text in (head, *drawn)} == {50}
    assert drawn[0].endswith("~  11 kWh ~ 4.3 kg")
    assert drawn[1].startswith("not named")
    assert drawn[1].endswith("~ 1.0 mWh ~ 400 µg")


def test_a_request_is_as_wide_as_its_head_at_any_width(
    make_request: Callable[..., Recent], world: Any
) -> None:
    today = world.snapshot.now.date()
    for cells in (78, 100, 117):
        view = View(width=cells)
        drawn = line(make_request(0), view, today)
        assert drawn.cell_length == cells + 1  # a cell of the margin holds the sign
        assert heads(view).cell_length == cells


def test_a_request_of_another_day_carries_its_date(make_request: Callable[..., Recent]) -> None:
    one = make_request(0)
    other_day = one.started_at.date().replace(day=24)
    assert line(one, VIEW, other_day).plain.startswith(" 11-23 alice")


def test_a_sheet_lists_what_is_not_known(make_request: Callable[..., Recent]) -> None:
    one = make_request(0, carbon_g=None, cache_read_tokens=None, outcome="cut", purpose="chat")
    text = sheet(one, VIEW).plain
    assert "not known" in text.splitlines()[-1]
    assert "of it from a cache" in text.splitlines()[-1]
    assert "carbon, operational" in text.splitlines()[-1]
    assert "✗ cut" in text
    assert "this Tab was" not in text


def test_a_zero_is_plain_and_an_unknown_is_a_dash(
    make_request: Callable[..., Recent], world: Any, some_totals: Callable[..., Totals]
) -> None:
    zero = some_totals(3, 0.0, tiers=())
    by_person = people([Row("p", zero, tabs=world.snapshot.tabs)], 5, 78, VIEW).plain
    assert by_person.splitlines()[1].split()[:7] == ["p", "412", "3", "0", "Wh", "0", "g"]
    by_model = others("models", [Row("m", zero)], 5, 50, VIEW).plain
    assert by_model.splitlines()[1].split() == ["m", "3", "0", "Wh", "0", "g"]
    none = Range(0, 0, 0)
    one = make_request(0, carbon_g=none, energy_wh=none, tier="unknown")
    today = world.snapshot.now.date()
    assert line(one, VIEW, today).plain.endswith("     0 g ")
    assert line(one, VIEW.in_unit("Wh"), today).plain.endswith("     0 Wh ")
    unknown = make_request(0, carbon_g=None, energy_wh=None, tier="unknown")
    assert line(unknown, VIEW, today).plain.rstrip().endswith("\u2013")


def test_a_sheet_says_a_tier_once(make_request: Callable[..., Recent]) -> None:
    wh = Range(0.005, 0.01, 0.02, "modelled")
    one = make_request(0, accelerator_wh=wh, server_wh=wh, energy_wh=wh)
    text = sheet(one, VIEW).plain
    assert text.count("~ modelled") == 3
    assert "energy is" not in text
    assert "grid intensity" in text
    assert "intensity g per kwh" not in text
    mixed = sheet(make_request(0, accelerator_wh=wh, energy_wh=replace(wh, tier="assumed")), VIEW)
    assert "energy is" in mixed.plain
    nothing = make_request(0, accelerator_wh=None, server_wh=None, energy_wh=None, tier="unknown")
    assert "\u2013 unknown" in sheet(nothing, VIEW).plain


def test_flights_without_room_are_counted() -> None:
    flight = Flight("f", 3_725.0, "bob", "", "", "chat", 0, 2_048)
    text = now([flight] * 5, 2, VIEW).plain.splitlines()
    assert text[0].startswith("now  bob       \u2013")
    assert text[1].startswith("+3   bob")
    assert text[0].split()[-3:] == ["2.0", "kB", "1:02:05"]


def test_an_answer_of_another_shape_counts_as_nothing() -> None:
    proxy = proxy_of({"v": 2, "counters": [], "in_flight": [None, {"elapsed_s": "x"}]})
    assert proxy.uncounted == 0
    assert [one.elapsed_s for one in proxy.in_flight] == [0.0, 0.0]


def test_every_sign_is_one_cell() -> None:
    signs = (UNICODE.measured, UNICODE.modelled, UNICODE.assumed, UNICODE.unknown, UNICODE.cut)
    assert [len(sign) for sign in signs] == [1] * 5

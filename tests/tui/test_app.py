"""The live screen: by key presses and by what stands on it."""

import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from reports.snapshot import Recent, Snapshot
from tui.app import LiveApp
from tui.newest import Newest

type Lines = Callable[[LiveApp], list[str]]
type Settled = Callable[[Pilot[None]], Awaitable[None]]

SMALL, LARGE = (80, 24), (160, 48)


@pytest.fixture
def text_of(lines_of: Lines) -> Callable[[LiveApp], str]:
    return lambda app: "\n".join(lines_of(app))


async def test_eighty_by_twentyfour_shows_all_of_it(
    world: Any, lines_of: Lines, settled: Settled
) -> None:
    app = world.app()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        lines = lines_of(app)
    assert len(lines) == 24
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["tabwatt", "everyone", "today", "10:42", "●", "proxy", "listening"]
    assert lines[2].split("  ")[0].strip() == "~ 48 g CO2e"
    assert "~ 120 Wh" in lines[2]
    assert "~ 21 mg per accepted Tab" in lines[2]
    # 48 x 0.75 = 36, 48 x 1.3 = 62.4; 120 x 0.75 = 90, 120 x 1.3 = 156
    assert "(36\u201362)" in lines[3]
    assert "(90\u2013156)" in lines[3]
    assert "(12\u201337)  58 % went unseen" in lines[3]
    assert "412 asked 316 delivered 41 accepted" in lines[4]
    assert "··▁▂▃▅▇▆▃▂▁▁▂▄▅█▅▃···▁▂▁" in lines[6]
    assert "cache hits 91 %" in lines[6]
    assert lines[7] == " uncounted 0   not recognised 3   in flight 1   rows waiting 0"
    assert lines[9].split() == [
        *("now", "alice", "claude-code", "claude-sonnet-4-6", "agent", "1.2k", "chars", "00:31")
    ]
    assert [line.split()[0] for line in lines[12:14]] == ["alice@example.org", "bob"]
    assert lines[16].startswith(">10:42 alice  copilot-v… gpt-41-copilot tab ✓accepted 1.2k   900")
    assert lines[16].rstrip("▁▂▃▄▅▆▇█").rstrip().endswith("18  ~ 4.0 mg")
    assert "quit" in lines[23]


async def test_numbers_stand_under_each_other(
    world: Any, lines_of: Lines, settled: Settled
) -> None:
    app = world.app()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        rows = lines_of(app)[16:22]
    units = [row[77:79].strip() for row in rows]
    assert units == ["mg", "mg", "g", "mg", "mg", ""]  # the last one has no figure
    assert [row[71] for row in rows] == ["~", "~", "~", "●", "~", " "]
    assert rows[2][25:39] == "claude-…ail-v2"  # both ends of a long name, in 14 cells
    assert "1.2k'    \u2013  640≈" in rows[3]  # counted input, unknown cache, guessed output
    assert "✗refuse" in rows[5]


async def test_a_large_screen_has_models_and_clients_beside_people(
    world: Any, lines_of: Lines, settled: Settled
) -> None:
    app = world.app()
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        lines = lines_of(app)
    assert len(lines) == 48
    heads = next(line for line in lines if line.startswith(" people"))
    assert "models" in heads
    assert "clients" in heads
    first = lines[lines.index(heads) + 1]
    assert first.split()[0].startswith("alice")
    assert "claude-sonnet-4-6" in first
    assert "~  40 g" in first
    assert any("claude-sonnet-4-6-20260" in line and "very-long-tail-v2" in line for line in lines)
    assert any("✗cancelled" in line for line in lines)
    assert any("(0.71\u20132.4)" in line for line in lines)


@pytest.mark.parametrize("size", [SMALL, LARGE, (120, 30), (60, 20)])
async def test_no_line_is_wider_than_the_screen(
    world: Any, lines_of: Lines, settled: Settled, size: tuple[int, int]
) -> None:
    app = world.app()
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        assert max(map(len, lines_of(app))) <= size[0]
        assert "quit" in lines_of(app)[-1]


async def test_an_empty_ledger_teaches_how_to_connect(
    world: Any, empty: Snapshot, text_of: Callable[[LiveApp], str], settled: Settled
) -> None:
    world.snapshot, world.live = empty, world.live | {"in_flight": []}
    app = world.app(endpoint="http://127.0.0.1:9000")
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        text = text_of(app)
        assert "tabwatt is listening.  Nothing has come through yet." in text
        assert "export OPENAI_BASE_URL=http://127.0.0.1:9000/v1\n" in text
        assert "export ANTHROPIC_BASE_URL=http://127.0.0.1:9000\n" in text
        assert "tabwatt demo" in text
        assert "not recognised 3" in text  # a wrong path is seen here first
        assert "Enter" not in text  # there is nothing to open


async def test_the_first_request_in_flight_ends_the_lesson(
    world: Any, empty: Snapshot, text_of: Callable[[LiveApp], str], settled: Settled
) -> None:
    world.snapshot = empty
    app = world.app()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        assert "OPENAI_BASE_URL" not in text_of(app)
        assert "1.2k chars" in text_of(app)


async def test_without_a_proxy_the_ledger_is_shown_and_the_cure_named(
    world: Any, lines_of: Lines, settled: Settled
) -> None:
    world.live = None
    app = world.app()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        lines = lines_of(app)
    assert lines[0].endswith("○ proxy not running")
    assert lines[1] == " No proxy answers at http://127.0.0.1:8229. Start one: tabwatt up"
    assert any("~ 48 g CO2e" in line for line in lines)
    assert " now  \u2013 not known" in lines  # not: nothing in flight


async def test_a_ledger_that_cannot_be_read_keeps_its_last_figures(
    world: Any, text_of: Callable[[LiveApp], str], settled: Settled
) -> None:
    app = world.app()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        world.fault = OSError("ledger.db [locked]: close the other program\nmore")
        app.refresh_now()
        await settled(pilot)
        assert " ledger.db [locked]: close the other program\n" in text_of(app)
        assert "~ 48 g CO2e" in text_of(app)
        world.fault = None
        app.refresh_now()
        await settled(pilot)
        assert "ledger.db" not in text_of(app)


async def test_a_ledger_that_was_never_read_says_so(
    world: Any, text_of: Callable[[LiveApp], str], settled: Settled
) -> None:
    world.fault = ValueError("the ledger is newer than this program: upgrade tabwatt")
    app = world.app()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        text = text_of(app)
        assert "the ledger is newer than this program: upgrade tabwatt" in text
        assert "no figures yet" in text
        assert "CO2e" not in text


async def test_uncounted_requests_and_a_store_in_trouble_are_plain_to_see(
    world: Any, text_of: Callable[[LiveApp], str], settled: Settled
) -> None:
    world.live["counters"]["uncounted"] = 4
    world.live["store"] = {"written": 1, "waiting": 12, "lost": 2, "last_error": "disk full"}
    app = world.app()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        text = text_of(app)
    assert "✗ uncounted 4" in text
    assert "rows waiting 12   ✗ lost 2" in text
    assert "Rows wait, requests still pass. Store: disk full" in text


async def test_u_cycles_the_unit(
    world: Any, text_of: Callable[[LiveApp], str], settled: Settled
) -> None:
    app = world.app()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("u")
        await pilot.pause()
        text = text_of(app)
        assert "Wh/h ··▁▂▃▅" in text
        assert "~ 52 mWh per accepted Tab" in text
        assert "~  10 mWh" in text
        await pilot.press("u")
        await pilot.pause()
        assert "tokens/h" in text_of(app)
        assert "85k" in text_of(app)  # 84,000 in + 1,400 out = 85.4k
        await pilot.press("u")
        await pilot.pause()
        assert "g/h ··▁▂▃▅" in text_of(app)


async def test_t_reads_the_next_period(world: Any, lines_of: Lines, settled: Settled) -> None:
    app = world.app()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        for words in ("last 24 h", "last 7 days", "today"):
            await pilot.press("t")
            await settled(pilot)
            assert f"{words} 10:42" in lines_of(app)[0]
    assert world.periods == ["today", "24h", "7d", "today"]


async def test_p_keeps_the_figures_until_p_again(
    world: Any, lines_of: Lines, settled: Settled
) -> None:
    app = world.app()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("p")
        await settled(pilot)
        app.refresh_now()
        await settled(pilot)
        assert world.periods == ["today"]
        assert lines_of(app)[0].endswith("○ paused")
        await pilot.press("p")
        await settled(pilot)
        assert world.periods == ["today", "today"]
        assert lines_of(app)[0].endswith("● proxy listening")


async def test_enter_opens_a_request_and_escape_goes_back(
    world: Any, text_of: Callable[[LiveApp], str], settled: Settled
) -> None:
    app = world.app()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("j", "down", "enter")
        await pilot.pause()
        text = text_of(app)
        assert "request 01938c00-0002" in text
        assert "claude-sonnet-4-6-20260217-with-a-very-long-tail-v2" in text
        assert "3.4 Wh  (2.0\u20136.1)" in text
        assert "1.3 g  (0.71\u20132.4)" in text
        assert "~ modelled" in text
        await pilot.press("escape")
        await pilot.pause()
        assert "request 01938c00" not in text_of(app)
        assert "\n>10:40 alice" in text_of(app)


async def test_the_chosen_request_stays_chosen_when_new_ones_come(
    world: Any,
    make_request: Callable[..., Recent],
    text_of: Callable[[LiveApp], str],
    settled: Settled,
) -> None:
    app = world.app()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("j", "j", "j")
        new = tuple(make_request(0, id=f"new-{place}") for place in range(3))
        world.snapshot = replace(world.snapshot, newest=new + world.snapshot.newest)
        app.refresh_now()
        await settled(pilot)
        newest = app.query_one(Newest)
        assert newest.highlighted == 6
        assert "\n>10:39 bob" in text_of(app)


async def test_the_list_follows_the_newest_while_the_first_line_is_chosen(
    world: Any,
    make_request: Callable[..., Recent],
    lines_of: Lines,
    settled: Settled,
) -> None:
    app = world.app()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        new = make_request(0, id="new", developer="carol")
        world.snapshot = replace(world.snapshot, newest=(new, *world.snapshot.newest))
        app.refresh_now()
        await settled(pilot)
        assert lines_of(app)[16].startswith(">10:42 carol")


async def test_help_explains_the_signs_and_the_boundary(
    world: Any, text_of: Callable[[LiveApp], str], settled: Settled
) -> None:
    app = world.app()
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await pilot.press("question_mark")
        await pilot.pause()
        text = text_of(app)
        for words in ("measured by a counter", "not zero", "facility", "guessed from", "pause"):
            assert words in text
        await pilot.press("escape")
        await pilot.pause()
        assert "measured by a counter" not in text_of(app)


async def test_ascii_only_is_ascii(
    world: Any, text_of: Callable[[LiveApp], str], settled: Settled
) -> None:
    world.live = None
    app = world.app(ascii_only=True)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        for key in ("j", "question_mark", "escape", "enter", "escape", "u", "d"):
            await pilot.press(key)
            await pilot.pause()
            assert text_of(app).isascii(), [c for c in text_of(app) if not c.isascii()]


async def test_names_cannot_steer_the_terminal_or_the_markup(
    world: Any,
    make_request: Callable[..., Recent],
    text_of: Callable[[LiveApp], str],
    settled: Settled,
) -> None:
    evil = make_request(0, model="\x1b[2J[red]m", client="[@click=app.quit]c[/]", developer="a\nb")
    world.snapshot = replace(world.snapshot, newest=(evil,))
    app = world.app()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        text = text_of(app)
        assert "\ufffd[2J[red]m" in text
        assert "a\ufffdb" in text
        await pilot.press("enter")
        await pilot.pause()
        assert "[@click=app.quit]c[/]" in text_of(app)


async def test_log_lines_never_reach_the_screen(
    world: Any,
    text_of: Callable[[LiveApp], str],
    settled: Settled,
) -> None:
    app = world.app()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        logging.getLogger("some.library").error("a line from a library")
        await pilot.pause()
        assert "a line from a library" not in text_of(app)


async def test_a_slow_read_is_skipped_and_never_doubled(world: Any, settled: Settled) -> None:
    inside, go = threading.Semaphore(0), threading.Event()

    def slow(period: str) -> Snapshot:
        inside.release()
        go.wait(10)
        found: Snapshot = world.read(period)
        return found

    def live() -> Mapping[str, object] | None:
        return None

    app = LiveApp(read=slow, live=live, endpoint=None, refresh_s=3_600)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.pause()
        for _ in range(3):
            app.refresh_now()
            await pilot.pause()
        go.set()
        await settled(pilot)
    assert world.periods == ["today"]


async def test_what_has_not_changed_is_not_drawn_again(world: Any, settled: Settled) -> None:
    app = world.app()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        panes = list(app.query(".pane"))
        before = [pane.content for pane in panes]
        options = list(app.query_one(Newest).options)
        app.refresh_now()
        await settled(pilot)
        assert all(pane.content is same for pane, same in zip(panes, before, strict=True))
        after = app.query_one(Newest).options
        assert all(one is same for one, same in zip(after, options, strict=True))


async def test_d_changes_to_light_and_back(world: Any, settled: Settled) -> None:
    app = world.app()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("d")
        assert not app.current_theme.dark
        await pilot.press("d")
        assert app.current_theme.dark


async def test_q_quits(world: Any, settled: Settled) -> None:
    app = world.app()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("q")
        await pilot.pause()
        assert not app.is_running

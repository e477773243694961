"""The live screen: asks two sources once a second, off its own thread, and draws what changed."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import ClassVar, Final, Literal

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content

from reports.snapshot import Snapshot
from tui.detail import Detail
from tui.groups import others, people
from tui.headline import PERIOD_WORDS, header, headline
from tui.keys import keys
from tui.legend import Legend
from tui.look import CSS, DARK, LIGHT
from tui.marks import ASCII, UNICODE
from tui.newest import Newest
from tui.now import now
from tui.pane import Pane
from tui.pulse import banner, counters, pulse
from tui.requests import heads
from tui.sight import Live, Period, Read, Sight, look
from tui.view import MUTED, UNITS, View
from tui.welcome import welcome

_PERIODS: Final[tuple[Period, ...]] = tuple(PERIOD_WORDS)
_WIDE, _WIDEST = 120, 150
"""Columns from which models, and clients too, stand beside people."""


def _utcnow() -> datetime:
    return datetime.now(UTC)


class LiveApp(App[None]):
    """What the assistant costs right now, and whether the figure can be trusted."""

    CSS = CSS
    TITLE = "tabwatt"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        ("q", "quit", "Quit"),
        ("question_mark", "help", "Help"),
        ("u", "unit", "Unit"),
        ("t", "period", "Period"),
        ("p", "pause", "Pause"),
        ("d", "brightness", "Dark or light"),
    ]

    def __init__(
        self,
        *,
        read: Read,
        live: Live,
        endpoint: str | None,
        refresh_s: float = 1.0,
        developer: str | None = None,
        ascii_only: bool = False,
        brightness: Literal["dark", "light"] = "dark",
        timezone: tzinfo | None = None,
        utcnow: Callable[[], datetime] = _utcnow,
    ) -> None:
        """Both sources are asked in a thread, one after the other, never twice at once.

        `developer` names whose figures `read` returns (None: everyone's). `timezone` None is the
        machine's own.
        """
        super().__init__()
        self.set_class(ascii_only, "-ascii")
        self._read = read
        self._live = live
        self._endpoint = endpoint
        self._refresh_s = refresh_s
        self._developer = developer
        self._brightness = brightness
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = f"tabwatt-{brightness}"
        self._view = View(marks=ASCII if ascii_only else UNICODE, timezone=timezone)
        self._utcnow = utcnow
        self._sight = Sight()
        self._period: Period = "today"
        self._paused = False
        self._looking = False
        self._looked = False

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield Pane("header")
        yield Pane("banner")
        yield Pane("headline", "ruled")
        yield Pane("pulse", "ruled")
        yield Pane("now", "ruled")
        with Horizontal(id="groups", classes="ruled"):
            yield Pane("people")
            yield Pane("models")
            yield Pane("clients")
        yield Pane("heads", "ruled")
        yield Newest()
        yield Pane("welcome", "ruled")
        yield Pane("keys")

    def on_mount(self) -> None:
        """Paint the frame at once; figures follow as soon as they are read."""
        self.animation_level = "none"
        self.query_one(Newest).focus()
        self._draw()
        self.refresh_now()
        self.set_interval(self._refresh_s, self.refresh_now)

    def on_resize(self) -> None:
        """Share out the new width."""
        self._draw()

    def refresh_now(self) -> None:
        """Look again, unless the last look is not back yet or figures are to be kept."""
        if not self._looking and not self._paused:
            self._looking = True
            self.run_worker(self._look(), group="look")

    async def _look(self) -> None:
        try:
            before, period = self._sight, self._period
            found = await asyncio.to_thread(look, before, period, self._read, self._live)
        finally:
            self._looking = False
        if not self._paused:
            self._sight, self._looked = found, True
            self._draw()
        if period != self._period:  # the key came while the old period was being read
            self.refresh_now()

    def _draw(self) -> None:
        """Everything anew from what is known; each part draws only what changed."""
        if not self.is_running or not self.screen_stack:
            return
        width, height = self.size
        self._view = view = self._view.resized(max(width - 2, 40), height)
        sight = self._sight
        notice = banner(sight.fault, sight.proxy, self._endpoint) if self._looked else None
        with self.batch_update():
            self.set_class(width >= _WIDE, "-wide")
            self.set_class(width >= _WIDEST, "-widest")
            self.set_class(self._looked and _is_empty(sight), "-empty")
            self.set_class(sight.snapshot is None, "-blank")
            self.set_class(notice is not None, "-warned")
            self._pane("header").show(self._header(view))
            self._pane("banner").show(notice or Content(""))
            self._draw_figures(sight.snapshot, view)
            flights = sight.proxy.in_flight if sight.proxy else None
            self._pane("now").show(now(flights, view.now_rows, view))
            listening = self._endpoint if sight.proxy else None
            self._pane("welcome").show(welcome(listening, view))
            self._draw_keys()

    def _draw_figures(self, snapshot: Snapshot | None, view: View) -> None:
        if snapshot is None:
            words = "reading the ledger" if not self._looked else "no figures yet"
            self._pane("headline").show(Content.assemble((words, MUTED)))
            self._pane("pulse").show(counters(self._sight.proxy, view))
            return
        self._pane("headline").show(headline(snapshot, view))
        proxy, empty = self._sight.proxy, _is_empty(self._sight)
        self._pane("pulse").show(counters(proxy, view) if empty else pulse(snapshot, proxy, view))
        width, room = self.size.width, view.group_rows
        side_by_side = 3 if width >= _WIDEST else 2 if width >= _WIDE else 1
        cells = width // side_by_side - 2
        self._pane("people").show(people(snapshot.developers, room, cells, view))
        self._pane("models").show(others("models", snapshot.models, room, cells, view))
        self._pane("clients").show(others("clients", snapshot.clients, room, cells, view))
        self._pane("heads").show(heads(view))
        today = view.local(self._utcnow()).date()
        self.screen_stack[0].query_one(Newest).show(snapshot.newest, today, view)

    def _header(self, view: View) -> Content:
        return header(
            self._sight,
            self._utcnow(),
            self._developer,
            view,
            period=self._period,
            paused=self._paused,
            looked=self._looked,
        )

    def _draw_keys(self) -> None:
        snapshot = self._sight.snapshot
        rows = snapshot is not None and bool(snapshot.newest)
        dark = self._brightness == "dark"
        line = keys(self._view, self._period, rows=rows, paused=self._paused, dark=dark)
        self._pane("keys").show(line)

    def _pane(self, name: str) -> Pane:
        return self.screen_stack[0].query_one(f"#{name}", Pane)

    def on_newest_opened(self, event: Newest.Opened) -> None:
        """Enter on a line."""
        self.push_screen(Detail(event.one, self._view))

    def action_help(self) -> None:
        """Explain the signs."""
        self.push_screen(Legend(self._view))

    def action_unit(self) -> None:
        """The next unit."""
        self._view = self._view.in_unit(UNITS[(UNITS.index(self._view.unit) + 1) % len(UNITS)])
        self._draw()

    def action_period(self) -> None:
        """The next period; its figures follow when they are read."""
        self._period = _PERIODS[(_PERIODS.index(self._period) + 1) % len(_PERIODS)]
        self._paused = False
        self._draw()
        self.refresh_now()

    def action_pause(self) -> None:
        """Keep these figures, or go on."""
        self._paused = not self._paused
        self._draw()
        self.refresh_now()

    def action_brightness(self) -> None:
        """Dark or light."""
        self._brightness = "light" if self._brightness == "dark" else "dark"
        self.theme = f"tabwatt-{self._brightness}"
        self._draw()


def _is_empty(sight: Sight) -> bool:
    """Nothing in the ledger and nothing under way: time to say how to connect."""
    snapshot, proxy = sight.snapshot, sight.proxy
    if snapshot is None or snapshot.newest or snapshot.totals.requests:
        return False
    return proxy is None or not proxy.in_flight

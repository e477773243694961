"""The list of the newest requests: keeps the chosen one chosen while new ones come in."""

from collections.abc import Sequence
from datetime import date
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from reports.snapshot import Recent
from tui.requests import line
from tui.view import View


class Newest(OptionList):
    """A line per request, newest first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
    ]

    class Opened(Message):
        """Somebody wants to see all of one request."""

        def __init__(self, one: Recent) -> None:
            """Carry the request itself: it may leave the list meanwhile."""
            super().__init__()
            self.one = one

    def __init__(self) -> None:
        """Begin empty."""
        super().__init__(id="newest", markup=False, compact=True)
        self._rows: Sequence[Recent] = ()
        self._view = View()
        self._today = date.min
        self._marked: int | None = None

    def show(self, rows: Sequence[Recent], today: date, view: View) -> None:
        """Replace the list where it differs; the first line stays first, any other stays itself."""
        if (rows, today, view) == (self._rows, self._today, self._view):
            return
        before, above = self.highlighted or 0, self.scroll_offset.y
        place = self._place_of(before, rows)
        self._rows, self._today, self._view, self._marked = rows, today, view, None
        self.set_options(Option(line(one, view, today), id=f"r{one.id}") for one in rows)
        if not rows:
            return
        self.highlighted = place
        self.scroll_to(y=max(above + place - before, 0), animate=False, force=True, immediate=True)

    def _place_of(self, before: int, rows: Sequence[Recent]) -> int:
        if before == 0 or before >= len(self._rows):
            return 0
        chosen = self._rows[before].id
        places = (place for place, one in enumerate(rows) if one.id == chosen)
        return next(places, min(before, max(len(rows) - 1, 0)))

    def watch_highlighted(self, highlighted: int | None) -> None:
        """Mark the chosen line with a sign too: never by colour alone."""
        super().watch_highlighted(highlighted)
        self._draw(self._marked, chosen=False)
        self._draw(highlighted, chosen=True)
        self._marked = highlighted

    def _draw(self, place: int | None, *, chosen: bool) -> None:
        if place is not None and place < len(self._rows):
            prompt = line(self._rows[place], self._view, self._today, chosen=chosen)
            self.replace_option_prompt_at_index(place, prompt)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter or a click on a line."""
        event.stop()
        self.post_message(self.Opened(self._rows[event.option_index]))

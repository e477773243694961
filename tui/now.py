"""The requests that are in flight, oldest first."""

from collections.abc import Sequence

from textual.content import Content

from tui.cells import clean, cut_middle, left, right
from tui.figures import BYTES, clock, count, quantity
from tui.sight import Flight
from tui.view import MUTED, View, lines

_LABEL = 5
_WHOLE_ADDRESS = 20


def now(flights: Sequence[Flight] | None, room: int, view: View) -> Content:
    """One line each: who, client, model, purpose, what came so far, since when; None: not known.

    What finds no room is counted in front of the last line.
    """
    if not flights:
        words = "nothing in flight" if flights is not None else f"{view.marks.unknown} not known"
        return Content.assemble((f"{'now':{_LABEL}}{words}", MUTED))
    shown = flights[:room]
    labels = ["now", *[""] * (len(shown) - 1)]
    if len(flights) > len(shown):
        labels[-1] = f"+{len(flights) - len(shown)}"
    return lines(
        *(
            Content.assemble((f"{label:{_LABEL}}", MUTED), _flight(one, view))
            for label, one in zip(labels, shown, strict=True)
        )
    )


def _flight(one: Flight, view: View) -> Content:
    cut, spare = view.marks.cut, max(view.width - 78, 0)
    who_cells, model_cells = 9 + spare // 4, 18 + spare // 3
    return Content.assemble(
        left(person(one.developer, who_cells) or view.marks.unknown, who_cells, cut) + " ",
        left(clean(one.client) or view.marks.unknown, 11 + spare // 6, cut) + " ",
        left(cut_middle(clean(one.model), model_cells, cut) or view.marks.unknown, model_cells),
        " " + left(clean(one.purpose), 9),
        right(_so_far(one), 12),
        right(clock(one.elapsed_s), 9),
    )


def _so_far(one: Flight) -> str:
    if one.output_chars:
        return f"{count(one.output_chars)} chars"
    return quantity(one.response_bytes, BYTES) if one.response_bytes else "waiting"


def person(developer: str, cells: int = 0) -> str:
    """The developer; in a narrow column the part of an address that tells people apart."""
    shown = clean(developer)
    return shown if cells >= _WHOLE_ADDRESS else shown.partition("@")[0] or shown

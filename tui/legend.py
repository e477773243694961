"""The help sheet: what the signs mean, where the boundary runs, what the keys do."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.marks import Marks
from tui.view import STRONG, View, lines

_SIGN_CELLS = 15


class Legend(ModalScreen[None]):
    """Help; Esc goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "dismiss", "Back"),
        ("question_mark", "dismiss", "Back"),
        ("q", "dismiss", "Back"),
    ]

    def __init__(self, view: View) -> None:
        """Explain the signs of this view."""
        super().__init__()
        self._view = view

    def compose(self) -> ComposeResult:
        """A sheet that scrolls where the terminal is small."""
        with VerticalScroll(classes="sheet") as scroll:
            scroll.border_subtitle = "Esc back"
            yield Static(legend(self._view.marks))


def legend(marks: Marks) -> Content:
    """Signs, boundary, words, keys."""
    tiers = [
        (marks.measured, "measured by a counter on the hardware"),
        (marks.modelled, "modelled: computed from tokens, model and place"),
        (marks.assumed, "assumed: a default stands in for what decides it"),
        (marks.unknown, "not known; that is not zero"),
        (f"48 g (36{marks.dash}61)", "80 % of what we believe lies in the brackets"),
    ]
    tokens = [
        ("84k", "reported by the server"),
        (f"84k{marks.counted}", "counted here or by the client"),
        (f"84k{marks.guessed}", "guessed from the number of bytes"),
        ("cache", "input tokens that the server read from its cache"),
    ]
    words = [
        ("energy", "of the facility: accelerator, host, idle, cooling"),
        ("carbon", "operational: energy times the grid; no hardware made"),
        ("/accept", "all Tab requests over the Tabs accepted (or delivered)"),
        ("uncounted", "passed, but could not be read: in no figure"),
    ]
    keys = [
        ("u", "unit: g, Wh, tokens"),
        ("t", "period: today, 24 h, 7 days"),
        ("p", "pause"),
        ("d", "dark or light"),
        ("arrows j k", "choose a request; Enter opens it"),
        ("q", "quit"),
    ]
    rows: list[Content] = []
    for title, pairs in (("signs", tiers), ("tokens", tokens), ("words", words), ("keys", keys)):
        rows.append(Content.assemble((title, STRONG)))
        rows += [_pair(sign, meaning) for sign, meaning in pairs]
        rows.append(Content(""))
    return lines(*rows[:-1])


def _pair(sign: str, meaning: str) -> Content:
    cells = max(_SIGN_CELLS, len(sign) + 2)
    return Content.assemble(("  " + sign.ljust(cells), "$primary"), meaning)

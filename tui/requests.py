"""The newest requests as lines of a list: columns of exact width, whatever the names are."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from textual.content import Content

from reports.snapshot import Recent
from tui.cells import clean, cut_middle, left, right
from tui.figures import GRAMS, WATT_HOURS, count, duration
from tui.now import person
from tui.view import MUTED, View

_OUTCOMES: Final = {
    "cancelled": ("cancel", "cancelled"),
    "cut": ("cut", "cut off"),
    "upstream_error": ("error", "upstream error"),
    "refused": ("refuse", "refused"),
}
"""What went otherwise than asked, in a narrow column and in a wide one."""
_FATES: Final = {"accepted": "accepted", "shown": "shown", "unseen": "unseen"}
_TOKENS: Final = 4
_TOOK, _RANGE = 9, 18
_RANGE_HEAD: Final = "(10 to 90 %)"
_AMOUNTS: Final = {"g": 6, "Wh": 7, "tokens": 4}
_HEADS: Final = {"g": "carbon", "Wh": "energy", "tokens": "sum"}


@dataclass(frozen=True, slots=True)
class Columns:
    """The cells of each column whose width depends on the screen."""

    who: int
    client: int
    model: int
    what: int
    amount: int
    extra: int
    """Of the columns that only a wide screen has: how long it took, and the range."""


def columns(view: View) -> Columns:
    """Share out the width: the model's name takes most of what is spare."""
    amount = _AMOUNTS[view.unit]
    fixed = 6 + 4 + (3 * _TOKENS + 4) + 1 + 2 + amount
    extra = _TOOK + _RANGE if view.wide else 0
    room = view.width - fixed - extra
    spare = max(room - 42, 0)
    who, client, what = 6 + spare // 6, 10 + spare // 9, 13 + spare // 9
    who, client, what = min(who, 24), min(client, 20), min(what, 21)
    return Columns(who, client, max(room - who - client - what, 6), what, amount, extra)


def heads(view: View) -> Content:
    """The names of the columns, above the list."""
    at = columns(view)
    text = (
        left("time", 6)
        + left("who", at.who + 1)
        + left("client", at.client + 1)
        + left("model", at.model + 1)
        + left("purpose", at.what + 1)
        + (left("took", _TOOK) if at.extra else "")
        + right("in", _TOKENS)
        + right("cache", _TOKENS + 2)
        + right("out", _TOKENS + 1)
        + right(_HEADS[view.unit], at.amount + 4)
        + (left(f"  {_RANGE_HEAD}", _RANGE) if at.extra and view.unit != "tokens" else "")
    )
    return Content.assemble((text, MUTED))


def line(one: Recent, view: View, today: date, *, chosen: bool = False) -> Content:
    """One request; a sign in front marks the one that the keys have chosen."""
    at, marks = columns(view), view.marks
    who = person(one.developer, at.who)
    model = cut_middle(clean(one.model or marks.unknown), at.model, marks.cut)
    return Content.assemble(
        ">" if chosen else " ",
        (f"{_when(one.started_at, today, view)} ", MUTED),
        left(who, at.who, marks.cut) + " ",
        left(clean(one.client or marks.unknown), at.client, marks.cut) + " ",
        left(model, at.model) + " ",
        left(what(one, view), at.what, marks.cut) + " ",
        _took(one) if at.extra else "",
        _tokens(one, view),
        " " + _amount(one, at.amount, view),
        (_range(one, view) if at.extra else "", MUTED),
    )


def _when(moment: datetime, today: date, view: View) -> str:
    """The time of day; of another day, the month and the day."""
    at = view.local(moment)
    return f"{at:%H:%M}" if at.date() == today else f"{at:%m-%d}"


def _took(one: Recent) -> str:
    return left("" if one.duration_s is None else duration(one.duration_s), _TOOK)


def _range(one: Recent, view: View) -> str:
    spread, scale = (one.carbon_g, GRAMS) if view.unit == "g" else (one.energy_wh, WATT_HOURS)
    if spread is None or view.unit == "tokens":
        return ""
    return "  " + view.bounds(spread, scale)


def what(one: Recent, view: View) -> str:
    """The purpose, and what became of it where that is not the usual."""
    purpose = "embed" if one.purpose == "embedding" else one.purpose
    if one.purpose == "tab" and one.speculative:
        purpose = "tab spec" if view.wide or one.outcome == "ok" else "spec"
    if one.outcome != "ok":
        short, whole = _OUTCOMES.get(one.outcome, (one.outcome, one.outcome))
        return f"{purpose} {view.marks.no}{whole if view.wide else short}"
    fate = _FATES.get(one.tab_fate)
    if fate is None or one.speculative:
        return purpose
    return f"{purpose} {view.marks.yes if fate == 'accepted' else ''}{fate}"


def _tokens(one: Recent, view: View) -> str:
    def shown(tokens: int | None) -> str:
        return right(view.marks.unknown if tokens is None else count(tokens), _TOKENS)

    return (
        shown(one.input_tokens)
        + view.marks.how(one.input_how)
        + " "
        + shown(one.cache_read_tokens)
        + " "
        + shown(one.output_tokens)
        + view.marks.how(one.output_how)
    )


def _amount(one: Recent, cells: int, view: View) -> str:
    if view.unit == "tokens":
        known = [part for part in (one.input_tokens, one.output_tokens) if part is not None]
        text = count(sum(known)) if known else view.marks.unknown
        return "  " + right(text, cells)
    carbon = view.unit == "g"
    spread, scale = (one.carbon_g, GRAMS) if carbon else (one.energy_wh, WATT_HOURS)
    mark = " " if spread is None else view.mark(spread, one.tier)
    return f"{mark} " + right(view.cell(spread, scale), cells)

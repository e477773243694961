"""Everything that is known of one request, on a sheet of its own."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from typing import ClassVar, Final, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from reports.snapshot import Recent
from tui.cells import clean, left
from tui.figures import (
    BYTES,
    GRAMS,
    GRAMS_PER_KWH,
    MILLILITRES,
    WATT_HOURS,
    Scale,
    Spread,
    digits,
    duration,
    quantity,
)
from tui.view import MUTED, STRONG, View, lines

_LABELS: Final = {
    "energy_wh": "energy, facility",
    "accelerator_wh": "energy, accelerator",
    "server_wh": "energy, server",
    "carbon_g": "carbon, operational",
    "embodied_g": "carbon, embodied",
    "intensity_g_per_kwh": "grid intensity",
    "tier": "energy is",
    "tab_fate": "this Tab was",
    "input_how": "input tokens are",
    "output_how": "output tokens are",
    "cache_read_tokens": "of it from a cache",
    "duration_s": "took",
    "ttft_s": "first token after",
    "output_tokens_per_s": "speed",
}
_FIRST: Final = (
    "started_at",
    "developer",
    "client",
    "model",
    "purpose",
    "outcome",
    "input_tokens",
    "cache_read_tokens",
    "output_tokens",
    "input_how",
    "output_how",
    "accelerator_wh",
    "server_wh",
    "energy_wh",
    "tier",
    "carbon_g",
    "embodied_g",
    "tab_fate",
)
"""What stands on top, so that a small terminal shows it without scrolling."""
_SCALES: Final[tuple[tuple[str, Scale], ...]] = (
    ("_g_per_kwh", GRAMS_PER_KWH),
    ("_wh", WATT_HOURS),
    ("_g", GRAMS),
    ("_ml", MILLILITRES),
)
_LABEL_CELLS = 22


class Detail(ModalScreen[None]):
    """One request; Esc goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "dismiss", "Back"),
        ("enter", "dismiss", "Back"),
        ("q", "dismiss", "Back"),
    ]

    def __init__(self, one: Recent, view: View) -> None:
        """Show this request as it is now."""
        super().__init__()
        self._one = one
        self._view = view

    def compose(self) -> ComposeResult:
        """A sheet that scrolls where the terminal is small."""
        with VerticalScroll(classes="sheet") as scroll:
            scroll.border_subtitle = "Esc back"
            yield Static(sheet(self._one, self._view))


def sheet(one: Recent, view: View) -> Content:
    """A line per field that is known, in the order of the record; then what is not known."""
    title = Content.assemble((f"request {clean(one.id)}", STRONG))
    rows = [title, Content("")]
    unknown = []
    for name, value in _known(one):
        label = _LABELS.get(name, name.removesuffix("_tokens").replace("_", " "))
        if name.endswith("_tokens") and name not in _LABELS:
            label += " tokens"
        if value is None or value == "":
            unknown.append(label)
            continue
        text = _value(name, value, view)
        rows.append(Content.assemble((left(label, _LABEL_CELLS), MUTED), text))
    if unknown:
        label = left("not known", _LABEL_CELLS)
        rows += [Content(""), Content.assemble((label + ", ".join(unknown), MUTED))]
    return lines(*rows)


def _known(one: Recent) -> Iterator[tuple[str, object]]:
    names = [field.name for field in fields(one) if field.name not in _FIRST]
    hidden = {"id"}
    if one.purpose != "tab":
        hidden.add("tab_fate")
    if _tiers(one) == {one.tier}:  # each of the energies says so
        hidden.add("tier")
    for name in (*_FIRST, *names):
        if name not in hidden:
            yield name, getattr(one, name)


def _tiers(one: Recent) -> set[str | None]:
    energies = (one.accelerator_wh, one.server_wh, one.energy_wh)
    return {energy.tier for energy in energies if energy is not None}


def _value(name: str, value: object, view: View) -> str:
    if hasattr(value, "typical"):
        return _spread(name, cast(Spread, value), view)
    if isinstance(value, datetime):
        return f"{view.local(value):%Y-%m-%d %H:%M:%S %Z}".rstrip()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _number(name, value, view)
    if name == "tier":
        return f"{view.marks.tier(str(value))} {value}"
    if name == "outcome" and value != "ok":
        return f"{view.marks.no} {value}"
    return clean(str(value))


def _spread(name: str, value: Spread, view: View) -> str:
    scale = next((scale for suffix, scale in _SCALES if name.endswith(suffix)), None)
    if scale is None:
        return f"{digits(value.typical)} ({digits(value.low)}-{digits(value.high)})"
    tier = getattr(value, "tier", None)
    said = f"  {view.marks.tier(tier)} {tier}" if isinstance(tier, str) else ""
    return f"{view.amount(value, scale)}  {view.bounds(value, scale)}{said}".rstrip()


def _number(name: str, value: float, view: View) -> str:
    if name.endswith("_per_s"):
        return f"{digits(value)} tokens/s"
    if name.endswith("_s"):
        return duration(value)
    if name.endswith("_bytes"):
        return quantity(value, BYTES)
    return f"{value:,}"

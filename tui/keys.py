"""The last line: the keys that work here, and only those."""

from textual.content import Content

from tui.headline import PERIOD_WORDS
from tui.sight import Period
from tui.view import View


def keys(view: View, period: Period, *, rows: bool, paused: bool, dark: bool) -> Content:
    """A key and its word each; a click on the pair does the same."""
    pairs = [
        ("q", "quit", "app.quit"),
        ("?", "help", "app.help"),
        ("u", view.unit, "app.unit"),
        ("t", PERIOD_WORDS[period], "app.period"),
        ("p", "go on" if paused else "pause", "app.pause"),
        ("d", "light" if dark else "dark", "app.brightness"),
    ]
    if rows:
        arrows = "↑↓" if view.marks.border != "ascii" else "j/k"
        pairs += [(arrows, "choose", ""), ("Enter", "open", "")]
    return Content("   ").join(_pair(*pair) for pair in pairs)


def _pair(key: str, word: str, action: str) -> Content:
    link = f" @click={action}" if action else ""
    markup = f"[bold{link}]$key[/] [{link.strip() or 'not bold'}]$word[/]"
    return Content.from_markup(markup, key=key, word=word)

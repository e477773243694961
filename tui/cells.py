"""Text in columns: what came over the wire made harmless, cut and padded to exact cell widths."""

from textual.content import Content


def clean(text: str) -> str:
    """The text without control characters: a name on the wire must not steer the terminal."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def width(text: str) -> int:
    """How many cells the text takes."""
    return len(text) if text.isascii() else Content(text).cell_length


def cut_end(text: str, cells: int, sign: str) -> str:
    """The text in at most `cells`, its end replaced by `sign` where it is longer."""
    if width(text) <= cells:
        return text
    return _head(text, cells - 1) + sign if cells > 0 else ""


def cut_middle(text: str, cells: int, sign: str) -> str:
    """The text in at most `cells`, its middle replaced by `sign`: both ends tell models apart."""
    if width(text) <= cells:
        return text
    if cells < 3:
        return cut_end(text, cells, sign)
    left = cells // 2
    return _head(text, left) + sign + _head(text[::-1], cells - left - 1)[::-1]


def left(text: str, cells: int, sign: str = "") -> str:
    """Left-aligned in exactly `cells`; longer text loses its end."""
    shown = cut_end(text, cells, sign)
    return shown + " " * (cells - width(shown))


def right(text: str, cells: int) -> str:
    """Right-aligned in at least `cells`: a number is never cut."""
    return " " * (cells - width(text)) + text


def _head(text: str, cells: int) -> str:
    taken = 0
    for place, letter in enumerate(text):
        taken += width(letter)
        if taken > cells:
            return text[:place]
    return text

"""The screen as an SVG picture that loads nothing from anywhere."""

import re
from typing import Final

from textual.app import App

_FONT_FACE: Final = re.compile(r"@font-face\s*\{[^}]*\}\s*", re.DOTALL)
_FONT_FAMILY: Final = re.compile(r"font-family:\s*Fira Code[^;]*;")
_OWN_FONTS: Final = "font-family: ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace;"


async def svg(app: App[None], width: int, height: int, looks: int = 1) -> str:
    """Run the app without a terminal until it has looked `looks` times; return what it shows.

    Fonts are the reader's own: a remote one would tell its host who reads the README.
    """
    async with app.run_test(size=(width, height)) as pilot:
        for _ in range(looks):
            await app.workers.wait_for_complete()
            await pilot.pause()
        drawn = app.export_screenshot(title="tabwatt", simplify=True)
    return without_remote_fonts(drawn)


def without_remote_fonts(drawn: str) -> str:
    """The picture without `@font-face` and with fonts that every reader has."""
    return _FONT_FAMILY.sub(_OWN_FONTS, _FONT_FACE.sub("", drawn))

"""Colours and places of the screen."""

from typing import Final

from textual.theme import Theme

DARK: Final = Theme(
    name="tabwatt-dark",
    primary="#6cc5b0",
    secondary="#8fb4d9",
    accent="#6cc5b0",
    foreground="#d5dbe0",
    background="#12171c",
    surface="#12171c",
    panel="#232b33",
    success="#86c98a",
    warning="#e8b45a",
    error="#e58080",
    dark=True,
    variables={"muted": "#8796a3", "rule": "#2f3a44"},
)
LIGHT: Final = Theme(
    name="tabwatt-light",
    primary="#0f6b5c",
    secondary="#2b5c8a",
    accent="#0f6b5c",
    foreground="#1d2429",
    background="#fbfbf9",
    surface="#fbfbf9",
    panel="#dfe4e6",
    success="#1f6f2b",
    warning="#8a5300",
    error="#a32020",
    dark=False,
    variables={"muted": "#5f6b73", "rule": "#c9d0d3"},
)

CSS: Final = """
Screen { background: $background; color: $foreground; }
.pane { height: auto; padding: 0 1; }
.ruled { border-top: solid $rule; }
#banner, #welcome { display: none; }
#banner { background: $panel; }
#welcome { height: 1fr; padding: 1 3; }
#groups { height: auto; }
#groups .pane { width: 1fr; }
#models, #clients { display: none; }
.-wide #models { display: block; }
.-widest #clients { display: block; }
#newest { height: 1fr; border: none; padding: 0; background: $background; scrollbar-size: 1 1; }
#newest, .sheet {
    scrollbar-background: $background; scrollbar-background-hover: $background;
    scrollbar-background-active: $background;
    scrollbar-color: $rule; scrollbar-color-hover: $muted; scrollbar-color-active: $primary;
}
#newest:focus { border: none; background-tint: transparent; }
#newest > .option-list--option { padding: 0; }
#newest > .option-list--option-highlighted, #newest:focus > .option-list--option-highlighted {
    background: $panel; color: $foreground; text-style: bold;
}
#keys {
    dock: bottom; height: 1; padding: 0 1; background: $panel;
    link-style: none; link-color: $foreground;
    link-background-hover: $rule; link-color-hover: $foreground; link-style-hover: none;
}
.-empty #headline, .-empty #now, .-empty #groups, .-empty #heads, .-empty #newest,
.-blank #groups, .-blank #heads, .-blank #newest { display: none; }
.-empty #welcome { display: block; }
.-warned #banner { display: block; }
.-ascii .ruled { border-top: ascii $rule; }
.-ascii #newest { scrollbar-size: 0 0; }
Detail, Legend { align: center middle; }
.sheet {
    width: 80; max-width: 100%; height: auto; max-height: 100%; scrollbar-size: 1 1;
    padding: 0 1; border-subtitle-color: $muted; border: round $primary; background: $background;
}
.-ascii .sheet { border: ascii $primary; scrollbar-size: 0 0; }
"""

"""The signs on the screen, in Unicode and in plain ASCII; each stands beside a word or a legend."""

from dataclasses import dataclass

from tui.figures import EN_DASH


@dataclass(frozen=True, slots=True)
class Marks:
    """One set of signs, each one cell wide."""

    measured: str
    modelled: str
    assumed: str
    unknown: str
    """A figure that nobody knows: neither zero nor assumed."""
    on: str
    off: str
    yes: str
    no: str
    counted: str
    """Behind a token count of our tokenizer or the client's own."""
    guessed: str
    """Behind a token count guessed from bytes."""
    dash: str
    cut: str
    levels: str
    """Of a sparkline, lowest first; the first is zero."""
    micro: str
    cubed: str
    border: str
    """The name of Textual's border around a dialog."""

    def tier(self, tier: str) -> str:
        """The sign of a tier; what is none of the three is unknown."""
        return {
            "measured": self.measured,
            "modelled": self.modelled,
            "assumed": self.assumed,
        }.get(tier, self.unknown)

    def how(self, how: str) -> str:
        """The sign behind a token count; none where the server reported it."""
        return {"client": self.counted, "counted": self.counted, "guessed": self.guessed}.get(
            how, " "
        )

    def spelled(self, text: str) -> str:
        """The text of a figure in this set's letters."""
        return text.replace("µ", self.micro).replace(EN_DASH, self.dash).replace("³", self.cubed)


UNICODE = Marks(
    measured="●",
    modelled="~",
    assumed="?",
    unknown=EN_DASH,
    on="●",
    off="○",
    yes="✓",
    no="✗",
    counted="'",
    guessed="≈",
    dash=EN_DASH,
    cut="…",
    levels="·▁▂▃▄▅▆▇█",
    micro="µ",
    cubed="³",
    border="round",
)

ASCII = Marks(
    measured="*",
    modelled="~",
    assumed="?",
    unknown="-",
    on="*",
    off="o",
    yes="+",
    no="!",
    counted="'",
    guessed='"',
    dash="-",
    cut="~",
    levels="_.:-=+*#@",
    micro="u",
    cubed="3",
    border="ascii",
)

"""A block of text that is drawn again only when it says something else."""

from textual.content import Content
from textual.widgets import Static


class Pane(Static):
    """A named block."""

    def __init__(self, name: str, *classes: str) -> None:
        """Begin empty."""
        super().__init__(id=name, classes=" ".join(("pane", *classes)), markup=False)
        self._shown = Content("")

    def show(self, content: Content) -> None:
        """Say this from now on."""
        before, self._shown = self._shown, content
        if not content.is_same(before):
            self.update(content, layout=_shape(content) != _shape(before))


def _shape(content: Content) -> tuple[int, int]:
    return len(content.plain), content.plain.count("\n")

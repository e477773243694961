"""The seam of all framings: chunks of a body in, events out, wherever the chunks were cut."""

from typing import Protocol

MAX_EVENT_BYTES = 8 * 1024 * 1024
"""An event longer than this is not kept; reading stops, the stream itself goes on."""

type Event = tuple[str, bytes]
"""Name (of SSE, else "") and data."""


class Framing(Protocol):
    """One body being split into events."""

    overflow: bool
    """An event was too long to hold: what follows is not read, and nothing is kept."""

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes, give the events they complete."""
        ...

    def finish(self) -> list[Event]:
        """Take the end of the body, give what was still unfinished where that makes sense."""
        ...

"""What the proxy counts about itself: shown by `health`, `metrics`, `doctor` and the screen."""

from dataclasses import dataclass, field, fields
from threading import Lock


@dataclass(slots=True)
class Counters:
    """Written by the event loop and the accounting thread, each its own fields; read by anyone."""

    requests: int = 0
    """Model calls seen, whatever came of them."""
    side_traffic: int = 0
    """Known paths that are no model call: model lists, token counting, telemetry."""
    not_recognised: int = 0
    """Passed through, but of no known shape."""
    uncounted: int = 0
    """Model calls that passed but could not be read or stored: their figures are missing."""
    refused: int = 0
    """Turned away by our own rules (host, origin, token, malformed framing)."""
    faults: int = 0
    """Requests that failed by a fault of ours."""
    guessed: int = 0
    """Counts guessed from bytes because the counting queue was full."""

    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def miss(self) -> None:
        """Count a request as uncounted, from any thread."""
        with self._lock:
            self.uncounted += 1

    def as_dict(self) -> dict[str, int]:
        """All of them by name."""
        names = (one.name for one in fields(self) if one.type is int)
        return {name: getattr(self, name) for name in names}

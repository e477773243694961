"""One call that a simulated editor makes, as bytes, and what its user does with the answer."""

import json
import uuid
from dataclasses import dataclass
from random import Random
from typing import Any

KEY = "demo-key-of-nobody"
"""What stands where a real client sends its key."""

type Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One request, or one socket with its turns."""

    method: str
    path: str
    """Below the developer's base URL."""
    headers: Headers = ()
    body: bytes = b""
    leave_after_chunks: int | None = None
    """Close the connection after so many chunks of the reply; None reads to the end."""
    frames: tuple[str, ...] = ()
    """Not empty: a WebSocket on which these are sent in turn, each answered to its end."""


def post(path: str, headers: Headers, body: Any, leave_after_chunks: int | None = None) -> Step:
    """Post JSON."""
    raw = json.dumps(body, ensure_ascii=False).encode()
    typed = (*headers, ("Content-Type", "application/json"))
    return Step("POST", path, typed, raw, leave_after_chunks)


def identity(random: Random) -> str:
    """A random UUID, the same one for the same seed."""
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def stable_identity(developer: str, of: str) -> str:
    """A UUID that belongs to a developer: a machine, a session, an installation."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"demo:{of}:{developer}"))

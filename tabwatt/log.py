"""The log file of the home folder. Messages name classes and hosts, never content."""

import logging
import logging.handlers
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path

from tabwatt.errors import UsageError


class Traceless(logging.Formatter):
    """Exceptions as class and place: a traceback or a message could quote a request."""

    def formatException(self, ei: object) -> str:  # logging's own name
        """One line."""
        error = ei[1] if isinstance(ei, tuple) else None
        if not isinstance(error, BaseException):
            return ""
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace else "?"
        return f"  {type(error).__name__} in {place}"


class PrivateFile(logging.handlers.RotatingFileHandler):
    """A log file that its owner alone can read, also after it rolled over."""

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        return TextIOWrapper(os.fdopen(descriptor, "ab"), encoding=self.encoding)


@contextmanager
def to_file(home: Path) -> Iterator[None]:
    """Send warnings of all packages to `log/tabwatt.log`, 0600, at most 2 MB."""
    folder = home / "log"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: cannot hold the log ({error.strerror})") from None
    path = folder / "tabwatt.log"
    handler = PrivateFile(path, maxBytes=1_000_000, backupCount=1, encoding="utf-8")
    handler.setFormatter(Traceless("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    before, root.handlers[:] = root.handlers[:], [handler]
    root.setLevel(logging.WARNING)
    try:
        yield
    finally:
        root.handlers[:] = before
        handler.close()

"""Where a ledger lies: a SQLite file of our own, or a PostgreSQL database by URL."""

import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from ledger.failures import LedgerUnavailable

WRITES = {"tabwatt_writes": True}
"""Execution option of a connection whose transaction takes the write lock at its start."""

_PRAGMAS = (
    "PRAGMA synchronous = NORMAL",  # survives kill -9; a power cut may lose the last commits
    "PRAGMA temp_store = MEMORY",
    "PRAGMA journal_size_limit = 67108864",
)


def sqlite_path(place: str | Path) -> Path | None:
    """The file that `place` names (a path or `sqlite:///path`); None for another database."""
    text = str(place)
    if text.startswith("sqlite:///"):
        return Path(text.removeprefix("sqlite:///"))
    if "://" in text:
        return None
    return Path(text)


@dataclass(frozen=True, slots=True)
class LedgerFile:
    """A SQLite ledger on disk."""

    path: Path
    busy_timeout_s: float

    def create(self) -> None:
        """Make the file 0600 (a new folder 0700); an existing file loses other people's access."""
        try:
            if not self.path.parent.exists():
                self.path.parent.mkdir(parents=True, mode=0o700)
            flags = os.O_CREAT | os.O_RDONLY
            os.close(os.open(self.path, flags, 0o600))
            if self.path.stat().st_mode & 0o077:
                with suppress(PermissionError):  # somebody else's file: theirs to protect
                    self.path.chmod(0o600)
        except OSError as error:
            raise LedgerUnavailable(f"{type(error).__name__}: {error.strerror}") from None

    def identity(self) -> tuple[int, int]:
        """Which file stands at the path now; raises when there is none."""
        try:
            found = self.path.stat()
        except OSError as error:
            reason = f"{type(error).__name__}: the ledger file is gone; put it back, or restart"
            raise LedgerUnavailable(reason) from None
        return (found.st_dev, found.st_ino)

    def connect(self) -> sqlite3.Connection:
        """A connection that never creates the file and leaves transactions to the caller.

        A read-only file is refused: SQLite would open it all the same and give the files beside
        it a read-only mode too, which then outlasts the ledger's.
        """
        effective = os.access in os.supports_effective_ids
        if self.path.exists() and not os.access(self.path, os.W_OK, effective_ids=effective):
            raise sqlite3.OperationalError("the ledger is a readonly file")
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=self.busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,  # the pool hands a connection to one thread at a time
        )
        try:
            for pragma in _PRAGMAS:
                connection.execute(pragma)
        except BaseException:
            connection.close()
            raise
        return connection

    def use_wal(self) -> None:
        """Readers and the writer no longer wait for each other; the file remembers it."""
        with closing(self.connect()) as connection:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()

    def engine(self) -> Engine:
        """An engine whose writing transactions take the lock before they read."""
        engine = create_engine("sqlite://", creator=self.connect, poolclass=QueuePool)
        event.listen(engine, "begin", _begin_sqlite)
        return engine


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("tabwatt_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def server_engine(url: str) -> Engine:
    """An engine for a team's PostgreSQL."""
    scheme, _, rest = url.partition("://")
    if scheme not in {"postgresql", "postgres", "postgresql+psycopg"}:
        raise ValueError(f"store: {scheme}:// is not supported; use sqlite:/// or postgresql://")
    return create_engine(
        f"postgresql+psycopg://{rest}", pool_pre_ping=True, connect_args={"connect_timeout": 5}
    )

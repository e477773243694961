"""The two things that can be wrong with a store, and the one place that recognises them.

Messages hold the kind of failure and its reason on one line, never a statement's values.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc


class LedgerUnavailable(Exception):
    """The store cannot be used now: keep the rows, try again later."""


class NewerLedger(LedgerUnavailable):
    """The ledger was written by a newer program: refuse, touch nothing."""


_SQLITE_BAD_VALUE = (
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)


@contextmanager
def translated() -> Iterator[None]:
    """Turn a driver's exception into `LedgerUnavailable` or, for a bad row, `ValueError`."""
    try:
        yield
    except exc.DBAPIError as error:
        raise _translation(error.orig or error) from None
    except sqlite3.Error as error:
        raise _translation(error) from None
    except exc.TimeoutError:
        raise LedgerUnavailable("TimeoutError: every connection is in use") from None
    except OverflowError:
        raise ValueError("a number does not fit into 64 bits") from None


def _translation(error: BaseException) -> Exception:
    """The exception a caller decides on; `from None` above drops the statement's values."""
    name = type(error).__name__
    sqlstate = getattr(error, "sqlstate", None)
    if isinstance(error, _SQLITE_BAD_VALUE):
        return ValueError(f"{name}: the row cannot be stored")
    if isinstance(sqlstate, str) and sqlstate[:2] in {"22", "23"}:  # data, integrity
        return ValueError(f"{name} {sqlstate}: the row cannot be stored")
    reason = next(iter(str(error).splitlines()), "")
    return LedgerUnavailable(f"{name}: {reason}")

"""A ledger that is open: batches in, rows and sums out.

One transaction holds a batch of rows and what it changes in the hourly sums, so the sums equal
the rows at every moment that anybody can see.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import batched, chain
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Select, and_, select, tuple_

from ledger import rollup
from ledger.failures import LedgerUnavailable, translated
from ledger.migrations import MIGRATIONS, migrate, refuse_newer, version
from ledger.place import WRITES, LedgerFile, server_engine, sqlite_path
from ledger.record import RequestRecord
from ledger.rows import COLUMNS, KEY_COLUMNS, key_of, microseconds, record_of, row_of
from ledger.tables import HOURLY, REQUESTS

_ROW = [REQUESTS.c[name] for name in COLUMNS]
_LOOKUP = 500  # keys in one look-up: 1,500 parameters, both stores allow 32,766

type RowKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a batch."""

    inserted: int = 0
    replaced: int = 0
    ignored: int = 0
    """Records whose revision was not higher than the one already there."""


class Store:
    """Rows and hourly sums in one database. Any thread may use it."""

    def __init__(self, engine: Engine, file: LedgerFile | None) -> None:
        """`file` is the place of a SQLite ledger, which may vanish while we run."""
        self.engine = engine
        self._file = file
        self._identity = None if file is None else file.identity()
        mark = self._mark = "?" if file is not None else "%s"
        self._upsert_rows = _upsert("requests", COLUMNS, KEY_COLUMNS, mark, "excluded.{0}")
        self._upsert_hours = _upsert(
            "hourly",
            (*rollup.KEY_COLUMNS, *rollup.AMOUNT_COLUMNS),
            rollup.KEY_COLUMNS,
            mark,
            "hourly.{0} + excluded.{0}",
        )
        matched = " AND ".join(f"{column} = {mark}" for column in rollup.KEY_COLUMNS)
        self._delete_hours = f"DELETE FROM hourly WHERE {matched} AND row_count = 0"

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the ledger from its first query on."""
        self._follow_file()
        with translated(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        self._follow_file()
        try:
            with translated(), self.engine.connect() as connection:
                connection = connection.execution_options(**WRITES)
                with connection.begin():
                    yield connection
        except LedgerUnavailable as error:
            if "locked" not in str(error):
                self.engine.dispose()  # a file opened while read-only stays so until reopened
            raise

    def _follow_file(self) -> None:
        """Notice a ledger that was moved away, or another one put in its place."""
        if self._file is None:
            return
        try:
            identity = self._file.identity()
        except LedgerUnavailable:
            self.engine.dispose()
            raise
        if identity != self._identity:
            self.engine.dispose()
            self._identity = identity
            self.migrate()

    def migrate(self) -> None:
        """Bring the schema up to date; a newer one is refused untouched."""
        with translated():
            with self.engine.connect() as connection:
                found = version(connection)
            refuse_newer(found)
            if found == len(MIGRATIONS):
                return
            if self._file is not None:
                self._file.use_wal()
        with self._writing() as connection:
            self._serialise(connection, [("", "")])
            migrate(connection)

    def apply(self, records: Iterable[RequestRecord]) -> Applied:
        """Store a batch in one transaction: new rows, and higher revisions of old ones.

        Applying a record again changes nothing. ValueError for a record that cannot be stored;
        the batch is then not stored either.
        """
        given = 0
        latest: dict[RowKey, RequestRecord] = {}
        for record in records:
            given += 1
            key = key_of(record)
            other = latest.get(key)
            if other is None or record.revision > other.revision:
                latest[key] = record
        if not latest:
            return Applied()
        rows = {key: row_of(record) for key, record in latest.items()}
        with self._writing() as connection:
            self._serialise(connection, sorted({key[:2] for key in latest}))
            old = self._stored(connection, latest)
            fresh = [key for key in latest if _supersedes(latest[key], old.get(key))]
            if fresh:
                replaced = [old[key] for key in fresh if key in old]
                changes = rollup.difference([latest[key] for key in fresh], replaced)
                connection.exec_driver_sql(self._upsert_rows, [rows[key] for key in fresh])
                self._add_to_hours(connection, changes, removes=bool(replaced))
        replaced_count = sum(key in old for key in fresh)
        inserted = len(fresh) - replaced_count
        return Applied(inserted, replaced_count, given - len(fresh))

    def _stored(
        self, connection: Connection, keys: Iterable[RowKey]
    ) -> dict[RowKey, RequestRecord]:
        """What the ledger holds under these keys."""
        found: dict[RowKey, RequestRecord] = {}
        for some in batched(keys, _LOOKUP):
            parameters = tuple(chain.from_iterable(some))
            rows = connection.exec_driver_sql(_lookup(len(some), self._mark), parameters)
            found.update({(row[0], row[1], row[2]): record_of(row) for row in rows})
        return found

    def _add_to_hours(
        self, connection: Connection, changes: dict[rollup.Key, rollup.Amounts], *, removes: bool
    ) -> None:
        hours = [(*key, *amounts) for key, amounts in changes.items() if any(amounts)]
        if hours:
            connection.exec_driver_sql(self._upsert_hours, hours)
        emptied = [key for key, amounts in changes.items() if amounts[0] < 0]
        if removes and emptied:
            connection.exec_driver_sql(self._delete_hours, emptied)

    def _serialise(self, connection: Connection, owners: Sequence[tuple[str, ...]]) -> None:
        """Writers of one developer's rows come one after the other.

        SQLite's `BEGIN IMMEDIATE` has seen to it; PostgreSQL needs a lock, because two writers
        that both find a row missing would both add it to the sums.
        """
        if self._file is None:
            for owner in owners:
                connection.exec_driver_sql(
                    "SELECT pg_advisory_xact_lock(hashtext(%s))", ("tabwatt\x1f".join(owner),)
                )

    def get(self, id: str) -> list[RequestRecord]:
        """The records with this id (one, unless two developers share it).

        The key begins with its owner, so each owner that the sums know is asked by index.
        """
        owners = select(HOURLY.c.team_id, HOURLY.c.developer_id).distinct().subquery()
        keys = (REQUESTS.c.team_id == owners.c.team_id) & (
            REQUESTS.c.developer_id == owners.c.developer_id
        )
        query = select(*_ROW).join_from(owners, REQUESTS, keys).where(REQUESTS.c.id == id)
        return self._records(query)

    def newest(self, count: int, *, developer: str | None = None) -> list[RequestRecord]:
        """The last requests to have started, newest first."""
        with self.reading() as connection:
            return newest_records(connection, count, developer)

    def between(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        developer: str | None = None,
        page: int = 1_000,
    ) -> Iterator[RequestRecord]:
        """Records with since <= start < until, oldest first, in constant memory.

        Each page is a query of its own, so a slow reader never holds the database.
        """
        order = [REQUESTS.c[name] for name in ("started_at_us", *KEY_COLUMNS)]
        query = _of_developer(select(*_ROW), developer)
        if since is not None:
            query = query.where(REQUESTS.c.started_at_us >= microseconds(since))
        if until is not None:
            query = query.where(REQUESTS.c.started_at_us < microseconds(until))
        query = query.order_by(*order).limit(page)
        records = self._records(query)
        while records:
            yield from records
            if len(records) < page:
                return
            last = (microseconds(records[-1].started_at), *key_of(records[-1]))
            after = and_(order[0] >= last[0], tuple_(*order) > last)
            records = self._records(query.where(after))

    def _records(self, query: Select[Any]) -> list[RequestRecord]:
        with self.reading() as connection:
            return [record_of(row) for row in connection.execute(query)]


def newest_records(
    connection: Connection, count: int, developer: str | None = None
) -> list[RequestRecord]:
    """The last requests to have started, newest first, by index."""
    order = (REQUESTS.c.started_at_us.desc(), REQUESTS.c.id.desc())
    query = _of_developer(select(*_ROW), developer).order_by(*order).limit(count)
    return [record_of(row) for row in connection.execute(query)]


def open_store(place: str | Path, *, create: bool = True, busy_timeout_s: float = 1.0) -> Store:
    """Open the ledger at a path, `sqlite:///path` or `postgresql+psycopg://…`, and migrate it.

    With `create=False` a SQLite file that is not there is `LedgerUnavailable`.
    """
    path = sqlite_path(place)
    if path is None:
        store = Store(server_engine(str(place)), None)
    else:
        file = LedgerFile(path, busy_timeout_s)
        if create:
            file.create()
        store = Store(file.engine(), file)
    try:
        store.migrate()
    except BaseException:
        store.close()
        raise
    return store


def _supersedes(record: RequestRecord, old: RequestRecord | None) -> bool:
    return old is None or record.revision > old.revision


def _of_developer(query: Select[Any], developer: str | None) -> Select[Any]:
    return query if developer is None else query.where(REQUESTS.c.developer_id == developer)


def _lookup(keys: int, mark: str) -> str:
    """The statement that finds as many rows by their keys.

    A join, because SQLite scans the table for a row value `IN (VALUES …)`.
    """
    one = f"({', '.join([mark] * len(KEY_COLUMNS))})"
    columns = ", ".join(f"requests.{column}" for column in COLUMNS)
    matched = " AND ".join(
        f"requests.{column} = wanted.column{place}"
        for place, column in enumerate(KEY_COLUMNS, start=1)
    )
    return (
        f"SELECT {columns} FROM (VALUES {', '.join([one] * keys)}) AS wanted "
        f"CROSS JOIN requests WHERE {matched}"
    )


def _upsert(table: str, columns: Sequence[str], key: Sequence[str], mark: str, update: str) -> str:
    """An insert that, where the key exists, sets every other column to `update`."""
    others = [column for column in columns if column not in key]
    changes = ", ".join(f"{column} = {update.format(column)}" for column in others)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join([mark] * len(columns))}) "
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"
    )
